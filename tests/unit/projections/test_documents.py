"""Documents: the same for every cut of the log, explained by two folds that know nothing of
another, and complete: whatever kind there is has its routes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.read_routes.documents import ROUTES
from domain import events as facts
from domain import moving_stock
from domain.stock import Stock
from eventlog.codec import EVENT_TYPES, encode
from eventlog.log import RecordedEvent
from eventlog.projection import PoisonEventError
from projections.documents.fold import (
    Document,
    DocumentKey,
    begun_earlier,
    document_facts,
    fold,
    later_than,
)
from projections.documents.kinds import DOCUMENT_STORED, KIND_OF, KINDS
from projections.documents.stocks import StockDetails
from projections.stock_facts import STOCK_TYPES
from replay.verify.documents import kinds as independent
from replay.verify.ledger import LedgerFold
from replay.verify.rows import EventRow
from replay.verify.shapes import SHAPES
from tests.happenings import year
from tests.unit.projections.test_folds import log_of

Shown = Mapping[DocumentKey, tuple[object, ...]]


def folded(*parts: Iterable[RecordedEvent]) -> dict[DocumentKey, Document]:
    """Each part a batch; between two of them a row is what its bytes say."""
    rows: dict[DocumentKey, Document] = {}
    for part in parts:
        told = document_facts(part)
        known = {key: stored(rows[key]) for key in begun_earlier(told) if key in rows}
        fold(known, told)
        rows |= known
    return rows


def stored(document: Document) -> Document:
    kind = KINDS[document.kind]
    body = msgspec.json.decode(msgspec.json.encode(document.body), type=kind.state)
    return replace(document, body=body)


def shown(rows: Mapping[DocumentKey, Document]) -> dict[DocumentKey, bytes]:
    """As bytes, so that the order of keys counts."""
    return {key: msgspec.json.encode(document) for key, document in rows.items()}


@given(cut=st.integers(0, 300), seed=st.integers(0, 5))
def test_documents_of_two_batches_are_those_of_one(cut: int, seed: int) -> None:
    events = log_of(seed)
    assert shown(folded(events[:cut], events[cut:])) == shown(folded(events))


def test_documents_of_many_small_batches_are_those_of_one() -> None:
    events = log_of(11, 900)
    parts = [events[first : first + 7] for first in range(0, len(events), 7)]
    assert shown(folded(*parts)) == shown(folded(events))


def test_two_independent_folds_of_every_kind_agree() -> None:
    events = log_of(3, 2_000)
    ledger = LedgerFold("acme/main")
    for event in events:
        if event.type in independent.KIND_OF:
            row = as_row(event)
            data = msgspec.json.decode(event.data)
            if event.type in STOCK_TYPES:
                ledger.stock(row, data)
            else:
                ledger.other(row, data)
    shape = SHAPES["documents"]
    found = {key: shape.values(cell) for key, cell in shape.cells(ledger).items()}
    expected = {
        (document.kind, document.id): (
            document.status,
            document.refs,
            msgspec.json.decode(msgspec.json.encode(document.body)),
            document.opened_at,
            document.opened_position,
            document.position,
            document.recorded_at,
        )
        for document in folded(events).values()
    }
    assert found == expected
    assert {kind for kind, _ in found} == set(KINDS), "each of them is tried"


def test_two_independent_folds_agree_on_a_count_that_was_put_right_while_it_was_submitted() -> None:
    first, second = (facts.CountLine(line=n, sku=sku, counted=n) for n, sku in ((1, "A"), (2, "B")))
    told: list[facts.Event] = [
        facts.CountPlanned(count_id="c", location="WH"),
        facts.CountEntered(count_id="c", lines=(first, second)),
        facts.CountPosted(count_id="c", lines=(facts.PostedLine(line=1, expected=4),)),
        facts.RecountAsked(count_id="c", skus=("B",)),
        facts.CountEntered(count_id="c", lines=(second,)),
    ]
    events = [recorded("count-c", fact, number) for number, fact in enumerate(told, 1)]
    (document,) = folded(events).values()
    other = independent.KINDS["count"].begin("c")
    for event in events:
        other.apply(as_row(event), msgspec.json.decode(event.data))
    assert other.status() == document.status == "submitting"
    assert other.body() == msgspec.json.decode(msgspec.json.encode(document.body))


def test_two_independent_folds_name_what_is_on_its_way_and_its_day() -> None:
    here: dict[str, Any] = {"sku": "A", "location": "WH"}
    bought: dict[str, Any] = {**here, "source": "purchase", "source_id": "q", "line": 1}
    moved: dict[str, Any] = {**here, "source": "transfer", "source_id": "t", "line": 2}
    first, then = date(2026, 4, 1), date(2026, 4, 9)
    told: list[facts.Event] = [
        facts.ArrivalExpected(**bought, quantity=10, expected_on=first),
        facts.ArrivalExpected(**moved, quantity=4),
        facts.ArrivalClosed(**bought, quantity=3, outcome="received"),
        facts.ArrivalExpected(**{**bought, "line": 2}, quantity=1, expected_on=first),
        facts.ArrivalClosed(**{**bought, "line": 2}, quantity=1, outcome="cancelled"),
    ]
    assert arrivals(told) == [
        ("purchase", "q", 1, 7, "2026-04-01"),
        ("transfer", "t", 2, 4, None),
    ]
    told += [
        facts.ArrivalClosed(**bought, quantity=7, outcome="rescheduled"),
        facts.ArrivalExpected(**bought, quantity=9, expected_on=then),
        facts.ArrivalClosed(**bought, quantity=1, outcome="short"),
    ]
    assert arrivals(told) == [
        ("transfer", "t", 2, 4, None),
        ("purchase", "q", 1, 8, "2026-04-09"),
    ]


def arrivals(told: Iterable[facts.Event]) -> list[tuple[Any, ...]]:
    """As they are shown, and by the independent fold: both say the same."""
    events = [recorded("stock-A@WH", fact, number) for number, fact in enumerate(told, 1)]
    (document,) = folded(*[[event] for event in events]).values()
    other = independent.KINDS["stock"].begin("A@WH")
    for event in events:
        other.apply(as_row(event), msgspec.json.decode(event.data))
    body = msgspec.json.decode(msgspec.json.encode(document.body))
    assert other.body() == body
    return [tuple(each.values()) for each in body["arrivals"]]


def as_row(event: RecordedEvent) -> EventRow:
    return EventRow(
        ledger=event.ledger,
        position=event.ledger_position,
        tenant=event.tenant,
        shard=event.shard,
        shard_position=event.shard_position,
        stream=event.stream,
        version=event.stream_version,
        event_id=event.event_id,
        type=event.type,
        data=event.data,
        metadata=event.metadata,
        occurred_at=event.occurred_at,
        recorded_at=event.recorded_at,
        chain_hash=event.chain_hash,
    )


def test_a_stock_s_details_are_those_of_the_domain_s_whole_fold() -> None:
    """They are made from some of its stream's types: the others must say nothing of them."""
    stocks: dict[str, Stock] = {}
    for event, at in year(3, 2_000):
        of_serials = isinstance(event, facts.StockTraced) and event.serials
        if isinstance(event, facts.StockEvent) and not of_serials:
            name = f"{event.sku}@{event.location}"
            before = stocks.get(name, Stock(sku=event.sku, location=event.location))
            stocks[name] = moving_stock.evolve(before, event, at)
    documents = folded(log_of(3, 2_000))
    shown = [each.body for each in documents.values() if each.kind == "stock"]
    assert len(shown) > 5
    for details in shown:
        stock = stocks[f"{details.sku}@{details.location}"]
        for name in ("incoming", "in_transit", "waiting"):
            assert getattr(details, name) == getattr(stock, name)
        for source, expected in (("purchase", stock.incoming), ("transfer", stock.in_transit)):
            named = (each.quantity for each in details.arrivals if each.source == source)
            assert sum(named) == expected
        for name in ("holds", "queue", "lots"):
            assert getattr(details, name) == tuple(getattr(stock, name).values())


