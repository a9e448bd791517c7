"""Whole streams, read once and then followed: what is folded is always from the first event on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from eventlog.log import LogReader, RecordedEvent
from replay.selective.selection import StreamKey

STREAMS_PER_CHUNK: Final = 500
EVENTS_PER_CHUNK: Final = 20_000


def chunks(streams: Sequence[StreamKey]) -> Iterator[list[StreamKey]]:
    """Streams of one shard that are folded and replaced together, in order."""
    chunk: list[StreamKey] = []
    events = 0
    for key in sorted(streams, key=lambda key: (key.shard, key.ledger, key.stream)):
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
        self._read = {(key.ledger, key.stream): 0 for key in streams}
        self._is_long = sum(key.events for key in streams) > EVENTS_PER_CHUNK
        self.events = 0

    def up_to(self, shard_position: int, handles: Collection[str]) -> Iterator[RecordedEvent]:
        """What was not given yet, of the types in `handles`, each stream in its order.

        Take all of it. A stream longer than a chunk comes page by page, the others at once.
        """
        for event in self._events():
            if event.shard_position <= shard_position:
                self._read[event.ledger, event.stream] = event.stream_version
                if event.type in handles:
                    self.events += 1
                    yield event

    def _events(self) -> Iterator[RecordedEvent]:
        wanted = [(*key, version) for key, version in self._read.items()]
        if not self._is_long:
            yield from self._reader.read_streams(wanted)
            return
        for each in wanted:
            yield from self._reader.read_stream(*each)
