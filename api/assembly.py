"""Opens an API process's connections and puts its parts together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

import redis
from uuid_utils.compat import uuid7

from api.authentication import KeyAuthentication
from api.clickhouse import ClickHouse
from api.deps import ApiSettings, Deps
from api.metrics import MeasuredAppender, Metrics
from api.operator_routes import PartCheck
from api.personal import Opening, Sealing
from api.personal_sealing import WrappingKey
from api.positions import Positions
from api.read_side import ReadSide
from api.sealing import Sealer
from api.store_figures import StoreFigures
from api.subjects import Subjects
from api.webhooks import Webhooks
from api.write_side import WriteSide
from commands.group_commit import GroupCommit
from eventlog.log import Appender
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.connections import Pool, borrowed, open_log_pool, open_read_pool
from eventlog.postgres.identity import store_identity
from eventlog.postgres.reader import PostgresReader
from eventlog.postgres.snapshots import PostgresSnapshots
from projections.queries.availability import AvailabilityQueries

NAME = "backstock-api"
LOG_CONNECTIONS_MAX = 12
READ_CONNECTIONS_MAX = 12
REDIS_CONNECTIONS_MAX = 64
REDIS_SECONDS_MAX = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where an API process finds its parts; the DSNs are those of the log and the read role."""

    log_dsn: str
    read_dsn: str
    redis_url: str
    clickhouse_url: str


def assemble(
    addresses: Addresses,
    settings: ApiSettings,
    *,
    clock: Callable[[], datetime],
    monotonic: Callable[[], float] = time.monotonic,
    new_id: Callable[[], UUID] = uuid7,
    checks: Sequence[PartCheck] = (),
) -> Deps:
    """Open everything that `create_app` needs. /readyz asks `checks` beside our own.

    `clock` returns aware UTC. Raises LogUnavailableError, RoleError; then nothing stays open.
    """
    with ExitStack() as opened:
        log_pool = open_log_pool(addresses.log_dsn, size=LOG_CONNECTIONS_MAX, name=f"{NAME}-log")
        opened.callback(log_pool.close)
        read_pool = open_read_pool(
            addresses.read_dsn, size=READ_CONNECTIONS_MAX, name=f"{NAME}-read"
        )
        opened.callback(read_pool.close)
        redis_client = _redis(addresses.redis_url)
        opened.callback(redis_client.close)
        clickhouse = ClickHouse(addresses.clickhouse_url)
        opened.callback(clickhouse.close)
        identity = store_identity(log_pool)
        metrics = Metrics()
        metrics.registry.register(StoreFigures(log_pool, clock=clock))
        positions = Positions(sealer=Sealer(settings.signing_secret), epoch=identity.epoch)
        wrapping = WrappingKey(settings.personal_secret)
        appender = MeasuredAppender(PostgresAppender(log_pool, clock=clock), metrics)
        group_commit = _group_commit(log_pool, appender, shards=identity.shards, new_id=new_id)
        return Deps(
            settings=settings,
            clock=clock,
            keys=KeyAuthentication(read_pool, monotonic=monotonic),
            write_side=WriteSide(
                group_commit=group_commit,
                subjects=Subjects(log_pool, monotonic=monotonic),
                sealing=Sealing(log_pool, wrapping),
                positions=positions,
                metrics=metrics,
            ),
            read_side=ReadSide(
                read_pool,
                availability=AvailabilityQueries(redis_client, shards=identity.shards),
                clickhouse=clickhouse,
                positions=positions,
                opening=Opening(wrapping),
                clock=clock,
                monotonic=monotonic,
            ),
            webhooks=Webhooks(read_pool, wrapping),
            metrics=metrics,
            parts=(*_own_parts(read_pool, redis_client, clickhouse), *checks),
            close=opened.pop_all().close,
        )


def _group_commit(
    pool: Pool, appender: Appender, *, shards: int, new_id: Callable[[], UUID]
) -> GroupCommit:
    return GroupCommit(
        appender=appender,
        reader=PostgresReader(pool),
        snapshots=PostgresSnapshots(pool),
        shards=shards,
        new_id=new_id,
    )


def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=REDIS_SECONDS_MAX,
        socket_timeout=REDIS_SECONDS_MAX,
        max_connections=REDIS_CONNECTIONS_MAX,
    )


def _own_parts(
    read_pool: Pool, redis_client: redis.Redis, clickhouse: ClickHouse
) -> tuple[PartCheck, ...]:
    return (
        PartCheck(name="postgres", required=True, check=partial(_ask, read_pool)),
        PartCheck(name="redis", required=False, check=redis_client.ping),
        PartCheck(name="clickhouse", required=False, check=clickhouse.check),
    )


def _ask(read_pool: Pool) -> None:
    with borrowed(read_pool) as connection:
        connection.execute("SELECT 1")
