"""Streams that a projection could not go on with: parked in order, retried on request.

A parked stream's events from its position on are left out of every batch and noted as dead
letters, before the checkpoint passes them. All streams that are not parked flow on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from eventlog.log import RecordedEvent
from eventlog.postgres.connections import Pool, borrowed

ERROR_CHARACTERS_MAX: Final = 2_000
DEAD_LETTERS_PAGE_MAX: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedStream:
    """`position` is the ledger position of the event that could not be applied."""

    tenant: str
    ledger: str
    stream: str
    position: int
    error: str
    parked_at: datetime
    retry_requested_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event kept back: the one that failed, or a later one of its stream."""

    shard: int
    shard_position: int
    ledger_position: int
    type: str


class ParkedStreams:
    """The parked streams of one projection version. Methods raise `LogUnavailableError`."""

    def __init__(self, pool: Pool, projection: str, version: int) -> None:
        self._pool = pool
        self._projection = projection
        self._version = version

    def streams(self) -> Mapping[tuple[str, str], ParkedStream]:
        """Every parked stream by (ledger, stream), oldest first."""
        with (
            borrowed(self._pool) as connection,
            connection.cursor(row_factory=class_row(ParkedStream)) as cursor,
        ):
            cursor.execute(STREAMS, (self._projection, self._version))
            return {(row.ledger, row.stream): row for row in cursor.fetchall()}

    def park(self, event: RecordedEvent, error: str, letters: Sequence[RecordedEvent]) -> None:
        """Park the event's stream from it on, with the events of that stream to keep back now.

        A stream that is parked already stays as it is.
        """
        row = {
            "projection": self._projection,
            "version": self._version,
            "ledger": event.ledger,
            "stream": event.stream,
            "tenant": event.tenant,
            "position": event.ledger_position,
            # A NUL cannot be stored, and an error may quote what it could not read.
            "error": error.replace("\0", "\\0")[:ERROR_CHARACTERS_MAX],
        }
        with borrowed(self._pool) as connection, connection.transaction():
            connection.execute(PARK, row)
            connection.execute(KEEP_BACK, self._letters(letters))

    def keep_back(self, letters: Sequence[RecordedEvent]) -> None:
        """Note more events of parked streams as dead letters. Repeatable.

        A stream that somebody else has let flow meanwhile is parked again from its first letter,
        to be retried: what is kept back is never without its park.
        """
        if letters:
            rows = self._letters(letters)
            with borrowed(self._pool) as connection, connection.transaction():
                connection.execute(HOLD, rows)
                connection.execute(KEEP_BACK, rows)

    def dead_letters(self, ledger: str, stream: str, after: int = 0) -> Sequence[DeadLetter]:
        """A page of a parked stream's events, by ledger position from `after` on."""
        with (
            borrowed(self._pool) as connection,
            connection.cursor(row_factory=class_row(DeadLetter)) as cursor,
        ):
            key = (self._projection, self._version, ledger, stream, after, DEAD_LETTERS_PAGE_MAX)
            cursor.execute(LETTERS, key)
            return cursor.fetchall()

    def request_retry(self, ledger: str, stream: str) -> bool:
        """Ask the projector to go on with a stream; whether it is parked at all.

        The projector that holds the shard does so between two batches; `streams` tells when it is
        done (the stream is gone) or has failed again (the request is).
        """
        with borrowed(self._pool) as connection:
            key = (self._projection, self._version, ledger, stream)
            return connection.execute(REQUEST_RETRY, key).rowcount == 1

    def park_again(self, event: RecordedEvent, error: str) -> None:
        """A retry came as far as this event of a parked stream."""
        with borrowed(self._pool) as connection, connection.transaction():
            key = (self._projection, self._version, event.ledger, event.stream)
            error = error.replace("\0", "\\0")[:ERROR_CHARACTERS_MAX]
            position = event.ledger_position
            if connection.execute(PARK_AGAIN, (position, error, *key, position)).rowcount:
                connection.execute(FORGET_BEFORE, (*key, position))

    def unpark(self, ledger: str, stream: str, *, upto: int) -> int | None:
        """The stream's events up to this shard position are applied: let it flow again.

        When later ones are kept back (the shard is another process's by now), it stays parked from
        the first of them on: returns that ledger position. None: it flows.
        """
        with borrowed(self._pool) as connection, connection.transaction():
            key = (self._projection, self._version, ledger, stream)
            connection.execute(LOCK, key)
            connection.execute(FORGET_UPTO, (*key, upto))
            (first,) = connection.execute(FIRST_LETTER, key).fetchall()[0]
            if first is None:
                connection.execute(UNPARK, key)
            else:
                connection.execute(MOVE, (first, *key, first))
            return None if first is None else int(first)

    def _letters(self, events: Sequence[RecordedEvent]) -> Mapping[str, object]:
        return {
            "projection": self._projection,
            "version": self._version,
            "shards": [event.shard for event in events],
            "shard_positions": [event.shard_position for event in events],
            "ledgers": [event.ledger for event in events],
            "streams": [event.stream for event in events],
            "tenants": [event.tenant for event in events],
            "positions": [event.ledger_position for event in events],
            "types": [event.type for event in events],
        }


