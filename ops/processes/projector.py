"""A projector as a process: one projection, kept up to date from Kafka and the store."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import clickhouse_connect
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from eventlog.consumer import Surroundings, run_projection
from eventlog.kafka.source import KafkaSource
from eventlog.kafka.topics import events_topic
from eventlog.leases import ShardLeases, projection_leases
from eventlog.parked import ParkedStreams
from eventlog.postgres.connections import Pool, open_log_pool
from eventlog.postgres.identity import StoreIdentity, store_identity
from eventlog.postgres.positions import shard_positions
from eventlog.postgres.reader import PostgresReader
from eventlog.projection import Projection
from ops.processes.lifecycle import calm_collector, log_to_stderr, stop_event
from ops.stack.role import say_ready
from ops.stores import Stores
from projections.availability.projection import Availability
from projections.movements.projection import Movements
from projections.orders.projection import Orders
from projections.pace import BOUNDS
from projections.stock_levels.projection import StockLevels

POOL_CONNECTIONS = 4
INCARNATION_BYTES = 6
REDIS_SECONDS_MAX = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a projection is made from."""

    stores: Stores
    pool: Pool
    identity: StoreIdentity


def run(stores: Stores, *, projection: str, name: str) -> None:
    """Apply until told to stop. `name` must be this process's own among all of the projection."""
    log_to_stderr()
    stop = stop_event()
    pool = open_log_pool(stores.log_dsn, size=POOL_CONNECTIONS, name=f"backstock-{projection}")
    try:
        identity = store_identity(pool)
        made = PROJECTIONS[projection](Holdings(stores=stores, pool=pool, identity=identity))
        topic = events_topic(stores.settings.kafka_prefix, identity.shards)
        surroundings = Surroundings(
            source=KafkaSource(
                stores.kafka_bootstrap,
                topic.name,
                epoch=identity.epoch,
                name=f"{name}-{projection}",
            ),
            reader=PostgresReader(pool),
            leases=ShardLeases(
                pool,
                projection_leases(made.name, made.version),
                name=name,
                incarnation=secrets.token_hex(INCARNATION_BYTES),
            ),
            parked=ParkedStreams(pool, made.name, made.version),
            shard_positions=lambda: shard_positions(pool),
            epoch=identity.epoch,
        )
        calm_collector()
        say_ready()
        run_projection(made, surroundings, stop=stop, bounds=BOUNDS[projection])
    finally:
        pool.close()


def _stock_levels(holdings: Holdings) -> Projection:
    return StockLevels(holdings.pool, epoch=holdings.identity.epoch)


def _orders(holdings: Holdings) -> Projection:
    return Orders(holdings.pool, epoch=holdings.identity.epoch)


def _availability(holdings: Holdings) -> Projection:
    return Availability(
        redis_client(holdings.stores),
        holdings.pool,
        redis_prefix=holdings.stores.settings.redis_prefix,
        store_id=holdings.identity.store_id,
        epoch=holdings.identity.epoch,
    )


def _movements(holdings: Holdings) -> Projection:
    client = clickhouse_connect.get_client(dsn=holdings.stores.clickhouse_url)
    reader = PostgresReader(holdings.pool)
    return Movements(client, holdings.pool, reader, epoch=holdings.identity.epoch)


PROJECTIONS: Mapping[str, Callable[[Holdings], Projection]] = {
    "stock_levels": _stock_levels,
    "orders": _orders,
    "availability": _availability,
    "movements": _movements,
}


def redis_client(stores: Stores) -> redis.Redis:
    """A client that fails at once: the consumer loop waits out an outage, and says so."""
    return redis.Redis.from_url(
        stores.redis_url,
        socket_timeout=REDIS_SECONDS_MAX,
        socket_connect_timeout=REDIS_SECONDS_MAX,
        retry=Retry(NoBackoff(), 0),
    )
