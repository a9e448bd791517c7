"""Each read model as its tests see it: its projection as a new process has it, and its data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import clickhouse_connect
import redis
from clickhouse_connect.driver.client import Client

from projections.availability.keys import ShardKeys, place
from projections.availability.projection import Availability
from projections.catalogue import ensure
from projections.documents.projection import Documents
from projections.movements.projection import Movements
from projections.movements.schema import prepare
from projections.orders.projection import Orders
from projections.stock_levels.projection import StockLevels
from tests.projection_side import Journal, journal, table_rows, told_positions

OWN_KEYS = {b"checkpoint", b"ledgers", b"unparked"}
CLICKHOUSE_TABLES = {
    "movements_v1": "SELECT * FROM movements_v1 ORDER BY ledger, position",
    "items_v1": "SELECT * FROM items_v1 FINAL ORDER BY ledger, sku",
    "locations_v1": "SELECT * FROM locations_v1 FINAL ORDER BY ledger, location",
}


@dataclass(kw_only=True)
class StockLevelRows:
    log: Journal

    def process(self) -> StockLevels:
        return StockLevels(self.log.pool, epoch=self.log.identity.epoch)

    def data(self) -> object:
        tables = ("stock_levels_v1", "items_v1", "locations_v1")
        return {table: found for table in tables if (found := table_rows(self.log, table))}

    def ledger_positions(self) -> Mapping[str, int]:
        return told_positions(self.log, "stock_levels")


@dataclass(kw_only=True)
class OrderRows:
    log: Journal

    def process(self) -> Orders:
        return Orders(self.log.pool, epoch=self.log.identity.epoch)

    def data(self) -> object:
        tables = ("orders_v1", "charges_v1")
        return {table: found for table in tables if (found := table_rows(self.log, table))}

    def ledger_positions(self) -> Mapping[str, int]:
        return told_positions(self.log, "orders")


@dataclass(kw_only=True)
class DocumentRows:
    log: Journal

    def process(self) -> Documents:
        return Documents(self.log.pool, epoch=self.log.identity.epoch)

    def data(self) -> object:
        return table_rows(self.log, "documents_v1")

    def ledger_positions(self) -> Mapping[str, int]:
        return told_positions(self.log, "documents")


@dataclass(kw_only=True)
class AvailabilityKeys:
    log: Journal
    client: redis.Redis
    redis_prefix: str

    def process(self, store_id: UUID | None = None, epoch: int | None = None) -> Availability:
        return Availability(
            self.client,
            self.log.pool,
            redis_prefix=self.redis_prefix,
            store_id=store_id or self.log.identity.store_id,
            epoch=epoch or self.log.identity.epoch,
        )

    def data(self) -> object:
        found: dict[bytes, list[Any]] = {}
        for key in sorted(self.client.scan_iter(f"{self.redis_prefix}:*", count=1_000)):
            kind = key.rpartition(b"}:")[2]
            if kind == b"keys":
                found[key] = sorted(cast("set[bytes]", self.client.smembers(key)))
            elif kind not in OWN_KEYS:
                found[key] = sorted(hash_at(self.client, key).items())
        return found

    def ledger_positions(self) -> Mapping[str, int]:
        found = {}
        for shard in range(self.log.identity.shards):
            for ledger, mark in hash_at(self.client, self.keys(shard).ledgers).items():
                found[ledger] = int(mark.split()[0])
        assert told_positions(self.log, "availability") == found, "the mirror agrees"
        return dict(sorted(found.items()))

    def keys(self, shard: int) -> ShardKeys:
        return ShardKeys(place(self.redis_prefix, 1), shard)

    def free(self, sku: str, ledger: str = "acme/main") -> dict[str, str]:
        return hash_at(self.client, self.keys(self.log.shard(ledger)).hash_of(ledger, sku))

    def flush(self) -> None:
        """As FLUSHALL does to a Redis of our own; this one is shared with other tests."""
        for key in self.client.scan_iter(f"{self.redis_prefix}:*", count=1_000):
            self.client.delete(key)


def hash_at(client: redis.Redis, key: str | bytes) -> dict[str, str]:
    found = cast("dict[bytes, bytes]", client.hgetall(key))
    return {name.decode(): value.decode() for name, value in found.items()}


@dataclass(kw_only=True)
class MovementRows:
    log: Journal
    client: Client

    def process(self) -> Movements:
        return Movements(self.client, self.log.pool, self.log.reader, epoch=self.log.identity.epoch)

    def data(self) -> object:
        return {table: found for table in CLICKHOUSE_TABLES if (found := self.rows(table))}

    def rows(self, table: str) -> list[dict[str, Any]]:
        return list(self.client.query(CLICKHOUSE_TABLES[table]).named_results())

    def ledger_positions(self) -> Mapping[str, int]:
        return told_positions(self.log, "movements")


@contextmanager
def stock_level_rows(log_dsn: str) -> Iterator[StockLevelRows]:
    with journal(log_dsn) as log:
        ensure(log.pool, redis_prefix="unused")
        yield StockLevelRows(log=log)


@contextmanager
def order_rows(log_dsn: str) -> Iterator[OrderRows]:
    with journal(log_dsn) as log:
        ensure(log.pool, redis_prefix="unused")
        yield OrderRows(log=log)


@contextmanager
def document_rows(log_dsn: str) -> Iterator[DocumentRows]:
    with journal(log_dsn) as log:
        ensure(log.pool, redis_prefix="unused")
        yield DocumentRows(log=log)


@contextmanager
def availability_keys(
    log_dsn: str, redis_url: str, redis_prefix: str
) -> Iterator[AvailabilityKeys]:
    client = redis.Redis.from_url(redis_url)
    with journal(log_dsn) as log, client:
        ensure(log.pool, redis_prefix=redis_prefix)
        read_model = AvailabilityKeys(log=log, client=client, redis_prefix=redis_prefix)
        yield read_model
        read_model.flush()


@contextmanager
def movement_rows(log_dsn: str, clickhouse_url: str) -> Iterator[MovementRows]:
    client = clickhouse_connect.get_client(dsn=clickhouse_url, tz_mode="aware")
    with journal(log_dsn) as log, closing(client):
        ensure(log.pool, redis_prefix="unused")
        prepare(client)
        prepare(client)
        yield MovementRows(log=log, client=client)
