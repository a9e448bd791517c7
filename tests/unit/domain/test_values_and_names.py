"""Limits, stream names, refusals, quantities: the words everybody else builds on."""

import re
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from domain.aggregates import STATE_TYPES, State, evolve, initial
from domain.events import Event, OrderAllocated, StockShipped
from domain.quantities import UNMOVED, Deltas, deltas
from domain.refusal_list import MODULES, REFUSALS
from domain.refusals import DuplicateLine, InsufficientStock, OrderState, Refusal
from domain.stock import Stock
from domain.streams import (
    POLICY_STREAM,
    cart_stream,
    charge_stream,
    crossing_stream,
    id_of,
    item_stream,
    kind_of,
    location_stream,
    order_stream,
    payment_stream,
    sku_and_location,
    stock_stream,
)
from domain.values import ID_PATTERN, KEY_PATTERN, SLUG_PATTERN, is_gtin
from tests.builders import (
    PLACE,
    SKU,
    adjusted,
    at,
    committed,
    counted,
    discrepancy,
    expired,
    item_registered,
    location_registered,
    minute,
    placed,
    received,
    released,
    reserved,
    restated,
    returned,
    shipped,
    shipped_line,
    shortfall,
    stock,
    uncommitted,
    wanted,
)

DOMAIN = Path(__file__).parents[3] / "domain"


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (ID_PATTERN, "85123A", True),
        (ID_PATTERN, "a._:/-Z9", True),
        (ID_PATTERN, "x" * 64, True),
        (ID_PATTERN, "x" * 65, False),
        (ID_PATTERN, "", False),
        (ID_PATTERN, "a b", False),
        (ID_PATTERN, "a@b", False),
        (ID_PATTERN, "a#b", False),
        (ID_PATTERN, "é", False),
        (SLUG_PATTERN, "acme-2", True),
        (SLUG_PATTERN, "a", True),
        (SLUG_PATTERN, "a" * 31, True),
        (SLUG_PATTERN, "a" * 32, False),
        (SLUG_PATTERN, "-a", False),
        (SLUG_PATTERN, "A", False),
        (SLUG_PATTERN, "a/b", False),
        (KEY_PATTERN, "retail:536365:1 ~", True),
        (KEY_PATTERN, "é", False),
        (KEY_PATTERN, "a\tb", False),
    ],
)
def test_a_name_fits_its_pattern(pattern: str, text: str, fits: bool) -> None:
    assert (re.search(pattern, text) is not None) is fits


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("4006381333931", True),
        ("96385074", True),
        ("036000291452", True),
        ("10614141000415", True),
        ("4006381333932", False),
        ("400638133393", False),
        ("40063813339ab", False),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", False),
        ("", False),
    ],
)
def test_a_gtin_ends_with_its_check_digit(text: str, valid: bool) -> None:
    assert is_gtin(text) is valid


def test_a_stream_says_what_it_is_about() -> None:
    streams = {
        item_stream("A-1"): ("item", "A-1"),
        location_stream("WH"): ("location", "WH"),
        stock_stream("A-1", "W/H-2"): ("stock", "A-1@W/H-2"),
        order_stream("o-7"): ("order", "o-7"),
        charge_stream("c"): ("charge", "c"),
        cart_stream("c"): ("reservation", "c"),
        payment_stream("p"): ("payment", "p"),
        crossing_stream("x"): ("crossing", "x"),
        POLICY_STREAM: ("policy", "ledger"),
    }
    assert {name: (kind_of(name), id_of(name)) for name in streams} == streams
    assert sku_and_location("stock-A-1@W/H-2") == ("A-1", "W/H-2")
    with pytest.raises(ValueError, match="no stream"):
        kind_of("stocks-1")


def test_refusals_have_codes_of_their_own() -> None:
    declared = {path.stem for path in DOMAIN.glob("refusals*.py")}
    assert {module.__name__.removeprefix("domain.") for module in MODULES} == declared
    assert len({refusal.code for refusal in REFUSALS}) == len(REFUSALS)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.code)
def test_a_refusal_names_its_fields_in_a_sentence(refusal: type[Refusal]) -> None:
    samples = {"int": 7, "int | None": 7, "str": "x-9", "datetime": minute(0)}
    names = {field.name: str(field.type) for field in fields(refusal)}  # type: ignore[arg-type]
    values = {name: samples.get(kind, "x-9") for name, kind in names.items() if name != "also"}
    made = refusal(**values)
    assert re.fullmatch(r"[A-Z7].*(x-9|7).*\.", made.sentence())
    assert made.fields() == values


