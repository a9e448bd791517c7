"""What every projector does in PostgreSQL: checkpoints, outages, starting again from nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from eventlog.checkpoints import (
    advance_checkpoint,
    ensure_checkpoints,
    mark_ledgers,
    note_apply,
    read_checkpoint,
)
from eventlog.crash_points import crash_point
from eventlog.outages import postgres_outages
from eventlog.postgres.connections import Pool
from eventlog.projection import (
    Batch,
    BatchRejectedError,
    Checkpoint,
    LedgerMark,
    StaleCheckpointError,
)

# A projector that stalls holds its checkpoint's row no longer than this. No pipelines here: after
# one, PostgreSQL 18 does not start that clock.
BOUNDED = "SET LOCAL idle_in_transaction_session_timeout TO '10s'"
# Data and checkpoint are lost together or not at all, so that nobody need wait for the disk.
LIGHT = "SET LOCAL synchronous_commit TO off"
# Rows of projection_applies that stay, per shard; what is older is dropped once in so many applies.
APPLIES_KEPT = 200_000
APPLIES_PER_TRIM = 2_000
TRIM = """
DELETE FROM projection_applies
 WHERE projection = %(projection)s AND version = %(version)s AND shard = %(shard)s
   AND position <= (SELECT position FROM projection_applies
                     WHERE projection = %(projection)s AND version = %(version)s
                       AND shard = %(shard)s
                     ORDER BY position DESC OFFSET %(kept)s LIMIT 1)
"""
LOCK = """
SELECT position FROM projection_checkpoints
 WHERE projection = %(projection)s AND version = %(version)s
   AND (%(shard)s::smallint IS NULL OR shard = %(shard)s)
 ORDER BY shard FOR UPDATE
"""
HEAD = "SELECT position FROM shards WHERE shard = %(shard)s"
FOLLOW = """
UPDATE projection_checkpoints
   SET position = %(position)s, epoch = %(epoch)s, recorded_at = %(recorded_at)s,
       applied_at = clock_timestamp()
 WHERE projection = %(projection)s AND version = %(version)s AND shard = %(shard)s
   AND (epoch < %(epoch)s OR epoch = %(epoch)s AND position <= %(position)s)
"""
RESTART = """
UPDATE projection_checkpoints
   SET position = %(position)s, epoch = %(epoch)s, claimed_to = NULL, recorded_at = NULL,
       applied_at = NULL
 WHERE projection = %(projection)s AND version = %(version)s
   AND (%(shard)s::smallint IS NULL OR shard = %(shard)s)
"""
FORGET_LEDGERS = """
DELETE FROM projection_ledgers
 WHERE projection = %(projection)s AND version = %(version)s
   AND (%(shard)s::smallint IS NULL
        OR ledger IN (SELECT ledger FROM ledgers WHERE shard = %(shard)s))
