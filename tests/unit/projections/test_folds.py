"""The pure halves of the read models: the same for every cut of the log, and bounded."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.codec import encode
from eventlog.log import RecordedEvent
from eventlog.projection import PoisonEventError
from eventlog.upcasters import stored_names
from projections.arrays import instant_array, int_array, microseconds, text_array
from projections.availability import fold as availability
from projections.availability.projection import Availability
from projections.movements.fold import movement_rows
from projections.movements.schema import MOVEMENTS
from projections.orders.fold import Order, OrderKey, fold, order_facts, placed_earlier
from projections.stock_levels.fold import LevelChange, Stock, level_changes
from tests.happenings import stream_of, year

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def log_of(seed: int, count: int = 300) -> list[RecordedEvent]:
    versions: Counter[str] = Counter()
    events = []
    for position, (fact, at) in enumerate(year(seed, count), 1):
        versions[stream_of(fact)] += 1
        type_name, data = encode(fact)
        events.append(
            RecordedEvent(
                shard=0,
                shard_position=position + 10,
                tenant="acme",
                ledger="acme/main",
                ledger_position=position,
                stream=stream_of(fact),
                stream_version=versions[stream_of(fact)],
                event_id=UUID(int=position),
                type=type_name,
                data=data,
                metadata=b"{}",
                occurred_at=at,
                recorded_at=NOW + timedelta(microseconds=position),
                chain_hash=bytes(32),
            )
        )
    return events


def summed(parts: list[dict[Stock, LevelChange]]) -> dict[Stock, tuple[object, ...]]:
    sums: dict[Stock, Counter[str]] = {}
    last: dict[Stock, int] = {}
    for part in parts:
        for key, change in part.items():
            held = sums.setdefault(key, Counter())
            for name in ("on_hand", "reserved", "committed", "picked", "held"):
                held[name] += getattr(change, name)
            last[key] = change.last.ledger_position
    return {key: (last[key], *sorted(held.items())) for key, held in sums.items()}


@given(cut=st.integers(0, 300), seed=st.integers(0, 5))
def test_levels_of_two_batches_add_up_to_those_of_one(cut: int, seed: int) -> None:
    events = log_of(seed)
    two = [level_changes(events[:cut]), level_changes(events[cut:])]
    assert summed(two) == summed([level_changes(events)])


@given(cut=st.integers(0, 300), seed=st.integers(0, 5))
def test_orders_of_two_batches_are_those_of_one(cut: int, seed: int) -> None:
    events = log_of(seed)
    at_once: dict[OrderKey, Order] = {}
    fold(at_once, order_facts(events))
    rows: dict[OrderKey, Order] = {}
    for part in (events[:cut], events[cut:]):
        facts = order_facts(part)
        known = {key: rows[key] for key in placed_earlier(facts)}
        fold(known, facts)
        rows |= known
    assert rows == at_once


def test_an_order_that_the_batch_places_need_not_be_read() -> None:
    facts = order_facts(log_of(1))
    assert placed_earlier(facts) == []
    assert len(placed_earlier(facts[1:])) == 1


def test_an_order_without_a_row_is_poison_at_its_first_event() -> None:
    facts = order_facts(log_of(1))[1:]
    with pytest.raises(PoisonEventError) as poison:
        fold({}, facts)
    assert poison.value.event is facts[0][0]


@given(hashes=st.integers(1, 12), calls=st.integers(1, 90), seed=st.integers(0, 5))
def test_pieces_are_bounded_contiguous_and_sum_up_to_the_whole(
    hashes: int, calls: int, seed: int
) -> None:
    events = [event for event in log_of(seed) if event.type in Availability.handles]
    whole = availability.pieces(events)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(availability, "HASHES_PER_CALL_MAX", hashes)
        patch.setattr(availability, "EVENTS_PER_CALL_MAX", calls)
        cut = availability.pieces(events)
    assert all(len(piece.changes) <= hashes and piece.events <= calls for piece in cut)
    assert sum(piece.events for piece in cut) == len(events)
    assert [piece.last.shard_position for piece in cut] == sorted(
        {piece.last.shard_position for piece in cut}
    )
    assert all(piece.last_of["acme/main"] is piece.last for piece in cut)
    assert added(cut) == added(whole)


def added(found: list[availability.Piece]) -> dict[tuple[str, str, str], int | str]:
    units: Counter[tuple[str, str, str]] = Counter()
    settings: dict[tuple[str, str, str], str] = {}
    for piece in found:
        for (ledger, sku), change in piece.changes.items():
            for location, moved in change.units.items():
                units[ledger, sku, location] += moved
            settings |= {(ledger, sku, name): value for name, value in change.settings.items()}
    return {**units, **settings}


def test_a_movement_row_has_a_value_for_each_column() -> None:
    rows = movement_rows(log_of(2))
    assert {len(row) for row in rows} == {len(MOVEMENTS)}
    by_name = [dict(zip(MOVEMENTS, row, strict=True)) for row in rows]
    events = {event.ledger_position: event for event in log_of(2)}
    for row in by_name:
        event = events[row["position"]]  # type: ignore[index]
        assert (row["shard_position"], row["type"]) == (event.shard_position, event.type)
        assert row["occurred_at"] == microseconds(event.occurred_at)
        assert row["recorded_at"] == microseconds(event.recorded_at)


def test_instants_are_exact_to_the_microsecond() -> None:
    instant = datetime(2254, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds(instant)) == (
        instant
    )


def test_array_literals_quote_what_needs_it() -> None:
    assert text_array(["a", 'b"c', "d\\e", None, "NULL", ""]) == (
        '{"a","b\\"c","d\\\\e",NULL,"NULL",""}'
    )
    assert int_array([1, -2]) == "{1,-2}"
    assert instant_array([None, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)]) == "{NULL,1000000}"


def test_an_older_version_is_read_under_its_stored_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "eventlog.upcasters.STEPS", {"a.b.v1": dict, "a.b.v2": dict, "x.y.v1": dict}
    )
    assert stored_names(["a.b.v3"]) == {"a.b.v3": "a.b.v3", "a.b.v2": "a.b.v3", "a.b.v1": "a.b.v3"}
