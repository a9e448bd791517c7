"""Makes Kafka hold what the store holds, shard by shard, while relay and consumers are at work.

Kafka's records cannot be edited. So all events of a shard are published once more behind what is
there, that is proven by hash against the store, and only then everything before it is deleted.
Until then nothing is taken away; a consumer skips what it has, and reads the store over a gap.
A shard that lacks nothing but its tail gets the tail.

A crash leaves the shard to the relay, which asks Kafka for the last record and goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from eventlog.crash_points import crash_point
from eventlog.kafka.cursors import Cursor
from eventlog.kafka.publisher import Publisher
from eventlog.kafka.records import encode
from eventlog.kafka.topics import Topic, ensure_topic
from eventlog.leases import LEASE_SECONDS, RENEWALS_PER_LEASE
from eventlog.postgres.connections import Pool
from eventlog.projection import StoreUnavailableError
from replay.reconcile.custody import NAME, ShardCustody
from replay.reconcile.kafka import KafkaAndStore, compare
from replay.reconcile.partitions import PartitionReader
from replay.reconcile.report import KafkaReport, RecordDifference, ShardReport

log = structlog.get_logger(__name__)

PAGE: Final = 2_000
# A relay that was on its way when its shard was taken may have published in between: once more.
ATTEMPTS_MAX: Final = 3
# The longest a relay goes without looking at its leases, and a little more.
SETTLE_SECONDS: Final = LEASE_SECONDS / RENEWALS_PER_LEASE + 0.5
DELETE_SECONDS_MAX: Final = 20.0
Progress = Callable[[int, int], None]
"""Shard, events published of it."""


class RepairFailedError(Exception):
    """What was published is not what the store holds, time and again. Nothing was deleted."""

    def __init__(self, difference: RecordDifference) -> None:
        super().__init__(
            f"Kafka does not hold what was published to it {ATTEMPTS_MAX} times, and nothing was"
            f" deleted: {difference.sentence()}; look for another writer to the topic"
        )
        self.difference = difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """Positions `first` to `last` of a shard were published again; offsets below `deleted_below`
    are gone, None when none had to go.
    """

    shard: int
    first: int
    last: int
    deleted_below: int | None

    def as_dict(self) -> dict[str, object]:
        return {
            "shard": self.shard,
            "first_position": self.first,
            "last_position": self.last,
            "deleted_below_offset": self.deleted_below,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaRepair:
    """`incarnation` is new at each repair; `sleep` waits that many seconds."""

    sides: KafkaAndStore
    topic: Topic
    pool: Pool
    incarnation: str
    sleep: Callable[[float], object]
    settle_seconds: float = SETTLE_SECONDS

    def repair(
        self, report: KafkaReport, progress: Progress = lambda _shard, _done: None
    ) -> list[Repaired]:
        """Repair the shards of the report that are not whole.

        Raises `StoreUnavailableError`, `LogUnavailableError`, `TopicMismatchError`,
        `ShardBusyError`, `ShardLostError`, `RepairFailedError`: shards repaired before stay so,
        and the others are as they were or may be repaired again.
        """
        broken = [shard for shard in report.shards if not shard.ok]
        if broken:
            ensure_topic(self.sides.bootstrap, self.topic, sleep=self.sleep)
        return [self._shard(shard, progress) for shard in broken]

    def _shard(self, found: ShardReport, progress: Progress) -> Repaired:
        custody = ShardCustody(self.pool, found.shard, incarnation=self.incarnation)
        custody.take(self.sides.epoch)
        try:
            self.sleep(self.settle_seconds)
            custody.renew()
            for attempt in range(1, ATTEMPTS_MAX + 1):
                tail_only = found.lacks_only_tail and attempt == 1
                repaired, proof = self._attempt(found, custody, progress, tail_only=tail_only)
                if proof.ok:
                    break
                log.warning("repair not proven", shard=found.shard, attempt=attempt)
            else:
                raise RepairFailedError(proof.differences[0])
            crash_point("reconcile.before_delete")
            if repaired.deleted_below is not None:
                self._delete(found.shard, repaired.deleted_below)
            crash_point("reconcile.before_hand_back")
            custody.hand_back(epoch=self.sides.epoch, position=repaired.last)
        finally:
            custody.let_go()
        log.info("shard repaired", shard=found.shard, first=repaired.first, last=repaired.last)
        return repaired

    def _attempt(
        self, found: ShardReport, custody: ShardCustody, progress: Progress, *, tail_only: bool
    ) -> tuple[Repaired, ShardReport]:
        """Publish, and compare what is to stay with the store."""
        shard = found.shard
        bounds = PartitionReader(self.sides.bootstrap, self.topic.name).bounds([shard])[shard]
        first, begin = (found.reached + 1, bounds.begin) if tail_only else (1, bounds.end)
        last = self._publish(shard, first, custody, progress)
        crash_point("reconcile.after_publish")
        published = {shard: Cursor(epoch=self.sides.epoch, position=last)}
        sides = replace(self.sides, cursors=lambda: published)
        proof = compare(sides, shards=[shard], begin={shard: begin}).shards[0]
        custody.renew()
        deleted_below = None if tail_only else bounds.end
        return Repaired(shard=shard, first=first, last=last, deleted_below=deleted_below), proof

    def _publish(self, shard: int, first: int, custody: ShardCustody, progress: Progress) -> int:
        """Everything from a position on; returns the last one."""
        publisher = Publisher(self.sides.bootstrap, name=f"{NAME}-{self.incarnation}")
        reached = first - 1
        try:
            while page := self.sides.reader.read_shard(shard, reached, PAGE):
                publisher.send(self.topic.name, shard, encode(page, self.sides.epoch))
                publisher.confirm()
                crash_point("reconcile.after_page")
                custody.renew()
                reached = page[-1].shard_position
                progress(shard, reached)
                if len(page) < PAGE:
                    break
        except BaseException:
            publisher.abandon()
            raise
        return reached

    def _delete(self, shard: int, below: int) -> None:
        admin = AdminClient({"bootstrap.servers": self.sides.bootstrap, "log_level": 0})
        partition = TopicPartition(self.topic.name, shard, below)
        try:
            deleted = admin.delete_records([partition], request_timeout=DELETE_SECONDS_MAX)
            for each in deleted.values():
                each.result()
        except KafkaException as error:
            raise StoreUnavailableError("Kafka", error) from error
