"""The last record of each partition: what Kafka really has, whatever a cursor says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from time import monotonic
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from eventlog.kafka.records import decode
from eventlog.log import RecordedEvent
from eventlog.projection import StoreUnavailableError

READ_SECONDS_MAX: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """`end` is the offset the next record gets; `last` None when no record is there (any more)."""

    end: int
    last: RecordedEvent | None


def read_tails(bootstrap: str, topic: str, shards: Collection[int]) -> Mapping[int, Tail]:
    """The tail of each shard's partition. Blocks.

    Raises `StoreUnavailableError`, `StrangeRecordError` when something else than an event is there.
    """
    consumer: Consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"{topic}-tails",  # required, and never joined or committed to
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "check.crcs": True,
            "log_level": 0,
        }
    )
    try:
        with closing(consumer):
            return _read(consumer, topic, shards)
    except KafkaException as error:
        raise StoreUnavailableError("Kafka", error) from error


def _read(consumer: Consumer, topic: str, shards: Collection[int]) -> Mapping[int, Tail]:
    tails, wanted = {}, []
    for shard in shards:
        partition = TopicPartition(topic, shard)
        low, high = consumer.get_watermark_offsets(partition, timeout=READ_SECONDS_MAX)
        tails[shard] = Tail(end=high, last=None)
        if high > low:
            wanted.append(TopicPartition(topic, shard, high - 1))
    consumer.assign(wanted)
    deadline = monotonic() + READ_SECONDS_MAX
    while any(tails[partition.partition].last is None for partition in wanted):
        if monotonic() > deadline:
            raise StoreUnavailableError("Kafka", TimeoutError(f"the last records of {topic}"))
        message = consumer.poll(1.0)
        if message is None:
            continue
        if (error := message.error()) is not None:
            raise KafkaException(error)
        last = decode(message, None)
        tails[last.shard] = Tail(end=tails[last.shard].end, last=last)
    return tails
