"""Applies events to a projection; finds, parks and retries those that it cannot take."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice, takewhile
from typing import Final

import structlog

from eventlog.log import ArrivedEvent, LogReader, RecordedEvent
from eventlog.parked import ParkedStream, ParkedStreams
from eventlog.projection import (
    BatchRejectedError,
    PoisonEventError,
    Projection,
    batch_of,
    is_parked,
)

log = structlog.get_logger(__name__)

PARKED_STREAMS_MAX: Final = 100
RETRY_PAGE: Final = 1_000


class TooManyParkedError(Exception):
    """So many streams fail that the code is to blame rather than single events."""

    def __init__(self, projection: str, version: int, parked: int) -> None:
        super().__init__(
            f"{projection} v{version} has {parked} parked streams, more than {PARKED_STREAMS_MAX}"
            " (`backstock deadletters list` has them): mend its code, then replay them, in order,"
            f" by `backstock replay key --parked --projection {projection} --version {version}`"
        )
        self.projection = projection
        self.version = version
        self.parked = parked


class Applier:
    """One projection with its parked streams. Used by one thread."""

    def __init__(
        self,
        projection: Projection,
        parked: ParkedStreams,
        reader: LogReader,
        *,
        epoch: int,
        known_types: Collection[str],
    ) -> None:
        self._projection = projection
        self._streams = parked
        self._reader = reader
        self._epoch = epoch
        self._known_types = frozenset(known_types)
        self._parked: dict[tuple[str, str], int] = {}

    @property
    def parked(self) -> int:
        """How many streams of the projection are parked, as far as this process knows."""
        return len(self._parked)

    def load_parked(self) -> None:
        """Read what is parked. Raises `TooManyParkedError`, unless the rest is to be retried."""
        streams = self._streams.streams()
        self._parked = {key: stream.position for key, stream in streams.items()}
        kept = sum(stream.retry_requested_at is None for stream in streams.values())
        self._bound(kept)

    def apply(self, events: Sequence[ArrivedEvent]) -> None:
        """Apply contiguous events of one shard, parking the streams that cannot go on.

        Raises what the projection raises but for the two errors this answers, and
        `TooManyParkedError`; events before the raise may have been applied.
        """
        work = [events]
        while work:
            part = work.pop()
            try:
                self._apply_part(part)
            except PoisonEventError as poison:
                self._park(poison.event, str(poison.cause), part)
                work.append(part)
            except BatchRejectedError as rejected:
                suspects = rejected.batch.events if rejected.batch else ()
                if len(suspects) == 1:
                    self._park(suspects[0], str(rejected.cause), part)
                    work.append(part)
                elif suspects:
                    middle = suspects[len(suspects) // 2].shard_position - part[0].shard_position
                    work += [part[middle:], part[:middle]]
                else:
                    raise

    def retry_requested(self, position_of: Callable[[str], int | None]) -> None:
        """Go on with the parked streams somebody asked to retry.

        `position_of` has a ledger's shard's checkpoint, None when it is not ours (any more).
        """
        for key, stream in self._streams.streams().items():
            if stream.retry_requested_at is not None and position_of(stream.ledger) is not None:
                self._retry(key, stream, position_of)

    def _apply_part(self, part: Sequence[ArrivedEvent]) -> None:
        self._refuse_unknown(part, parked=self._parked)
        if self._parked:
            self._streams.keep_back(self._kept_back_of(part))
        self._projection.apply(
            batch_of(part, epoch=self._epoch, handles=self._projection.handles, parked=self._parked)
        )

    def _refuse_unknown(
        self, events: Sequence[ArrivedEvent], parked: Mapping[tuple[str, str], int]
    ) -> None:
        """A type this code has never heard of may concern any projection: it is never skipped."""
        if {event.type for event in events} <= self._known_types:
            return
        for event in events:
            if event.type in self._known_types:
                continue
            assert isinstance(event, RecordedEvent), "only known types are passed over"
            if not is_parked(event, parked):
                raise PoisonEventError(event, f"this code does not know the type {event.type!r}")

    def _kept_back_of(self, part: Sequence[ArrivedEvent]) -> list[RecordedEvent]:
        return [
            event
            for event in part
            if isinstance(event, RecordedEvent)
            and is_parked(event, self._parked)
            and self._concerns(event)
        ]

    def _concerns(self, event: RecordedEvent) -> bool:
        return event.type in self._projection.handles or event.type not in self._known_types

    def _park(self, event: RecordedEvent, error: str, part: Sequence[ArrivedEvent]) -> None:
        key = (event.ledger, event.stream)
        if is_parked(event, self._parked):
            raise AssertionError(f"an event of the parked stream {key} was applied: {error}")
        self._parked[key] = event.ledger_position
        letters = [e for e in self._kept_back_of(part) if (e.ledger, e.stream) == key]
        self._streams.park(event, error, letters)
        log.error(
            "stream parked",
            projection=self._projection.name,
            ledger=event.ledger,
            stream=event.stream,
            position=event.ledger_position,
            type=event.type,
            error=error,
        )
        self._bound(len(self._parked))

    def _bound(self, parked: int) -> None:
        if parked > PARKED_STREAMS_MAX:
            raise TooManyParkedError(self._projection.name, self._projection.version, parked)

    def _retry(
        self,
        key: tuple[str, str],
        stream: ParkedStream,
        position_of: Callable[[str], int | None],
    ) -> None:
        upto = position_of(stream.ledger)
        if upto is None:
            return
        # Another process may have parked it after this one has looked.
        self._parked[key] = stream.position
        events = self._kept_back(stream, upto)
        while page := list(islice(events, RETRY_PAGE)):
            if position_of(stream.ledger) is None:
                return
            if failed := self._apply_parked(page):
                self._streams.park_again(failed.event, str(failed.cause))
                self._parked[key] = failed.event.ledger_position
                log.error("retry failed", stream=stream.stream, error=str(failed))
                return
        if (kept := self._streams.unpark(*key, upto=upto)) is not None:
            self._parked[key] = kept
            return
        self._parked.pop(key, None)
        log.info("stream unparked", projection=self._projection.name, stream=stream.stream)

    def _kept_back(self, stream: ParkedStream, position: int) -> Iterator[RecordedEvent]:
        first = self._reader.read_ledger(stream.ledger, stream.position - 1, 1)[0]
        events = self._reader.read_stream(stream.ledger, stream.stream, first.stream_version - 1)
        reached = takewhile(lambda event: event.shard_position <= position, events)
        return filter(self._concerns, reached)

    def _apply_parked(self, page: Sequence[RecordedEvent]) -> PoisonEventError | None:
        """Apply a page up to the first event that still cannot be applied; returns that one."""
        work = [page]
        while work:
            part = work.pop()
            try:
                self._refuse_unknown(part, parked={})
                self._projection.apply_parked(part)
            except PoisonEventError as poison:
                before = part[: part.index(poison.event)]
                if not before:
                    return poison
                work = [[poison.event], before]
            except BatchRejectedError as rejected:
                if len(part) == 1:
                    return PoisonEventError(part[0], rejected.cause)
                middle = len(part) // 2
                work += [part[middle:], part[:middle]]
        return None
