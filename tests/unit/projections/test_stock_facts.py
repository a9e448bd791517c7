"""The read side's one decoder for stock events says what the domain says, for every type."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.quantities import deltas
from eventlog.codec import EVENT_TYPES, encode
from eventlog.log import RecordedEvent
from eventlog.projection import PoisonEventError
from eventlog.upcasters import STEPS, Fields
from projections.availability.projection import Availability
from projections.documents.projection import Documents
from projections.movements.projection import Movements
from projections.orders.projection import Orders
from projections.stock_facts import RULES, UNITS_MAX, _rule, read_stock, stock_facts
from projections.stock_levels.projection import StockLevels
from tests.happenings import year

QUANTITIES = ("on_hand", "reserved", "committed", "picked", "held")
FACTS = [event for event, _ in year(5, 900) if encode(event)[0] in RULES]


def recorded(type_name: str, data: bytes) -> RecordedEvent:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return RecordedEvent(
        shard=0,
        shard_position=1,
        tenant="acme",
        ledger="acme/main",
        ledger_position=1,
        stream="stock-A@WH",
        stream_version=1,
        event_id=UUID(int=1),
        type=type_name,
        data=data,
        metadata=b"{}",
        occurred_at=at,
        recorded_at=at,
        chain_hash=bytes(32),
    )


def test_every_stock_type_of_the_log_has_a_rule() -> None:
    known = set(EVENT_TYPES) | set(STEPS)
    assert set(RULES) == {name for name in known if name.startswith("stock.")}
    tried = {encode(event)[0] for event in FACTS}
    assert tried == set(RULES) - set(STEPS), "each of them is tried below"


def test_what_an_event_moves_is_what_the_domain_says() -> None:
    for event in FACTS:
        ((_, rule, fact),) = stock_facts([recorded(*encode(event))])
        moved = asdict(deltas(event))
        assert rule.move(fact) == tuple(moved[name] for name in QUANTITIES), event


def test_an_adjustment_of_the_first_shape_moves_what_one_of_today_does() -> None:
    data = b'{"sku":"A","location":"WH","delta":-2,"reason":"broken","condition":"damaged"}'
    moves = []
    for stored in ("stock.adjusted.v1", "stock.adjusted.v2"):
        ((_, rule, fact),) = stock_facts([recorded(stored, data)])
        moves.append((rule.type, rule.move(fact), fact.reason))
    assert moves == [("stock.adjusted.v2", (-2, 0, 0, 0, -2), "broken")] * 2


def test_the_fields_that_are_read_are_the_event_s_own() -> None:
    for event in FACTS:
        ((_, _, fact),) = stock_facts([recorded(*encode(event))])
        for name in fact.__struct_fields__:
            if hasattr(event, name):
                assert getattr(fact, name) == getattr(event, name), (event, name)


def test_every_type_of_the_log_is_handled_by_a_projection() -> None:
    projections = (StockLevels, Orders, Documents, Availability, Movements)
    handled = frozenset[str]().union(*(each.handles for each in projections))
    speaks_of_read_models = {"replay.promoted.v1", "replay.rolled_back.v1"}
    assert handled - set(STEPS) | speaks_of_read_models == set(EVENT_TYPES)


@pytest.mark.parametrize(
    "data",
    [
        b'{"sku": "A", "location": "WH", "quantity": 1',
        b'{"sku": "A", "location": "WH", "quantity": "1"}',
        b'{"sku": "A", "location": "WH", "quantity": 1.5}',
        b'{"sku": "A", "location": "WH", "quantity": %d}' % (UNITS_MAX + 1),
        b'{"sku": "A", "quantity": 1}',
        b'{"sku": "\xff", "location": "WH", "quantity": 1}',
        b"",
        b"[]",
    ],
)
def test_bytes_that_do_not_hold_the_fact_are_poison(data: bytes) -> None:
    event = recorded("stock.received.v1", data)
    with pytest.raises(PoisonEventError) as poison:
        read_stock(event, RULES[event.type])
    assert poison.value.event is event


def test_an_older_version_is_read_as_today_s(monkeypatch: pytest.MonkeyPatch) -> None:
    def quantity_was_units(old: Fields) -> Fields:
        return {"quantity": old.pop("units"), **old}

    monkeypatch.setitem(STEPS, "stock.received.v0", quantity_was_units)
    rule = _rule("stock.received.v0", "stock.received.v1")
    event = recorded("stock.received.v0", b'{"sku": "A", "location": "WH", "units": 4}')
    assert rule.move(read_stock(event, rule)) == (4, 0, 0, 0, 0)
