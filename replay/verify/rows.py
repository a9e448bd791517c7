"""The log's rows as the database holds them, read by this package's own statements.

Everything is read in the caller's one REPEATABLE READ transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import psycopg

from replay.verify.report import LawResult

PAGE_ROWS = 2_000
LEDGERS = """
SELECT ledger, tenant, shard, position, chain_hash, recorded_at FROM ledgers ORDER BY ledger
"""
EVENTS = """
SELECT ledger, ledger_position, tenant, shard, shard_position, stream, stream_version, event_id,
       type, data, metadata, occurred_at, recorded_at, chain_hash
  FROM events WHERE ledger = %s ORDER BY ledger_position
"""
KEYS = """
SELECT key, tenant, octet_length(body_hash), accepted, answer, first_position, last_position,
       recorded_at
  FROM command_keys WHERE ledger = %s ORDER BY first_position NULLS LAST, key
"""
HISTORY = """
SELECT type, data, occurred_at FROM events
 WHERE ledger = %s AND stream = %s AND stream_version < %s ORDER BY stream_version
"""
# A scan that hops from ledger to ledger over the index, not from row to row.
LEDGERS_NAMED = """
WITH RECURSIVE named AS (
    (SELECT ledger FROM {table} ORDER BY ledger LIMIT 1)
    UNION ALL
    SELECT (SELECT t.ledger FROM {table} AS t WHERE t.ledger > named.ledger
             ORDER BY t.ledger LIMIT 1)
      FROM named WHERE named.ledger IS NOT NULL
)
SELECT ledger FROM named WHERE ledger IS NOT NULL
"""


class EventRow(NamedTuple):
    ledger: str
    position: int
    tenant: str
    shard: int
    shard_position: int
    stream: str
    version: int
    event_id: UUID
    type: str
    data: bytes
    metadata: bytes
    occurred_at: datetime
    recorded_at: datetime
    chain_hash: bytes

    @property
    def name(self) -> str:
        return f"event {self.position} of ledger {self.ledger} ({self.type}, stream {self.stream})"


class KeyRow(NamedTuple):
    key: str
    tenant: str
    body_hash_bytes: int
    accepted: bool
    answer: bytes
    first_position: int | None
    last_position: int | None
    recorded_at: datetime


class LedgerRow(NamedTuple):
    ledger: str
    tenant: str
    shard: int
    position: int
    chain_hash: bytes
    recorded_at: datetime


def ledgers(connection: psycopg.Connection) -> list[LedgerRow]:
    """Every ledger with its head, by name."""
    return [LedgerRow(*row) for row in connection.execute(LEDGERS, binary=True)]


def events(connection: psycopg.Connection, ledger: str) -> Iterator[EventRow]:
    """The ledger's events by position."""
    for page in pages(connection, "verify_events", EVENTS, (ledger,)):
        yield from map(EventRow._make, page)


def keys(connection: psycopg.Connection, ledger: str) -> Iterator[KeyRow]:
    """The ledger's command keys: by their first event, those without events last."""
    for page in pages(connection, "verify_keys", KEYS, (ledger,)):
        yield from map(KeyRow._make, page)


def history(connection: psycopg.Connection, row: EventRow) -> Iterator[tuple[str, bytes, datetime]]:
    """Type, data and occurred_at of what came before `row` in its stream."""
    before = (row.ledger, row.stream, row.version)
    for page in pages(connection, "verify_history", HISTORY, before):
        yield from page


def pages(
    connection: psycopg.Connection, name: str, query: LiteralString, values: Sequence[object]
) -> Iterator[list[Any]]:
    """A query's rows, page by page: one million of them take the memory of one page."""
    with closing(connection.cursor(name=name, binary=True)) as cursor:
        cursor.execute(query, values)
        while page := cursor.fetchmany(PAGE_ROWS):
            yield page


def microseconds(instant: datetime) -> int:
    """Since 1970-01-01T00:00Z, exactly."""
    passed = instant - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def strays(connection: psycopg.Connection, known: Sequence[LedgerRow], law: LawResult) -> None:
    """Events and keys of ledgers that are in no row of `ledgers`: no other check meets them."""
    names = {ledger.ledger for ledger in known}
    for table in ("events", "command_keys"):
        law.checked += 1
        found = connection.execute(LEDGERS_NAMED.replace("{table}", table).encode())
        for (name,) in found:
            if name not in names:
                law.differ(
                    where=f"table {table}, ledger {name}",
                    expected="a ledger that the table ledgers names",
                    found="rows of an unknown ledger",
                )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
