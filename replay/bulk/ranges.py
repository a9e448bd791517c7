"""A range of one shard's positions, what folding it needs, and what comes of it.

Everything here travels between processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from eventlog.log import RecordedEvent
from eventlog.projection import Batch, LedgerMark


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The positions (after, last] of a shard, for one version."""

    projection: str
    version: int
    edition: str
    shard: int
    after: int
    last: int

    @property
    def events(self) -> int:
        return self.last - self.after


@dataclass(slots=True, kw_only=True)
class Folded:
    """What a range's events come to. `ledgers` and `recorded_at` as in a `Batch`."""

    of: Range
    ledgers: dict[str, LedgerMark]
    recorded_at: datetime
    change: Any

    def batch(self, epoch: int) -> Batch:
        """As checkpoints take it: of the events nothing is left."""
        return Batch(
            shard=self.of.shard,
            epoch=epoch,
            after=self.of.after,
            last=self.of.last,
            events=(),
            ledgers=self.ledgers,
            recorded_at=self.recorded_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An event of the range cannot be folded: the slow way finds it, and parks its stream."""

    of: Range
    why: str


class Pages(Protocol):
    """Where a worker reads. Used by one thread."""

    def pages(self, wanted: Range) -> Iterator[list[RecordedEvent]]:
        """The range's events, contiguous, at least one to a page; fields no fold reads are empty.

        Raises `LogUnavailableError`, `LogGapError`.
        """

    def read_stream(self, ledger: str, stream: str, after_version: int) -> Iterator[RecordedEvent]:
        """As `LogReader` does."""

    def close(self) -> None: ...


class Source(Protocol):
    """How a worker gets at the events. Picklable."""

    def open(self) -> Pages: ...
