"""Every store with facts folded in, in one place, and selective replays into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import clickhouse_connect
import redis
from clickhouse_connect.driver.client import Client

from projections.catalogue import ensure
from projections.movements.schema import prepare
from projections.queries.movements import movements
from projections.queries.standing import ledger_standing
from replay.selective.run import SelectiveReplay, Surroundings, replay_keys
from replay.selective.selection import Selection
from tests.happenings import year
from tests.projection_side import Journal, drain, journal
from tests.read_models import (
    AvailabilityKeys,
    DocumentRows,
    MovementRows,
    OrderRows,
    StockLevelRows,
)

LEDGER = "acme/main"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    log_dsn: str
    redis_url: str
    redis_prefix: str
    clickhouse_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All five read models of one log."""

    log: Journal
    redis: redis.Redis
    clickhouse: Client
    stock_levels: StockLevelRows
    orders: OrderRows
    documents: DocumentRows
    availability: AvailabilityKeys
    movements: MovementRows

    @property
    def around(self) -> Surroundings:
        return Surroundings(
            pool=self.log.pool,
            reader=self.log.reader,
            redis=self.redis,
            clickhouse=self.clickhouse,
            store_id=self.log.identity.store_id,
            epoch=self.log.identity.epoch,
        )

    def correct(
        self, *, projections: tuple[str, ...] = (), dry_run: bool = False, **wanted: Any
    ) -> SelectiveReplay:
        selection = Selection(**wanted)
        return replay_keys(self.around, selection, projections=projections, dry_run=dry_run)

    def fill(self, seed: int = 5, count: int = 400, ledger: str = LEDGER) -> None:
        """Append some facts to a ledger and let every read model follow."""
        tenant, _, name = ledger.partition("/")
        self.log.append_dated(self.log.ledger(name, tenant), year(seed, count))
        self.follow(ledger)

    def follow(self, ledger: str = LEDGER) -> None:
        for read_model in (
            self.stock_levels,
            self.orders,
            self.documents,
            self.availability,
            self.movements,
        ):
            drain(self.log, read_model.process(), self.log.shard(ledger))

    def data(self) -> Mapping[str, object]:
        """What every store holds but ClickHouse, whose rows stay as they were written."""
        return {
            "stock_levels": self.stock_levels.data(),
            "orders": self.orders.data(),
            "documents": self.documents.data(),
            "availability": self.availability.data(),
        }

    def shown(self, ledger: str = LEDGER) -> dict[str, object]:
        """What readers see in every store."""
        with self.log.pool.connection() as connection:
            standing = ledger_standing(connection, ledger)
        assert standing is not None
        told = standing.models["movements"]
        client = self.clickhouse
        found = movements(client, told.model.places, ledger, up_to=told.position, limit=10_000)
        items = self.movements.rows("items_v1")
        return {**self.data(), "movements": found, "items": items}

    def plant(self, statement: str, *values: object) -> None:
        with self.log.pool.connection() as connection:
            changed = connection.execute(statement.encode(), values)
            assert changed.rowcount > 0, f"the fault did not bite: {statement}"


@contextmanager
def world(addresses: Addresses, *, forget: bool = True) -> Iterator[World]:
    """`forget`: the keys in Redis are of this test alone, and dropped after it."""
    keys = redis.Redis.from_url(addresses.redis_url)
    rows = clickhouse_connect.get_client(dsn=addresses.clickhouse_url, tz_mode="aware")
    with journal(addresses.log_dsn) as log, keys, closing(rows):
        ensure(log.pool, redis_prefix=addresses.redis_prefix)
        prepare(rows)
        availability = AvailabilityKeys(log=log, client=keys, redis_prefix=addresses.redis_prefix)
        yield World(
            log=log,
            redis=keys,
            clickhouse=rows,
            stock_levels=StockLevelRows(log=log),
            orders=OrderRows(log=log),
            documents=DocumentRows(log=log),
            availability=availability,
            movements=MovementRows(log=log, client=rows),
        )
        if forget:
            availability.flush()
