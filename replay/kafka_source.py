"""History from Kafka, partition by partition; what it no longer has is an error, never skipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eventlog.feed import EventSource
from eventlog.log import LogReader, RecordedEvent
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
    """Reads shards from a source that follows Kafka, streams from the store. Used by one thread."""

    def __init__(self, source: EventSource, store: LogReader) -> None:
        self._source = source
        self._waiting: dict[int, list[RecordedEvent]] = {}
        self._reached: dict[int, int] = {}
        self.read_stream = store.read_stream
        self.read_streams = store.read_streams
        self.read_ledger = store.read_ledger
        self.shard_position = store.shard_position

    def read_shard(self, shard: int, after: int, limit: int) -> Sequence[RecordedEvent]:
        """At least one event. Raises `KafkaGapError`."""
        if self._reached.get(shard) != after:
            self._source.follow(shard, after)
            self._waiting[shard] = []
            self._reached[shard] = after
        waiting = self._waiting[shard]
        silent = 0.0
        while len(waiting) < limit and silent < SILENCE_SECONDS_MAX:
            arrived = self._source.poll(limit - len(waiting), POLL_SECONDS)
            for each, events in arrived.items():
                if each == shard:
                    self._take(shard, events)
            if waiting and not arrived:
                break
            silent = 0.0 if arrived else silent + POLL_SECONDS
        if not waiting:
            raise KafkaGapError(shard, after + 1, None)
        page, self._waiting[shard] = waiting[:limit], waiting[limit:]
        self._reached[shard] = page[-1].shard_position
        return page

    def _take(self, shard: int, events: Sequence[RecordedEvent]) -> None:
        waiting = self._waiting[shard]
        for event in events:
            expected = (waiting[-1].shard_position if waiting else self._reached[shard]) + 1
            if event.shard_position > expected:
                raise KafkaGapError(shard, expected, event.shard_position)
            if event.shard_position == expected:
                waiting.append(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaPages:
    """`Source` for the replayer's own thread: a topic is read in its order, by one consumer."""

    reader: KafkaReader

    def open(self) -> ReaderPages:
        return ReaderPages(self.reader)