"""


class Checkpoints:
    """The rows of one projection version in projection_checkpoints and projection_ledgers."""

    def __init__(self, pool: Pool, projection: str, version: int, *, epoch: int) -> None:
        self.projection = projection
        self.version = version
        self.epoch = epoch
        self._pool = pool
        self._applies: Counter[int] = Counter()

    def ensure(self, shards: int) -> None:
        """Make the rows that are missing, at position 0."""
        with self.transaction() as connection:
            ensure_checkpoints(
                connection, self.projection, self.version, epoch=self.epoch, shards=shards
            )

    def read(self, shard: int) -> Checkpoint:
        """Raises `StoreUnavailableError`, `EpochMismatchError`."""
        with self.transaction() as connection:
            return read_checkpoint(
                connection, self.projection, self.version, shard, epoch=self.epoch
            )

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Connection[TupleRow]]:
        """One transaction. Raises `StoreUnavailableError` for an outage in it."""
        with (
            postgres_outages(),
            self._pool.connection() as connection,
            connection.transaction(),
        ):
            connection.execute(BOUNDED)
            if not durable:
                connection.execute(LIGHT)
            yield connection

    @contextmanager
    def applying(self, batch: Batch) -> Iterator[Connection[TupleRow]]:
        """The transaction that moves the checkpoint over `batch` and takes the caller's writes.

        Raises `StaleCheckpointError` before the caller writes anything, `BatchRejectedError` when
        PostgreSQL refuses what was written, `StoreUnavailableError` for an outage.
        """
        try:
            with self.transaction(durable=False) as connection:
                advance_checkpoint(connection, self.projection, self.version, batch)
                yield connection
                self.note_apply(connection, batch.shard, batch.last)
                crash_point(f"{self.projection}.before_commit")
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise BatchRejectedError(batch, error) from error

    def follow(
        self,
        connection: Connection[TupleRow],
        shard: int,
        position: int,
        ledgers: Mapping[str, LedgerMark],
    ) -> None:
        """Tell how far a store with a checkpoint of its own is; `ledgers` may be some of them.

        Raises `StaleCheckpointError` when more is told already.
        """
        values = {
            "projection": self.projection,
            "version": self.version,
            "epoch": self.epoch,
            "shard": shard,
            "position": position,
            "recorded_at": max((mark.recorded_at for mark in ledgers.values()), default=None),
        }
        if connection.execute(FOLLOW, values).rowcount != 1:
            raise StaleCheckpointError(self.projection, self.version, shard, position)
        mark_ledgers(connection, self.projection, self.version, ledgers)
        self.note_apply(connection, shard, position)

    def note_apply(self, connection: Connection[TupleRow], shard: int, last: int) -> None:
        """Note the instant of an apply, as the last statement of its transaction."""
        self._applies[shard] += 1
        if self._applies[shard] % APPLIES_PER_TRIM == 0:
            values = {
                "projection": self.projection,
                "version": self.version,
                "shard": shard,
                "kept": APPLIES_KEPT,
            }
            connection.execute(TRIM, values)
        note_apply(connection, self.projection, self.version, shard=shard, last=last)

    def restart(
        self, connection: Connection[TupleRow], shard: int | None = None, position: int = 0
    ) -> int:
        """Back to `position` in today's epoch, for one shard or for all; the highest until now.

        Locks the rows: call it before the data is dropped in the same transaction, so that a
        zombie's apply loses. What readers are told of the ledgers is forgotten.
        """
        values = {
            "projection": self.projection,
            "version": self.version,
            "epoch": self.epoch,
            "shard": shard,
            "position": position,
        }
        positions = [row[0] for row in connection.execute(LOCK, values)]
        connection.execute(RESTART, values)
        connection.execute(FORGET_LEDGERS, values)
        return max(positions, default=0)

    def position(self, connection: Connection[TupleRow], shard: int) -> int:
        """What the row says, of whatever epoch; its row locked. 0 when there is none."""
        values = {"projection": self.projection, "version": self.version, "shard": shard}
        row = connection.execute(LOCK, values).fetchone()
        return 0 if row is None else int(row[0])

    @staticmethod
    def head(connection: Connection[TupleRow], shard: int) -> int:
        """The last position of the shard's log."""
        row = connection.execute(HEAD, {"shard": shard}).fetchone()
        return 0 if row is None else int(row[0])

    def shards(self) -> list[int]:
        """The shards that have a checkpoint."""
        with self.transaction() as connection:
            rows = connection.execute(
                "SELECT shard FROM projection_checkpoints"
                " WHERE projection = %s AND version = %s ORDER BY shard",
                (self.projection, self.version),
            )
            return [row[0] for row in rows]

    def drop(self, tables: Sequence[str]) -> None:
        """Empty the tables and start again from position 0, in one transaction."""
        with self.transaction() as connection:
            self.restart(connection)
            names = sql.SQL(", ").join(map(sql.Identifier, tables))
            connection.execute(sql.SQL("TRUNCATE {}").format(names))
