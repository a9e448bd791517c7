"""Decisions on a count of many SKUs: planned, entered blind, perhaps counted again, submitted.

What it asserts is posted line by line as `stock_facts.count` does, each line dated when it was
entered: a movement that becomes known later restates its variance, and the counted quantity stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from domain import stock_facts
from domain.cycle_count import CountStatus, CycleCount, EnteredLine
from domain.events import (
    CountCancelled,
    CountEntered,
    CountEvent,
    CountLine,
    CountPlanned,
    CountPosted,
    CountSubmitted,
    PostedLine,
    RecountAsked,
    StockCounted,
)
from domain.facts.counts import CHUNK
from domain.item import Item
from domain.location import Location
from domain.named_units import UNNAMED, LotQuantity, NamedUnits, selected
from domain.refusals import Refusal, UnknownItem, UnknownLocation
from domain.refusals_counts import (
    CountedAlready,
    CountIncomplete,
    CountInParts,
    CountLineRepeated,
    CountLinesWrong,
    CountPlanExists,
    CountState,
    NotCounted,
    NotInCount,
    RecountOpen,
    UnknownCount,
)
from domain.shelf import Shelf
from domain.stock_history import HistoryNeededError
from domain.streams import count_stream, stock_stream
from domain.values import Fact, Facts, Occasion

COUNT_LINES_MAX = 20_000
# Lines, and lots or serials of them: about a third of a second of deciding with the head locked.
POSTED_AT_ONCE_MAX = 2_000
TOLD_MAX = 1_000  # Wrong lines, or SKUs, that one refusal names.
OPEN: frozenset[CountStatus] = frozenset({"planned", "counting"})
FindItem = Callable[[str], Item | None]
Each = TypeVar("Each")


def plan(
    count: CycleCount | None,
    proposed: CountPlanned,
    location: Location | None,
    find: FindItem,
    occasion: Occasion,
) -> Facts | Refusal:
    """Of `proposed`, many SKUs become several facts."""
    if count is not None:
        return CountPlanExists(count_id=proposed.count_id)
    if location is None:
        return UnknownLocation(location=proposed.location)
    unknown = [UnknownItem(sku=sku) for sku in proposed.skus if find(sku) is None]
    if unknown:
        return replace(unknown[0], also=tuple(unknown[1:TOLD_MAX]))
    events = [replace(proposed, skus=proposed.skus[:CHUNK])]
    events += [
        CountPlanned(count_id=proposed.count_id, location=proposed.location, skus=skus)
        for skus in _chunks(proposed.skus[CHUNK:])
    ]
    return _facts(events, occasion)


def enter(
    count: CycleCount | None,
    count_id: str,
    lines: Sequence[CountLine],
    find: FindItem,
    occasion: Occasion,
    *,
    unreadable: Sequence[Refusal] = (),
) -> Facts | Refusal:
    """All lines or none, whatever else is in them; what is wrong is told of every wrong line.

    `unreadable` are those that are no lines at all. Whoever counts is not told what to expect, nor
    is it known here.
    """
    if count is None:
        return UnknownCount(count_id=count_id)
    if count.status not in OPEN and not (count.status == "submitting" and count.recount):
        return CountState(count_id=count_id, status=count.status, wanted="entered")
    wrong = [*unreadable, *_wrong(count, lines, find)]
    if wrong:
        return CountLinesWrong(
            count_id=count_id,
            lines=len(lines) + len(unreadable),
            wrong_lines=len(wrong),
            wrong=tuple(wrong[:TOLD_MAX]),
        )
    events = [CountEntered(count_id=count_id, lines=chunk) for chunk in _chunks(tuple(lines))]
    return _facts(events, occasion)


def ask_recount(
    count: CycleCount | None,
    count_id: str,
    skus: Sequence[str],
    reason: str,
    occasion: Occasion,
) -> Facts | Refusal:
    """What was entered for these SKUs counts no more. While it is submitted in parts, of those that
    are not posted: a part that is refused for a line is put right so.
    """
    if count is None:
        return UnknownCount(count_id=count_id)
    if count.status not in OPEN and count.status != "submitting":
        return CountState(count_id=count_id, status=count.status, wanted="counted again")
    missing = [NotCounted(count_id=count_id, sku=sku) for sku in skus if sku not in count.lines]
    if missing:
        return replace(missing[0], also=tuple(missing[1:TOLD_MAX]))
    if any(count.lines[sku].expected is not None for sku in skus):
        return CountState(count_id=count_id, status=count.status, wanted="counted again")
    events = [
        RecountAsked(count_id=count_id, skus=chunk, reason=reason) for chunk in _chunks(tuple(skus))
    ]
    return _facts(events, occasion)


def cancel(
    count: CycleCount | None, count_id: str, reason: str, occasion: Occasion
) -> Facts | Refusal:
    """Only before a line is posted: what is a fact of a stock stays one."""
    if count is None:
        return UnknownCount(count_id=count_id)
    if count.status not in OPEN:
        return CountState(count_id=count_id, status=count.status, wanted="cancelled")
    return _facts([CountCancelled(count_id=count_id, reason=reason)], occasion)


def submit(
    count: CycleCount | None,
    count_id: str,
    shelves: Mapping[str, Shelf],
    occasion: Occasion,
    *,
    accept_uncounted: bool,
) -> Facts | Refusal:
    """Post what is left and close the count; refused (CountInParts) when that is too much at once.

    `shelves` are the stocks of `submitted_streams`. Raises HistoryNeededError as `stock_facts`
    does.
    """
    sound = _submittable(count, count_id, accept_uncounted=accept_uncounted)
    if isinstance(sound, Refusal):
        return sound
    if sound.left_work > POSTED_AT_ONCE_MAX:
        return CountInParts(count_id=count_id, lines=sound.left, lines_max=POSTED_AT_ONCE_MAX)
    posted = _posted(sound, shelves, occasion)
    if isinstance(posted, Refusal):
        return posted
    return (*posted, *_facts([CountSubmitted(count_id=count_id)], occasion))


def post_part(
    count: CycleCount | None,
    count_id: str,
    shelves: Mapping[str, Shelf],
    occasion: Occasion,
    *,
    accept_uncounted: bool,
) -> Facts | Refusal:
    """Post the next lines of a count that is too large to be submitted at once; the rest stays for
    the next part. Refused when `submit` can do it.
    """
    sound = _submittable(count, count_id, accept_uncounted=accept_uncounted)
    if isinstance(sound, Refusal):
        return sound
    if sound.left_work <= POSTED_AT_ONCE_MAX:
        return CountState(count_id=count_id, status=sound.status, wanted="posted in parts")
    return _posted(sound, shelves, occasion)


def submitted_streams(count: CycleCount | None) -> tuple[str, ...]:
    """The stocks that `submit` is about."""
    return () if count is None or count.left_work > POSTED_AT_ONCE_MAX else _next_streams(count)


def part_streams(count: CycleCount | None) -> tuple[str, ...]:
    """The stocks that `post_part` is about."""
    return () if count is None or count.left_work <= POSTED_AT_ONCE_MAX else _next_streams(count)


def _next_streams(count: CycleCount) -> tuple[str, ...]:
    lines = count.next_lines(POSTED_AT_ONCE_MAX)
    return tuple(stock_stream(line.sku, count.location) for line in lines)


def _submittable(
    count: CycleCount | None, count_id: str, *, accept_uncounted: bool
) -> CycleCount | Refusal:
    if count is None:
        return UnknownCount(count_id=count_id)
    if count.status not in {"counting", "submitting"}:
        return CountState(count_id=count_id, status=count.status, wanted="submitted")
    if count.recount:
        return RecountOpen(
            count_id=count_id, open_skus=len(count.recount), skus=count.recount[:TOLD_MAX]
        )
    if not accept_uncounted and (missing := count.uncounted):
        return CountIncomplete(count_id=count_id, uncounted=len(missing), skus=missing[:TOLD_MAX])
    return count


def _posted(count: CycleCount, shelves: Mapping[str, Shelf], occasion: Occasion) -> Facts | Refusal:
    lines = count.next_lines(POSTED_AT_ONCE_MAX)
    _demand_histories(count, lines, shelves)
    facts: list[Fact] = []
    posted: list[PostedLine] = []
    for line in lines:
        stated = _asserted(count, line, shelves, occasion)
        if isinstance(stated, Refusal):
            return stated
        facts += stated
        expected = next(
            fact.event.expected for fact in stated if isinstance(fact.event, StockCounted)
        )
        posted.append(PostedLine(line=line.line, expected=expected))
    events = [CountPosted(count_id=count.count_id, lines=chunk) for chunk in _chunks(tuple(posted))]
    return (*facts, *_facts(events, occasion))


def _demand_histories(
    count: CycleCount, lines: Sequence[EnteredLine], shelves: Mapping[str, Shelf]
) -> None:
    """Stocks that moved since they were counted need their past: all of them, not one by one."""
    needed = []
    for line in lines:
        shelf = shelves[stock_stream(line.sku, count.location)]
        if shelf.history is None and (
            shelf.stock.count_needs_history(line.counted_at)
            or shelf.stock.needs_history(line.counted_at)
        ):
            needed.append((shelf.stock.stream, line.counted_at))
    if needed:
        (stream, instant), *others = needed
        raise HistoryNeededError(stream, instant, [each for each, _ in others])


def _asserted(
    count: CycleCount, line: EnteredLine, shelves: Mapping[str, Shelf], occasion: Occasion
) -> Facts | Refusal:
    at = Occasion(occurred_at=line.counted_at, now=occasion.now, new_id=occasion.new_id)
    # `#` is in no id: never the name that somebody gave a count_stock of the same stock.
    name = f"{count.count_id}#{line.line}"
    shelf = shelves[stock_stream(line.sku, count.location)]
    return stock_facts.count(shelf, name, line.counted, at, units=_named(line))


def _wrong(count: CycleCount, lines: Iterable[CountLine], find: FindItem) -> Iterator[Refusal]:
    planned, categories, recount = set(count.skus), set(count.categories), set(count.recount)
    taken = {line.line: line.sku for line in count.lines.values()}
    entered = count.lines.keys() - recount
    seen: set[str] = set()
    for line in lines:
        item = find(line.sku)
        if item is None:
            yield UnknownItem(sku=line.sku, line=line.line)
        elif (planned or categories) and not (line.sku in planned or item.category in categories):
            yield NotInCount(line=line.line, sku=line.sku)
        elif line.sku in entered or line.sku in seen:
            yield CountedAlready(line=line.line, sku=line.sku)
        elif taken.get(line.line, line.sku) != line.sku:
            yield CountLineRepeated(line=line.line, sku=line.sku)
        elif (misnamed := _misnamed(count, line, item)) is not None:
            yield misnamed
        seen.add(line.sku)
        taken.setdefault(line.line, line.sku)


def _misnamed(count: CycleCount, line: CountLine, item: Item) -> Refusal | None:
    """What is wrong with the lots (or serials) of a line."""
    if item.tracking == "none" and not (line.lots or line.serials):
        return None
    if item.tracking != "none" and not line.counted and not (line.lots or line.serials):
        return None
    found = selected(item, count.location, line.counted, _named(line))
    return replace(found, line=line.line) if isinstance(found, Refusal) else None


def _named(line: CountLine | EnteredLine) -> NamedUnits:
    if not line.lots and not line.serials:
        return UNNAMED
    lots = tuple(
        LotQuantity(lot=each.lot, quantity=each.quantity, expires_on=each.expires_on)
        for each in line.lots
    )
    return NamedUnits(lots=lots, serials=line.serials)


def _chunks(found: tuple[Each, ...]) -> Iterator[tuple[Each, ...]]:
    return (found[start : start + CHUNK] for start in range(0, len(found), CHUNK))


def _facts(events: Iterable[CountEvent], occasion: Occasion) -> Facts:
    return tuple(
        Fact(
            stream=count_stream(event.count_id),
            event=event,
            event_id=occasion.new_id(),
            occurred_at=occasion.occurred_at,
        )
        for event in events
    )
