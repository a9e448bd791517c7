"""Streams that a read model has parked, and the dead letters it keeps of them, against the log.

Everything is read in the log's one snapshot: parking and letters are written before the checkpoint
passes them, so letters beyond the checkpoint are lawful, and missing ones up to it are not.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from replay.verify.catalogue import Entry, Streams
from replay.verify.documents.kinds import KIND_OF
from replay.verify.ledger import KNOWN_TYPES
from replay.verify.report import LawResult

# What each projection handles: by the aggregate that an event's type begins with, or by type.
HANDLED: Mapping[str, tuple[str, ...]] = {
    "stock_levels": ("stock", "item", "location"),
    "orders": ("order", "charge"),
    "documents": tuple(KIND_OF),
    "availability": ("stock", "item"),
    "movements": ("stock", "item", "location"),
}
PARKED_EVENT = """
SELECT stream, type FROM events WHERE ledger = %s AND ledger_position = %s
"""
LETTERS = """
SELECT letter.ledger, letter.stream, letter.tenant, letter.ledger_position, letter.type,
       letter.shard, letter.shard_position,
       event.ledger, event.stream, event.tenant, event.ledger_position, event.type
  FROM dead_letters AS letter LEFT JOIN events AS event USING (shard, shard_position)
 WHERE letter.projection = %s AND letter.version = %s
 ORDER BY letter.shard, letter.shard_position
"""
# A type that nobody knows may concern any projection, so it is kept back as well.
UNLETTERED = """
SELECT event.ledger_position, event.type
  FROM events AS event
  JOIN projection_checkpoints AS mark
    ON mark.projection = %(projection)s AND mark.version = %(version)s AND mark.shard = event.shard
 WHERE event.ledger = %(ledger)s AND event.stream = %(stream)s
   AND event.ledger_position >= %(since)s AND event.shard_position <= mark.position
   AND (split_part(event.type, '.', 1) = ANY(%(handled)s) OR event.type = ANY(%(handled)s)
        OR event.type <> ALL(%(known)s))
   AND NOT EXISTS (
       SELECT FROM dead_letters AS letter
        WHERE letter.projection = %(projection)s AND letter.version = %(version)s
          AND letter.shard = event.shard AND letter.shard_position = event.shard_position)
 ORDER BY event.ledger_position LIMIT 1
"""


def check_parked(
    connection: psycopg.Connection, entry: Entry, parked: Streams, law: LawResult
) -> None:
    """`connection` is the log's snapshot, `parked` as it has it."""
    for (ledger, stream), park in parked.items():
        law.checked += 1
        where = f"parked stream {stream} of {entry.name} in ledger {ledger}"
        found = connection.execute(PARKED_EVENT, (ledger, park.position)).fetchone()
        if found is None or found[0] != stream:
            law.differ(
                where=where,
                expected=f"an event of the stream at position {park.position}, where it is parked",
                found="no event" if found is None else f"an event of stream {found[0]}",
            )
        _kept_back(connection, entry, (ledger, stream, park.position), law)
    _letters(connection, entry, parked, law)


def _kept_back(
    connection: psycopg.Connection, entry: Entry, since: tuple[str, str, int], law: LawResult
) -> None:
    ledger, stream, position = since
    values = {
        "projection": entry.projection,
        "version": entry.version,
        "ledger": ledger,
        "stream": stream,
        "since": position,
        "handled": list(HANDLED.get(entry.projection, ())),
        "known": sorted(KNOWN_TYPES),
    }
    row = connection.execute(UNLETTERED, values).fetchone()
    if row is not None:
        law.differ(
            where=f"dead letters of {entry.name}, event {row[0]} of ledger {ledger} ({row[1]},"
            f" stream {stream})",
            expected="a letter: its stream is parked, and the checkpoint has passed it",
            found="none: the event is neither applied nor kept back",
        )


def _letters(connection: psycopg.Connection, entry: Entry, parked: Streams, law: LawResult) -> None:
    for row in connection.execute(LETTERS, entry.key):
        law.checked += 1
        letter, place, event = row[:5], row[5:7], row[7:]
        ledger, stream, _, position, _ = letter
        where = f"dead letter of {entry.name} at position {place[1]} of shard {place[0]}"
        if letter != event:
            law.differ(where=where, expected=f"the log's event there, {event}", found=letter)
        park = parked.get((ledger, stream))
        if park is None or position < park.position:
            since = "no longer parked" if park is None else f"parked since {park.position}"
            law.differ(
                where=where,
                expected="a letter of a parked stream, from where it is parked on",
                found=f"one of stream {stream} of ledger {ledger}, position {position}: {since}",
            )
