"""A recorded event as a Kafka record and back: CloudEvents 1.0, binary mode.

The headers stand in one fixed order, so that reading them needs no look-up by name. More may be
added behind them, never between.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, TypeAlias, cast
from uuid import UUID

from confluent_kafka import Message
from msgspec import Meta, MsgspecError
from msgspec.json import Decoder, Encoder

from eventlog.log import RecordedEvent

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
SOURCE_PREFIX = "/ledgers/"
HEADERS = (
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_subject",
    "ce_time",
    "content-type",
    "ce_tenant",
    "ce_ledgerposition",
    "ce_streamversion",
    "ce_shardposition",
    "ce_recordedat",
    "ce_chainhash",
    "ce_metadata",
    "ce_epoch",
)
NUMBER_OF_HEADERS = len(HEADERS)

HeaderList: TypeAlias = list[tuple[str, str | bytes | None]]
UtcTime: TypeAlias = Annotated[datetime, Meta(tz=True)]
# One call of these costs less than three of str(), isoformat() or their opposites.
_encode_id_and_times = Encoder().encode
_decode_id_times_and_numbers = Decoder(tuple[UUID, UtcTime, UtcTime, int, int, int]).decode


class StrangeRecordError(Exception):
    """A record in our topic that the relay did not write in this epoch, or that was damaged."""

    def __init__(self, partition: int, offset: int, reason: object) -> None:
        super().__init__(
            f"the record at partition {partition}, offset {offset} is no event of ours: {reason}"
        )
        self.partition = partition
        self.offset = offset


def encode(
    events: Iterable[RecordedEvent], epoch: int
) -> Iterator[tuple[bytes, str, int, HeaderList]]:
    """Yield (value, key, timestamp in ms, headers) of each event, in order."""
    recorded_at, timestamp = None, 0
    epoch_header = ("ce_epoch", str(epoch))
    for event in events:
        if event.recorded_at != recorded_at:  # the events of one append share it
            recorded_at = event.recorded_at
            timestamp = int(recorded_at.timestamp() * 1000)
        _, event_id, _, occurred, _, recorded, _ = _encode_id_and_times(
            (event.event_id, event.occurred_at, recorded_at)
        ).split(b'"')
        yield (
            event.data,
            f"{event.ledger}|{event.stream}",
            timestamp,
            [
                ("ce_specversion", SPEC_VERSION),
                ("ce_id", event_id),
                ("ce_source", SOURCE_PREFIX + event.ledger),
                ("ce_type", event.type),
                ("ce_subject", event.stream),
                ("ce_time", occurred),
                ("content-type", CONTENT_TYPE),
                ("ce_tenant", event.tenant),
                ("ce_ledgerposition", str(event.ledger_position)),
                ("ce_streamversion", str(event.stream_version)),
                ("ce_shardposition", str(event.shard_position)),
                ("ce_recordedat", recorded),
                ("ce_chainhash", event.chain_hash.hex()),
                ("ce_metadata", event.metadata),
                epoch_header,
            ],
        )


def decode(message: Message[bytes, bytes], epoch: int | None) -> RecordedEvent:
    """Return the event of a consumed record.

    Raises `StrangeRecordError` unless the relay has written it, in this epoch of the store: what
    was published before an older backup was restored may be of another history. None takes any.
    """
    try:
        return _event_of(message, epoch)
    except (ValueError, TypeError, AttributeError, MsgspecError) as error:
        partition, offset = message.partition() or 0, message.offset() or 0
        raise StrangeRecordError(partition, offset, error) from error


def _event_of(message: Message[bytes, bytes], epoch: int | None) -> RecordedEvent:
    names, values = zip(*cast("list[tuple[str, bytes]]", message.headers()), strict=True)
    data = message.value()
    if names[:NUMBER_OF_HEADERS] != HEADERS or data is None:
        raise ValueError(f"it has the headers {names}, and {'no' if data is None else 'a'} value")
    (_, event_id, source, type_name, stream, occurred, _, tenant) = values[:8]
    (position, version, shard_position, recorded, chain_hash, metadata, written_in) = values[8:15]
    if epoch is not None and int(written_in) != epoch:
        raise ValueError(f"it is of epoch {int(written_in)}, not {epoch}")
    numbers = _decode_id_times_and_numbers(
        b'["%b","%b","%b",%b,%b,%b]'
        % (event_id, occurred, recorded, position, version, shard_position)
    )
    return RecordedEvent(
        shard=cast("int", message.partition()),
        shard_position=numbers[5],
        tenant=tenant.decode(),
        ledger=source[len(SOURCE_PREFIX) :].decode(),
        ledger_position=numbers[3],
        stream=stream.decode(),
        stream_version=numbers[4],
        event_id=numbers[0],
        type=type_name.decode(),
        data=data,
        metadata=metadata,
        occurred_at=numbers[1],
        recorded_at=numbers[2],
        chain_hash=unhexlify(chain_hash),
    )
