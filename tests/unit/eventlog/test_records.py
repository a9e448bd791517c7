"""Kafka records of events: CloudEvents that any client can read, and that we read back exactly."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventlog.feed import wanted_types
from eventlog.kafka.records import (
    HEADERS,
    HeaderList,
    StrangeRecordError,
    decode,
    decode_wanted,
    encode,
)
from eventlog.log import PassedEvent, RecordedEvent
from tests.log_writing import EVENT

EPOCH = 3
POSITIONS = st.integers(1, 2**63 - 1)
INSTANTS = st.datetimes(timezones=st.just(UTC))
IDS = st.text("abcxyzABCXYZ0123456789._:/-@é|", min_size=1, max_size=64)
EVENTS = st.builds(
    RecordedEvent,
    shard=st.integers(0, 15),
    shard_position=POSITIONS,
    tenant=IDS,
    ledger=IDS,
    ledger_position=POSITIONS,
    stream=IDS,
    stream_version=POSITIONS,
    event_id=st.uuids(),
    type=IDS,
    data=st.binary(),
    metadata=st.binary(),
    occurred_at=INSTANTS,
    recorded_at=INSTANTS,
    chain_hash=st.binary(min_size=32, max_size=32),
)


def consumed(event: RecordedEvent, epoch: int = EPOCH) -> Message[bytes, bytes]:
    """The event's record as a consumer gets it."""
    value, key, timestamp, headers = next(encode([event], epoch))
    return Message(
        topic="t",
        partition=event.shard,
        offset=event.shard_position - 1,
        key=key.encode(),
        value=value,
        headers=[(n, v.encode() if isinstance(v, str) else v) for n, v in headers],
        timestamp=(1, timestamp),
    )


def every(_: str, __: bytes) -> bool:
    return True


def none(_: str, __: bytes) -> bool:
    return False


def headers_of(message: Message[bytes, bytes]) -> HeaderList:
    found = message.headers()
    assert isinstance(found, list)
    return found


@given(EVENTS)
def test_an_event_comes_back_as_it_was(event: RecordedEvent) -> None:
    assert decode(consumed(event), EPOCH) == event
    assert decode_wanted(consumed(event), EPOCH, every) == event


@given(EVENTS)
def test_an_event_that_is_not_wanted_says_how_far_it_takes_the_reader(
    event: RecordedEvent,
) -> None:
    passed = decode_wanted(consumed(event), EPOCH, none)
    assert isinstance(passed, PassedEvent)
    assert all(getattr(passed, name) == getattr(event, name) for name in passed.__struct_fields__)


def test_what_is_wanted_is_asked_by_the_stored_type_and_data() -> None:
    asked = []

    def wanted(type_name: str, data: bytes) -> bool:
        asked.append((type_name, data))
        return True

    decode_wanted(consumed(EVENT), EPOCH, wanted)
    assert asked == [(EVENT.type, EVENT.data)]


def test_a_type_that_nobody_knows_is_wanted_by_everybody() -> None:
    wanted = wanted_types({"stock.received.v1"})
    assert wanted("stock.received.v1", b"")
    assert not wanted("stock.shipped.v1", b"")
    assert wanted("stock.teleported.v1", b"")


def test_the_cloudevents_library_reads_a_record() -> None:
    value, key, _, headers = next(encode([EVENT], EPOCH))
    message = KafkaMessage(
        headers={n: v.encode() if isinstance(v, str) else v or b"" for n, v in headers},
        key=key.encode(),
        value=value,
    )
    event = from_binary(message, JSONFormat())
    assert event.get_id() == str(EVENT.event_id)
    assert event.get_source() == "/ledgers/acme/main"
    assert event.get_type() == "stock.received.v1"
    assert event.get_subject() == "stock-85123A@WH"
    assert event.get_time() == EVENT.occurred_at
    assert event.get_datacontenttype() == "application/json"
    assert event.get_extension("ledgerposition") == "12"
    assert event.get_data() == {"sku": "85123A", "location": "WH", "quantity": 12}


def test_headers_stand_in_their_order_and_the_key_keeps_a_stream_together() -> None:
    value, key, timestamp, headers = next(encode([EVENT], EPOCH))
    assert tuple(name for name, _ in headers) == HEADERS
    assert (value, key) == (EVENT.data, "acme/main|stock-85123A@WH")
    assert timestamp == 1_772_366_400_123
    assert dict(headers)["ce_recordedat"] == b"2026-03-01T12:00:00.123456Z"


def test_every_event_of_a_page_bears_its_own_instant() -> None:
    later = replace(EVENT, recorded_at=EVENT.recorded_at + timedelta(seconds=1))
    first, second, third = (record[2] for record in encode([EVENT, EVENT, later], EPOCH))
    assert (second - first, third - first) == (0, 1000)


def test_a_header_added_behind_the_known_ones_is_no_obstacle() -> None:
    message = consumed(EVENT)
    message.set_headers([*headers_of(message), ("ce_future", b"1")])
    assert decode(message, EPOCH) == EVENT


def test_a_record_of_another_epoch_is_refused_unless_any_will_do() -> None:
    with pytest.raises(StrangeRecordError, match="epoch 2, not 3"):
        decode(consumed(EVENT, epoch=2), EPOCH)
    with pytest.raises(StrangeRecordError, match="epoch 2, not 3"):
        decode_wanted(consumed(EVENT, epoch=2), EPOCH, none)
    assert decode(consumed(EVENT, epoch=2), None) == EVENT


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("ce_id", b"no-uuid"),
        ("ce_time", b"yesterday"),
        ("ce_time", b"2026-03-01T12:00:00"),  # without a zone
        ("ce_ledgerposition", b"twelve"),
        ("ce_shardposition", b"4711.0"),
        ("ce_chainhash", b"xyz"),
        ("ce_tenant", b"\xff"),
        ("ce_epoch", b"?"),
        ("ce_type", None),
    ],
)
def test_a_damaged_header_is_an_error_with_its_place(header: str, value: bytes | None) -> None:
    message = consumed(EVENT)
    headers = [(n, value if n == header else v) for n, v in headers_of(message)]
    message.set_headers(headers)
    with pytest.raises(StrangeRecordError) as strange:
        decode(message, EPOCH)
    assert (strange.value.partition, strange.value.offset) == (5, 4710)


@pytest.mark.parametrize("headers", [None, [], [("ce_id", b"1")], [("a", b"b")] * 15])
def test_what_the_relay_did_not_write_is_an_error(
    headers: list[tuple[str, str | bytes | None]] | None,
) -> None:
    message: Message[bytes, bytes] = Message(
        topic="t", partition=0, offset=7, value=b"{}", headers=headers
    )
    with pytest.raises(StrangeRecordError, match="offset 7"):
        decode(message, EPOCH)
    with pytest.raises(StrangeRecordError, match="offset 7"):
        decode_wanted(message, EPOCH, none)


def test_a_record_without_a_value_is_an_error() -> None:
    message = consumed(EVENT)
    message.set_value(None)
    with pytest.raises(StrangeRecordError, match="no value"):
        decode(message, EPOCH)
    with pytest.raises(StrangeRecordError, match="no value"):
        decode_wanted(message, EPOCH, none)
