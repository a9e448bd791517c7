"""Law 2: positions run 1, 2, 3 … in each ledger, stream and shard, and so does recorded time."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

import psycopg

from replay.verify.report import LawResult
from replay.verify.rows import EventRow, LedgerRow

SHARD_COUNTS = """
SELECT shard, shards.position, coalesce(events, 0), coalesce(highest, 0)
  FROM shards
  FULL JOIN (SELECT shard, count(*) AS events, max(shard_position) AS highest
               FROM events GROUP BY shard) AS counted USING (shard)
 ORDER BY shard
"""
FIRST_HOLE = """
SELECT before + 1
  FROM (SELECT shard_position, lag(shard_position, 1, 0::bigint) OVER (ORDER BY shard_position)
               AS before FROM events WHERE shard = %s) AS neighbours
 WHERE shard_position <> before + 1 ORDER BY shard_position LIMIT 1
"""


def shard_of(ledger: str, shards: int) -> int:
    """Where a ledger lives, for ever: so says the hash of its id."""
    return int.from_bytes(sha256(ledger.encode()).digest()[:8], "big") % shards


class PositionCheck:
    """One ledger, event by event, then its head row."""

    def __init__(self, law: LawResult, ledger: LedgerRow, shards: int) -> None:
        self._law = law
        self._ledger = ledger
        self._position = 0
        self._shard_position = 0
        self._recorded_at: datetime | None = None
        self._versions: dict[str, int] = {}
        law.expect(
            where=f"shard of ledger {ledger.ledger}",
            expected=shard_of(ledger.ledger, shards),
            found=ledger.shard,
        )

    def event(self, row: EventRow) -> None:
        self._law.checked += 1
        version = self._versions.get(row.stream, 0) + 1
        recorded_at = self._recorded_at
        if (
            row.position != self._position + 1
            or row.version != version
            or row.tenant != self._ledger.tenant
            or row.shard != self._ledger.shard
            or row.shard_position <= self._shard_position
            or (recorded_at is not None and row.recorded_at < recorded_at)
        ):
            self._explain(row, version)
        self._position = row.position
        self._shard_position = row.shard_position
        self._recorded_at = row.recorded_at
        self._versions[row.stream] = row.version

    def _explain(self, row: EventRow, version: int) -> None:
        expect = self._law.expect
        if row.position != self._position + 1:
            self._law.differ(
                where=f"ledger {row.ledger} after position {self._position}",
                expected=f"event {self._position + 1}",
                found=row.name,
            )
        expect(where=f"tenant of {row.name}", expected=self._ledger.tenant, found=row.tenant)
        expect(where=f"shard of {row.name}", expected=self._ledger.shard, found=row.shard)
        expect(where=f"stream version of {row.name}", expected=version, found=row.version)
        if row.shard_position <= self._shard_position:
            self._law.differ(
                where=f"shard position of {row.name}",
                expected=f"more than {self._shard_position}, that of the event before",
                found=row.shard_position,
            )
        if self._recorded_at is not None and row.recorded_at < self._recorded_at:
            self._law.differ(
                where=f"recorded_at of {row.name}",
                expected=f"{self._recorded_at.isoformat()} or later, as of the event before",
                found=row.recorded_at.isoformat(),
            )

    def end(self) -> None:
        head = f"head of ledger {self._ledger.ledger}"
        self._law.expect(
            where=f"{head}, position", expected=self._position, found=self._ledger.position
        )
        if self._recorded_at is not None:
            self._law.expect(
                where=f"{head}, recorded_at",
                expected=self._recorded_at,
                found=self._ledger.recorded_at,
            )


def check_shards(connection: psycopg.Connection, law: LawResult) -> None:
    """Each shard has as many events as its head says, and the last of them has that number: with a
    primary key on the number, that is 1 to n without a hole.
    """
    for shard, head, events, highest in connection.execute(SHARD_COUNTS).fetchall():
        law.checked += 1
        if events != highest:
            (hole,) = connection.execute(FIRST_HOLE, (shard,)).fetchone() or (None,)
            law.differ(
                where=f"shard {shard}, shard position {hole}",
                expected="an event",
                found=f"none, though the shard goes on to {highest}",
            )
        elif head != highest:
            law.differ(
                where=f"head of shard {shard}",
                expected=f"{highest}, the last event's shard position",
                found=head,
            )
