"""A recorded event as a Kafka record and back: CloudEvents 1.0, binary mode.

The headers stand in one fixed order, so that reading them needs no look-up by name. More may be
added behind them, never between.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Annotated, Any, TypeAlias, cast
from uuid import UUID

from confluent_kafka import Message
from msgspec import Meta, MsgspecError
from msgspec.json import Decoder, Encoder

from eventlog.feed import Wanted
from eventlog.log import ArrivedEvent, PassedEvent, RecordedEvent

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
HEADERS_OF_PASSED = (
    "ce_source",
    "ce_type",
    "ce_tenant",
    "ce_ledgerposition",
    "ce_shardposition",
    "ce_recordedat",
    "ce_epoch",
)
_of_passed: Callable[[Any], tuple[tuple[str, bytes], ...]]
_of_passed = itemgetter(*map(HEADERS.index, HEADERS_OF_PASSED))
TEXTS_MAX = 4_096
INSTANTS_MAX = 256
UNREADABLE = (LookupError, ValueError, TypeError, AttributeError, MsgspecError)

HeaderList: TypeAlias = list[tuple[str, str | bytes | None]]
UtcTime: TypeAlias = Annotated[datetime, Meta(tz=True)]
# One call of these costs less than three of str(), isoformat() or their opposites.
_encode_id_and_times = Encoder().encode
_decode_id_times_and_numbers = Decoder(tuple[UUID, UtcTime, UtcTime, int, int, int]).decode


_decode_time = Decoder(UtcTime).decode


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
    except UNREADABLE as error:
        raise _strange(message, error) from error


def decode_wanted(message: Message[bytes, bytes], epoch: int, wanted: Wanted) -> ArrivedEvent:
    """As `decode`; of an event that is not wanted, only how far it takes the reader."""
    try:
        return _passed(message, epoch, wanted) or _event_of(message, epoch)
    except UNREADABLE as error:
        raise _strange(message, error) from error


def _strange(message: Message[bytes, bytes], error: Exception) -> StrangeRecordError:
    return StrangeRecordError(message.partition() or 0, message.offset() or 0, error)


def _passed(message: Message[bytes, bytes], epoch: int, wanted: Wanted) -> PassedEvent | None:
    """None: it is to be read whole, as it is wanted or looks odd."""
    headers = _of_passed(message.headers())
    ((n1, source), (n2, type_name), (n3, tenant), (n4, position)) = headers[:4]
    ((n5, shard_position), (n6, recorded), (n7, written_in)) = headers[4:]
    data = message.value()
    is_ours = (n1, n2, n3, n4, n5, n6, n7) == HEADERS_OF_PASSED and int(written_in) == epoch
    if not is_ours or data is None or wanted(_text(type_name), data):
        return None
    return PassedEvent(
        shard=cast("int", message.partition()),
        shard_position=int(shard_position),
        tenant=_text(tenant),
        ledger=_text(source)[len(SOURCE_PREFIX) :],
        ledger_position=int(position),
        type=_text(type_name),
        recorded_at=_instant(recorded),
    )


def _event_of(message: Message[bytes, bytes], epoch: int | None) -> RecordedEvent:
    headers, data = cast("list[tuple[str, bytes]]", message.headers()), message.value()
    # Name by name, without a loop: this runs for each event in each consumer.
    ((n1, _), (n2, event_id), (n3, source), (n4, type_name), (n5, stream)) = headers[:5]
    ((n6, occurred), (n7, _), (n8, tenant), (n9, position), (n10, version)) = headers[5:10]
    ((n11, shard_position), (n12, recorded), (n13, chain_hash)) = headers[10:13]
    ((n14, metadata), (n15, written_in)) = headers[13:NUMBER_OF_HEADERS]
    names = (n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n12, n13, n14, n15)
    if names != HEADERS or data is None:
        raise ValueError(f"it has the headers {names}, and {'no' if data is None else 'a'} value")
    if epoch is not None and int(written_in) != epoch:
        raise ValueError(f"it is of epoch {int(written_in)}, not {epoch}")
    numbers = _decode_id_times_and_numbers(
        b'["%b","%b","%b",%b,%b,%b]'
        % (event_id, occurred, recorded, position, version, shard_position)
    )
    return RecordedEvent(
        shard=cast("int", message.partition()),
        shard_position=numbers[5],
        tenant=_text(tenant),
        ledger=_text(source)[len(SOURCE_PREFIX) :],
        ledger_position=numbers[3],
        stream=stream.decode(),
        stream_version=numbers[4],
        event_id=numbers[0],
        type=_text(type_name),
        data=data,
        metadata=metadata,
        occurred_at=numbers[1],
        recorded_at=numbers[2],
        chain_hash=unhexlify(chain_hash),
    )


@lru_cache(maxsize=TEXTS_MAX)
def _text(written: bytes) -> str:
    """For what comes again and again: types, ledgers, tenants."""
    return written.decode()


@lru_cache(maxsize=INSTANTS_MAX)
def _instant(written: bytes) -> datetime:
    """For `recorded_at`: the events of an append share it."""
    return _decode_time(b'"%b"' % written)
