"""Questions to `documents`: one by kind and id, and pages of a kind, the newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import TupleRow, class_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """`body`: what its kind says of it. `refs`: what it is found by, such as `sku:A`. `opened_at`
    and `opened_position` are of its first event, `position` and `recorded_at` of its last one.
    """

    id: str
    status: str
    refs: list[str]
    body: dict[str, Any]
    opened_at: datetime
    opened_position: int
    position: int
    recorded_at: datetime


DOCUMENTS = """
SELECT id, status, refs, body, opened_at, opened_position, position, recorded_at
  FROM {documents} WHERE ledger = %(ledger)s AND kind = %(kind)s
"""
# Under row-level security no index over an array is of use: the function looks them up in one.
WITH_REF = """ AND opened_position = ANY(ARRAY(SELECT documents_by_ref(
    %(place)s, %(ledger)s, %(kind)s, %(ref)s, %(status)s, %(after)s, %(limit)s)))
"""


def document(
    connection: Connection[TupleRow],
    places: Mapping[str, str],
    ledger: str,
    kind: str,
    name: str,
) -> Document | None:
    """One document, None when it is unknown."""
    values = {"ledger": ledger, "kind": kind, "name": name}
    found = _documents(connection, places, f"{DOCUMENTS} AND id = %(name)s", values)
    return found[0] if found else None


def documents(
    connection: Connection[TupleRow],
    places: Mapping[str, str],
    ledger: str,
    kind: str,
    *,
    status: str | None = None,
    ref: str | None = None,
    after: int | None = None,
    limit: int,
) -> list[Document]:
    """A page. `after` is the last page's lowest opened_position."""
    values: dict[str, Any] = {
        "ledger": ledger,
        "kind": kind,
        "place": places["documents"],
        "status": status,
        "ref": ref,
        "after": after,
        "limit": limit,
    }
    conditions = ""
    if status is not None:
        conditions += " AND status = %(status)s"
    if after is not None:
        conditions += " AND opened_position < %(after)s"
    if ref is not None:
        conditions += WITH_REF
    page = f"{DOCUMENTS}{conditions} ORDER BY opened_position DESC LIMIT %(limit)s"
    return _documents(connection, places, page, values)


def _documents(
    connection: Connection[TupleRow],
    places: Mapping[str, str],
    statement: str,
    values: Mapping[str, Any],
) -> list[Document]:
    names = {logical: sql.Identifier(table) for logical, table in places.items()}
    with connection.cursor(row_factory=class_row(Document)) as cursor:
        return cursor.execute(sql.SQL(statement).format(**names), values).fetchall()
