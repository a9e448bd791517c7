"""The table of `documents`, read and written by one statement a batch.

Its `body` is `json`, not `jsonb`: a fold may go by the order of keys, which `jsonb` changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

import msgspec
from psycopg import Connection, Cursor, sql
from psycopg.rows import TupleRow

from projections.arrays import text_array
from projections.documents.fold import Document, DocumentKey
from projections.documents.kinds import KINDS

READ = """
SELECT tenant, ledger, kind, id, status, refs, body::text, opened_at, opened_position, position,
       recorded_at
  FROM {documents} JOIN unnest(%s::text[], %s::text[], %s::text[]) AS wanted (ledger, kind, id)
       USING (ledger, kind, id)
"""
WRITE = """
INSERT INTO {documents}
       (tenant, ledger, kind, id, status, refs, body, opened_at, opened_position, position,
        recorded_at)
SELECT tenant, ledger, kind, id, status, refs, body, opened_at, opened_position, position,
       recorded_at
  FROM json_to_recordset(%s::json)
       AS new (tenant text, ledger text, kind text, id text, status text, refs text[], body json,
               opened_at timestamptz, opened_position bigint, position bigint,
               recorded_at timestamptz)
    ON CONFLICT (ledger, kind, id) DO UPDATE
   SET status = excluded.status, refs = excluded.refs, body = excluded.body,
       position = excluded.position, recorded_at = excluded.recorded_at
"""


def places(version: int) -> dict[str, str]:
    """The name of a version's table."""
    return {"documents": f"documents_v{version}"}


class Tables:
    """`documents`: the name of this version's table."""

    def __init__(self, *, documents: str) -> None:
        self.names = (documents,)
        self._names = {"documents": sql.Identifier(documents)}
        self._decode = {
            name: msgspec.json.Decoder(kind.state).decode for name, kind in KINDS.items()
        }

    def read(
        self, connection: Connection[TupleRow], keys: Sequence[DocumentKey]
    ) -> dict[DocumentKey, Document]:
        """Those of the documents that have a row."""
        if not keys:
            return {}
        columns = [text_array(column) for column in zip(*keys, strict=True)]
        rows = self._execute(connection, READ, *columns).fetchall()
        found = (self._document(row) for row in rows)
        return {(each.ledger, each.kind, each.id): each for each in found}

    def write(self, connection: Connection[TupleRow], documents: Iterable[Document]) -> None:
        """In the order of their keys: two writers wait for each other, never in a ring."""
        rows = sorted(documents, key=lambda each: (each.ledger, each.kind, each.id))
        if rows:
            self._execute(connection, WRITE, msgspec.json.encode(rows).decode())

    def _document(self, row: TupleRow) -> Document:
        values = dict(zip((field.name for field in fields(Document)), row, strict=True))
        values["body"] = self._decode[values["kind"]](values["body"])
        return Document(**values)

    def _execute(
        self, connection: Connection[TupleRow], statement: str, *values: object
    ) -> Cursor[TupleRow]:
        return connection.execute(sql.SQL(statement).format(**self._names), values)
