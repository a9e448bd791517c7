"""A count of many SKUs at one location: its state. Its decisions are in `counting`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, assert_never

from domain.construction import made_often
from domain.events import (
    CountCancelled,
    CountedLot,
    CountEntered,
    CountEvent,
    CountPlanned,
    CountPosted,
    CountSubmitted,
    RecountAsked,
)

CountStatus = Literal["planned", "counting", "submitting", "submitted", "cancelled"]


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class EnteredLine:
    """`expected` is known once the line is posted: only then is it compared with anything."""

    line: int
    sku: str
    counted: int
    counted_at: datetime
    expected: int | None = None
    lots: tuple[CountedLot, ...] = ()
    serials: tuple[str, ...] = ()

    @property
    def work(self) -> int:
        """How much there is to post: the line, and what is told of each lot or serial."""
        return 1 + len(self.lots) + len(self.serials)

    @property
    def variance(self) -> int | None:
        return None if self.expected is None else self.counted - self.expected


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleCount:
    """`lines` are by SKU, in the order in which they were first entered; those in `recount` do not
    count until they are entered anew. Without `skus` and `categories` everything may be counted.
    """

    count_id: str
    location: str
    status: CountStatus = "planned"
    note: str = ""
    skus: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    lines: dict[str, EnteredLine] = field(default_factory=dict)
    recount: tuple[str, ...] = ()

    @property
    def left(self) -> int:
        """How many lines are not posted."""
        return sum(line.expected is None for line in self.lines.values())

    @property
    def uncounted(self) -> tuple[str, ...]:
        """SKUs of the plan that nobody has entered."""
        return tuple(sku for sku in self.skus if sku not in self.lines)

    @property
    def left_work(self) -> int:
        return sum(line.work for line in self._unposted())

    def next_lines(self, work_max: int) -> tuple[EnteredLine, ...]:
        """The first lines that are not posted: as many as come to so much work, at least one."""
        found: list[EnteredLine] = []
        work = 0
        for line in self._unposted():
            work += line.work
            if found and work > work_max:
                break
            found.append(line)
        return tuple(found)

    def _unposted(self) -> Iterator[EnteredLine]:
        return (line for line in self.lines.values() if line.expected is None)


def evolve(count: CycleCount | None, event: CountEvent, occurred_at: datetime) -> CycleCount | None:
    """The state after one more fact of its stream; nothing comes before the plan."""
    if isinstance(event, CountPlanned):
        return _planned(count, event)
    if count is None:
        return None
    match event:
        case CountEntered():
            return _entered(count, event, occurred_at)
        case RecountAsked(skus=skus):
            return replace(count, recount=tuple(dict.fromkeys((*count.recount, *skus))))
        case CountPosted():
            return _posted(count, event)
        case CountSubmitted():
            return replace(count, status="submitted")
        case CountCancelled():
            return replace(count, status="cancelled")
        case _:
            assert_never(event)


def _planned(count: CycleCount | None, event: CountPlanned) -> CycleCount:
    before = count or CycleCount(count_id=event.count_id, location=event.location, note=event.note)
    return replace(
        before,
        skus=(*before.skus, *event.skus),
        categories=(*before.categories, *event.categories),
    )


def _entered(count: CycleCount, event: CountEntered, occurred_at: datetime) -> CycleCount:
    lines = count.lines.copy()
    for each in event.lines:
        lines[each.sku] = EnteredLine(
            line=each.line,
            sku=each.sku,
            counted=each.counted,
            counted_at=occurred_at,
            lots=each.lots,
            serials=each.serials,
        )
    entered = {each.sku for each in event.lines}
    recount = tuple(sku for sku in count.recount if sku not in entered)
    status: CountStatus = "submitting" if count.status == "submitting" else "counting"
    return replace(count, status=status, lines=lines, recount=recount)


def _posted(count: CycleCount, event: CountPosted) -> CycleCount:
    expected = {each.line: each.expected for each in event.lines}
    lines = {
        sku: replace(line, expected=expected[line.line]) if line.line in expected else line
        for sku, line in count.lines.items()
    }
    return replace(count, status="submitting", lines=lines)
