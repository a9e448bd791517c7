"""The verifier's own words for events are those of the domain: neither may learn a fact alone."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from domain import events as facts
from domain import moving_stock
from domain.quantities import deltas
from domain.stock import Stock as DomainStock
from eventlog.codec import EVENT_TYPES, decode, encode
from eventlog.upcasters import STEPS
from projections.orders.fold import fold
from projections.orders.progress import Row
from replay.verify.ledger import KNOWN_TYPES
from replay.verify.orders import PLACED, Order, placed
from replay.verify.rows import EventRow
from replay.verify.shapes import CHARGE, ITEM, LOCATION
from replay.verify.stock import MOVES, Stock
from tests.happenings import stream_of, year
from tests.log_writing import EVENT

PINNED_EVENTS = Path(__file__).parents[2] / "pinned_events"
HAPPENED = [(event, at) for seed in (1, 2) for event, at in year(seed, 900)]
STOCK = [(event, at) for event, at in HAPPENED if isinstance(event, facts.StockEvent)]


def test_each_stored_type_can_be_folded() -> None:
    assert set(EVENT_TYPES) | set(STEPS) == KNOWN_TYPES


def test_each_stock_event_moves_what_the_domain_says() -> None:
    seen = set()
    for event, _ in STOCK:
        kind, data = encode(event)
        seen.add(kind)
        moved = deltas(event)
        found = MOVES[kind](msgspec.json.decode(data))
        expected = (moved.on_hand, moved.reserved, moved.committed, moved.picked, moved.held)
        assert found == expected, event
    assert seen == set(MOVES) - set(STEPS)


@pytest.mark.parametrize("older", sorted(set(MOVES) & set(STEPS)))
def test_an_older_shape_moves_what_the_domain_says(older: str) -> None:
    data = PINNED_EVENTS.joinpath(f"{older}.json").read_bytes()
    moved = deltas(decode(older, data))
    expected = (moved.on_hand, moved.reserved, moved.committed, moved.picked, moved.held)
    assert MOVES[older](msgspec.json.decode(data)) == expected
    assert any(expected)


def test_a_stock_is_what_the_domain_folds_it_to() -> None:
    ours: dict[str, Stock] = {}
    theirs: dict[str, DomainStock] = {}
    for event, at in STOCK:
        name = stream_of(event)
        kind, data = encode(event)
        stock = ours.setdefault(name, Stock(event.sku, event.location, name))
        stock.apply(kind, msgspec.json.decode(data), at)
        before = theirs.get(name, DomainStock(sku=event.sku, location=event.location))
        after = theirs[name] = moving_stock.evolve(before, event, at)
        assert (stock.on_hand, stock.reserved, stock.committed, stock.picked, stock.held) == (
            after.on_hand,
            after.reserved,
            after.committed,
            after.picked,
            after.held,
        )
        assert (stock.available, stock.uncovered) == (after.available, after.uncovered)
        assert (stock.shortfall, stock.allowance) == (
            after.uncovered_stated,
            after.backorder_allowance,
        )
        assert [*stock.promises.values()] == [each.quantity for each in after.promises.values()]


def test_an_order_is_what_the_read_model_folds_it_to() -> None:
    ours: dict[str, Order] = {}
    rows: dict[tuple[str, str], Row] = {}
    orders = [(event, at) for event, at in HAPPENED if isinstance(event, facts.OrderEvent)]
    for position, (event, at) in enumerate(orders, 1):
        kind, data = encode(event)
        recorded = structs.replace(
            EVENT, type=kind, data=data, occurred_at=at, ledger_position=position
        )
        row = EventRow(
            ledger=EVENT.ledger,
            position=position,
            tenant=EVENT.tenant,
            shard=EVENT.shard,
            shard_position=position,
            stream=stream_of(event),
            version=1,
            event_id=EVENT.event_id,
            type=kind,
            data=data,
            metadata=b"{}",
            occurred_at=at,
            recorded_at=EVENT.recorded_at,
            chain_hash=EVENT.chain_hash,
        )
        told = msgspec.json.decode(data)
        if kind in PLACED:
            ours[event.order_id] = placed(row, told)
        else:
            ours[event.order_id].apply(row, told)
        fold(rows, [(recorded, event)])
    for (_, order_id), shown in rows.items():
        order = ours[order_id]
        assert order.status == shown.status
        assert [each.cell() for each in order.lines.values()] == msgspec.to_builtins(shown.lines)
        assert order.shown_progress() == shown.progress
        assert (order.units, order.total_micros) == (shown.units, shown.total_micros)
        assert (order.shipped_at, order.cancelled_at) == (shown.shipped_at, shown.cancelled_at)


@pytest.mark.parametrize(
    ("fact", "told"),
    [
        (facts.ItemRegistered, ITEM),
        (facts.ItemDescribed, ITEM),
        (facts.LocationRegistered, LOCATION),
        (facts.ChargeRecorded, CHARGE),
    ],
)
def test_a_field_that_was_left_out_has_the_default_of_its_event(
    fact: type, told: dict[str, object]
) -> None:
    key = fields(fact)[0].name
    for field in fields(fact):
        if field.name == key:
            continue
        default = told[field.name]
        if field.default is MISSING:
            assert default in (None, {}), field.name
        else:
            assert default == (
                list(field.default) if isinstance(field.default, tuple) else field.default
            )
    assert set(told) == {field.name for field in fields(fact)} - {key}


def test_units_that_are_no_units_are_not_folded() -> None:
    for quantity in (0, -1, 1.0, True, "1", None):
        with pytest.raises((ValueError, TypeError)):
            MOVES["stock.received.v1"]({"quantity": quantity})
