"""What a replay works with in this deployment: pools, clients, and how a version is made."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from threading import Event
from typing import Final, cast
from uuid import UUID

import clickhouse_connect
from clickhouse_connect.driver.binding import quote_identifier

from eventlog.heads import PUBLIC_NAME
from eventlog.kafka.source import KafkaSource
from eventlog.kafka.topics import events_topic
from eventlog.log import LogReader
from eventlog.postgres.connections import Pool, open_log_pool
from eventlog.postgres.identity import StoreIdentity, store_identity
from eventlog.postgres.positions import shard_positions
from eventlog.postgres.reader import PostgresReader
from eventlog.projection import Projection
from ops.processes.projector import Holdings, projection_for, redis_client
from ops.stack.errors import StackError
from ops.stores import Stores
from ops.verification import head_key
from projections.catalogue import ReadModel
from projections.movements.schema import every_table
from replay.archive_source import ArchiveSource, ArchiveThenStore
from replay.budget import Budget
from replay.building import Observe, build
from replay.bulk.hash_sink import HashSink
from replay.bulk.run import Bulk
from replay.bulk.sinks import BlockSink, LevelSink, Sink
from replay.bulk.store_source import StoreSource
from replay.determinism import Clients
from replay.kafka_source import KafkaPages, KafkaReader
from replay.paranoia import Paranoia
from replay.records import State, replay

POOL_CONNECTIONS: Final = 6
KEYS_PER_DROP: Final = 500
OWNER_BYTES: Final = 4
# Folding fewer takes less time than starting processes that fold.
WORTH_WORKERS_EVENTS: Final = 100_000
BUILT: Final[tuple[State, ...]] = ("following", "diffed", "promoted", "rolled_back")
# Under which whoever started this process has taken the replay's lease for it.
OWNER_VARIABLE: Final = "BACKSTOCK_REPLAY_OWNER"


class SourceError(StackError):
    def __init__(self, name: str) -> None:
        super().__init__(f"nothing is replayed from {name!r}: say store, kafka or archive:PATH")
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaying:
    """Everything a step of a replay is given. `owner` is this process among all that replay;
    `launched`: another one has started it, and only the replay's row tells how it ends. `check`: to
    be called between pages; raises when it must not go on (replay.holding).
    """

    stores: Stores
    pool: Pool
    reader: PostgresReader
    identity: StoreIdentity
    owner: str
    launched: bool = False
    check: Callable[[], None] = lambda: None

    def make(self, model: ReadModel) -> Projection:
        """The projection that folds this version. Raises `UnknownEditionError`."""
        holdings = Holdings(stores=self.stores, pool=self.pool, identity=self.identity)
        return projection_for(model, holdings)

    def bulk(self) -> Bulk:
        """The fast way to build versions, where there is one."""
        return Bulk(source=StoreSource(dsn=self.stores.log_dsn), sink=self._sink)

    def _sink(self, model: ReadModel) -> Sink | None:
        version, epoch = model.version, self.identity.epoch
        match model.name:
            case "stock_levels":
                return LevelSink(self.pool, version=version, epoch=epoch)
            case "movements":
                client = clickhouse_connect.get_client(dsn=self.stores.clickhouse_url)
                return BlockSink(self.pool, client, version=version, epoch=epoch)
            case "availability":
                return HashSink(
                    self.pool,
                    redis_client(self.stores),
                    redis_prefix=self.stores.settings.redis_prefix,
                    store_id=str(self.identity.store_id),
                    version=version,
                    epoch=epoch,
                )
            case _:
                return None

    @contextmanager
    def clients(self) -> Iterator[Clients]:
        """Of the stores beside PostgreSQL."""
        url = self.stores.clickhouse_url
        with (
            closing(redis_client(self.stores)) as client,
            closing(clickhouse_connect.get_client(dsn=url)) as clickhouse,
        ):
            yield Clients(redis=client, clickhouse=clickhouse)

    def drop(self, model: ReadModel) -> None:
        """Remove what a version has outside PostgreSQL. Repeatable."""
        if model.store == "redis":
            self._drop_keys(model)
        elif model.store == "clickhouse":
            self._drop_tables(model)

    def _drop_keys(self, model: ReadModel) -> None:
        pattern = f"{model.places['availability']}:*"
        with closing(redis_client(self.stores)) as client:
            doomed: list[bytes] = []
            for key in client.scan_iter(match=pattern, count=1_000):
                doomed.append(cast("bytes", key))
                if len(doomed) == KEYS_PER_DROP:
                    client.unlink(*doomed)
                    doomed = []
            if doomed:
                client.unlink(*doomed)

    def _drop_tables(self, model: ReadModel) -> None:
        with closing(clickhouse_connect.get_client(dsn=self.stores.clickhouse_url)) as client:
            for table in every_table(model.version):
                client.command(f"DROP TABLE IF EXISTS {quote_identifier(table.name)}")


@contextmanager
def replaying(stores: Stores) -> Iterator[Replaying]:
    """Raises `StackError` when an address is missing, `LogUnavailableError`."""
    given = os.environ.get(OWNER_VARIABLE, "")
    pool = open_log_pool(stores.log_dsn, size=POOL_CONNECTIONS, name="backstock-replay")
    try:
        yield Replaying(
            stores=stores,
            pool=pool,
            reader=PostgresReader(pool),
            identity=store_identity(pool),
            owner=given or process_name(),
            launched=bool(given),
        )
    finally:
        pool.close()


def process_name() -> str:
    """One of its own at each call."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(OWNER_BYTES)}"


