"""Last + 1: a feed takes each event once, in order, whatever the source brings."""

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventlog.feed import ShardFeed
from eventlog.log import PassedEvent, RecordedEvent
from eventlog.projection import LedgerMark, batch_of
from tests.log_writing import EVENT


def events(positions: Sequence[int]) -> list[RecordedEvent]:
    return [replace(EVENT, shard_position=position) for position in positions]


def waiting(feed: ShardFeed) -> list[int]:
    return [event.shard_position for event in feed.pending]


def test_what_is_next_is_taken_and_what_came_before_is_skipped() -> None:
    feed = ShardFeed(5, 10, 0.0)
    assert feed.offer(events([9, 10, 11, 10, 11, 12]), 0.0)
    assert waiting(feed) == [11, 12]
    assert feed.received == 12


def test_a_gap_is_told_and_nothing_behind_it_is_taken() -> None:
    feed = ShardFeed(5, 10, 0.0)
    assert not feed.offer(events([11, 13, 14]), 0.0)
    assert waiting(feed) == [11]


def test_what_is_applied_moves_the_position_and_leaves_the_rest() -> None:
    feed = ShardFeed(5, 10, 0.0)
    feed.offer(events([11, 12, 13]), 1.0)
    feed.applied(2, 5.0)
    assert (feed.position, waiting(feed)) == (12, [13])
    assert not feed.offer(events([15]), 6.0)
    assert feed.offer(events([14]), 7.0)
    assert feed.waiting_since == 5.0, "the oldest that waits"


@given(st.lists(st.lists(st.integers(1, 20)), max_size=20), st.integers(0, 5))
def test_whatever_comes_what_waits_is_contiguous(arrivals: list[list[int]], start: int) -> None:
    feed = ShardFeed(5, start, 0.0)
    for arrival in arrivals:
        complete = feed.offer(events(arrival), 0.0)
        if complete:
            assert max(arrival, default=0) <= feed.received
    assert waiting(feed) == list(range(start + 1, feed.received + 1))


def test_what_is_passed_over_moves_a_batch_on_and_is_not_in_it() -> None:
    passed = PassedEvent(
        shard=5,
        shard_position=12,
        tenant="acme",
        ledger="acme/main",
        ledger_position=13,
        type=EVENT.type,
        recorded_at=EVENT.recorded_at + timedelta(seconds=1),
    )
    (kept,) = events([11])
    batch = batch_of([kept, passed], epoch=1, handles=frozenset({EVENT.type}), parked={})
    assert (batch.events, batch.after, batch.last) == ([kept], 10, 12)
    mark = LedgerMark(tenant="acme", position=13, recorded_at=passed.recorded_at)
    assert (batch.ledgers, batch.recorded_at) == ({"acme/main": mark}, passed.recorded_at)
