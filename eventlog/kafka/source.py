"""Events from Kafka for a consumer that keeps its own checkpoints: no group, no commits.

A record at offset n never has a shard position above n + 1 while its topic is whole, since
repeats only push later. So the events after position p are found from offset p on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from eventlog.feed import Wanted
from eventlog.kafka.records import StrangeRecordError, decode, decode_wanted
from eventlog.log import ArrivedEvent

log = structlog.get_logger(__name__)

PLACE_SECONDS_MAX: Final = 2.0
PLACE_AGAIN_SECONDS: Final = 1.0
# Read ahead by librdkafka, over all partitions of the process.
PREFETCH_RECORDS: Final = 20_000
PREFETCH_KILOBYTES_MAX: Final = 16_384
FETCH_WAIT_MILLISECONDS_MAX: Final = 100
# By default a full queue delays the next fetch by a second, in which a busy reader runs dry.
FETCH_PAUSE_MILLISECONDS: Final = 20


class KafkaSource:
    """An `EventSource` over one topic, partition = shard. `close()` it."""

    def __init__(
        self, bootstrap: str, topic: str, *, epoch: int, name: str, wanted: Wanted | None = None
    ) -> None:
        """Without `wanted`, every event comes whole."""
        self._topic = topic
        self._epoch = epoch
        self._wanted = wanted
        self._after: dict[int, int] = {}
        self._misplaced: set[int] = set()
        self._place_at = 0.0
        self._refused: set[int] = set()
        self._trouble: str | None = None
        self._consumer: Consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "client.id": name,
                "group.id": name,  # required, and never joined or committed to
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "allow.auto.create.topics": False,
                "check.crcs": True,
                "queued.min.messages": PREFETCH_RECORDS,
                "queued.max.messages.kbytes": PREFETCH_KILOBYTES_MAX,
                "fetch.wait.max.ms": FETCH_WAIT_MILLISECONDS_MAX,
                "fetch.queue.backoff.ms": FETCH_PAUSE_MILLISECONDS,
                "error_cb": self._on_error,
                "log_level": 0,
            }
        )

    @property
    def trouble(self) -> str | None:
        return self._trouble

    def follow(self, shard: int, position: int) -> None:
        self.drop(shard)
        self._after[shard] = position
        self._assign(shard, position)

    def drop(self, shard: int) -> None:
        if self._after.pop(shard, None) is not None:
            self._misplaced.discard(shard)
            self._refused.discard(shard)
            self._consumer.incremental_unassign([TopicPartition(self._topic, shard)])

    def poll(self, events_max: int, seconds: float) -> Mapping[int, Sequence[ArrivedEvent]]:
        """What arrived, by shard. Records that are none of ours are left out, and logged."""
        if self._misplaced and monotonic() >= self._place_at:
            self._place()
        arrived: dict[int, list[ArrivedEvent]] = {}
        for message in self._consumer.consume(events_max, seconds):
            shard = message.partition()
            if (error := message.error()) is not None:
                self._on_partition_error(shard, error)
            elif shard in self._after:
                self._trouble = None
                if (message.offset() or 0) >= self._after[shard]:
                    self._take(message, arrived.setdefault(shard, []))
        return arrived

    def close(self) -> None:
        self._consumer.close()

    def _take(self, message: Message[bytes, bytes], events: list[ArrivedEvent]) -> None:
        try:
            if self._wanted is None:
                events.append(decode(message, self._epoch))
            else:
                events.append(decode_wanted(message, self._epoch, self._wanted))
        except StrangeRecordError as strange:
            # The gap it leaves is filled from the store.
            if strange.partition not in self._refused:
                self._refused.add(strange.partition)
                log.warning("record refused", topic=self._topic, reason=str(strange))

    def _assign(self, shard: int, offset: int) -> None:
        self._consumer.incremental_assign([TopicPartition(self._topic, shard, offset)])

    def _on_error(self, error: KafkaError) -> None:
        self._trouble = f"Kafka: {error.str()}"

    def _on_partition_error(self, shard: int | None, error: KafkaError) -> None:
        self._trouble = f"Kafka: {error.str()}"
        if error.code() == KafkaError._AUTO_OFFSET_RESET and shard in self._after:  # noqa: SLF001
            self._misplaced.add(shard)

    def _place(self) -> None:
        """Start again where a partition begins or ends, when it has not the offset we asked for."""
        self._place_at = monotonic() + PLACE_AGAIN_SECONDS
        for shard in sorted(self._misplaced):
            partition = TopicPartition(self._topic, shard)
            try:
                low, high = self._consumer.get_watermark_offsets(
                    partition, timeout=PLACE_SECONDS_MAX, cached=False
                )
            except KafkaException as error:
                self._trouble = f"Kafka: {error}"
                return
            log.info("offset gone", shard=shard, after=self._after[shard], first=low, end=high)
            self._consumer.incremental_unassign([partition])
            self._assign(shard, low if self._after[shard] < low else high)
            self._misplaced.discard(shard)
