"""All streams of a unit that cannot be folded, found in one pass: each is folded by itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from sys import maxsize

from eventlog.log import LogReader, RecordedEvent
from eventlog.projection import PoisonEventError
from replay.selective.history import History, chunks
from replay.selective.selection import StreamKey

FoldApart = Callable[[Iterable[RecordedEvent]], None]


def unfoldable(
    reader: LogReader,
    streams: Sequence[StreamKey],
    fold: FoldApart,
    *,
    handles: Collection[str],
    count_max: int,
) -> dict[StreamKey, str]:
    """Why, of `count_max` streams at the most, whether the read model has come so far or not."""
    found: dict[StreamKey, str] = {}
    for chunk in chunks(streams):
        for key, events in _apart(reader, chunk, handles).items():
            try:
                fold(events)
            except PoisonEventError as poison:
                found[key] = str(poison)
                if len(found) == count_max:
                    return found
    return found


def _apart(
    reader: LogReader, chunk: Sequence[StreamKey], handles: Collection[str]
) -> Mapping[StreamKey, Iterable[RecordedEvent]]:
    events = History(reader, chunk).up_to(maxsize, handles)
    if len(chunk) == 1:  # It may be longer than a chunk.
        return {chunk[0]: events}
    apart: dict[tuple[str, str], list[RecordedEvent]] = {}
    for event in events:
        apart.setdefault((event.ledger, event.stream), []).append(event)
    return {key: apart.get((key.ledger, key.stream), []) for key in chunk}
