"""The tables of an archive as Arrow has them, and the SQL that reads and fills them.

Every column is stored with exactly the bytes that PostgreSQL has: instants in µs (UTC), hashes and
JSON as binary, an event's id as the 16 bytes that were hashed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import pyarrow as pa

from eventlog.chain import EPOCH, microseconds
from eventlog.log import RecordedEvent

INSTANT: Final = pa.timestamp("us", tz="UTC")
HASH: Final = pa.binary(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`types` are PostgreSQL's, for a binary COPY into it."""

    name: str
    schema: pa.Schema
    types: tuple[str, ...]

    @property
    def columns(self) -> str:
        return ", ".join(self.schema.names)

    @property
    def copy(self) -> str:
        return f"COPY {self.name} ({self.columns}) FROM STDIN (FORMAT BINARY)"


def _table(name: str, *columns: tuple[str, pa.DataType, str]) -> Table:
    schema = pa.schema([(column, kind) for column, kind, _ in columns])
    return Table(name=name, schema=schema, types=tuple(each[2] for each in columns))


EVENTS: Final = pa.schema(
    pa.field(name, kind, nullable=False)
    for name, kind in (
        ("shard", pa.int16()),
        ("shard_position", pa.int64()),
        ("tenant", pa.string()),
        ("ledger", pa.string()),
        ("ledger_position", pa.int64()),
        ("stream", pa.string()),
        ("stream_version", pa.int64()),
        ("event_id", pa.uuid()),
        ("type", pa.string()),
        ("data", pa.binary()),
        ("metadata", pa.binary()),
        ("occurred_at", INSTANT),
        ("recorded_at", INSTANT),
        ("chain_hash", HASH),
    )
)
TENANTS: Final = _table(
    "tenants",
    ("tenant", pa.string(), "text"),
    ("name", pa.string(), "text"),
    ("subject_secret", pa.binary(), "bytea"),
    ("created_at", INSTANT, "timestamptz"),
)
LEDGERS: Final = _table(
    "ledgers",
    ("ledger", pa.string(), "text"),
    ("tenant", pa.string(), "text"),
    ("shard", pa.int16(), "int2"),
    ("position", pa.int64(), "int8"),
    ("chain_hash", HASH, "bytea"),
    ("recorded_at", INSTANT, "timestamptz"),
    ("created_at", INSTANT, "timestamptz"),
)
API_KEYS: Final = _table(
    "api_keys",
    ("key_id", pa.string(), "text"),
    ("tenant", pa.string(), "text"),
    ("secret_hash", pa.binary(), "bytea"),
    ("scopes", pa.list_(pa.string()), "text[]"),
    ("name", pa.string(), "text"),
    ("created_at", INSTANT, "timestamptz"),
    ("revoked_at", INSTANT, "timestamptz"),
)
SUBJECTS: Final = _table(
    "subjects",
    ("tenant", pa.string(), "text"),
    ("subject", pa.string(), "text"),
    ("kind", pa.string(), "text"),
    ("external_id", pa.string(), "text"),
)
COMMAND_KEYS: Final = _table(
    "command_keys",
    ("ledger", pa.string(), "text"),
    ("key", pa.string(), "text"),
    ("tenant", pa.string(), "text"),
    ("body_hash", pa.binary(), "bytea"),
    ("accepted", pa.bool_(), "bool"),
    ("answer", pa.binary(), "bytea"),
    ("first_position", pa.int64(), "int8"),
    ("last_position", pa.int64(), "int8"),
    ("recorded_at", INSTANT, "timestamptz"),
)
SIGNED_HEADS: Final = _table(
    "signed_heads",
    ("ledger", pa.string(), "text"),
    ("position", pa.int64(), "int8"),
    ("tenant", pa.string(), "text"),
    ("chain_hash", HASH, "bytea"),
    ("recorded_at", INSTANT, "timestamptz"),
    ("key_id", pa.string(), "text"),
    ("signature", pa.binary(), "bytea"),
)
# Small, written whole at each run: what was changed or forgotten since is so in the archive too.
# In an order in which each may refer to those before it.
WHOLE: Final = (TENANTS, LEDGERS, API_KEYS, SUBJECTS)


def event_columns(events: Sequence[RecordedEvent]) -> pa.RecordBatch:
    """The events as a batch of EVENTS."""
    columns: list[list[Any]] = [
        [event.shard for event in events],
        [event.shard_position for event in events],
        [event.tenant for event in events],
        [event.ledger for event in events],
        [event.ledger_position for event in events],
        [event.stream for event in events],
        [event.stream_version for event in events],
        [event.event_id.bytes for event in events],
        [event.type for event in events],
        [event.data for event in events],
        [event.metadata for event in events],
        [microseconds(event.occurred_at) for event in events],
        [microseconds(event.recorded_at) for event in events],
        [event.chain_hash for event in events],
    ]
    arrays = [pa.array(column, kind.type) for column, kind in zip(columns, EVENTS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=EVENTS)


def recorded_events(batch: pa.RecordBatch) -> Iterable[RecordedEvent]:
    """The events of a batch of EVENTS, as the log gives them."""
    columns = [
        (array.cast(pa.int64()) if kind.type == INSTANT else array).to_pylist()
        for array, kind in zip(batch.columns, EVENTS, strict=True)
    ]
    for row in zip(*columns, strict=True):
        yield RecordedEvent(
            shard=row[0],
            shard_position=row[1],
            tenant=row[2],
            ledger=row[3],
            ledger_position=row[4],
            stream=row[5],
            stream_version=row[6],
            event_id=row[7],
            type=row[8],
            data=row[9],
            metadata=row[10],
            occurred_at=EPOCH + timedelta(microseconds=row[11]),
            recorded_at=EPOCH + timedelta(microseconds=row[12]),
            chain_hash=row[13],
        )


def row_columns(table: Table, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
    """Rows in the order of the table's columns as a batch."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in table.schema)
    arrays = [
        pa.array(list(column), kind.type)
        for column, kind in zip(columns, table.schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=table.schema)


def rows_of(batch: pa.RecordBatch) -> Iterable[tuple[Any, ...]]:
    """The rows of a batch; instants as aware datetimes."""
    columns: Mapping[str, list[Any]] = batch.to_pydict()
    return zip(*columns.values(), strict=True)
