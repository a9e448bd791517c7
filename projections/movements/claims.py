"""Ranges of `movements` in PostgreSQL: claimed before they are inserted, done afterwards.

A range (epoch, shard, position - claimed_to] is claimed by compare-and-set, so two processes never
insert two cuts of the same events; it is inserted under one token, so sent again it is no second
copy; and it is done in the transaction that moves the checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import Connection, Cursor, sql
from psycopg.rows import TupleRow

from eventlog.projection import Batch, StaleCheckpointError
from projections.postgres import Checkpoints

READ = """
SELECT epoch, position, claimed_to, rows
  FROM projection_checkpoints JOIN {shards} USING (shard)
 WHERE projection = %(projection)s AND version = %(version)s AND shard = %(shard)s
   FOR UPDATE OF projection_checkpoints
"""
CLAIM = """
UPDATE projection_checkpoints SET claimed_to = %(last)s
 WHERE projection = %(projection)s AND version = %(version)s AND shard = %(shard)s
   AND epoch = %(epoch)s AND position = %(after)s AND claimed_to IS NULL
"""
GIVE_UP = """
UPDATE projection_checkpoints SET claimed_to = NULL
 WHERE projection = %(projection)s AND version = %(version)s AND shard = %(shard)s
   AND epoch = %(epoch)s AND position = %(after)s AND claimed_to = %(last)s
"""
FINISH = """
UPDATE projection_checkpoints SET claimed_to = NULL
 WHERE projection = %(projection)s AND version = %(version)s AND shard = %(shard)s
   AND claimed_to IS NOT DISTINCT FROM %(claimed_to)s
"""
COUNT = "UPDATE {shards} SET rows = rows + %(rows)s WHERE shard = %(shard)s"
RESTART = "UPDATE {shards} SET rows = 0 WHERE shard = %(shard)s"
ENSURE = """
INSERT INTO {shards} (shard) SELECT * FROM generate_series(0, %(shards)s - 1) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardState:
    """`rows`: what the table must hold up to `position`."""

    epoch: int
    position: int
    claimed_to: int | None
    rows: int


def ensure_row_counts(connection: Connection[TupleRow], table: str, shards: int) -> None:
    """Enter 0 rows for each shard that a version's table of row counts lacks."""
    statement = sql.SQL(ENSURE).format(shards=sql.Identifier(table))
    connection.execute(statement, {"shards": shards})


class Claims:
    """The claims of one projection version; `shards` is its own table of row counts."""

    def __init__(self, checkpoints: Checkpoints, shards: str) -> None:
        self._checkpoints = checkpoints
        self._shards = sql.Identifier(shards)

    def read(self, connection: Connection[TupleRow], shard: int) -> ShardState:
        """The state of a shard, its row locked."""
        row = self._execute(connection, READ, self._key(shard)).fetchone()
        if row is None:
            raise LookupError(f"shard {shard} has no checkpoint: run the migrations")
        epoch, position, claimed_to, rows = row
        return ShardState(epoch=epoch, position=position, claimed_to=claimed_to, rows=rows)

    def claim(self, batch: Batch) -> None:
        """Claim the batch's range. Raises `StaleCheckpointError` when it is not free."""
        values = self._key(batch.shard) | {
            "epoch": batch.epoch,
            "after": batch.after,
            "last": batch.last,
        }
        # Waits for the disk: a claim that a crash undoes would be cut anew, under another token.
        with self._checkpoints.transaction() as connection:
            claimed = self._execute(connection, CLAIM, values).rowcount
        if claimed != 1:
            raise self._stale(batch)

    def give_up(self, batch: Batch) -> None:
        """Free a range that the engine refused, so that it may be cut anew.

        Nothing of it is in the table of rows that are counted, and no token of it is remembered
        there. Raises `StaleCheckpointError` when the claim is no longer this one.
        """
        values = self._key(batch.shard) | {
            "epoch": batch.epoch,
            "after": batch.after,
            "last": batch.last,
        }
        with self._checkpoints.transaction() as connection:
            freed = self._execute(connection, GIVE_UP, values).rowcount
        if freed != 1:
            raise self._stale(batch)

    def finish(self, batch: Batch, *, rows: int, claimed: bool) -> None:
        """Move the checkpoint over the batch, and give up the claim that was made for it."""
        values = self._key(batch.shard) | {"claimed_to": batch.last if claimed else None}
        with self._checkpoints.applying(batch) as connection:
            if self._execute(connection, FINISH, values).rowcount != 1:
                raise self._stale(batch)
            self.count(connection, batch.shard, rows)

    def count(self, connection: Connection[TupleRow], shard: int, rows: int) -> None:
        """Note that so many more rows are in the table."""
        if rows:
            self._execute(connection, COUNT, {"shard": shard, "rows": rows})

    def restart(self, connection: Connection[TupleRow], shard: int) -> None:
        """Back to position 0 and no rows."""
        self._checkpoints.restart(connection, shard)
        self._execute(connection, RESTART, {"shard": shard})

    def _stale(self, batch: Batch) -> StaleCheckpointError:
        checkpoints = self._checkpoints
        return StaleCheckpointError(
            checkpoints.projection, checkpoints.version, batch.shard, batch.after
        )

    def _key(self, shard: int) -> dict[str, object]:
        return {
            "projection": self._checkpoints.projection,
            "version": self._checkpoints.version,
            "shard": shard,
        }

    def _execute(
        self, connection: Connection[TupleRow], statement: str, values: dict[str, object]
    ) -> Cursor[TupleRow]:
        return connection.execute(sql.SQL(statement).format(shards=self._shards), values)
