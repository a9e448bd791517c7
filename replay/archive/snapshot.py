"""What a run archives beside events, read in one snapshot of the store.

Event rows never change, so they need no snapshot: pages up to the positions found here do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from eventlog.chain import EPOCH
from eventlog.log import LedgerHead, SignedHead
from eventlog.postgres.connections import CONNECT_SECONDS_MAX, KEEPALIVE
from eventlog.postgres.heads import ALL_HEADS, ledger_head_of
from replay.archive.faults import ArchiveError
from replay.archive.manifest import KeyMark
from replay.archive.tables import COMMAND_KEYS, SIGNED_HEADS, Table

PAGE_ROWS: Final = 25_000
# Any number will do, as long as every version of this code takes the same.
WRITER_LOCK: Final = 0x61726368697665
KEY_COUNTS: Final = """
SELECT k.ledger, count(*), max(k.recorded_at),
    count(*) FILTER (WHERE k.recorded_at < m.watermark)
FROM command_keys AS k
LEFT JOIN unnest(%s::text[], %s::timestamptz[]) AS m (ledger, watermark) ON m.ledger = k.ledger
GROUP BY k.ledger ORDER BY k.ledger
"""
KEYS: Final = f"""
SELECT {", ".join(f"k.{column}" for column in COMMAND_KEYS.schema.names)}
FROM command_keys AS k WHERE k.ledger = %s AND k.recorded_at >= %s ORDER BY k.recorded_at, k.key
"""  # noqa: S608 - put together from constants
HEADS_BEHIND: Final = f"""
SELECT {", ".join(f"s.{column}" for column in SIGNED_HEADS.schema.names)}
FROM signed_heads AS s
LEFT JOIN unnest(%s::text[], %s::bigint[]) AS m (ledger, position) ON m.ledger = s.ledger
WHERE s.position > coalesce(m.position, 0) ORDER BY s.ledger, s.position
"""  # noqa: S608 - put together from constants
LAST_HEADS: Final = """
SELECT DISTINCT ON (ledger) ledger, tenant, position, chain_hash, recorded_at, key_id, signature
FROM signed_heads ORDER BY ledger, position DESC
"""
LONG_AGO: Final = EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCount:
    """A ledger's keys: in all, the latest instant, and how many came before the given mark."""

    ledger: str
    rows: int
    latest: datetime
    rows_before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One instant of the store."""

    connection: Connection[TupleRow]
    store_id: UUID
    epoch: int
    positions: Mapping[int, int]
    heads: Mapping[str, LedgerHead]

    def pages(self, query: str, parameters: Sequence[Any]) -> Iterator[list[TupleRow]]:
        """A query's rows, PAGE_ROWS at a time, without holding them all."""
        with self.connection.cursor(name="archive", binary=True) as cursor:
            cursor.execute(query.encode(), parameters)
            while page := cursor.fetchmany(PAGE_ROWS):
                yield page

    def table(self, table: Table) -> Iterator[list[TupleRow]]:
        """A whole table, in the order of its first columns."""
        query = f"SELECT {table.columns} FROM {table.name} ORDER BY 1, 2"  # noqa: S608 - constants
        return self.pages(query, ())

    def key_counts(self, marks: Mapping[str, KeyMark]) -> list[KeyCount]:
        watermarks = [instant(mark.watermark) for mark in marks.values()]
        rows = self.connection.execute(KEY_COUNTS, (list(marks), watermarks)).fetchall()
        return [
            KeyCount(ledger=ledger, rows=count, latest=latest, rows_before=before)
            for ledger, count, latest, before in rows
        ]

    def last_signed_heads(self) -> list[SignedHead]:
        with self.connection.cursor(binary=True) as cursor:
            rows = cursor.execute(LAST_HEADS).fetchall()
        names = ("ledger", "tenant", "position", "chain_hash", "recorded_at", "key_id", "signature")
        return [SignedHead(**dict(zip(names, row, strict=True))) for row in rows]


def instant(microseconds_since_1970: int) -> datetime:
    """Of a manifest."""
    return EPOCH + timedelta(microseconds=microseconds_since_1970)


@contextmanager
def snapshot_of(log_dsn: str, where: str) -> Iterator[Snapshot]:
    """The only archive writer of the store, to the end of the block. `end` the snapshot early.

    Raises `ArchiveError` when another writer is at work, and psycopg's own.
    """
    with psycopg.connect(
        log_dsn,
        autocommit=True,
        connect_timeout=CONNECT_SECONDS_MAX,
        application_name="backstock-archive",
        options="-c timezone=UTC",
        **KEEPALIVE,  # type: ignore[arg-type]
    ) as connection:
        locked = connection.execute("SELECT pg_try_advisory_lock(%s)", (WRITER_LOCK,)).fetchone()
        if locked != (True,):
            raise ArchiveError(where, "another archive run is at work on this store: let it end")
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        store_id, epoch = _one(connection, "SELECT store_id, epoch FROM store_identity")
        positions = connection.execute("SELECT shard::integer, position FROM shards").fetchall()
        with connection.cursor(binary=True) as cursor:
            heads = [ledger_head_of(row) for row in cursor.execute(ALL_HEADS)]
        yield Snapshot(
            connection=connection,
            store_id=store_id,
            epoch=epoch,
            positions=dict(positions),
            heads={head.ledger: head for head in heads},
        )


def end(snapshot: Snapshot) -> None:
    """Let go of the snapshot, which keeps the server from tidying; the writer's lock stays."""
    snapshot.connection.execute("COMMIT")


def _one(connection: Connection[TupleRow], query: str) -> TupleRow:
    (row,) = connection.execute(query.encode()).fetchall()
    return row
