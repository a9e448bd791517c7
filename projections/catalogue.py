"""The catalogue: which read models there are, in which versions, and where their rows and keys are.

Readers find tables and key prefixes here, by logical name, never by guessing a version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Json

from eventlog.checkpoints import ensure_checkpoints
from eventlog.postgres.connections import Pool
from eventlog.postgres.identity import store_identity
from projections.availability.keys import place
from projections.documents import tables as documents
from projections.editions import CURRENT, TODAY
from projections.fingerprints import fingerprints
from projections.movements import schema as movements
from projections.movements.claims import ensure_row_counts
from projections.orders import tables as orders
from projections.postgres import Checkpoints
from projections.stock_levels import tables as stock_levels

Store = Literal["postgres", "redis", "clickhouse"]
State = Literal["building", "following", "active", "kept", "retired"]
FED: tuple[State, ...] = ("following", "active", "kept")
FIRST_VERSION = 1
STORES: Mapping[str, Store] = {
    "stock_levels": "postgres",
    "orders": "postgres",
    "documents": "postgres",
    "availability": "redis",
    "movements": "clickhouse",
}

ENTER = """
INSERT INTO projections (projection, version, store, state, places, edition, fingerprints)
SELECT %(projection)s, %(version)s, %(store)s, 'active', %(places)s, %(edition)s, %(fingerprints)s
 WHERE NOT EXISTS (SELECT FROM projections WHERE projection = %(projection)s)
    ON CONFLICT (projection, version) DO NOTHING
"""
COLUMNS = "projection, version, store, state, places, edition"
ACTIVE = f"SELECT {COLUMNS} FROM projections WHERE state = 'active'"  # noqa: S608 - constants
OF_PROJECTION = f"""
SELECT {COLUMNS} FROM projections WHERE projection = %s ORDER BY version
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModel:
    """One version of one read model. `places`: logical name -> table or key prefix."""

    name: str
    version: int
    store: Store
    places: Mapping[str, str]
    state: State = "active"
    edition: str = CURRENT


def places(projection: str, version: int, *, redis_prefix: str) -> Mapping[str, str]:
    """Where a version's rows and keys are. LookupError for a projection there is not."""
    match projection:
        case "stock_levels":
            return stock_levels.places(version)
        case "orders":
            return orders.places(version)
        case "documents":
            return documents.places(version)
        case "availability":
            return {"availability": place(redis_prefix, version)}
        case "movements":
            return movements.places(version)
        case _:
            raise LookupError(f"there is no projection {projection!r}: {', '.join(STORES)}")


def ensure(pool: Pool, *, redis_prefix: str) -> None:
    """Enter the first versions as active, with a checkpoint at 0 for each shard. Repeatable.

    Wants the log role's pool and a migrated database. Raises `StoreUnavailableError`.
    """
    identity = store_identity(pool)
    for projection, store in STORES.items():
        checkpoints = Checkpoints(pool, projection, FIRST_VERSION, epoch=identity.epoch)
        with checkpoints.transaction() as connection:
            values = {
                "projection": projection,
                "version": FIRST_VERSION,
                "store": store,
                "places": Json(places(projection, FIRST_VERSION, redis_prefix=redis_prefix)),
                "edition": CURRENT,
                "fingerprints": Json(fingerprints(projection, TODAY)),
            }
            if connection.execute(ENTER, values).rowcount:
                begin(
                    connection,
                    projection,
                    FIRST_VERSION,
                    epoch=identity.epoch,
                    shards=identity.shards,
                )


def begin(
    connection: Connection[TupleRow], projection: str, version: int, *, epoch: int, shards: int
) -> None:
    """Enter a checkpoint at 0 for each shard of a version whose tables are there."""
    ensure_checkpoints(connection, projection, version, epoch=epoch, shards=shards)
    if projection == "movements":
        ensure_row_counts(connection, movements.row_counts(version), shards)


def active(connection: Connection[TupleRow]) -> dict[str, ReadModel]:
    """The versions that answer questions, by read model."""
    return {model.name: model for model in map(_model, connection.execute(ACTIVE))}


def versions(connection: Connection[TupleRow], projection: str) -> dict[int, ReadModel]:
    """Every version a projection has ever had, by number."""
    rows = connection.execute(OF_PROJECTION, (projection,))
    return {model.version: model for model in map(_model, rows)}


def _model(row: TupleRow) -> ReadModel:
    name, version, store, state, found, edition = row
    return ReadModel(
        name=name, version=version, store=store, state=state, places=found, edition=edition
    )
