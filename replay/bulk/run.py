"""One pass over what a version lacks: ranges folded by workers, added up, written in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from eventlog.projection import BatchRejectedError
from projections.catalogue import ReadModel
from replay.bulk.ranges import Range, Refused, Source
from replay.bulk.sinks import Sink
from replay.bulk.workers import Workers

RANGE_EVENTS: Final = 25_000
# What adds up travels once a range, key by key: fewer and longer ranges, but enough to share out.
SUMMED_RANGE_EVENTS_MAX: Final = 100_000
SUMMED_RANGES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """`sink`: where a version's folded ranges go, or None when it has to be applied by itself.
    `range_events`: how long a range is; None: as suits the sink and how much there is to fold.
    """

    source: Source
    sink: Callable[[ReadModel], Sink | None]
    range_events: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What the caller wants to be asked and told. `go_on` is asked before each range is read and
    each write, and may block or raise; `reached` is told after each write.
    """

    go_on: Callable[[], bool]
    reached: Callable[[int, int], None]


class RangeRefusedError(Exception):
    """Positions from `after` on of a shard hold what cannot be folded or written as a whole."""

    def __init__(self, shard: int, after: int, last: int, why: str) -> None:
        super().__init__(f"positions {after + 1} to {last} of shard {shard}: {why}")
        self.shard = shard
        self.after = after
        self.last = last


def fold_ranges(
    model: ReadModel,
    sink: Sink,
    workers: Workers,
    spans: Mapping[int, tuple[int, int]],
    *,
    range_events: int | None,
    turn: Turn,
) -> None:
    """Fold the positions (after, last] of each shard in `spans`, as far as `go_on` allows.

    Raises `RangeRefusedError`, when everything before that range is written; what workers and
    sinks raise. Nothing that was not written counts as done.
    """
    shard = -1
    size = range_events or _range_events(sink, spans)
    try:
        for answer in workers.fold(_ranges(model, sink, spans, size, turn)):
            if answer.of.shard != shard:
                if not _write(sink, shard, turn):
                    return
                shard = answer.of.shard
            if isinstance(answer, Refused):
                if not _write(sink, shard, turn):
                    return
                raise RangeRefusedError(shard, answer.of.after, answer.of.last, answer.why)
            sink.add(answer)
            if sink.is_full and not _write(sink, shard, turn):
                return
        _write(sink, shard, turn)
    except BatchRejectedError as rejected:
        if rejected.batch is None:
            raise
        batch = rejected.batch
        cause = str(rejected.cause)
        raise RangeRefusedError(batch.shard, batch.after, batch.last, cause) from rejected
    finally:
        sink.drop()


def _write(sink: Sink, shard: int, turn: Turn) -> bool:
    if not turn.go_on():
        return False
    position = sink.write()
    if position is not None:
        turn.reached(shard, position)
    return True


def _range_events(sink: Sink, spans: Mapping[int, tuple[int, int]]) -> int:
    if not sink.adds_up:
        return RANGE_EVENTS
    share = sum(head - after for after, head in spans.values()) // SUMMED_RANGES
    return min(max(share, RANGE_EVENTS), SUMMED_RANGE_EVENTS_MAX)


def _ranges(
    model: ReadModel,
    sink: Sink,
    spans: Mapping[int, tuple[int, int]],
    range_events: int,
    turn: Turn,
) -> Iterator[Range]:
    for shard, (after, head) in spans.items():
        begun = sink.unfinished(shard, after)
        position = after
        while position < head:
            if not turn.go_on():
                return
            until = begun if begun is not None and position < begun else head
            last = min(until, position + range_events)
            yield Range(
                projection=model.name,
                version=model.version,
                edition=model.edition,
                shard=shard,
                after=position,
                last=last,
            )
            position = last
