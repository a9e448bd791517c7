"""Whatever reads a log page by page (a store, an archive, a topic), as workers read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from eventlog.log import LogGapError, RecordedEvent
from replay.bulk.ranges import Range

PAGE_EVENTS: Final = 5_000


class PageReader(Protocol):
    """The part of a `LogReader` that a fold needs."""

    def read_shard(self, shard: int, after: int, limit: int) -> Sequence[RecordedEvent]: ...

    def read_stream(
        self, ledger: str, stream: str, after_version: int
    ) -> Iterator[RecordedEvent]: ...


class ReaderPages:
    """`Pages`. `closing` is called at the end."""

    def __init__(self, reader: PageReader, *, closing: Callable[[], None] = lambda: None) -> None:
        self._reader = reader
        self._closing = closing
        self.read_stream = reader.read_stream

    def pages(self, wanted: Range) -> Iterator[list[RecordedEvent]]:
        after = wanted.after
        while after < wanted.last:
            limit = min(PAGE_EVENTS, wanted.last - after)
            page = list(self._reader.read_shard(wanted.shard, after, limit))
            if not page or page[0].shard_position != after + 1:
                found = page[0].shard_position if page else wanted.last + 1
                raise LogGapError(wanted.shard, after + 1, found)
            yield page
            after = page[-1].shard_position

    def close(self) -> None:
        self._closing()
