"""How far each shard was published: one row each, moved only from where its owner last left it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from eventlog.postgres.connections import Pool, borrowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Shard positions up to `position` were acknowledged by Kafka, in this epoch of the store."""

    epoch: int
    position: int


class RelayCursors:
    """The cursors of a relay that names itself `owner` in their leases."""

    def __init__(self, pool: Pool, *, owner: str) -> None:
        self._pool = pool
        self._owner = owner

    def ensure(self, epoch: int) -> None:
        """Make the missing rows, at position 0. Raises `LogUnavailableError`."""
        with borrowed(self._pool) as connection:
            connection.execute(ENSURE, (epoch,))

    def read(self) -> Mapping[int, Cursor]:
        """Every shard's cursor. Raises `LogUnavailableError`."""
        with borrowed(self._pool) as connection:
            rows = connection.execute(READ).fetchall()
        return {shard: Cursor(epoch=epoch, position=position) for shard, epoch, position in rows}

    def move(self, moves: Mapping[int, tuple[Cursor, Cursor]]) -> frozenset[int]:
        """Move cursors from one place to another; returns the shards whose cursor was moved.

        The others' cursor is not where it was said to be, or their lease is somebody else's. Raises
        `LogUnavailableError`: some may have been moved.
        """
        if not moves:
            return frozenset()
        values = (
            list(moves),
            [before.epoch for before, _ in moves.values()],
            [before.position for before, _ in moves.values()],
            [after.epoch for _, after in moves.values()],
            [after.position for _, after in moves.values()],
            self._owner,
        )
        with borrowed(self._pool) as connection, connection.transaction():
            # A move lost in a crash of the server only publishes those events again.
            connection.execute("SET LOCAL synchronous_commit TO off")
            return frozenset(row[0] for row in connection.execute(MOVE, values).fetchall())


ENSURE: Final = """
INSERT INTO relay_cursors (shard, epoch) SELECT shard, %s FROM shards ON CONFLICT DO NOTHING
"""
READ: Final = "SELECT shard::integer, epoch, position FROM relay_cursors"
MOVE: Final = """
UPDATE relay_cursors AS cursor SET epoch = move.epoch_after, position = move.position_after
  FROM unnest(%s::smallint[], %s::integer[], %s::bigint[], %s::integer[], %s::bigint[])
       AS move (shard, epoch, position, epoch_after, position_after)
 WHERE cursor.shard = move.shard AND cursor.epoch = move.epoch
   AND cursor.position = move.position AND cursor.owner = %s
RETURNING cursor.shard::integer
"""
