"""What is stored is for ever: names, bytes and old shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import events as facts
from domain.events import Event
from eventlog import codec
from eventlog.codec import (
    EVENT_TYPES,
    TYPE_NAMES,
    Metadata,
    UndecodableEventError,
    UnknownEventType,
    decode,
    decode_metadata,
    encode,
    encode_metadata,
)
from eventlog.upcasters import STEPS, Fields, upcast

ROOT = Path(__file__).parents[3]
AT = datetime(2026, 3, 1, 12, 30, 0, 5, tzinfo=UTC)
HERE: dict[str, Any] = {"sku": "A", "location": "hall"}
ITEM: dict[str, Any] = {"sku": "A", "name": "Ä cup", "attributes": {"colour": "red"}}

# A sample of every type, as it lies in the log: here, or in a file named for the type. Never
# change one: add one.
FILES = {path.stem: path.read_bytes() for path in (ROOT / "tests/pinned_events").glob("*.json")}
PINNED: list[tuple[Event, str, bytes]] = [
    (
        facts.ItemRegistered(**ITEM, media_urls=("https://a/b",), reorder_point=3),
        "item.registered.v1",
        '{"sku":"A","name":"Ä cup","media_urls":["https://a/b"],"reorder_point":3,'
        '"attributes":{"colour":"red"}}'.encode(),
    ),
    (
        facts.ItemDescribed(**ITEM, unit="kg", gtin="4006381333931"),
        "item.described.v1",
        '{"sku":"A","name":"Ä cup","gtin":"4006381333931","unit":"kg",'
        '"attributes":{"colour":"red"}}'.encode(),
    ),
    (
        facts.ItemDiscontinued(sku="A", reason="old"),
        "item.discontinued.v1",
        b'{"sku":"A","reason":"old"}',
    ),
    (
        facts.LocationRegistered(location="hall", name="Hall", latitude_microdegrees=-5),
        "location.registered.v1",
        b'{"location":"hall","name":"Hall","latitude_microdegrees":-5}',
    ),
    (
        facts.StockReceived(**HERE, quantity=5, document="d"),
        "stock.received.v1",
        b'{"sku":"A","location":"hall","quantity":5,"document":"d"}',
    ),
    (
        facts.StockAdjusted(**HERE, delta=-2, reason="broken"),
        "stock.adjusted.v2",
        b'{"sku":"A","location":"hall","delta":-2,"reason":"broken"}',
    ),
    (
        facts.StockAdjusted(**HERE, delta=-2, reason="scrapped", condition="damaged"),
        "stock.adjusted.v2",
        b'{"sku":"A","location":"hall","delta":-2,"reason":"scrapped","condition":"damaged"}',
    ),
    (
        facts.StockCounted(**HERE, count_id="c", counted=3, expected=5),
        "stock.counted.v1",
        b'{"sku":"A","location":"hall","count_id":"c","counted":3,"expected":5}',
    ),
    (
        facts.CountRestated(
            **HERE, count_id="c", cause_event_id="e", counted=3, expected=7, delta=-2
        ),
        "stock.count_restated.v1",
        (
            b'{"sku":"A","location":"hall","count_id":"c","cause_event_id":"e","counted":3,'
            b'"expected":7,"delta":-2}'
        ),
    ),
    (
        facts.DiscrepancyFound(**HERE, quantity=1, cause_event_id="e"),
        "stock.discrepancy_found.v1",
        b'{"sku":"A","location":"hall","quantity":1,"cause_event_id":"e"}',
    ),
    (
        facts.StockReserved(**HERE, reservation_id="r", quantity=1, expires_at=AT),
        "stock.reserved.v1",
        (
            b'{"sku":"A","location":"hall","reservation_id":"r","quantity":1,'
            b'"expires_at":"2026-03-01T12:30:00.000005Z"}'
        ),
    ),
    (
        facts.ReservationReleased(**HERE, reservation_id="r", quantity=1),
        "stock.reservation_released.v1",
        b'{"sku":"A","location":"hall","reservation_id":"r","quantity":1}',
    ),
    (
        facts.ReservationExpired(**HERE, reservation_id="r", quantity=1),
        "stock.reservation_expired.v1",
        b'{"sku":"A","location":"hall","reservation_id":"r","quantity":1}',
    ),
    (
        facts.StockCommitted(**HERE, order_id="o", line=1, quantity=2, backorder_limit=9),
        "stock.committed.v1",
        b'{"sku":"A","location":"hall","order_id":"o","line":1,"quantity":2,"backorder_limit":9}',
    ),
    (
        facts.CommitmentReleased(**HERE, order_id="o", line=1, quantity=2),
        "stock.commitment_released.v1",
        b'{"sku":"A","location":"hall","order_id":"o","line":1,"quantity":2}',
    ),
    (
        facts.StockShipped(**HERE, quantity=2, unit_price_micros=2_550_000, currency="GBP"),
        "stock.shipped.v1",
        b'{"sku":"A","location":"hall","quantity":2,"unit_price_micros":2550000,"currency":"GBP"}',
    ),
    (
        facts.StockReturned(**HERE, quantity=2, to="damaged"),
        "stock.returned.v1",
        b'{"sku":"A","location":"hall","quantity":2,"to":"damaged"}',
    ),
    (
        facts.ShortfallStated(
            **HERE,
            uncovered=2,
            promises=(facts.UncoveredPromise(kind="order", id="o", line=1, uncovered=2),),
        ),
        "stock.shortfall_stated.v1",
        (
            b'{"sku":"A","location":"hall","uncovered":2,'
            b'"promises":[{"kind":"order","id":"o","line":1,"uncovered":2}]}'
        ),
    ),
    (facts.OrderAllocated(order_id="o"), "order.allocated.v1", b'{"order_id":"o"}'),
    (
        facts.OrderCancelled(order_id="o", reason="late"),
        "order.cancelled.v1",
        b'{"order_id":"o","reason":"late"}',
    ),
    (
        facts.ChargeRecorded(
            charge_id="c", code="POST", quantity=1, unit_price_micros=5, currency="GBP"
        ),
        "charge.recorded.v1",
        b'{"charge_id":"c","code":"POST","quantity":1,"unit_price_micros":5,"currency":"GBP"}',
    ),
    (
        facts.ReplayPromoted(
            replay_id="r",
            generation=2,
            read_models=("orders v2",),
            up_to=7,
            receipt_sha256="ab",
            events_root="cd",
            leaf=1,
            leaves=2,
            audit_path=("09",),
            key_id="ef",
            signature="Zw==",
        ),
        "replay.promoted.v1",
        (
            b'{"replay_id":"r","generation":2,"read_models":["orders v2"],"up_to":7,'
            b'"receipt_sha256":"ab","events_root":"cd","leaf":1,"leaves":2,"audit_path":["09"],'
            b'"key_id":"ef","signature":"Zw=="}'
        ),
    ),
    (
        facts.ReplayRolledBack(replay_id="r", generation=3, read_models=("orders v1",), up_to=8),
        "replay.rolled_back.v1",
        b'{"replay_id":"r","generation":3,"read_models":["orders v1"],"up_to":8}',
    ),
]

st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
st.register_type_strategy(int, st.integers(min_value=-(2**63), max_value=2**63 - 1))


@pytest.mark.parametrize(("fact", "name", "data"), PINNED, ids=[name for _, name, _ in PINNED])
def test_a_fact_is_stored_by_this_name_as_these_bytes(fact: Event, name: str, data: bytes) -> None:
    assert encode(fact) == (name, data)
    assert decode(name, data) == fact


def test_every_fact_of_the_domain_has_a_name_and_a_pinned_sample() -> None:
    every = {fact for group in get_args(Event) for fact in (get_args(group) or (group,))}
    assert set(TYPE_NAMES) == every
    assert {name for _, name, _ in PINNED} | FILES.keys() == EVENT_TYPES.keys() | STEPS.keys()


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_pinned_file_is_read_for_ever_and_written_by_the_same_bytes(name: str) -> None:
    fact = decode(name, FILES[name])
    today, data = encode(fact)
    assert type(fact) is EVENT_TYPES[today]
    if name not in STEPS:
        assert (today, data) == (name, FILES[name])


@given(st.one_of([st.from_type(fact) for fact in TYPE_NAMES]))
def test_what_is_decoded_is_what_was_encoded(fact: Event) -> None:
    name, data = encode(fact)
    assert decode(name, data) == fact
    assert encode(decode(name, data)) == (name, data)


def test_a_default_is_left_out_however_it_came_about() -> None:
    spelled = "EACH".lower()  # equal to the default, but another object
    _, data = encode(facts.ItemRegistered(sku="A", name="A", unit=spelled, attributes={}))
    assert b"unit" not in data


def test_an_instant_is_stored_in_utc() -> None:
    summer = AT.astimezone(timezone(timedelta(hours=2)))
    reserved = facts.StockReserved(**HERE, reservation_id="r", quantity=1, expires_at=summer)
    assert b"12:30:00.000005Z" in encode(reserved)[1]


def test_an_instant_without_a_zone_is_refused() -> None:
    naive = AT.replace(tzinfo=None)
    reserved = facts.StockReserved(**HERE, reservation_id="r", quantity=1, expires_at=naive)
    with pytest.raises(ValueError, match="time zone"):
        encode(reserved)


@pytest.mark.parametrize("name", ["stock.received.v2", "stock.stolen.v1", "a.b:C", ""])
def test_a_type_that_is_newer_or_not_ours_is_never_guessed_at(name: str) -> None:
    with pytest.raises(UnknownEventType) as caught:
        decode(name, b"{}")
    assert caught.value.type == name


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"{}", b'{"sku":"A","location":"hall","quantity":"5"}', b'"\xff"']
)
def test_bytes_that_break_their_types_promise_are_named(data: bytes) -> None:
    with pytest.raises(UndecodableEventError) as caught:
        decode("stock.received.v1", data)
    assert caught.value.type == "stock.received.v1"


def renamed(old: str, new: str) -> Callable[[Fields], Fields]:
    return lambda fields: {new if name == old else name: value for name, value in fields.items()}


@dataclass(frozen=True, kw_only=True)
class Moved:
    sku: str
    units: int


def test_an_old_shape_is_brought_up_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = {
        "stock.moved.v1": renamed("item", "sku"),
        "stock.moved.v2": renamed("quantity", "units"),
    }
    monkeypatch.setattr(codec, "EVENT_TYPES", {"stock.moved.v3": Moved})
    stored = b'{"item":"A","quantity":5}'
    moved: object = decode("stock.moved.v1", stored, steps)
    assert moved == Moved(sku="A", units=5)
    assert upcast("stock.moved.v2", {"sku": "A", "quantity": 5}, steps) == (
        "stock.moved.v3",
        {"sku": "A", "units": 5},
    )


def test_steps_that_lead_nowhere_are_no_reason_to_guess() -> None:
    with pytest.raises(UnknownEventType) as caught:
        decode("stock.moved.v1", b"{}", {"stock.moved.v1": dict})
    assert caught.value.type == "stock.moved.v2"


def test_metadata_holds_only_what_is_known() -> None:
    assert encode_metadata(Metadata()) == b"{}"
    some = Metadata(actor="key_1", command_id="k", traceparent="00-a-b-01")
    stored = encode_metadata(some)
    assert stored == b'{"actor":"key_1","command_id":"k","traceparent":"00-a-b-01"}'
    assert decode_metadata(stored) == some
    with pytest.raises(UndecodableEventError):
        decode_metadata(b"{")
