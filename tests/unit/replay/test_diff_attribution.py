"""Which events explain a difference: exactly those two editions read differently, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.events import (
    StockAdjusted,
    StockEvent,
    StockReceived,
    StockReserved,
    StockReturned,
    StockShipped,
)
from eventlog.codec import encode
from eventlog.log import RecordedEvent
from projections.stock_facts import RULES, Move, StockFact
from replay.diff.evidence import Evidence, Weigher, changed_types, explains
from replay.diff.expectations import Expectation
from replay.diff.folds import FOLDS, QUANTITIES, Rules

NOW = datetime(2026, 3, 1, tzinfo=UTC)
UNITS = st.integers(1, 9)
PLACE = {"sku": st.just("A"), "location": st.just("WH")}
EVENTS = st.one_of(
    st.builds(StockReceived, **PLACE, quantity=UNITS),
    st.builds(StockAdjusted, **PLACE, delta=st.integers(-9, 9), reason=st.just("r")),
    st.builds(
        StockReserved,
        **PLACE,
        reservation_id=st.just("r"),
        quantity=UNITS,
        expires_at=st.just(NOW),
    ),
    st.builds(StockShipped, **PLACE, quantity=UNITS),
    st.builds(StockReturned, **PLACE, quantity=UNITS, to=st.sampled_from(["stock", "damaged"])),
)


def _twice(move: Callable[[StockFact], Move]) -> Callable[[StockFact], Move]:
    def moved(fact: StockFact) -> Move:
        on_hand, reserved, committed, picked, held = move(fact)
        return 2 * on_hand, reserved, committed, picked, 3 * held

    return moved


def changed_rules(types: frozenset[str]) -> Rules:
    return {
        stored: rule._replace(move=_twice(rule.move)) if stored in types else rule
        for stored, rule in RULES.items()
    }


def recorded(facts: Sequence[StockEvent]) -> list[RecordedEvent]:
    found = []
    for position, fact in enumerate(facts, 1):
        type_name, data = encode(fact)
        found.append(
            RecordedEvent(
                shard=0,
                shard_position=position,
                tenant="acme",
                ledger="acme/main",
                ledger_position=position,
                stream="stock-A@WH",
                stream_version=position,
                event_id=UUID(int=position),
                type=type_name,
                data=data,
                metadata=b"{}",
                occurred_at=NOW,
                recorded_at=NOW,
                chain_hash=bytes(32),
            )
        )
    return found


def weighed(
    events: Sequence[RecordedEvent], newer: Rules, expectations: Sequence[str] = ()
) -> dict[str, Evidence]:
    found: dict[str, Evidence] = {}
    weigher = Weigher(
        projection="stock_levels",
        fold=FOLDS["stock_levels", "stock_levels"],
        older=RULES,
        newer=newer,
        expectations=[Expectation.parse(text) for text in expectations],
    )
    for event in events:
        weigher.add(found, QUANTITIES, event)
    return found


@given(
    st.lists(EVENTS, min_size=1, max_size=30),
    st.frozensets(st.sampled_from(sorted(RULES))),
    st.integers(-2, 2),
)
def test_events_explain_a_sum_exactly_or_not_at_all(
    facts: list[StockEvent], types: frozenset[str], drift: int
) -> None:
    events, newer = recorded(facts), changed_rules(types)
    whole = FOLDS["stock_levels", "stock_levels"].whole
    before, after = whole(events, RULES), whole(events, newer)
    assert before is not None
    assert after is not None
    found = weighed(events, newer)
    for name in QUANTITIES:
        evidence = found.get(name)
        assert (evidence is None) == (not any(_moves(event, newer, name) for event in events)), (
            "only events that the two read differently are evidence"
        )
        if before[name] != after[name] + drift:
            explained = explains(evidence, before[name], after[name] + drift)
            assert explained == (drift == 0)


def _moves(event: RecordedEvent, newer: Rules, name: str) -> bool:
    whole = FOLDS["stock_levels", "stock_levels"].whole
    before, after = whole([event], RULES), whole([event], newer)
    assert before is not None
    assert after is not None
    return bool(before[name] != after[name])


@given(st.frozensets(st.sampled_from(sorted(RULES))))
def test_the_types_two_editions_read_differently_are_those_that_were_changed(
    types: frozenset[str],
) -> None:
    assert changed_types(RULES, changed_rules(types)) == types
    assert changed_types(RULES, {**RULES}) == frozenset()


def test_a_type_that_only_one_edition_reads_explains_what_it_moves() -> None:
    events = recorded([StockReceived(sku="A", location="WH", quantity=4)])
    found = weighed(events, {})
    assert explains(found["on_hand"], 4, 0)
    assert not explains(found["on_hand"], 4, 1)
    assert not explains(found["on_hand"], 4, None)


def test_each_event_must_be_covered_by_a_rule() -> None:
    events = recorded(
        [
            StockReturned(sku="A", location="WH", quantity=2, to="damaged", reason="torn"),
            StockReturned(sku="A", location="WH", quantity=3, to="damaged"),
        ]
    )
    newer = changed_rules(frozenset({"stock.returned.v1"}))
    found = weighed(events, newer, ["reason=torn", "field=held quantity=3", "sku=B"])
    assert {name: each.uncovered for name, each in found.items()} == {"held": 0, "on_hand": 1}
    assert found["held"].rules == {0, 1}
    assert found["held"].total == 2 * 2 + 2 * 3
