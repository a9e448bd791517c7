"""One stream's events, folded up to a position: what the cell that it makes must show there."""

from __future__ import annotations

from typing import Any

import msgspec
import psycopg

from replay.verify.ledger import KNOWN_TYPES, LedgerFold
from replay.verify.ledger_check import UNREADABLE
from replay.verify.rows import EventRow
from replay.verify.stock import MOVES

# A longer stream is left to `verify` itself: a round must end soon.
EVENTS_MAX = 20_000
# Of all streams of a round together, about 100 MB; those that would be more wait for another round.
EVENTS_OF_ROUND_MAX = 60_000
LENGTH = "SELECT max(stream_version) FROM events WHERE ledger = %s AND stream = %s"
STREAM = """
SELECT ledger, ledger_position, tenant, shard, shard_position, stream, stream_version, event_id,
       type, data, metadata, occurred_at, recorded_at, chain_hash
  FROM events WHERE ledger = %s AND stream = %s ORDER BY stream_version LIMIT %s
"""
_data = msgspec.json.Decoder().decode


class NotFoldedError(Exception):
    """`reason` is under which a round counts the cells it could not compare."""

    def __init__(self, stream: str, reason: str) -> None:
        super().__init__(f"stream {stream} is not folded: {reason}")
        self.reason = reason


class Folded(msgspec.Struct):
    """`fold` holds the one cell of the stream, or none; `moves` counts its events of stock."""

    fold: LedgerFold
    moves: int
    last: int
    unreadable: str = ""


class StreamFolds:
    """Folds streams from one snapshot of the log; reads each stream once, and no more than
    EVENTS_OF_ROUND_MAX events.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._events: dict[tuple[str, str], list[EventRow]] = {}
        self._held = 0

    def shard(self, ledger: str, stream: str) -> int | None:
        """Of the stream's first event; None when it has none."""
        events = self.events(ledger, stream)
        return events[0].shard if events else None

    def at(self, ledger: str, stream: str, position: int) -> Folded:
        """The stream's events up to a ledger position, folded. Raises `NotFoldedError`."""
        folded = Folded(fold=LedgerFold(ledger), moves=0, last=0)
        for row in self.events(ledger, stream):
            if row.position > position:
                break
            if row.type not in KNOWN_TYPES:
                continue
            try:
                data = _data(row.data)
                if row.type in MOVES:
                    folded.fold.stock(row, data)
                    folded.moves += 1
                else:
                    folded.fold.other(row, data)
            except UNREADABLE as error:
                folded.unreadable = f"{row.name} cannot be folded: {error!r}"
                break
            folded.last = row.position
        return folded

    def events(self, ledger: str, stream: str) -> list[EventRow]:
        """All of the stream. Raises `NotFoldedError`."""
        key = (ledger, stream)
        if key not in self._events:
            self._refuse_long(ledger, stream)
            with self._connection.cursor(binary=True) as cursor:
                cursor.execute(STREAM, (ledger, stream, EVENTS_MAX))
                rows: Any = cursor.fetchall()
            self._events[key] = [EventRow._make(row) for row in rows]
            self._held += len(rows)
        return self._events[key]

    def _refuse_long(self, ledger: str, stream: str) -> None:
        """By its last version, before anything of it is read."""
        row = self._connection.execute(LENGTH, (ledger, stream)).fetchone()
        length = (row and row[0]) or 0
        if length > EVENTS_MAX:
            raise NotFoldedError(stream, "stream too long")
        if self._held + length > EVENTS_OF_ROUND_MAX:
            raise NotFoldedError(stream, "round is full")
