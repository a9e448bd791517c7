"""Two versions of read models beside each other, for tests that compare them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import clickhouse_connect
import redis
from clickhouse_connect.driver.client import Client

from eventlog.projection import Projection
from projections.availability.projection import Availability
from projections.catalogue import ReadModel, ensure, versions
from projections.documents.projection import Documents
from projections.editions import CURRENT, EDITIONS, RETURNS_TWICE, Edition
from projections.movements.projection import Movements
from projections.orders.projection import Orders
from projections.stock_facts import RETURNED
from projections.stock_levels.projection import StockLevels
from projections.versions import create_version, move_version
from replay import records
from replay.diff.cells import Finding
from replay.diff.compare import Difference, compare, sides_of
from replay.diff.expectations import parse_all
from replay.diff.sides import Sides
from replay.records import Target
from tests.projection_side import Journal, drain, journal
from tests.replay_side import World

BLIND = "blind"
Make = Callable[[Journal, ReadModel, Edition], Projection]


def stock_levels(log: Journal, model: ReadModel, edition: Edition) -> StockLevels:
    epoch = log.identity.epoch
    return StockLevels(log.pool, epoch=epoch, version=model.version, edition=edition)


def orders(log: Journal, model: ReadModel, _: Edition) -> Orders:
    return Orders(log.pool, epoch=log.identity.epoch, version=model.version)


def documents(log: Journal, model: ReadModel, _: Edition) -> Documents:
    return Documents(log.pool, epoch=log.identity.epoch, version=model.version)


OF_POSTGRES: Mapping[str, Make] = {
    "stock_levels": stock_levels,
    "orders": orders,
    "documents": documents,
}


@dataclass(kw_only=True)
class Pairing:
    """One projection in two versions, v1 and v2; `clients` are those of the sides."""

    log: Journal
    name: str
    make: Make
    clients: Mapping[str, Any] = field(default_factory=dict)
    editions: Mapping[str, Edition] = field(default_factory=lambda: EDITIONS)
    redis_prefix: str = "unused"
    replay_id: UUID = field(default_factory=uuid4)
    edition: str = RETURNS_TWICE

    def begin(self) -> Pairing:
        """Enter v2, following, and a replay of it that follows."""
        log = self.log
        with log.pool.connection() as connection, connection.transaction():
            create_version(
                connection,
                self.name,
                edition=self.editions[self.edition],
                epoch=log.identity.epoch,
                shards=log.identity.shards,
                redis_prefix=self.redis_prefix,
            )
            move_version(connection, self.name, 2, wanted=["building"], to="following")
            target = Target(projection=self.name, from_version=1, to_version=2)
            records.enter(connection, self.replay_id, {}, [target])
            records.move(connection, self.replay_id, wanted=["planned"], to="following")
        return self

    @property
    def models(self) -> tuple[ReadModel, ReadModel]:
        with self.log.pool.connection() as connection:
            known = versions(connection, self.name)
        return known[1], known[2]

    def projections(self) -> tuple[Projection, Projection]:
        older, newer = self.models
        return (
            self.make(self.log, older, self.editions[older.edition]),
            self.make(self.log, newer, self.editions[newer.edition]),
        )

    def feed(self, *, until: tuple[int | None, int | None] = (None, None)) -> None:
        """Both versions fold each shard, in unlike batches, to its end or `until`."""
        for projection, last, batch in zip(self.projections(), until, (97, 500), strict=True):
            for shard in range(self.log.identity.shards):
                drain(self.log, projection, shard, batch=batch, until=last)

    def compare(
        self,
        *expectations: str,
        seen: list[Finding] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Difference:
        older, newer = self.models
        sides = Sides(older=older, newer=newer, editions=self.editions, **self.clients)
        with self.log.pool.connection() as connection:
            replay = records.replay(connection, self.replay_id)
        return compare(
            self.log.pool,
            self.log.reader,
            replay,
            {self.name: sides},
            rules=parse_all(expectations),
            each=(lambda _: None) if seen is None else seen.append,
            sleep=sleep,
        )

    def found(
        self, *expectations: str, sleep: Callable[[float], None] = time.sleep
    ) -> dict[str, Any]:
        """What the comparison says of the projection."""
        document = self.compare(*expectations, sleep=sleep).document
        found: dict[str, Any] = document["projections"][self.name]
        return found

    def execute(self, statement: str, values: Sequence[object] = ()) -> int:
        with self.log.pool.connection() as connection:
            return connection.execute(statement.encode(), values).rowcount


@contextmanager
def postgres_pairing(log_dsn: str, name: str, edition: str = RETURNS_TWICE) -> Iterator[Pairing]:
    with journal(log_dsn) as log:
        ensure(log.pool, redis_prefix="unused")
        yield Pairing(log=log, name=name, make=OF_POSTGRES[name], edition=edition).begin()


def causes(found: Mapping[str, Any]) -> dict[tuple[str, str, str], int]:
    """(type, field, code) -> cells."""
    return {(each["type"], each["field"], each["code"]): each["cells"] for each in found["causes"]}


def availability(
    client: redis.Redis, redis_prefix: str
) -> Callable[[Journal, ReadModel, Edition], Availability]:
    def make(log: Journal, model: ReadModel, edition: Edition) -> Availability:
        return Availability(
            client,
            log.pool,
            redis_prefix=redis_prefix,
            store_id=log.identity.store_id,
            epoch=log.identity.epoch,
            version=model.version,
            edition=edition,
        )

    return make


def movements(client: Client) -> Callable[[Journal, ReadModel, Edition], Movements]:
    def make(log: Journal, model: ReadModel, edition: Edition) -> Movements:
        return Movements(
            client,
            log.pool,
            log.reader,
            epoch=log.identity.epoch,
            version=model.version,
            edition=edition,
        )

    return make


@contextmanager
def redis_pairing(
    log_dsn: str, redis_url: str, redis_prefix: str, edition: str = BLIND
) -> Iterator[Pairing]:
    """With an edition of its own: RETURNS_TWICE leaves as many units free as there are."""
    with journal(log_dsn) as log, redis.Redis.from_url(redis_url) as client:
        ensure(log.pool, redis_prefix=redis_prefix)
        yield Pairing(
            log=log,
            name="availability",
            make=availability(client, redis_prefix),
            clients={"redis": client},
            editions={**EDITIONS, BLIND: blind_edition()},
            redis_prefix=redis_prefix,
            edition=edition,
        ).begin()
        for key in client.scan_iter(f"{redis_prefix}:*", count=1_000):
            client.delete(key)


@contextmanager
def clickhouse_pairing(
    log_dsn: str, clickhouse_url: str, edition: str = RETURNS_TWICE
) -> Iterator[Pairing]:
    # Without a session, so that several threads may ask at once.
    client = clickhouse_connect.get_client(
        dsn=clickhouse_url, tz_mode="aware", autogenerate_session_id=False
    )
    with journal(log_dsn) as log, closing(client):
        ensure(log.pool, redis_prefix="unused")
        yield Pairing(
            log=log,
            name="movements",
            make=movements(client),
            clients={"clickhouse": client},
            edition=edition,
        ).begin()


def blind_edition() -> Edition:
    """Takes damaged returns for goods that can be sold."""
    rules = dict(EDITIONS[CURRENT].rules)
    old = rules[RETURNED]
    rules[RETURNED] = old._replace(move=lambda fact: (fact.quantity, 0, 0, 0, 0))
    return Edition(name=BLIND, rules=rules, planted=True)


def difference_of(world: World, replay_id: UUID, *expectations: str) -> Difference:
    """Compare whatever a replay has built, as the command does."""
    replay, clients = world.replay(replay_id), world.clients
    with world.log.pool.connection() as connection:
        sides = sides_of(connection, replay, redis=clients.redis, clickhouse=clients.clickhouse)
    rules = parse_all(expectations)
    return compare(world.log.pool, world.log.reader, replay, sides, rules=rules)