def test_each_kind_has_routes_and_an_independent_fold_of_the_same_types() -> None:
    assert list(ROUTES) == list(KINDS) == list(independent.KINDS)
    for name, kind in KINDS.items():
        assert set(kind.types) == set(independent.KINDS[name].types)
        assert set(kind.types) <= set(EVENT_TYPES)


def test_what_happens_all_day_costs_documents_nothing() -> None:
    """Receipts, promises and shipments are most of a log: no document is made from them."""
    usual = (
        facts.StockReceived,
        facts.StockReserved,
        facts.StockCommitted,
        facts.StockShipped,
        facts.OrderPlaced,
        facts.OrderAllocated,
        facts.OrderShipped,
    )
    names = {name for name, fact in EVENT_TYPES.items() if fact in usual}
    assert len(names) == len(usual)
    assert not names & DOCUMENT_STORED


def test_orders_wait_in_the_order_in_which_they_came() -> None:
    orders = (("z", 3), ("order-one", 2), ("a", 1))
    events = [backordered(place, *each) for place, each in enumerate(orders, 1)]
    (document,) = folded(*[[event] for event in events]).values()
    details = document.body
    assert isinstance(details, StockDetails)
    assert [each.order_id for each in details.queue] == ["z", "order-one", "a"]
    assert (details.waiting, document.status) == (6, "open")
    assert document.refs == ["location:WH", "order:a", "order:order-one", "order:z", "sku:A"]


def test_a_fact_about_nothing_is_poison_wherever_the_log_is_cut() -> None:
    unit = facts.UnitDefined(sku="ghost", unit="case", numerator=6)
    begun = facts.ItemRegistered(sku="ghost", name="Ghost", attributes={})
    events = [recorded("item-ghost", unit, 1), recorded("item-ghost", begun, 2)]
    for part in (events, events[:1]):
        with pytest.raises(PoisonEventError) as poison:
            folded(part)
        assert poison.value.event is events[0]


def test_a_fact_in_a_stream_of_another_kind_is_poison() -> None:
    event = recorded("order-o1", facts.UnitDefined(sku="A", unit="case", numerator=6), 1)
    with pytest.raises(PoisonEventError, match="order-o1"):
        folded([event])


def test_facts_that_a_row_shows_already_are_not_applied_again() -> None:
    events = [backordered(position, f"o{position}", 1) for position in (1, 2, 3)]
    rows = folded(events[:2])
    told = document_facts(events)
    fresh = later_than(rows, told)
    assert [event.ledger_position for each in fresh.values() for event, _ in each] == [3]
    assert later_than(folded(events), told) == {}


def test_every_stored_type_of_a_kind_is_that_kind_s_alone() -> None:
    assert len(KIND_OF) == sum(len(kind.types) for kind in KINDS.values())


def backordered(position: int, order_id: str, units: int) -> RecordedEvent:
    fact = facts.StockBackordered(sku="A", location="WH", order_id=order_id, line=1, quantity=units)
    return recorded("stock-A@WH", fact, position)


def recorded(stream: str, fact: facts.Event, position: int) -> RecordedEvent:
    type_name, data = encode(fact)
    return msgspec.structs.replace(
        log_of(1, 1)[0],
        stream=stream,
        stream_version=position,
        ledger_position=position,
        type=type_name,
        data=data,
    )
