"""The catalogue: which read models there are, in which version, and where their rows and keys are.

Readers find tables and key prefixes here, by logical name, never by guessing a version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Json

from eventlog.postgres.connections import Pool
from eventlog.postgres.identity import store_identity
from projections.availability.keys import place
from projections.movements.claims import Claims
from projections.movements.schema import PLACES as MOVEMENT_PLACES
from projections.movements.schema import SHARDS
from projections.orders.tables import PLACES as ORDER_PLACES
from projections.postgres import Checkpoints
from projections.stock_levels.tables import PLACES as STOCK_PLACES

Store = Literal["postgres", "redis", "clickhouse"]
FIRST_VERSION = 1

ENTER = """
INSERT INTO projections (projection, version, store, state, places)
SELECT %(projection)s, %(version)s, %(store)s,
       CASE WHEN EXISTS (SELECT FROM projections WHERE projection = %(projection)s)
            THEN 'building' ELSE 'active' END,
       %(places)s
    ON CONFLICT (projection, version) DO NOTHING
"""
ACTIVE = "SELECT projection, version, store, places FROM projections WHERE state = 'active'"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModel:
    """One version of one read model. `places`: logical name -> table or key prefix."""

    name: str
    version: int
    store: Store
    places: Mapping[str, str]


def first_versions(redis_prefix: str) -> tuple[ReadModel, ...]:
    """The read models that a new store starts with."""
    version = FIRST_VERSION
    redis_places = {"availability": place(redis_prefix, version)}
    return (
        ReadModel(
            name="stock_levels", version=version, store="postgres", places=STOCK_PLACES[version]
        ),
        ReadModel(name="orders", version=version, store="postgres", places=ORDER_PLACES[version]),
        ReadModel(name="availability", version=version, store="redis", places=redis_places),
        ReadModel(
            name="movements", version=version, store="clickhouse", places=MOVEMENT_PLACES[version]
        ),
    )


def ensure(pool: Pool, *, redis_prefix: str) -> None:
    """Enter the first versions as active, with a checkpoint at 0 for each shard. Repeatable.

    Wants the log role's pool and a migrated database. Raises `StoreUnavailableError`.
    """
    identity = store_identity(pool)
    for model in first_versions(redis_prefix):
        checkpoints = Checkpoints(pool, model.name, model.version, epoch=identity.epoch)
        checkpoints.ensure(identity.shards)
        with checkpoints.transaction() as connection:
            values = {
                "projection": model.name,
                "version": model.version,
                "store": model.store,
                "places": Json(dict(model.places)),
            }
            connection.execute(ENTER, values)
            if model.name == "movements":
                Claims(checkpoints, SHARDS[model.version]).ensure(connection, identity.shards)


def active(connection: Connection[TupleRow]) -> dict[str, ReadModel]:
    """The versions that answer questions, by read model."""
    return {
        name: ReadModel(name=name, version=version, store=store, places=places)
        for name, version, store, places in connection.execute(ACTIVE)
    }
