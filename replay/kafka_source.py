"""History from Kafka, partition by partition; what it no longer has is an error, never skipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import Final

from eventlog.feed import EventSource
from eventlog.log import ArrivedEvent, LogReader, LogUnavailableError, RecordedEvent
from replay.bulk.reader_source import ReaderPages

SILENCE_SECONDS_MAX: Final = 15.0
POLL_SECONDS: Final = 0.5


class KafkaGapError(Exception):
    """Kafka lacks a position. `found`: the first one that it has after it, if any."""

    def __init__(self, shard: int, expected: int, found: int | None) -> None:
        has = "nothing from there on" if found is None else f"{found} as the first one after it"
        super().__init__(
            f"Kafka has no position {expected} of shard {shard}, but {has}: replay from the store"
            " (`--from store`), or refill the topic from it (`backstock reconcile`)"
        )
        self.shard = shard
        self.expected = expected
        self.found = found


class KafkaReader:
    """Reads shards from a source that follows Kafka, streams from the store. Used by one thread.

    One shard is followed at a time: what arrived of it and was not asked for yet is kept until
    another one is read.
    """

    def __init__(self, source: EventSource, store: LogReader, *, stop: Event) -> None:
        self._source = source
        self._stop = stop
        self._shard: int | None = None
        self._reached = 0
        self._waiting: list[RecordedEvent] = []
        self.read_stream = store.read_stream
        self.read_streams = store.read_streams
        self.read_ledger = store.read_ledger
        self.shard_position = store.shard_position

    def read_shard(self, shard: int, after: int, limit: int) -> Sequence[RecordedEvent]:
        """At least one event. Raises `KafkaGapError`, `LogUnavailableError` once it is stopped."""
        if (self._shard, self._reached) != (shard, after):
            self._follow(shard, after)
        silent = 0.0
        while not self._waiting:
            if self._stop.is_set():
                raise LogUnavailableError("Kafka was being waited for, and the run was stopped")
            if silent >= SILENCE_SECONDS_MAX:
                raise KafkaGapError(shard, after + 1, None)
            arrived = self._source.poll(limit, POLL_SECONDS).get(shard)
            silent = 0.0 if arrived else silent + POLL_SECONDS
            self._take(shard, arrived or ())
        page, self._waiting = self._waiting[:limit], self._waiting[limit:]
        self._reached = page[-1].shard_position
        return page

    def _follow(self, shard: int, after: int) -> None:
        """What else arrives of the shard before would be lost: it is followed anew, if at all."""
        if self._shard is not None and self._shard != shard:
            self._source.drop(self._shard)
        self._source.follow(shard, after)
        self._shard, self._reached, self._waiting = shard, after, []

    def _take(self, shard: int, events: Sequence[ArrivedEvent]) -> None:
        expected = self._reached + len(self._waiting) + 1
        for event in events:
            if event.shard_position > expected:
                raise KafkaGapError(shard, expected, event.shard_position)
            if event.shard_position == expected:
                assert isinstance(event, RecordedEvent), "nothing is passed over: all was wanted"
                self._waiting.append(event)
                expected += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaPages:
    """`Source` for the replayer's own thread: a topic is read in its order, by one consumer."""

    reader: KafkaReader

    def open(self) -> ReaderPages:
        return ReaderPages(self.reader)