def test_the_refusals_inside_a_refusal_are_told_in_full() -> None:
    short = InsufficientStock(
        sku=SKU,
        location=PLACE,
        requested=2,
        available=1,
        also=(DuplicateLine(order_id="o", line=2),),
    )
    assert short.fields() == {
        "sku": SKU,
        "location": PLACE,
        "requested": 2,
        "available": 1,
        "also": [
            {
                "code": "duplicate_line",
                "detail": "Line 2 of order o is named twice.",
                "order_id": "o",
                "line": 2,
            }
        ],
    }


def test_an_order_state_is_told_in_words() -> None:
    refusal = OrderState(order_id="o", status="partly_shipped", wanted="allocated")
    assert refusal.sentence() == "Order o is partly shipped and cannot be allocated."


@pytest.mark.parametrize(
    ("event", "moved"),
    [
        (received(5), Deltas(on_hand=5)),
        (adjusted(-5), Deltas(on_hand=-5)),
        (adjusted(-5, condition="damaged"), Deltas(on_hand=-5, held=-5)),
        (counted("c", 3, expected=5), Deltas(on_hand=-2)),
        (restated("c", 3, expected=4, delta=1), Deltas(on_hand=1)),
        (discrepancy(5), Deltas(on_hand=5)),
        (reserved("r", 5), Deltas(reserved=5)),
        (released("r", 5), Deltas(reserved=-5)),
        (expired("r", 5), Deltas(reserved=-5)),
        (committed("o", 5), Deltas(committed=5)),
        (uncommitted("o", 5), Deltas(committed=-5)),
        (shipped(5), Deltas(on_hand=-5)),
        (shipped(5, reservation="r"), Deltas(on_hand=-5, reserved=-5)),
        (shipped_line("o", 5), Deltas(on_hand=-5, committed=-5)),
        (returned(5), Deltas(on_hand=5)),
        (returned(5, "damaged"), Deltas(on_hand=5, held=5)),
        (shortfall(5), Deltas(uncovered=5)),
        (shortfall(0), Deltas(uncovered=0)),
        (item_registered(), UNMOVED),
        (placed("o"), UNMOVED),
    ],
)
def test_an_event_moves_quantities_by_itself(event: Event, moved: Deltas) -> None:
    assert deltas(event) == moved


BUSY = stock(
    received(9),
    reserved("r", 2),
    committed("o", 3, line=4),
    at(5, counted("c", 8, expected=9)),
    reserved("s", 1),
    released("s", 1),
    returned(1, "damaged"),
)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        ("item-A-1", [item_registered()]),
        ("location-WH", [location_registered()]),
        ("order-o", [placed("o", wanted(1, 2)), OrderAllocated(order_id="o")]),
        ("stock-A-1@WH", [received(5), reserved("r", 1), committed("o", 2, line=3)]),
    ],
)
def test_a_state_comes_back_from_its_snapshot(stream: str, events: list[Event]) -> None:
    state: State | None = initial(stream)
    for event in events:
        state = evolve(state, event, minute(1))
    stored = msgspec.json.encode(state)
    found = msgspec.json.decode(stored, type=STATE_TYPES[kind_of(stream)])
    assert found == state
    assert msgspec.json.encode(found) == stored


def test_a_busy_stock_comes_back_from_its_snapshot() -> None:
    found = msgspec.json.decode(msgspec.json.encode(BUSY), type=Stock)
    assert found == BUSY
    assert list(found.promises) == list(BUSY.promises)


def test_an_event_of_another_kind_leaves_a_state_as_it_is() -> None:
    moment: datetime = minute(0)
    assert evolve(None, received(5), moment) is None
    assert evolve(None, OrderAllocated(order_id="o"), moment) is None
    lost = StockShipped(sku=SKU, location=PLACE, quantity=2, order_id="gone", line=1)
    unknown = evolve(Stock(sku=SKU, location=PLACE), lost, moment)
    assert isinstance(unknown, Stock)
    assert (unknown.on_hand, unknown.committed) == (-2, -2)


def test_evolving_leaves_the_state_before_untouched() -> None:
    before = msgspec.json.encode(BUSY)
    for event in (released("r", 2), committed("p", 1), shipped_line("o", 1, line=4)):
        evolve(BUSY, event, minute(9))
    assert msgspec.json.encode(BUSY) == before
