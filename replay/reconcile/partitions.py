"""The partitions of a topic from their beginning to their present end, as a stream of records."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from time import monotonic
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from eventlog.projection import StoreUnavailableError

ASK_SECONDS_MAX: Final = 20.0
SILENCE_SECONDS_MAX: Final = 30.0
# A topic that was just made, or whose leader moves, has none for a moment.
SETTLING: Final = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
SETTLE_SECONDS_MAX: Final = 10.0
SETTLE_PAUSE_SECONDS: Final = 0.1
POLL_RECORDS: Final = 2_000
POLL_SECONDS: Final = 0.5
PREFETCH_KILOBYTES_MAX: Final = 32 * 1024


class Bounds(NamedTuple):
    """Offsets [begin, end)."""

    begin: int
    end: int


class PartitionReader:
    """Reads without a group and commits nothing. Methods raise `StoreUnavailableError`."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic

    def exists(self) -> bool:
        """Whether there is such a topic."""
        try:
            found = self._admin().list_topics(timeout=ASK_SECONDS_MAX).topics.get(self._topic)
        except KafkaException as error:
            raise StoreUnavailableError("Kafka", error) from error
        return found is not None and found.error is None

    def is_limited(self) -> bool:
        """Whether the topic itself drops old records, by age or by size."""
        resource = ConfigResource(ResourceType.TOPIC, self._topic)
        admin = self._admin()  # an answer dies with its client
        try:
            asked = admin.describe_configs([resource], request_timeout=ASK_SECONDS_MAX)
            entries = asked[resource].result()
        except KafkaException as error:
            raise StoreUnavailableError("Kafka", error) from error
        limits = (entries.get("retention.ms"), entries.get("retention.bytes"))
        return any(limit is not None and int(limit.value) >= 0 for limit in limits)

    def bounds(self, shards: Collection[int]) -> Mapping[int, Bounds]:
        """Where each partition begins and ends now."""
        try:
            with closing(self._consumer()) as consumer:
                return {shard: self._bounds(consumer, shard) for shard in shards}
        except KafkaException as error:
            raise StoreUnavailableError("Kafka", error) from error

    def records(self, bounds: Mapping[int, Bounds]) -> Iterator[Message[bytes, bytes]]:
        """Every record within these bounds: of each partition in order, partitions mixed."""
        try:
            with closing(self._consumer()) as consumer:
                yield from self._read(consumer, bounds)
        except KafkaException as error:
            raise StoreUnavailableError("Kafka", error) from error

    def _read(
        self, consumer: Consumer, bounds: Mapping[int, Bounds]
    ) -> Iterator[Message[bytes, bytes]]:
        left = {shard: bound for shard, bound in bounds.items() if bound.begin < bound.end}
        consumer.assign(
            [TopicPartition(self._topic, shard, bound.begin) for shard, bound in left.items()]
        )
        heard = monotonic()
        while left:
            messages = consumer.consume(POLL_RECORDS, POLL_SECONDS)
            if messages:
                heard = monotonic()
            elif monotonic() > heard + SILENCE_SECONDS_MAX:
                silence = TimeoutError(f"no record of partitions {sorted(left)} of {self._topic}")
                raise StoreUnavailableError("Kafka", silence)
            for message in messages:
                shard, offset = message.partition() or 0, message.offset() or 0
                if (error := message.error()) is not None:
                    if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its only name
                        raise KafkaException(error)
                    offset -= 1
                if shard not in left:
                    continue
                if error is None and offset < left[shard].end:
                    yield message
                if offset + 1 >= left[shard].end:
                    del left[shard]
                    consumer.incremental_unassign([TopicPartition(self._topic, shard)])

    def _bounds(self, consumer: Consumer, shard: int) -> Bounds:
        partition = TopicPartition(self._topic, shard)
        deadline = monotonic() + SETTLE_SECONDS_MAX
        while True:
            try:
                return Bounds(*consumer.get_watermark_offsets(partition, timeout=ASK_SECONDS_MAX))
            except KafkaException as error:
                if error.args[0].code() not in SETTLING or monotonic() > deadline:
                    raise
            consumer.poll(SETTLE_PAUSE_SECONDS)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self._bootstrap, "log_level": 0})

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": f"{self._topic}-reconcile",  # required, never joined or committed to
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "check.crcs": True,
                "queued.max.messages.kbytes": PREFETCH_KILOBYTES_MAX,
                "log_level": 0,
            }
        )
