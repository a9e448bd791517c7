"""Ledger heads, and the signed ones that were published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg.rows import TupleRow

from eventlog.log import LedgerHead, SignedHead
from eventlog.postgres.connections import Pool, borrowed

SELECT_HEADS = """
    SELECT l.ledger, l.tenant, l.shard, l.position, l.chain_hash, l.recorded_at FROM ledgers AS l
"""
HEADS = SELECT_HEADS + "WHERE l.ledger = ANY(%s)"
ALL_HEADS = SELECT_HEADS + "ORDER BY l.ledger"
UNSIGNED_HEADS = (
    SELECT_HEADS
    + """
    LEFT JOIN signed_heads AS s ON s.ledger = l.ledger AND s.position = l.position
    WHERE s.ledger IS NULL AND l.position > 0 ORDER BY l.ledger
    """
)
SAVE_SIGNED = """
    INSERT INTO signed_heads
        (ledger, position, tenant, chain_hash, recorded_at, key_id, signature)
    VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
LAST_SIGNED = """
    SELECT ledger, tenant, position, chain_hash, recorded_at, key_id, signature
    FROM signed_heads WHERE ledger = %s ORDER BY position DESC LIMIT 1
"""


def ledger_head_of(row: TupleRow) -> LedgerHead:
    """A row of SELECT_HEADS."""
    ledger, tenant, shard, position, chain_hash, recorded_at = row
    return LedgerHead(
        ledger=ledger,
        tenant=tenant,
        shard=shard,
        position=position,
        chain_hash=chain_hash,
        recorded_at=recorded_at,
    )


def ledger_head(pool: Pool, ledger: str) -> LedgerHead | None:
    """The committed head of a ledger; None when there is no such ledger."""
    heads = _select_heads(pool, HEADS, ([ledger],))
    return heads[0] if heads else None


def ledger_heads(pool: Pool) -> list[LedgerHead]:
    """The committed heads of all ledgers, by name."""
    return _select_heads(pool, ALL_HEADS, ())


def unsigned_heads(pool: Pool) -> list[LedgerHead]:
    """The heads that have moved since they were last signed."""
    return _select_heads(pool, UNSIGNED_HEADS, ())


def save_signed_heads(pool: Pool, heads: Sequence[SignedHead]) -> None:
    """Keep these; one that is kept already stays as it was."""
    with borrowed(pool) as connection, connection.cursor() as cursor:
        rows = [
            (
                head.ledger,
                head.position,
                head.tenant,
                head.chain_hash,
                head.recorded_at,
                head.key_id,
                head.signature,
            )
            for head in heads
        ]
        cursor.executemany(SAVE_SIGNED, rows)


def last_signed_head(pool: Pool, ledger: str) -> SignedHead | None:
    """The latest signed head of a ledger; None when there is none."""
    with borrowed(pool) as connection, connection.cursor(binary=True) as cursor:
        row = cursor.execute(LAST_SIGNED, (ledger,)).fetchone()
    if row is None:
        return None
    ledger, tenant, position, chain_hash, recorded_at, key_id, signature = row
    return SignedHead(
        ledger=ledger,
        tenant=tenant,
        position=position,
        chain_hash=chain_hash,
        recorded_at=recorded_at,
        key_id=key_id,
        signature=signature,
    )


def _select_heads(pool: Pool, query: str, parameters: Sequence[Any]) -> list[LedgerHead]:
    with borrowed(pool) as connection, connection.cursor(binary=True) as cursor:
        return [ledger_head_of(row) for row in cursor.execute(query, parameters)]
