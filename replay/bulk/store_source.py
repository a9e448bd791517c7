"""Events from PostgreSQL for a worker: of the columns, only those that the fold reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from eventlog.log import LogGapError, RecordedEvent
from eventlog.postgres.connections import Pool, borrowed, open_log_pool
from eventlog.postgres.reader import PostgresReader
from replay.bulk.ranges import Range

PAGE_EVENTS: Final = 10_000
NO_ID: Final = UUID(int=0)
FEW: Final = """
SELECT shard_position, tenant, ledger, ledger_position, stream_version, type, data, occurred_at,
       recorded_at
"""
# Movements have a row for each event, with what identifies it.
MORE: Final = FEW + ", event_id"
OF_RANGE: Final = """
  FROM events WHERE shard = %s AND shard_position > %s AND shard_position <= %s
 ORDER BY shard_position
"""
EVENT_ID_READERS: Final = frozenset({"movements"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSource:
    """`dsn`: as the log role. It has a password in it."""

    dsn: str = field(repr=False)

    def open(self) -> StorePages:
        return StorePages(open_log_pool(self.dsn, size=2, name="backstock-replay-worker"))


class StorePages:
    """`Pages` over a pool, which it closes."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.read_stream = PostgresReader(pool).read_stream

    def pages(self, wanted: Range) -> Iterator[list[RecordedEvent]]:
        columns = MORE if wanted.projection in EVENT_ID_READERS else FEW
        after = wanted.after
        while after < wanted.last:
            until = min(wanted.last, after + PAGE_EVENTS)
            rows = self._rows(columns + OF_RANGE, (wanted.shard, after, until))
            if len(rows) != until - after:
                raise _gap(wanted.shard, after, until, [row[0] for row in rows])
            yield _events(wanted.shard, rows)
            after = until

    def close(self) -> None:
        self._pool.close()

    def _rows(self, query: str, values: tuple[int, int, int]) -> list[tuple[Any, ...]]:
        with borrowed(self._pool) as connection, connection.cursor(binary=True) as cursor:
            return cursor.execute(query.encode(), values, prepare=True).fetchall()


def _events(shard: int, rows: list[tuple[Any, ...]]) -> list[RecordedEvent]:
    return [
        RecordedEvent(
            shard=shard,
            shard_position=row[0],
            tenant=row[1],
            ledger=row[2],
            ledger_position=row[3],
            stream="",
            stream_version=row[4],
            event_id=row[9] if row[9:] else NO_ID,
            type=row[5],
            data=row[6],
            metadata=b"",
            occurred_at=row[7],
            recorded_at=row[8],
            chain_hash=b"",
        )
        for row in rows
    ]


def _gap(shard: int, after: int, until: int, found: list[int]) -> LogGapError:
    for expected, position in zip(range(after + 1, until + 1), found, strict=False):
        if position != expected:
            return LogGapError(shard, expected, position)
    return LogGapError(shard, after + len(found) + 1, until + 1)
