"""What a record must be, as bytes: value, key, timestamp and every header; and its hash.

The hash of a range is the SHA-256 over the hashes of its records, in the order of positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple, cast

from confluent_kafka import Message
from msgspec.msgpack import Encoder

from eventlog.kafka.records import HEADERS, encode
from eventlog.log import RecordedEvent

POSITION_HEADER = "ce_shardposition"
POSITION_MAX = 2**62
SHOWN_CHARACTERS_MAX = 200
_POSITION_AT = HEADERS.index(POSITION_HEADER)
_packed = Encoder().encode


class Parts(NamedTuple):
    """`timestamp` in ms since 1970."""

    value: bytes
    key: bytes
    timestamp: int
    headers: tuple[tuple[str, bytes], ...]


class Unlike(NamedTuple):
    """The first part in which two records are not the same, for people."""

    part: str
    expected: str
    found: str


def expected_parts(events: Iterable[RecordedEvent], epoch: int) -> list[Parts]:
    """The record of each event, as the relay writes it."""
    return [
        Parts(value, key.encode(), timestamp, tuple((name, _raw(told)) for name, told in headers))
        for value, key, timestamp, headers in encode(events, epoch)
    ]


def found_parts(message: Message[bytes, bytes]) -> Parts:
    """Of a consumed record, whatever it is."""
    headers = cast("Sequence[tuple[str, bytes | None]]", message.headers() or ())
    return Parts(
        message.value() or b"",
        message.key() or b"",
        message.timestamp()[1],
        tuple((name, told or b"") for name, told in headers),
    )


def position_of(parts: Parts) -> int:
    """Raises ValueError when the record names no shard position."""
    headers = parts.headers
    if len(headers) > _POSITION_AT and headers[_POSITION_AT][0] == POSITION_HEADER:
        position = int(headers[_POSITION_AT][1])
    else:
        told = dict(headers).get(POSITION_HEADER)
        if told is None:
            raise ValueError(f"it has no header {POSITION_HEADER}")
        position = int(told)
    if not 1 <= position <= POSITION_MAX:
        raise ValueError(f"it names position {position}")
    return position


def record_hash(parts: Parts) -> bytes:
    """SHA-256 over the parts as MessagePack, in which each stands behind its length."""
    return sha256(_packed(parts)).digest()


def range_hash(records: Iterable[Parts]) -> bytes:
    """SHA-256 over the hashes of the records."""
    return sha256(b"".join(map(record_hash, records))).digest()


def first_unlike(expected: Parts, found: Parts) -> Unlike | None:
    """None when they are the same."""
    if expected.value != found.value:
        return Unlike("value", _shown(expected.value), _shown(found.value))
    if expected.key != found.key:
        return Unlike("key", _shown(expected.key), _shown(found.key))
    if expected.timestamp != found.timestamp:
        return Unlike("timestamp", f"{expected.timestamp} ms", f"{found.timestamp} ms")
    for want, have in zip(expected.headers, found.headers, strict=False):
        if want != have:
            return Unlike(f"header {want[0]}", _shown(want[1]), f"{have[0]}: {_shown(have[1])}")
    if len(expected.headers) != len(found.headers):
        return Unlike("headers", str(len(expected.headers)), str(len(found.headers)))
    return None


def _raw(told: str | bytes | None) -> bytes:
    return told.encode() if isinstance(told, str) else told or b""


def _shown(raw: bytes) -> str:
    text = raw.decode(errors="backslashreplace")
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}…"
