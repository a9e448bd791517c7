"""Committed events, page by page.

Each page is one statement at its own snapshot. Positions are given out under a shard's lock and
become visible in their order, so a page never skips one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from eventlog.log import LogGapError, RecordedEvent
from eventlog.postgres.connections import Pool, borrowed
from eventlog.postgres.rows import SELECT_EVENTS, recorded_event

STREAM_PAGE = 5_000
# So many events of each wanted stream come with the first statement; a longer tail is paged.
TAIL_PAGE = 1_000

SHARD = SELECT_EVENTS + "WHERE shard = %s AND shard_position > %s ORDER BY shard_position LIMIT %s"
LEDGER = (
    SELECT_EVENTS + "WHERE ledger = %s AND ledger_position > %s ORDER BY ledger_position LIMIT %s"
)
STREAM = (
    SELECT_EVENTS
    + "WHERE ledger = %s AND stream = %s AND stream_version > %s ORDER BY stream_version LIMIT %s"
)
STREAMS = f"""
    SELECT tail.* FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS wanted (l, s, v)
    CROSS JOIN LATERAL (
        {SELECT_EVENTS} WHERE ledger = l AND stream = s AND stream_version > v
        ORDER BY stream_version LIMIT %s
    ) AS tail
"""  # noqa: S608 - put together from constants
SHARD_POSITION = "SELECT position FROM shards WHERE shard = %s"


class PostgresReader:
    """A `LogReader` over the log role's pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def read_shard(self, shard: int, after: int, limit: int) -> Sequence[RecordedEvent]:
        """Raises `LogGapError` when a position is missing."""
        events = self._select(SHARD, (shard, after, limit))
        if events and events[-1].shard_position != after + len(events):
            raise _gap(shard, after, [event.shard_position for event in events])
        return events

    def read_ledger(self, ledger: str, after: int, limit: int) -> Sequence[RecordedEvent]:
        """Raises `LogGapError` when a position is missing."""
        events = self._select(LEDGER, (ledger, after, limit))
        if events and events[-1].ledger_position != after + len(events):
            raise _gap(events[0].shard, after, [event.ledger_position for event in events])
        return events

    def read_stream(self, ledger: str, stream: str, after_version: int) -> Iterator[RecordedEvent]:
        page = self._select(STREAM, (ledger, stream, after_version, STREAM_PAGE))
        while page:
            yield from page
            if len(page) < STREAM_PAGE:
                return
            page = self._select(STREAM, (ledger, stream, page[-1].stream_version, STREAM_PAGE))

    def read_streams(self, wanted: Sequence[tuple[str, str, int]]) -> Sequence[RecordedEvent]:
        if not wanted:
            return ()
        ledgers, streams, versions = zip(*wanted, strict=True)
        page = self._select(STREAMS, (list(ledgers), list(streams), list(versions), TAIL_PAGE))
        if len(page) < TAIL_PAGE:
            return page
        events: list[RecordedEvent] = []
        tails: dict[tuple[str, str], list[RecordedEvent]] = {}
        for event in page:
            tails.setdefault((event.ledger, event.stream), []).append(event)
        for (ledger, stream), tail in tails.items():
            events += tail
            if len(tail) == TAIL_PAGE:
                events += self.read_stream(ledger, stream, tail[-1].stream_version)
        return events

    def shard_position(self, shard: int) -> int:
        with borrowed(self._pool) as connection:
            row = connection.execute(SHARD_POSITION, (shard,)).fetchone()
        if row is None:
            raise LookupError(f"this store has no shard {shard}")
        return int(row[0])

    def _select(self, query: str, parameters: Sequence[Any]) -> list[RecordedEvent]:
        with borrowed(self._pool) as connection, connection.cursor(binary=True) as cursor:
            cursor.execute(query, parameters, prepare=True)
            return [recorded_event(row) for row in cursor.fetchall()]


def _gap(shard: int, after: int, found: Sequence[int]) -> LogGapError:
    for expected, position in enumerate(found, start=after + 1):
        if position != expected:
            return LogGapError(shard, expected, position)
    raise AssertionError("contiguous after all")
