"""A projector as a process: one projection, every version of it kept up to date."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event

import clickhouse_connect
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from eventlog.consumer import Surroundings, run_projection
from eventlog.feed import wanted_types
from eventlog.kafka.source import KafkaSource
from eventlog.kafka.topics import events_topic
from eventlog.leases import ShardLeases, projection_leases
from eventlog.parked import ParkedStreams
from eventlog.postgres.connections import Pool, borrowed, open_log_pool
from eventlog.postgres.identity import StoreIdentity, store_identity
from eventlog.postgres.positions import shard_positions
from eventlog.postgres.reader import PostgresReader
from eventlog.projection import Projection
from ops.processes import refusals
from ops.processes.feeding import feed_versions
from ops.processes.lifecycle import calm_collector, log_to_stderr, stop_event
from ops.stack.role import say_ready
from ops.stores import Stores
from projections.availability.projection import Availability
from projections.catalogue import ReadModel, versions
from projections.documents.projection import Documents
from projections.editions import Edition, edition
from projections.feedable import know_running_code
from projections.movements.projection import Movements
from projections.orders.projection import Orders
from projections.pace import BOUNDS
from projections.stock_levels.projection import StockLevels

POOL_CONNECTIONS = 8  # Of which a version at work holds two at the most.
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
        holdings = Holdings(stores=stores, pool=pool, identity=store_identity(pool))
        know_running_code(projection)
        calm_collector()
        say_ready()
        feed_versions(
            lambda: _versions(pool, projection),
            lambda model, ended: _feed(holdings, model, name=name, stop=ended),
            stop=stop,
            refusal=lambda model: refusals.refusal(pool, model),
            tell=lambda model, why: refusals.tell(pool, model, why),
        )
    finally:
        pool.close()


def _versions(pool: Pool, projection: str) -> Mapping[int, ReadModel]:
    with borrowed(pool) as connection:
        return versions(connection, projection)


def _feed(holdings: Holdings, model: ReadModel, *, name: str, stop: Event) -> None:
    """Keep one version up to date until `stop` is set."""
    pool, identity, stores = holdings.pool, holdings.identity, holdings.stores
    made = projection_for(model, holdings)
    source = KafkaSource(
        stores.kafka_bootstrap,
        events_topic(stores.settings.kafka_prefix, identity.shards).name,
        epoch=identity.epoch,
        name=f"{name}-{model.name}-v{model.version}",
        wanted=wanted_types(made.handles),
    )
    try:
        surroundings = Surroundings(
            source=source,
            reader=PostgresReader(pool),
            leases=ShardLeases(
                pool,
                projection_leases(model.name, model.version),
                name=name,
                incarnation=secrets.token_hex(INCARNATION_BYTES),
            ),
            parked=ParkedStreams(pool, model.name, model.version),
            shard_positions=lambda: shard_positions(pool),
            epoch=identity.epoch,
        )
        run_projection(made, surroundings, stop=stop, bounds=BOUNDS[model.name])
    finally:
        source.close()


def projection_for(model: ReadModel, holdings: Holdings) -> Projection:
    """The projection that folds this version. Raises `UnknownEditionError`."""
    return PROJECTIONS[model.name](holdings, model.version, edition(model.edition))


def _stock_levels(holdings: Holdings, version: int, edition: Edition) -> Projection:
    epoch = holdings.identity.epoch
    return StockLevels(holdings.pool, epoch=epoch, version=version, edition=edition)


def _orders(holdings: Holdings, version: int, _: Edition) -> Projection:
    return Orders(holdings.pool, epoch=holdings.identity.epoch, version=version)


def _documents(holdings: Holdings, version: int, _: Edition) -> Projection:
    return Documents(holdings.pool, epoch=holdings.identity.epoch, version=version)


def _availability(holdings: Holdings, version: int, edition: Edition) -> Projection:
    return Availability(
        redis_client(holdings.stores),
        holdings.pool,
        redis_prefix=holdings.stores.settings.redis_prefix,
        store_id=holdings.identity.store_id,
        epoch=holdings.identity.epoch,
        version=version,
        edition=edition,
    )


def _movements(holdings: Holdings, version: int, edition: Edition) -> Projection:
    return Movements(
        clickhouse_connect.get_client(dsn=holdings.stores.clickhouse_url),
        holdings.pool,
        PostgresReader(holdings.pool),
        epoch=holdings.identity.epoch,
        version=version,
        edition=edition,
    )


PROJECTIONS: Mapping[str, Callable[[Holdings, int, Edition], Projection]] = {
    "stock_levels": _stock_levels,
    "orders": _orders,
    "documents": _documents,
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
