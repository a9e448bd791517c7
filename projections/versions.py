"""Further versions of a read model beside the active one: made, moved from state to state, dropped.

All of it happens inside the caller's transaction, as the log role. Rows and keys outside PostgreSQL
are made by the projection's first `checkpoint` and dropped by `replay`.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Json

from projections.catalogue import STORES, ReadModel, State, begin, places, versions
from projections.editions import Edition
from projections.fingerprints import fingerprints

LOCK = "SELECT FROM projections WHERE projection = %s FOR UPDATE"
ENTER = """
INSERT INTO projections
       (projection, version, store, state, places, edition, fingerprints, replay_id)
VALUES (%s, %s, %s, 'building', %s, %s, %s, %s)
"""
MOVE = """
UPDATE projections SET state = %s
 WHERE projection = %s AND version = %s AND state = ANY (%s)
"""
FORGET = (
    "DELETE FROM projection_checkpoints WHERE projection = %s AND version = %s",
    "DELETE FROM projection_ledgers WHERE projection = %s AND version = %s",
    "DELETE FROM projection_applies WHERE projection = %s AND version = %s",
    "DELETE FROM parked_streams WHERE projection = %s AND version = %s",
    "DELETE FROM dead_letters WHERE projection = %s AND version = %s",
)


class VersionStateError(Exception):
    """A version is not in the state that a step needs; nothing was changed."""

    def __init__(self, projection: str, version: int, wanted: Collection[State]) -> None:
        super().__init__(f"{projection} v{version} is not {' or '.join(sorted(wanted))}")
        self.projection = projection
        self.version = version
        self.wanted = wanted


def create_version(
    connection: Connection[TupleRow],
    projection: str,
    *,
    edition: Edition,
    epoch: int,
    shards: int,
    redis_prefix: str,
    replay_id: UUID | None = None,
) -> ReadModel:
    """The projection's next version, `building`, with empty tables and every checkpoint at 0.

    LookupError for a projection there is not.
    """
    connection.execute(LOCK, (projection,))
    known = versions(connection, projection)
    version = max(known, default=0) + 1
    values = (
        projection,
        version,
        STORES[projection],
        Json(places(projection, version, redis_prefix=redis_prefix)),
        edition.name,
        Json(fingerprints(projection, edition)),
        replay_id,
    )
    connection.execute(ENTER, values)
    connection.execute("SELECT create_version_tables(%s, %s)", (projection, version))
    begin(connection, projection, version, epoch=epoch, shards=shards)
    return versions(connection, projection)[version]


def move_version(
    connection: Connection[TupleRow],
    projection: str,
    version: int,
    *,
    wanted: Collection[State],
    to: State,
) -> None:
    """From one of the `wanted` states `to` another. Raises `VersionStateError`."""
    values = (to, projection, version, list(wanted))
    if connection.execute(MOVE, values).rowcount != 1:
        raise VersionStateError(projection, version, wanted)


def drop_version(connection: Connection[TupleRow], projection: str, version: int) -> None:
    """Drop what PostgreSQL holds of a retired version; its row in the catalogue stays."""
    connection.execute("SELECT drop_version_tables(%s, %s)", (projection, version))
    for statement in FORGET:
        connection.execute(statement, (projection, version))
