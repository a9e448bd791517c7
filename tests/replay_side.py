"""All stores with a log to replay: `world`, and what its versions hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from uuid import UUID

import clickhouse_connect
from pydantic import SecretStr
from structlog.testing import capture_logs

from eventlog.postgres.positions import shard_positions
from ops.processes.projector import redis_client
from ops.replaying import Replaying, replaying
from ops.settings import Settings
from ops.stores import Stores
from projections.catalogue import STORES, ReadModel, ensure, versions
from projections.editions import CURRENT
from projections.movements.schema import prepare
from replay import planning
from replay.budget import Budget
from replay.building import Check, build
from replay.cancelling import cancel
from replay.determinism import Clients, checksums
from replay.paranoia import Paranoia
from replay.planning import Request
from replay.progress import Progress
from replay.records import Replay, replay
from tests.parts import Database
from tests.projection_side import Journal, drain

ALL = tuple(STORES)


@dataclass(slots=True, kw_only=True)
class World:
    """A log, the stores, and the replays of both."""

    log: Journal
    around: Replaying
    clients: Clients
    slow: list[str] = field(default_factory=list)

    def plan(self, *projections: str, edition: str = CURRENT, anyway: bool = True) -> UUID:
        names = projections or ALL
        request = Request(projections=names, edition=edition, anyway=anyway, planted=True)
        planned = planning.plan(self.log.pool, self.log.reader, request)
        prefix = self.around.stores.settings.redis_prefix
        return planning.start(self.log.pool, planned, redis_prefix=prefix)

    def environment(self) -> dict[str, str]:
        """The stores, as addresses alone say it to a command."""
        settings = self.around.stores.settings
        secrets = {
            "POSTGRES_DSN": settings.postgres_dsn,
            "POSTGRES_LOG_DSN": settings.postgres_log_dsn,
            "POSTGRES_READ_DSN": settings.postgres_read_dsn,
            "REDIS_URL": settings.redis_url,
            "CLICKHOUSE_URL": settings.clickhouse_url,
        }
        told = {name: each.get_secret_value() for name, each in secrets.items() if each}
        told |= {"REDIS_PREFIX": settings.redis_prefix, "DATA": str(settings.data)}
        return {f"BACKSTOCK_{name}": value for name, value in told.items()}

    def run(
        self,
        replay_id: UUID,
        *,
        budget: Budget | None = None,
        stop: Event | None = None,
        range_events: int | None = 100,
        paranoid: bool = False,
    ) -> list[Progress]:
        told: list[Progress] = []
        bulk = self.around.bulk()
        with capture_logs() as logs:
            build(
                self.log.pool,
                self.log.reader,
                replay_id,
                make=self.around.make,
                owner=self.around.owner,
                stop=stop or Event(),
                budget=budget or Budget(),
                observe=told.append,
                check=self._check(replay_id, paranoid=paranoid),
                bulk=replace(bulk, range_events=range_events) if range_events else None,
            )
        self.slow = [each["reason"] for each in logs if each["event"] == "range folded slowly"]
        return told

    def _check(self, replay_id: UUID, *, paranoid: bool) -> Check:
        paranoia = Paranoia(
            pool=self.log.pool,
            clients=self.clients,
            identity=self.log.identity,
            redis_prefix=self.around.stores.settings.redis_prefix,
            drop=self.around.drop,
            replay_id=replay_id,
        )
        return paranoia if paranoid else paranoia.tidy

    def cancel(self, replay_id: UUID) -> None:
        cancel(
            self.log.pool,
            replay_id,
            owner=self.around.owner,
            drop=self.around.drop,
            sleep=lambda _: None,
        )

    def replay(self, replay_id: UUID) -> Replay:
        with self.log.pool.connection() as connection:
            return replay(connection, replay_id)

    def version(self, projection: str, version: int) -> ReadModel:
        with self.log.pool.connection() as connection:
            return versions(connection, projection)[version]

    def holds(self, projection: str, version: int) -> Mapping[str, str]:
        return checksums(self.version(projection, version), self.log.pool, self.clients)

    def events(self) -> int:
        return sum(shard_positions(self.log.pool).values())

    def feed(self, projection: str, version: int) -> None:
        """As `backstock project` does, once round."""
        made = self.around.make(self.version(projection, version))
        for shard in range(self.log.identity.shards):
            drain(self.log, made, shard)


@contextmanager
def world(
    database: Database, redis_url: str, redis_prefix: str, clickhouse_url: str, directory: Path
) -> Iterator[World]:
    settings = Settings(
        data=directory,
        postgres_dsn=SecretStr(database.admin),
        postgres_log_dsn=SecretStr(database.log),
        postgres_read_dsn=SecretStr(database.read),
        redis_url=SecretStr(redis_url),
        redis_prefix=redis_prefix,
        clickhouse_url=SecretStr(clickhouse_url),
    )
    stores = Stores.of(settings)
    with (
        replaying(stores) as around,
        closing(redis_client(stores)) as client,
        closing(clickhouse_connect.get_client(dsn=clickhouse_url)) as clickhouse,
    ):
        ensure(around.pool, redis_prefix=redis_prefix)
        prepare(clickhouse, 1)
        yield World(
            log=Journal(pool=around.pool, reader=around.reader, identity=around.identity),
            around=around,
            clients=Clients(redis=client, clickhouse=clickhouse),
        )
