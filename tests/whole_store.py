"""A store with all its parts, written by real commands and folded by the real projections.

Kafka holds only the signed heads here: events go to the projections straight from the log.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
import psycopg
import redis
from clickhouse_connect.driver.client import Client
from confluent_kafka.admin import AdminClient

from eventlog.heads import HeadKey
from eventlog.kafka.head_signing import HeadSigner
from eventlog.kafka.publisher import Publisher
from eventlog.kafka.topics import ensure_topic, heads_topic
from eventlog.projection import Projection
from projections.availability.projection import Availability
from projections.catalogue import ensure
from projections.documents.projection import Documents
from projections.movements.projection import Movements
from projections.movements.schema import prepare
from projections.orders.projection import Orders
from projections.stock_levels.projection import StockLevels
from replay.verify.report import Report
from replay.verify.run import Addresses, verify
from tests.command_side import WriteSide, write_side
from tests.parts import Database, SharedParts, migrated_database
from tests.projection_side import Journal, drain, journal

READ_MODELS = ("stock_levels", "orders", "documents", "availability", "movements")
APPEND_ONLY = ("events", "command_keys", "signed_heads")
Story = Callable[[WriteSide], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the stores of a test are, but for the database; `prefix` is of topics and keys."""

    server: str
    template: str
    bootstrap: str
    redis_url: str
    clickhouse_url: str
    keys: Path
    prefix: str

    def head_key(self) -> HeadKey:
        return HeadKey.in_directory(self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeStore:
    database: Database
    places: Places

    @property
    def addresses(self) -> Addresses:
        return Addresses(
            postgres_dsn=self.database.log,
            redis_url=self.places.redis_url,
            clickhouse_url=self.places.clickhouse_url,
            kafka_bootstrap=self.places.bootstrap,
            heads_topic=heads_topic(self.places.prefix).name,
            head_key=self.places.head_key().public,
        )

    def verify(self, **others: object) -> Report:
        return verify(replace(self.addresses, **others))  # type: ignore[arg-type]

    def tell(self, *stories: Story, ledgers: tuple[str, ...] = ("main", "outlet")) -> None:
        """Let each story send its commands, one after the other."""

        async def tell() -> None:
            async with write_side(self.database.log, ledgers=ledgers) as side:
                for story in stories:
                    await story(side)

        asyncio.run(tell())

    @contextmanager
    def projections(self) -> Iterator[tuple[Journal, dict[str, Projection]]]:
        """The projections as newly started processes have them."""
        places = self.places
        with (
            journal(self.database.log) as log,
            closing(self.redis()) as keys,
            closing(self.clickhouse()) as rows,
        ):
            identity, pool = log.identity, log.pool
            yield (
                log,
                {
                    "stock_levels": StockLevels(pool, epoch=identity.epoch),
                    "orders": Orders(pool, epoch=identity.epoch),
                    "documents": Documents(pool, epoch=identity.epoch),
                    "availability": Availability(
                        keys,
                        pool,
                        redis_prefix=places.prefix,
                        store_id=identity.store_id,
                        epoch=identity.epoch,
                    ),
                    "movements": Movements(rows, pool, log.reader, epoch=identity.epoch),
                },
            )

    def catch_up(self, *names: str, batch: int = 500, until: int | None = None) -> None:
        """Apply what these read models lack, up to a shard position if one is given."""
        with self.projections() as (log, found):
            for name in names or READ_MODELS:
                for shard in range(log.identity.shards):
                    drain(log, found[name], shard, batch=batch, until=until)

    def sign(self) -> None:
        """Publish the heads that moved, as the relay does."""
        topic = heads_topic(self.places.prefix)
        ensure_topic(self.places.bootstrap, topic, sleep=time.sleep)
        publisher = Publisher(self.places.bootstrap, name="whole-store")
        with journal(self.database.log) as log:
            signer = HeadSigner(log.pool, self.places.head_key(), topic)
            signer.sign(publisher, frozenset(range(log.identity.shards)))

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.places.redis_url)

    def clickhouse(self) -> Client:
        return clickhouse_connect.get_client(dsn=self.places.clickhouse_url)

    def plant(self, *statements: str) -> None:
        """Change the database as its superuser, past the triggers and constraints that forbid it.

        In one transaction, after which everything stands guard again.
        """
        with self._unguarded() as connection:
            for statement in statements:
                changed = connection.execute(statement.encode())
                assert changed.rowcount != 0, f"the fault did not bite: {statement}"

    def keep(self) -> None:
        """Note what every table holds, for `restore`."""
        with psycopg.connect(self.database.admin) as connection:
            connection.execute("CREATE SCHEMA kept")
            for table in _tables(connection):
                connection.execute(f"CREATE TABLE kept.{table} AS TABLE public.{table}".encode())

    def restore(self) -> None:
        """Make every table hold what was kept."""
        with self._unguarded() as connection:
            for table in _tables(connection):
                connection.execute(f"DELETE FROM public.{table}".encode())
                connection.execute(f"INSERT INTO public.{table} TABLE kept.{table}".encode())

    @contextmanager
    def _unguarded(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.database.admin) as connection:
            connection.execute("SET LOCAL session_replication_role = replica")
            for table in APPEND_ONLY:
                connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER facts_stay".encode())
            yield connection
            for table in APPEND_ONLY:
                connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER facts_stay".encode())

    def one(self, query: str) -> tuple[object, ...]:
        """The only row of a query."""
        with psycopg.connect(self.database.admin) as connection:
            (row,) = connection.execute(query.encode()).fetchall()
            return row


def _tables(connection: psycopg.Connection) -> list[str]:
    """The tables a fault may stand in."""
    found = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL(%s)",
        (["store_identity", "tenants", "api_keys", "alembic_version"],),
    )
    return [name for (name,) in found]


@contextmanager
def places_of(shared: SharedParts, server: str, template: str, directory: Path) -> Iterator[Places]:
    """Topics, keys and a ClickHouse database of one test or module, removed afterwards."""
    prefix = f"test-{secrets.token_hex(8)}"
    bootstrap, redis_url = shared.address("kafka"), shared.address("redis")
    rows = urlsplit(shared.address("clickhouse"))
    name = prefix.replace("-", "_")
    with closing(
        clickhouse_connect.get_client(host=rows.hostname or "", port=rows.port or 0)
    ) as client:
        client.command(f"CREATE DATABASE {name} ENGINE = Atomic")
        places = Places(
            server=server,
            template=template,
            bootstrap=bootstrap,
            redis_url=redis_url,
            clickhouse_url=rows._replace(path=f"/{name}").geturl(),
            keys=directory / "keys",
            prefix=prefix,
        )
        yield places
        client.command(f"DROP DATABASE {name} SYNC")
    with closing(redis.Redis.from_url(redis_url)) as keys:
        if doomed := list(keys.scan_iter(f"{prefix}:*", count=1_000)):
            keys.unlink(*doomed)
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    topics = [name for name in admin.list_topics(timeout=10).topics if name.startswith(prefix)]
    for deleted in (admin.delete_topics(topics) if topics else {}).values():
        deleted.result(10)


@contextmanager
def whole_store(places: Places) -> Iterator[WholeStore]:
    """A new store: migrated, catalogued, and nothing in it."""
    with migrated_database(places.server, places.template) as database:
        store = WholeStore(database=database, places=places)
        with journal(database.log) as log, closing(store.clickhouse()) as rows:
            ensure(log.pool, redis_prefix=places.prefix)
            prepare(rows)
        yield store