STREAMS: Final = """
SELECT tenant, ledger, stream, position, error, parked_at, retry_requested_at FROM parked_streams
 WHERE projection = %s AND version = %s ORDER BY parked_at, ledger, stream
"""
PARK: Final = """
INSERT INTO parked_streams (projection, version, ledger, stream, tenant, position, error)
VALUES (%(projection)s, %(version)s, %(ledger)s, %(stream)s, %(tenant)s, %(position)s, %(error)s)
    ON CONFLICT (projection, version, ledger, stream) DO UPDATE SET tenant = EXCLUDED.tenant
"""
# The rows are locked by it, so that none of them goes while its letters come.
HOLD: Final = """
INSERT INTO parked_streams
       (projection, version, ledger, stream, tenant, position, error, retry_requested_at)
SELECT %(projection)s, %(version)s, ledger, stream, min(tenant), min(position),
       'let flow by a process that had lost the shard, and kept back here', clock_timestamp()
  FROM unnest(%(ledgers)s::text[], %(streams)s::text[], %(tenants)s::text[],
              %(positions)s::bigint[]) AS letter (ledger, stream, tenant, position)
 GROUP BY ledger, stream ORDER BY ledger, stream
    ON CONFLICT (projection, version, ledger, stream) DO UPDATE SET tenant = EXCLUDED.tenant
"""
KEEP_BACK: Final = """
INSERT INTO dead_letters (projection, version, shard, shard_position, ledger, stream, tenant,
                          ledger_position, type)
SELECT %(projection)s, %(version)s, letter.*
  FROM unnest(%(shards)s::smallint[], %(shard_positions)s::bigint[], %(ledgers)s::text[],
              %(streams)s::text[], %(tenants)s::text[], %(positions)s::bigint[],
              %(types)s::text[]) AS letter
    ON CONFLICT DO NOTHING
"""
LETTERS: Final = """
SELECT shard, shard_position, ledger_position, type FROM dead_letters
 WHERE projection = %s AND version = %s AND ledger = %s AND stream = %s AND ledger_position > %s
 ORDER BY ledger_position LIMIT %s
"""
REQUEST_RETRY: Final = """
UPDATE parked_streams SET retry_requested_at = clock_timestamp()
 WHERE projection = %s AND version = %s AND ledger = %s AND stream = %s
"""
# What was parked anew further on is not led back by who came later.
PARK_AGAIN: Final = """
UPDATE parked_streams SET position = %s, error = %s, retry_requested_at = NULL
 WHERE projection = %s AND version = %s AND ledger = %s AND stream = %s AND position <= %s
"""
MOVE: Final = """
UPDATE parked_streams SET position = %s
 WHERE projection = %s AND version = %s AND ledger = %s AND stream = %s AND position < %s
"""
OF_STREAM: Final = "projection = %s AND version = %s AND ledger = %s AND stream = %s"
LOCK: Final = f"SELECT FROM parked_streams WHERE {OF_STREAM} FOR UPDATE"
FORGET_BEFORE: Final = f"""
DELETE FROM dead_letters WHERE {OF_STREAM} AND ledger_position < %s
"""  # noqa: S608 - constants
FORGET_UPTO: Final = f"""
DELETE FROM dead_letters WHERE {OF_STREAM} AND shard_position <= %s
"""  # noqa: S608 - constants
FIRST_LETTER: Final = f"SELECT min(ledger_position) FROM dead_letters WHERE {OF_STREAM}"  # noqa: S608 - constants
UNPARK: Final = f"DELETE FROM parked_streams WHERE {OF_STREAM}"  # noqa: S608 - constants
