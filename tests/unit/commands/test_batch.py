"""A batch's decisions at one head: pure, in order, nothing kept of them but what is returned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import orjson
import pytest

from commands import group_commit
from commands.batch import Batch, NotLoadedError
from commands.folds import Folded, StreamKey, beginning, folded, from_snapshot, snapshot
from commands.memory import ShardMemory, weight
from commands.messages import COMMAND
from commands.submission import Answer, Mode, Submission
from domain.events import Event, ItemRegistered, LocationRegistered, StockCounted, StockReceived
from domain.stock import COUNTS_KEPT, Stock
from eventlog.codec import encode
from eventlog.log import GENESIS_HASH, Decided, LedgerHead, RecordedEvent, StoredAnswer

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LEDGER = "acme/main"
STOCK: StreamKey = (LEDGER, "stock-heart@hall")
HEAD = LedgerHead(
    ledger=LEDGER, tenant="acme", shard=0, position=41, chain_hash=GENESIS_HASH, recorded_at=NOW
)
RECEIVE = {"type": "receive_stock", "sku": "heart", "location": "hall", "quantity": 5}


def memory() -> ShardMemory:
    """A writer that knows the item, the hall, and that nothing of it is there."""
    known = ShardMemory(known_position=0)
    beginnings: list[tuple[str, Event]] = [
        ("item-heart", ItemRegistered(sku="heart", name="Heart", attributes={})),
        ("location-hall", LocationRegistered(location="hall", name="Hall")),
    ]
    for stream, event in beginnings:
        known.put((LEDGER, stream), folded(beginning(stream), event, NOW))
    known.put(STOCK, beginning(STOCK[1]))
    return known


def batch(known: ShardMemory, *commands: Mapping[str, Any], mode: Mode = "independent") -> Batch:
    ids = count(1)
    submissions = [
        Submission(
            tenant="acme", actor="key_test", command=COMMAND.validate_json(orjson.dumps(each))
        )
        for each in commands
    ]
    units = group_commit._units(submissions, [1] * len(submissions), mode)
    return Batch(units, known, lambda: UUID(int=next(ids)))


def decide(
    decision: Batch, answers: Mapping[tuple[str, str], StoredAnswer] | None = None
) -> tuple[Decided, list[Answer]]:
    decided = decision.decide({LEDGER: HEAD}, answers or {}, NOW)
    return decided, [answer for unit in decision.answers for answer in unit]


def test_positions_follow_the_head_and_versions_the_stream() -> None:
    decided, answers = decide(batch(memory(), RECEIVE | {"key": "a"}, RECEIVE | {"key": "b"}))
    assert [(event.stream_version, event.data) for event in decided.events] == [
        (1, b'{"sku":"heart","location":"hall","quantity":5}'),
        (2, b'{"sku":"heart","location":"hall","quantity":5}'),
    ]
    assert [(answer.first_position, answer.last_position) for answer in answers] == [
        (42, 42),
        (43, 43),
    ]
    assert [(row.key, row.event_count, row.accepted) for row in decided.keys] == [
        ("a", 1, True),
        ("b", 1, True),
    ]
    assert decided.keys[1].answer == answers[1].body


def test_deciding_again_gives_the_same_but_for_the_ids() -> None:
    """Nothing of an attempt that was not confirmed is kept."""
    known = memory()
    decision = batch(known, RECEIVE | {"key": "a"})
    first, _ = decide(decision)
    again, _ = decide(decision)
    assert [event.stream_version for event in again.events] == [1]
    assert first.keys == again.keys
    stock = known.get(STOCK)
    assert stock is not None
    assert stock.version == 0
    known.confirm(decision.changed, decision.rewritten, position=1)
    assert known.get(STOCK) == decision.changed[STOCK]


def test_a_key_that_comes_twice_in_a_batch_is_written_once() -> None:
    twice = [RECEIVE | {"key": "a"}, RECEIVE | {"key": "a"}, RECEIVE | {"key": "a", "quantity": 6}]
    decided, answers = decide(batch(memory(), *twice))
    assert len(decided.events) == len(decided.keys) == 1
    assert answers[1].body == answers[0].body
    assert [answer.outcome for answer in answers] == ["accepted", "accepted", "key_conflict"]


def test_a_stored_answer_is_given_back_byte_for_byte() -> None:
    decision = batch(memory(), RECEIVE | {"key": "a"})
    body_hash = decision._units[0].pendings[0].body_hash
    stored = StoredAnswer(
        body_hash=body_hash, accepted=True, answer=b'{ "as": 1 }', first_position=7, last_position=9
    )
    decided, (answer,) = decide(decision, {(LEDGER, "a"): stored})
    assert not decided.events
    assert not decided.keys
    assert (answer.body, answer.replayed, answer.last_position) == (b'{ "as": 1 }', True, 9)


SHIP = {"type": "ship_stock", "sku": "heart", "location": "hall"}


def test_an_atomic_bulk_leaves_nothing_behind_but_its_refusals() -> None:
    lines = [RECEIVE | {"key": "a"}, SHIP | {"key": "b", "quantity": 6}, RECEIVE | {"key": "c"}]
    decision = batch(memory(), *lines, mode="atomic")
    decided, answers = decide(decision)
    assert [answer.outcome for answer in answers] == ["not_applied", "refused", "not_applied"]
    assert not decided.events
    assert not decision.changed
    (kept,) = decided.keys
    assert (kept.key, kept.accepted, kept.event_count) == ("b", False, 0)
    assert kept.answer == answers[1].body


def test_a_key_that_comes_twice_in_a_failed_atomic_bulk_was_not_applied_twice() -> None:
    lines = [RECEIVE | {"key": "a"}, RECEIVE | {"key": "a"}, SHIP | {"key": "b", "quantity": 60}]
    decided, answers = decide(batch(memory(), *lines, mode="atomic"))
    assert [answer.outcome for answer in answers] == ["not_applied", "not_applied", "refused"]
    assert [row.key for row in decided.keys] == ["b"]


def test_a_refusal_of_an_atomic_bulk_is_known_to_the_rest_of_its_batch() -> None:
    known = memory()
    bulk = batch(known, SHIP | {"key": "b", "quantity": 6}, mode="atomic")
    after = batch(known, SHIP | {"key": "b", "quantity": 6})
    both = Batch([*bulk._units, *after._units], known, lambda: UUID(int=1))
    decided, answers = decide(both)
    assert len(decided.keys) == 1
    assert answers[1].replayed
    assert answers[1].body == answers[0].body


def test_all_that_is_missing_is_learnt_in_one_attempt() -> None:
    unread = [RECEIVE | {"key": sku, "sku": sku} for sku in ("a", "b")]
    with pytest.raises(NotLoadedError) as caught:
        decide(batch(memory(), *unread))
    assert {stream for _, stream in caught.value.streams} == {"stock-a@hall", "stock-b@hall"}


def recorded(
    number: int, event: Event, occurred_at: datetime, stored_type: str | None = None
) -> RecordedEvent:
    type_name, data = encode(event)
    return RecordedEvent(
        shard=0,
        shard_position=number,
        tenant="acme",
        ledger=LEDGER,
        ledger_position=number,
        stream=STOCK[1],
        stream_version=number,
        event_id=UUID(int=number),
        type=stored_type or type_name,
        data=data,
        metadata=b"{}",
        occurred_at=occurred_at,
        recorded_at=NOW,
        chain_hash=GENESIS_HASH,
    )


def counted_often() -> list[RecordedEvent]:
    """More counts than the state remembers, a day apart, up to now."""
    first = NOW - timedelta(days=COUNTS_KEPT + 4)
    return [
        recorded(
            n,
            StockCounted(
                sku="heart",
                location="hall",
                count_id=f"c-{n}",
                counted=5,
                expected=0 if n == 1 else 5,
            ),
            first + timedelta(days=n),
        )
        for n in range(1, COUNTS_KEPT + 4)
    ]


def test_facts_dated_before_memory_ask_for_the_past_and_follow_it_inside_the_batch() -> None:
    known = memory()
    known.catch_up(counted_often())
    long_ago = (NOW - timedelta(days=300)).isoformat()
    late = [RECEIVE | {"key": key, "occurred_at": long_ago} for key in ("a", "b")]
    decision = batch(known, *late)
    with pytest.raises(NotLoadedError) as caught:
        decide(decision)
    assert caught.value.histories == {STOCK: 2}
    known.put_history(STOCK, counted_often())
    decided, _ = decide(decision)
    assert [event.type for event in decided.events] == [
        "stock.received.v1",
        "stock.count_restated.v1",
    ] * 2
    expected = [orjson.loads(event.data)["expected"] for event in decided.events[1::2]]
    assert expected == [5, 10], "the second is restated from what the first left"


def test_catching_up_passes_over_what_is_known_and_forgets_what_it_cannot_read() -> None:
    known = memory()
    received = StockReceived(sku="heart", location="hall", quantity=3)
    known.catch_up([recorded(1, received, NOW)])
    known.catch_up([recorded(1, received, NOW)])
    stock = known.get(STOCK)
    assert stock is not None
    assert isinstance(stock.state, Stock)
    assert (stock.version, stock.state.on_hand) == (1, 3)
    known.catch_up([recorded(2, received, NOW, stored_type="stock.received.v2")])
    assert known.get(STOCK) is None
    assert known.known_position == 2


def test_memory_is_bounded_and_forgets_what_was_not_touched_for_longest() -> None:
    known = memory()
    assert known.touch((LEDGER, "item-heart"))
    known.trim(1)
    assert not known.touch((LEDGER, "location-hall"))
    assert known.touch((LEDGER, "item-heart"))
    known.forget_all(known_position=9)
    assert (known.known_position, known.touch((LEDGER, "item-heart"))) == (9, False)


def test_a_snapshot_gives_the_same_state_back() -> None:
    known = memory()
    known.catch_up(counted_often())
    kept = known.get(STOCK)
    assert kept is not None
    assert from_snapshot(snapshot(STOCK, kept)) == Folded(kept.version, kept.state, kept.version)
    assert weight(kept.state) == 1
