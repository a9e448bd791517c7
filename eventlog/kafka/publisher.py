"""Publishes records in order, and says when Kafka has all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from eventlog.kafka.records import HeaderList
from eventlog.kafka.topics import RECORD_BYTES_MAX
from eventlog.projection import StoreUnavailableError

CONFIRM_SECONDS_MAX: Final = 10.0
QUEUE_RECORDS_MAX: Final = 100_000
QUEUE_KILOBYTES_MAX: Final = 256 * 1024
ROOM_PAUSE_SECONDS: Final = 0.05
LINGER_MILLISECONDS: Final = 5
ABANDON_SECONDS_MAX: Final = 2.0


class Publisher:
    """One idempotent producer. After any error it must be abandoned and replaced by a new one.

    Nothing is promised about what was sent until `confirm` has returned; after an error some of
    it may be in Kafka, and is published again by the next one, who starts at the last position
    that was confirmed.
    """

    def __init__(self, bootstrap: str, *, name: str) -> None:
        self._error: KafkaError | None = None
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "client.id": name,
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": LINGER_MILLISECONDS,
                "queue.buffering.max.messages": QUEUE_RECORDS_MAX,
                "queue.buffering.max.kbytes": QUEUE_KILOBYTES_MAX,
                "message.max.bytes": RECORD_BYTES_MAX,
                # Giving up on one record while later ones go on would leave a hole: only we give
                # up, on all of them at once.
                "message.timeout.ms": 0,
                # An empty queue and no error says as much as a report for each record.
                "delivery.report.only.error": True,
                "on_delivery": self._on_delivery,
                "error_cb": self._on_error,
                "log_level": 0,
            }
        )

    def send(
        self,
        topic: str,
        partition: int,
        records: Iterable[tuple[bytes, str, int, HeaderList]],
    ) -> None:
        """Queue (value, key, timestamp in ms, headers) of each record, in order.

        Blocks while the queue is full. Raises `StoreUnavailableError`.
        """
        produce = self._producer.produce
        for value, key, timestamp, headers in records:
            try:
                produce(topic, value, key, partition, timestamp=timestamp, headers=headers)
            except BufferError:
                self._await_room(
                    partial(
                        produce, topic, value, key, partition, timestamp=timestamp, headers=headers
                    )
                )
            except KafkaException as error:
                raise StoreUnavailableError("Kafka", error) from error

    def confirm(self) -> None:
        """Return when Kafka has everything that was sent. Raises `StoreUnavailableError`."""
        left = self._producer.flush(CONFIRM_SECONDS_MAX)
        if self._error is not None:
            raise StoreUnavailableError("Kafka", KafkaException(self._error))
        if left:
            silence = TimeoutError(f"{left} records not confirmed in {CONFIRM_SECONDS_MAX:.0f} s")
            raise StoreUnavailableError("Kafka", silence)

    def abandon(self) -> None:
        """Send nothing more of what waits, also not on its way out of memory."""
        self._producer.purge()
        self._producer.flush(ABANDON_SECONDS_MAX)

    def _await_room(self, produce: Callable[[], None]) -> None:
        deadline = monotonic() + CONFIRM_SECONDS_MAX
        while monotonic() < deadline:
            self._producer.flush(ROOM_PAUSE_SECONDS)
            try:
                return produce()
            except BufferError:
                continue
        raise StoreUnavailableError("Kafka", TimeoutError("the queue of records stays full"))

    def _on_delivery(self, error: KafkaError | None, _: Message[bytes, bytes]) -> None:
        self._error = self._error or error

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._error = self._error or error
