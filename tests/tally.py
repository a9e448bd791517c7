"""A projection that notes every event it applies: one row each, so that a double shows."""

from collections.abc import Sequence

import psycopg

from eventlog.checkpoints import advance_checkpoint, ensure_checkpoints, read_checkpoint
from eventlog.log import RecordedEvent
from eventlog.outages import postgres_outages
from eventlog.postgres.connections import Pool
from eventlog.projection import Batch, BatchRejectedError, Checkpoint, PoisonEventError
from eventlog.shards import shard_of
from tests.log_writing import RECEIVED, SHARDS
from tests.parts import Database

POISON = b'{"poison":true}'
INDIGESTIBLE = b'{"indigestible":true}'
EPOCH = 1
MAIN_SHARD = shard_of("acme/main", SHARDS)


class Tally:
    """Refuses POISON by name and INDIGESTIBLE without naming it, until it is `healed`."""

    name = "tally"
    version = 1
    handles = frozenset({RECEIVED})

    def __init__(self, pool: Pool, *, healed: bool = False, epoch: int = EPOCH) -> None:
        self._pool = pool
        self._epoch = epoch
        self.healed = healed
        self.batches: list[Batch] = []

    def checkpoint(self, shard: int) -> Checkpoint:
        with postgres_outages(), self._pool.connection() as connection:
            return read_checkpoint(connection, self.name, self.version, shard, epoch=self._epoch)

    def apply(self, batch: Batch) -> None:
        for event in batch.events:
            if event.data == POISON and not self.healed:
                raise PoisonEventError(event, "it is poison")
        if any(event.data == INDIGESTIBLE for event in batch.events) and not self.healed:
            raise BatchRejectedError(batch, ValueError("something in there"))
        with postgres_outages(), self._pool.connection() as connection, connection.transaction():
            advance_checkpoint(connection, self.name, self.version, batch)
            self._note(connection, batch.events)
        self.batches.append(batch)

    def apply_parked(self, events: Sequence[RecordedEvent]) -> None:
        for event in events:
            if event.data in {POISON, INDIGESTIBLE} and not self.healed:
                raise PoisonEventError(event, "it is still poison")
        with postgres_outages(), self._pool.connection() as connection, connection.transaction():
            known = connection.execute(
                "SELECT coalesce(max(position), 0) FROM tally WHERE ledger = %s AND stream = %s",
                (events[0].ledger, events[0].stream),
            ).fetchall()[0][0]
            self._note(connection, [each for each in events if each.ledger_position > known])

    @staticmethod
    def _note(connection: psycopg.Connection, events: Sequence[RecordedEvent]) -> None:
        rows = [(e.shard, e.shard_position, e.ledger, e.ledger_position, e.stream) for e in events]
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO tally (shard, shard_position, ledger, position, stream)"
                " VALUES (%s, %s, %s, %s, %s)",
                rows,
            )


def make_tally(database: Database) -> None:
    """Make its table and its checkpoints."""
    with psycopg.connect(database.admin) as admin:
        admin.execute(
            "CREATE TABLE tally (number bigint GENERATED ALWAYS AS IDENTITY, shard smallint,"
            " shard_position bigint, ledger text, position bigint, stream text)"
        )
        admin.execute("GRANT SELECT, INSERT, DELETE ON tally TO backstock_log")
        ensure_checkpoints(admin, Tally.name, Tally.version, epoch=EPOCH, shards=SHARDS)


def tallied(database: Database, ledger: str = "acme/main") -> list[int]:
    """Ledger positions in the order they were applied."""
    with psycopg.connect(database.admin) as admin:
        rows = admin.execute(
            "SELECT position FROM tally WHERE ledger = %s ORDER BY number", (ledger,)
        ).fetchall()
    return [position for (position,) in rows]


def checkpoint(database: Database) -> int:
    """The position of the shard of acme/main."""
    with psycopg.connect(database.admin) as admin:
        query = "SELECT position FROM projection_checkpoints WHERE projection = 'tally'"
        rows = admin.execute(query + " AND shard = %s", (MAIN_SHARD,)).fetchall()
        return int(rows[0][0])
