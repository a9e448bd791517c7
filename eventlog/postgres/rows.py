"""Rows of the log as PostgreSQL's binary COPY takes them, and back.

The first nine columns of an event are, byte for byte, the first nine fields of its leaf (see
`eventlog.chain`), so they are packed once for both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from struct import Struct
from typing import Any

from eventlog.chain import chain_next, leaf_fields, microseconds, sized
from eventlog.log import KeyRow, LedgerHead, NewEvent, RecordedEvent

COPY_EVENTS = (
    "COPY events (tenant, ledger, ledger_position, stream, stream_version, event_id, type, data,"
    " metadata, occurred_at, recorded_at, chain_hash, shard, shard_position)"
    " FROM STDIN (FORMAT BINARY)"
)
COPY_KEYS = (
    "COPY command_keys (ledger, key, tenant, body_hash, accepted, answer, recorded_at,"
    " first_position, last_position) FROM STDIN (FORMAT BINARY)"
)
SELECT_EVENTS = """
    SELECT shard, shard_position, tenant, ledger, ledger_position, stream, stream_version,
        event_id, type, data, metadata, occurred_at, recorded_at, chain_hash
    FROM events
"""
BLOCK_ROWS = 64
COPY_START = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_END = b"\xff\xff"

_POSTGRES_EPOCH_US = microseconds(datetime(2000, 1, 1, tzinfo=UTC))
_EVENT_COLUMN_COUNT = Struct(">h").pack(14)
_EVENT_TAIL = Struct(">IqIqI32sIhIq").pack
_KEY_COLUMN_COUNT = Struct(">h").pack(9)
_KEY_ACCEPTED = Struct(">I?").pack
_KEY_TAIL = Struct(">IqIqIq").pack
_KEY_TAIL_WITHOUT_EVENTS = Struct(">Iqii").pack
_NULL = -1


@dataclass(slots=True)
class LedgerTail:
    """Where a ledger's next event goes, while a batch is packed."""

    tenant: bytes
    owner: bytes
    first_position: int
    position: int
    chain_hash: bytes

    @classmethod
    def of(cls, head: LedgerHead) -> LedgerTail:
        tenant = sized(head.tenant.encode())
        return cls(
            tenant=tenant,
            owner=tenant + sized(head.ledger.encode()),
            first_position=head.position + 1,
            position=head.position,
            chain_hash=head.chain_hash,
        )


def pack_events(
    shard: int,
    shard_position: int,
    events: Iterable[NewEvent],
    tails: Mapping[str, LedgerTail],
    recorded_at: datetime,
) -> Iterator[bytes]:
    """Rows for COPY_EVENTS, from the shard position behind `shard_position` on; moves the tails.

    In blocks: the server stores one while the next is being packed.
    """
    recorded_us = microseconds(recorded_at)
    rows = [COPY_START]
    for count, event in enumerate(events, start=1):
        tail = tails[event.ledger]
        tail.position += 1
        shard_position += 1
        fields = leaf_fields(
            owner=tail.owner,
            ledger_position=tail.position,
            stream=event.stream.encode(),
            stream_version=event.stream_version,
            event_id=event.event_id.bytes,
            type_name=event.type.encode(),
            data=event.data,
            metadata=event.metadata,
        )
        occurred_us = microseconds(event.occurred_at)
        tail.chain_hash = chain_next(tail.chain_hash, fields, occurred_us, recorded_us)
        rows += (
            _EVENT_COLUMN_COUNT,
            fields,
            _EVENT_TAIL(
                8,
                occurred_us - _POSTGRES_EPOCH_US,
                8,
                recorded_us - _POSTGRES_EPOCH_US,
                32,
                tail.chain_hash,
                2,
                shard,
                8,
                shard_position,
            ),
        )
        if count % BLOCK_ROWS == 0:
            yield b"".join(rows)
            rows.clear()
    rows.append(COPY_END)
    yield b"".join(rows)


def pack_keys(
    keys: Iterable[KeyRow], tails: Mapping[str, LedgerTail], recorded_at: datetime
) -> bytes:
    """Rows for COPY_KEYS: each key's events are the next `event_count` of its ledger."""
    recorded_us = microseconds(recorded_at) - _POSTGRES_EPOCH_US
    next_positions = {ledger: tail.first_position for ledger, tail in tails.items()}
    rows = [COPY_START]
    for row in keys:
        first = next_positions[row.ledger]
        next_positions[row.ledger] = first + row.event_count
        rows += (
            _KEY_COLUMN_COUNT,
            sized(row.ledger.encode()),
            sized(row.key.encode()),
            tails[row.ledger].tenant,
            sized(row.body_hash),
            _KEY_ACCEPTED(1, row.accepted),
            sized(row.answer),
            _KEY_TAIL(8, recorded_us, 8, first, 8, first + row.event_count - 1)
            if row.event_count
            else _KEY_TAIL_WITHOUT_EVENTS(8, recorded_us, _NULL, _NULL),
        )
    rows.append(COPY_END)
    return b"".join(rows)


def recorded_event(row: tuple[Any, ...]) -> RecordedEvent:
    """A row of SELECT_EVENTS."""
    return RecordedEvent(
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
        occurred_at=row[11],
        recorded_at=row[12],
        chain_hash=row[13],
    )