def build_from(
    around: Replaying,
    replay_id: UUID,
    *,
    source: str,
    budget: Budget,
    stop: Event,
    observe: Observe,
    paranoid: bool = False,
) -> None:
    """Build, from `store`, `kafka` or `archive:PATH`; checked for determinism when `paranoid`.
    Nothing is done for a replay that is built already.

    Raises what `build` raises, `SourceError`, `NotDeterministicError`.
    """
    with around.pool.connection() as connection:
        if replay(connection, replay_id).state in BUILT:
            return
    with _source(around, source, stop) as (reader, bulk), around.clients() as clients:
        paranoia = Paranoia(
            pool=around.pool,
            clients=clients,
            identity=around.identity,
            redis_prefix=around.stores.settings.redis_prefix,
            drop=around.drop,
            replay_id=replay_id,
        )
        if source == "kafka" or sum(shard_positions(around.pool).values()) < WORTH_WORKERS_EVENTS:
            budget = replace(budget, cores=0)
        build(
            around.pool,
            reader,
            replay_id,
            make=around.make,
            owner=around.owner,
            stop=stop,
            budget=budget,
            observe=observe,
            bulk=bulk,
            check=paranoia if paranoid else paranoia.tidy,
        )


@contextmanager
def _source(around: Replaying, name: str, stop: Event) -> Iterator[tuple[LogReader, Bulk]]:
    kind, _, path = name.partition(":")
    bulk = around.bulk()
    if kind == "archive" and path:
        # Whoever names an archive over HTTP names what he likes: the store's own key has signed it.
        own = head_key(around.stores.keys_directory / PUBLIC_NAME)
        key = None if own is None else own.public_bytes_raw()
        made = ArchiveSource(
            path=path, identity=around.identity, dsn=around.stores.log_dsn, public_key=key
        )
        reader = ArchiveThenStore(around.pool).of_archive(path, around.identity, key)
        yield reader, replace(bulk, source=made)
    elif name == "kafka":
        settings, identity = around.stores.settings, around.identity
        topic = events_topic(settings.kafka_prefix, identity.shards).name
        bootstrap = around.stores.kafka_bootstrap
        followed = KafkaSource(bootstrap, topic, epoch=identity.epoch, name=around.owner)
        with closing(followed):
            kafka = KafkaReader(followed, around.reader, stop=stop)
            yield kafka, replace(bulk, source=KafkaPages(reader=kafka))
    elif name == "store":
        yield around.reader, bulk
    else:
        raise SourceError(name)
