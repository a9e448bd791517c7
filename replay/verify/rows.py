"""The log's rows as the database holds them, read by this package's own statements in one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg

PAGE_ROWS = 5_000

_EVENTS = """
SELECT ledger, ledger_position, tenant, shard, shard_position, stream, stream_version, event_id, type,
       data, metadata, occurred_at, recorded_at, chain_hash
  FROM events WHERE ledger = %s ORDER BY ledger_position
"""
_KEYS = """
SELECT key, tenant, octet_length(body_hash), accepted, answer, first_position, last_position
  FROM command_keys WHERE ledger = %s AND first_position IS NOT NULL ORDER BY first_position
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
    first_position: int
    last_position: int


class LedgerRow(NamedTuple):
    ledger: str
    tenant: str
    shard: int
    position: int
    chain_hash: bytes
    recorded_at: datetime


def ledgers(connection: psycopg.Connection) -> list[LedgerRow]:
    rows = connection.execute(
        "SELECT ledger, tenant, shard, position, chain_hash, recorded_at FROM ledgers ORDER BY ledger"
    )
    return [LedgerRow(*row) for row in rows]


def events(connection: psycopg.Connection, ledger: str) -> Iterator[EventRow]:
    with connection.cursor(name="verify_events", binary=True) as cursor:
        cursor.itersize = PAGE_ROWS
        cursor.execute(_EVENTS, (ledger,))
        for row in cursor:
            yield EventRow(*row)


def keys(connection: psycopg.Connection, ledger: str) -> Iterator[KeyRow]:
    with connection.cursor(name="verify_keys", binary=True) as cursor:
        cursor.itersize = PAGE_ROWS
        cursor.execute(_KEYS, (ledger,))
        for row in cursor:
            yield KeyRow(*row)
