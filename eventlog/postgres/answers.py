"""The stored answers of command keys: kept for ever, in the same transaction as the events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from eventlog.log import StoredAnswer
from eventlog.postgres.connections import Pool, borrowed

ANSWERS = """
    SELECT k.ledger, k.key, k.body_hash, k.accepted, k.answer, k.first_position, k.last_position
    FROM command_keys AS k WHERE k.ledger = %s AND k.key = ANY(%s)
"""


def stored_answers(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[str, str], StoredAnswer]:
    """Rows of ANSWERS by (ledger, key)."""
    return {
        (ledger, key): StoredAnswer(
            body_hash=body_hash,
            accepted=accepted,
            answer=answer,
            first_position=first_position,
            last_position=last_position,
        )
        for ledger, key, body_hash, accepted, answer, first_position, last_position in rows
    }


def find_answers(pool: Pool, ledger: str, keys: Sequence[str]) -> dict[str, StoredAnswer]:
    """What these keys of a ledger led to, by key, as far as it is committed."""
    with borrowed(pool) as connection, connection.cursor(binary=True) as cursor:
        cursor.execute(ANSWERS, (ledger, list(keys)), prepare=True)
        found = stored_answers(cursor)
    return {key: answer for (_, key), answer in found.items()}
