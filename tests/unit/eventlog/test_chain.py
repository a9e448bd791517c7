"""The chain, against a second implementation that was written from its description alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.chain import chain_over, microseconds
from eventlog.log import GENESIS_HASH, RecordedEvent

EVENT = RecordedEvent(
    shard=3,
    shard_position=70,
    tenant="acme",
    ledger="acme/main",
    ledger_position=7,
    stream="stock-A@hall",
    stream_version=2,
    event_id=UUID(int=1),
    type="stock.received.v1",
    data=b'{"sku":"A"}',
    metadata=b'{"actor":"key_1"}',
    occurred_at=datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
    recorded_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    chain_hash=b"",
)


def number(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)


def by_the_book(previous: bytes, event: RecordedEvent) -> bytes:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    leaf = b"\x00"
    for field in (
        event.tenant.encode(),
        event.ledger.encode(),
        number(event.ledger_position),
        event.stream.encode(),
        number(event.stream_version),
        event.event_id.bytes,
        event.type.encode(),
        event.data,
        event.metadata,
        number((event.occurred_at - epoch) // timedelta(microseconds=1)),
        number((event.recorded_at - epoch) // timedelta(microseconds=1)),
    ):
        leaf += len(field).to_bytes(4, "big") + field
    return sha256(b"\x01" + previous + sha256(leaf).digest()).digest()


def test_the_chain_is_what_its_description_says() -> None:
    second = msgspec.structs.replace(EVENT, ledger_position=8, stream_version=3)
    expected = by_the_book(by_the_book(GENESIS_HASH, EVENT), second)
    assert chain_over(GENESIS_HASH, [EVENT, second]) == expected


def test_this_chain_hash_is_pinned() -> None:
    assert chain_over(GENESIS_HASH, [EVENT]).hex() == (
        "cdd1e412f5d3243c1f2ee3247a147cf2243cda0827d01429057767022c3f89e4"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "acma"},
        {"ledger": "acme/mair"},
        {"ledger_position": 8},
        {"stream": "stock-A@hal"},
        {"stream_version": 3},
        {"event_id": UUID(int=2)},
        {"type": "stock.received.v2"},
        {"data": b'{"sku":"B"}'},
        {"metadata": b'{"actor":"key_2"}'},
        {"occurred_at": EVENT.occurred_at + timedelta(microseconds=1)},
        {"recorded_at": EVENT.recorded_at + timedelta(microseconds=1)},
        {"type": "stock.received.v", "data": b"1" + EVENT.data},
        {"data": EVENT.data + b"{", "metadata": EVENT.metadata[1:]},
    ],
    ids="+".join,
)
def test_no_column_can_change_unseen(change: dict[str, object]) -> None:
    changed = msgspec.structs.replace(EVENT, **change)
    assert chain_over(GENESIS_HASH, [changed]) != chain_over(GENESIS_HASH, [EVENT])


def test_the_shards_own_columns_stay_outside() -> None:
    moved = msgspec.structs.replace(EVENT, shard=4, shard_position=1)
    assert chain_over(GENESIS_HASH, [moved]) == chain_over(GENESIS_HASH, [EVENT])


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_are_exact(instant: datetime) -> None:
    assert (
        datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds(instant)) == instant
    )
