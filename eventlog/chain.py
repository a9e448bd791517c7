"""The hash chain of a ledger, over exactly the bytes that are stored.

leaf    = SHA-256(0x00 ‖ tenant ‖ ledger ‖ ledger position ‖ stream ‖ stream version ‖ event id ‖
          type ‖ data ‖ metadata ‖ occurred_at ‖ recorded_at), each behind its length in 4 bytes
chain_n = SHA-256(0x01 ‖ chain_{n-1} ‖ leaf_n); chain_0 is 32 zero bytes

Lengths and numbers are big endian. Numbers take 8 bytes (signed), ids 16; instants are microseconds
since 1970-01-01T00:00Z.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from struct import Struct

from eventlog.log import RecordedEvent

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIZE = Struct(">I").pack
_SIZED_NUMBER = Struct(">Iq").pack
_SIZED_VERSION_AND_ID = Struct(">IqI16s").pack
_SIZED_TIMES = Struct(">IqIq").pack


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z, exact."""
    passed = instant - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def sized(value: bytes) -> bytes:
    """A field of the leaf: its length in 4 bytes, then itself."""
    return _SIZE(len(value)) + value


def leaf_fields(
    *,
    owner: bytes,
    ledger_position: int,
    stream: bytes,
    stream_version: int,
    event_id: bytes,
    type_name: bytes,
    data: bytes,
    metadata: bytes,
) -> bytes:
    """The leaf up to its two instants; `owner` is the sized tenant and the sized ledger.

    PostgreSQL's binary COPY takes these columns as these very bytes, so a row is packed only once.
    """
    return b"".join(
        (
            owner,
            _SIZED_NUMBER(8, ledger_position),
            _SIZE(len(stream)),
            stream,
            _SIZED_VERSION_AND_ID(8, stream_version, 16, event_id),
            _SIZE(len(type_name)),
            type_name,
            _SIZE(len(data)),
            data,
            _SIZE(len(metadata)),
            metadata,
        )
    )


def chain_next(previous: bytes, fields: bytes, occurred_us: int, recorded_us: int) -> bytes:
    """The chain's hash after one more event."""
    leaf = sha256(b"\x00" + fields + _SIZED_TIMES(8, occurred_us, 8, recorded_us)).digest()
    return sha256(b"\x01" + previous + leaf).digest()


def chain_over(previous: bytes, events: Iterable[RecordedEvent]) -> bytes:
    """Recompute the chain over one ledger's events, in the order of their positions."""
    for event in events:
        fields = leaf_fields(
            owner=sized(event.tenant.encode()) + sized(event.ledger.encode()),
            ledger_position=event.ledger_position,
            stream=event.stream.encode(),
            stream_version=event.stream_version,
            event_id=event.event_id.bytes,
            type_name=event.type.encode(),
            data=event.data,
            metadata=event.metadata,
        )
        occurred_us = microseconds(event.occurred_at)
        previous = chain_next(previous, fields, occurred_us, microseconds(event.recorded_at))
    return previous
