"""Store against Kafka: every record there is, against what the relay must have written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from eventlog.kafka.cursors import Cursor
from eventlog.log import LogReader
from replay.reconcile.comparison import ShardComparison, Wanted
from replay.reconcile.partitions import Bounds, PartitionReader
from replay.reconcile.record_parts import Parts, expected_parts, found_parts
from replay.reconcile.report import KafkaReport, ShardReport

PROGRESS_RECORDS: Final = 2_000
Progress = Callable[[int, int], None]
"""Records read, records in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaAndStore:
    """What is compared. `cursors` and `heads` say by shard where relay and store stand now."""

    bootstrap: str
    topic: str
    reader: LogReader
    cursors: Callable[[], Mapping[int, Cursor]]
    heads: Callable[[], Mapping[int, int]]
    epoch: int


def _silent(_done: int, _total: int) -> None:
    """Tell nobody."""


def compare(
    sides: KafkaAndStore,
    progress: Progress = _silent,
    *,
    shards: Collection[int] | None = None,
    begin: Mapping[int, int] | None = None,
) -> KafkaReport:
    """Compare whole partitions, or from given offsets on. Reads only; all may be at work.

    The relay's word is read first, then where the partitions end, then the store's heads: what a
    relay or an append adds meanwhile is neither missing nor foreign. Raises
    `StoreUnavailableError`, `LogUnavailableError`, `LogGapError` (the store itself has a hole).
    """
    topic = PartitionReader(sides.bootstrap, sides.topic)
    cursors = sides.cursors()
    wanted = sorted(sides.heads() if shards is None else shards)
    exists = topic.exists()
    bounds = topic.bounds(wanted) if exists else dict.fromkeys(wanted, Bounds(0, 0))
    limited = exists and topic.is_limited()
    heads = sides.heads()
    if begin is not None:
        bounds = {shard: Bounds(begin[shard], bound.end) for shard, bound in bounds.items()}
    comparisons = {
        shard: ShardComparison(
            ShardReport(shard=shard, begin=bound.begin, end=bound.end, head=heads[shard]),
            _wanted(sides, shard),
            trim_allowed=limited,
        )
        for shard, bound in bounds.items()
    }
    done, total = 0, sum(bound.end - bound.begin for bound in bounds.values())
    for message in topic.records(bounds):
        shard, offset = message.partition() or 0, message.offset() or 0
        comparisons[shard].record(offset, found_parts(message))
        done += 1
        if done % PROGRESS_RECORDS == 0:
            progress(done, total)
    progress(done, total)
    reports = [
        comparison.end(_published(cursors, shard, sides.epoch))
        for shard, comparison in comparisons.items()
    ]
    return KafkaReport(topic=sides.topic, shards=reports)


def _published(cursors: Mapping[int, Cursor], shard: int, epoch: int) -> int:
    cursor = cursors.get(shard)
    return cursor.position if cursor is not None and cursor.epoch == epoch else 0


def _wanted(sides: KafkaAndStore, shard: int) -> Wanted:
    def wanted(first: int, count: int) -> Sequence[Parts]:
        return expected_parts(sides.reader.read_shard(shard, first - 1, count), sides.epoch)

    return wanted
