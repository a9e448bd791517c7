"""Process managers as a process: what follows from events by itself, in time and only once."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from ops.processes.lifecycle import calm_collector, log_to_stderr, stop_event
from ops.stack.role import say_ready
from ops.stores import Stores

if TYPE_CHECKING:
    from commands.processes.running import Processes
    from commands.processes.sender import Sender
    from eventlog.consumer import Surroundings
    from eventlog.postgres.connections import Pool
    from eventlog.postgres.identity import StoreIdentity

# Behind those who answer somebody, before the verifier.
NICENESS: Final = 5
POOL_CONNECTIONS: Final = 8
INCARNATION_BYTES: Final = 6
LOOK_SECONDS: Final = 0.2
# What follows from an event may follow so much later: fewer, larger batches cost the others less.
BATCH_SECONDS: Final = 0.1
STOP_SECONDS_MAX: Final = 10.0


def run(stores: Stores, *, name: str) -> None:
    """Fold, and send what is due, until told to stop. Several processes share the shards; `name`
    must be this one's own among them.
    """
    log_to_stderr()
    os.nice(NICENESS)
    stop = stop_event()
    # All others begin meanwhile, and what is due has its time: nobody need wait for our imports.
    say_ready()
    from eventlog.postgres.connections import open_log_pool
    from eventlog.postgres.identity import store_identity

    pool = open_log_pool(stores.log_dsn, size=POOL_CONNECTIONS, name="backstock-processes")
    try:
        asyncio.run(_work(stores, pool, store_identity(pool), name=name, stop=stop))
    finally:
        pool.close()


async def _work(
    stores: Stores, pool: Pool, identity: StoreIdentity, *, name: str, stop: Event
) -> None:
    from uuid_utils.compat import uuid7

    from commands.group_commit import GroupCommit
    from commands.processes.known import MANAGERS
    from commands.processes.running import NAME, Processes
    from commands.processes.sender import Sender
    from commands.processes.waiting import Waiting
    from eventlog.consumer import Surroundings
    from eventlog.kafka.source import KafkaSource
    from eventlog.kafka.topics import events_topic
    from eventlog.leases import ShardLeases, projection_leases
    from eventlog.parked import ParkedStreams
    from eventlog.postgres.append import PostgresAppender
    from eventlog.postgres.positions import shard_positions
    from eventlog.postgres.reader import PostgresReader
    from eventlog.postgres.snapshots import PostgresSnapshots

    reader = PostgresReader(pool)
    group_commit = GroupCommit(
        appender=PostgresAppender(pool, clock=_now),
        reader=reader,
        snapshots=PostgresSnapshots(pool),
        shards=identity.shards,
        new_id=uuid7,
    )
    leases = ShardLeases(
        pool,
        projection_leases(NAME, Processes.version),
        name=name,
        incarnation=secrets.token_hex(INCARNATION_BYTES),
    )
    sender = Sender(group_commit, Waiting(pool, MANAGERS), shards=lambda: leases.held, clock=_now)
    processes = Processes(pool, MANAGERS, epoch=identity.epoch, said=sender.wake)
    processes.ensure(identity.shards)
    source = KafkaSource(
        stores.kafka_bootstrap,
        events_topic(stores.settings.kafka_prefix, identity.shards).name,
        epoch=identity.epoch,
        name=f"{name}-{NAME}",
        wanted=processes.wants,
    )
    surroundings = Surroundings(
        source=source,
        reader=reader,
        leases=leases,
        parked=ParkedStreams(pool, NAME, Processes.version),
        shard_positions=lambda: shard_positions(pool),
        epoch=identity.epoch,
    )
    calm_collector()
    try:
        await work(processes, surroundings, sender, stop=stop)
    finally:
        source.close()
        await group_commit.close()


async def work(
    processes: Processes, surroundings: Surroundings, sender: Sender, *, stop: Event
) -> None:
    """Fold in a thread and send in this loop until `stop` is set. Raises what ends either."""
    from eventlog.consumer import Bounds, run_projection

    bounds = Bounds(wait_seconds=BATCH_SECONDS)
    folding = _Folding(lambda: run_projection(processes, surroundings, stop=stop, bounds=bounds))
    folding.start()
    ended = asyncio.Event()
    sending = asyncio.create_task(sender.run(ended))
    try:
        while not (stop.is_set() or sending.done()):
            if not folding.is_alive():
                break
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        stop.set()
        ended.set()
        await sending
        await asyncio.to_thread(folding.join, STOP_SECONDS_MAX)
    if folding.error is not None:
        raise folding.error


class _Folding(Thread):
    """Keeps what ended it for the thread that looks."""

    def __init__(self, fold: Callable[[], None]) -> None:
        super().__init__(name="folding", daemon=True)
        self._fold = fold
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._fold()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that looks
            self.error = error


def _now() -> datetime:
    return datetime.now(UTC)
