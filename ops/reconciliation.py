"""Reconciling Kafka as this deployment runs it: the addresses, the topic, who publishes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from eventlog.kafka.cursors import RelayCursors
from eventlog.kafka.topics import Topic, events_topic
from eventlog.log import LogGapError
from eventlog.postgres.connections import Pool, open_log_pool
from eventlog.postgres.identity import store_identity
from eventlog.postgres.positions import shard_positions
from eventlog.postgres.reader import PostgresReader
from ops.processes.lifecycle import calm_collector
from ops.settings import Settings
from ops.stack.errors import StackError
from ops.stores import Stores
from replay.reconcile.custody import ShardBusyError, ShardLostError
from replay.reconcile.kafka import KafkaAndStore, Progress, compare
from replay.reconcile.repair import KafkaRepair, Repaired, RepairFailedError
from replay.reconcile.report import KafkaReport

POOL_CONNECTIONS = 2
INCARNATION_BYTES = 6


class NotReconciledError(StackError):
    """A repair could not be done, or a comparison not be made; says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """`found` is what was there, `left` what is there after a repair (None without one)."""

    found: KafkaReport
    repaired: list[Repaired]
    left: KafkaReport | None

    @property
    def ok(self) -> bool:
        return (self.left or self.found).ok

    def as_dict(self) -> dict[str, object]:
        told: dict[str, object] = {"ok": self.ok, "kafka": self.found.as_dict()}
        if self.left is not None:
            told["repaired"] = [each.as_dict() for each in self.repaired]
            told["after_repair"] = self.left.as_dict()
        return told


def compare_kafka(settings: Settings, progress: Progress | None = None) -> KafkaReport:
    """Every record in Kafka against the store. Reads only.

    Raises `NotReconciledError`, `StoreUnavailableError`, `LogUnavailableError`.
    """
    with _sides(Stores.of(settings)) as (sides, _, _):
        return _compared(sides, progress)


def reconcile_kafka(
    settings: Settings,
    *,
    repair: bool,
    progress: Progress | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> Reconciliation:
    """Compare, and with `repair` make Kafka hold what the store holds, and compare again.

    Raises as `compare_kafka`, and `TopicMismatchError`.
    """
    with _sides(Stores.of(settings)) as (sides, topic, pool):
        found = _compared(sides, progress)
        if found.ok or not repair:
            return Reconciliation(found=found, repaired=[], left=None)
        mending = KafkaRepair(
            sides=sides,
            topic=topic,
            pool=pool,
            incarnation=secrets.token_hex(INCARNATION_BYTES),
            sleep=sleep,
        )
        try:
            repaired = mending.repair(found)
        except (ShardBusyError, ShardLostError, RepairFailedError) as error:
            raise NotReconciledError(str(error)) from error
        return Reconciliation(found=found, repaired=repaired, left=_compared(sides, progress))


def _compared(sides: KafkaAndStore, progress: Progress | None) -> KafkaReport:
    try:
        return compare(sides) if progress is None else compare(sides, progress)
    except LogGapError as error:
        raise NotReconciledError(
            f"the store itself has a hole, and nothing can be compared with it: {error};"
            " see `backstock verify`"
        ) from error


@contextmanager
def _sides(stores: Stores) -> Iterator[tuple[KafkaAndStore, Topic, Pool]]:
    pool = open_log_pool(stores.log_dsn, size=POOL_CONNECTIONS, name="backstock-reconcile")
    try:
        identity = store_identity(pool)
        calm_collector()
        topic = events_topic(stores.settings.kafka_prefix, identity.shards)
        sides = KafkaAndStore(
            bootstrap=stores.kafka_bootstrap,
            topic=topic.name,
            reader=PostgresReader(pool),
            cursors=RelayCursors(pool, owner="").read,
            heads=lambda: shard_positions(pool),
            epoch=identity.epoch,
        )
        yield sides, topic, pool
    finally:
        pool.close()
