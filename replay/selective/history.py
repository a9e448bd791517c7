"""Whole streams, read once and then followed: what is folded is always from the first event on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby, islice
from typing import Final

from eventlog.log import LogReader, RecordedEvent
from replay.selective.selection import StreamKey

STREAMS_PER_CHUNK: Final = 500
EVENTS_PER_CHUNK: Final = 20_000
# What one write changes: Redis stands still for about a tenth of a second while it does.
STREAMS_AT_ONCE_MAX: Final = 20_000
TAIL_PAGE: Final = 2_000


def of_shards(streams: Sequence[StreamKey]) -> Iterator[list[StreamKey]]:
    """All streams of each shard, to be replaced at once; no more than STREAMS_AT_ONCE_MAX."""
    for _, found in groupby(_in_order(streams), key=lambda key: key.shard):
        while part := list(islice(found, STREAMS_AT_ONCE_MAX)):
            yield part


def chunks(streams: Sequence[StreamKey]) -> Iterator[list[StreamKey]]:
    """Streams of one shard that are read together, in order."""
    chunk: list[StreamKey] = []
    events = 0
    for key in _in_order(streams):
        is_full = len(chunk) == STREAMS_PER_CHUNK or events + key.events > EVENTS_PER_CHUNK
        if chunk and (is_full or chunk[0].shard != key.shard):
            yield chunk
            chunk, events = [], 0
        chunk.append(key)
        events += key.events
    if chunk:
        yield chunk


class History:
    """The events of some streams of one shard, up to a shard position that goes up."""

    def __init__(self, reader: LogReader, streams: Sequence[StreamKey]) -> None:
        self._reader = reader
        self._streams = streams
        self._wanted = {(key.ledger, key.stream) for key in streams}
        self._reached: int | None = None
        self.events = 0

    def up_to(self, shard_position: int, handles: Collection[str]) -> Iterator[RecordedEvent]:
        """What was not given yet, of the types in `handles`, each stream in its order.

        Take all of it. First the streams are read, then what the shard has had since.
        """
        reached = self._reached
        source = self._whole() if reached is None else self._since(reached, shard_position)
        for event in source:
            if event.shard_position <= shard_position and event.type in handles:
                self.events += 1
                yield event
        self._reached = shard_position if reached is None else max(reached, shard_position)

    def _whole(self) -> Iterator[RecordedEvent]:
        """A stream longer than a chunk comes page by page, the others many at once."""
        for chunk in chunks(self._streams):
            if sum(key.events for key in chunk) > EVENTS_PER_CHUNK:
                for key in chunk:
                    yield from self._reader.read_stream(key.ledger, key.stream, 0)
            else:
                yield from self._reader.read_streams([(*key[:2], 0) for key in chunk])

    def _since(self, after: int, upto: int) -> Iterator[RecordedEvent]:
        shard = self._streams[0].shard
        while after < upto:
            page = self._reader.read_shard(shard, after, min(upto - after, TAIL_PAGE))
            if not page:
                return
            after = page[-1].shard_position
            yield from (event for event in page if (event.ledger, event.stream) in self._wanted)


def _in_order(streams: Sequence[StreamKey]) -> list[StreamKey]:
    return sorted(streams, key=lambda key: (key.shard, key.ledger, key.stream))
