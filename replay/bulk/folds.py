"""What a worker does with a range: the projections' own folds over all of it, as one change.

Stock levels and hashes are sums and last words, so a later range's change is added to an earlier
one's (`replay.bulk.merging`); movements are rows that nothing else touches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import cast

import msgspec

from domain.events import LocationRegistered
from eventlog.codec import KNOWN_TYPES
from eventlog.log import LogReader, RecordedEvent
from eventlog.projection import LedgerMark, PoisonEventError
from projections.availability.fold import EVENTS_PER_CALL_MAX, HashChange, pieces
from projections.editions import Edition, edition
from projections.item_facts import ITEM_STORED, LOCATION_STORED, ItemChange, item_changes, locations
from projections.movements.dimensions import item_rows, location_rows
from projections.movements.fold import movement_rows
from projections.stock_facts import STOCK_TYPES
from projections.stock_levels.fold import LevelChange, Stock, level_changes
from replay.bulk.native import native_block
from replay.bulk.ranges import Folded, Pages, Range, Refused

Key = tuple[str, str]
"""(ledger, SKU) or (ledger, location)"""
DIMENSIONS = ITEM_STORED | LOCATION_STORED


@dataclass(slots=True, kw_only=True)
class Levels:
    """A change of `stock_levels`."""

    levels: dict[Stock, LevelChange]
    items: dict[Key, ItemChange]
    locations: dict[Key, tuple[RecordedEvent, LocationRegistered]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Rows of `movements` in ClickHouse's own format, by place; how many movements they are."""

    blocks: Mapping[str, bytes]
    rows: int


@dataclass(slots=True)
class _Read:
    """The events of a range as they pass by, and what is to be known of all of them."""

    pages: Iterator[list[RecordedEvent]]
    wanted: frozenset[str]
    aside: frozenset[str]
    kept: list[RecordedEvent]
    last_of: dict[str, RecordedEvent]
    last: RecordedEvent | None = None

    def __iter__(self) -> Iterator[RecordedEvent]:
        """Those of `wanted` types; those `aside` go to `kept`. Raises `PoisonEventError`."""
        for page in self.pages:
            self.last = page[-1]
            self.last_of |= {event.ledger: event for event in page}
            types = {event.type for event in page}
            if not types <= KNOWN_TYPES:
                _refuse_unknown(page)
            if types & self.aside:
                self.kept += [event for event in page if event.type in self.aside]
            if types <= self.wanted:
                yield from page
            else:
                wanted = self.wanted
                yield from [event for event in page if event.type in wanted]


def fold(source: Pages, wanted: Range) -> Folded | Refused:
    """Raises `LogUnavailableError`, `LogGapError`, and what a fold raises by a fault of its own."""
    folding, types, aside = FOLDS[wanted.projection]
    read = _Read(source.pages(wanted), types, aside, [], {})
    try:
        change = folding(read, edition(wanted.edition), source)
    except PoisonEventError as poison:
        return Refused(of=wanted, why=str(poison))
    assert read.last is not None
    return Folded(
        of=wanted,
        ledgers={
            ledger: LedgerMark(
                tenant=event.tenant, position=event.ledger_position, recorded_at=event.recorded_at
            )
            for ledger, event in read.last_of.items()
        },
        recorded_at=read.last.recorded_at,
        change=change,
    )


def _levels(read: _Read, code: Edition, _: Pages) -> Levels:
    levels = level_changes(read, code.rules)
    for change in levels.values():
        change.last = _bare(change.last)
    items = item_changes(read.kept)
    for item in items.values():
        item.last = _bare(item.last)
    found = {key: (_bare(event), fact) for key, (event, fact) in locations(read.kept).items()}
    return Levels(levels=levels, items=items, locations=found)


def _hashes(read: _Read, code: Edition, _: Pages) -> dict[Key, HashChange]:
    found: dict[Key, HashChange] = {}
    events = iter(read)
    # Some at a time: what is kept grows with the keys, not with the length of the range.
    while some := list(islice(events, EVENTS_PER_CALL_MAX)):
        for piece in pieces(some, code.rules):
            for key, change in piece.changes.items():
                known = found.setdefault(key, change)
                if known is not change:
                    add_hash(known, change)
    return found


def _blocks(read: _Read, code: Edition, source: Pages) -> Blocks:
    rows = movement_rows(read, code.rules)
    blocks = {"movements": native_block("movements", rows)} if rows else {}
    if items := item_rows(read.kept, cast("LogReader", source)):
        blocks["items"] = native_block("items", items)
    if places := location_rows(read.kept):
        blocks["locations"] = native_block("locations", places)
    return Blocks(blocks=blocks, rows=len(rows))


def add_hash(known: HashChange, later: HashChange) -> None:
    """What happened later to the same hash."""
    units = known.units
    for location, free in later.units.items():
        units[location] = units.get(location, 0) + free
    known.settings.update(later.settings)


def _bare(event: RecordedEvent) -> RecordedEvent:
    """Without the bytes that were folded: it travels."""
    return msgspec.structs.replace(event, data=b"")


def _refuse_unknown(page: list[RecordedEvent]) -> None:
    for event in page:
        if event.type not in KNOWN_TYPES:
            raise PoisonEventError(event, f"this code does not know the type {event.type!r}")


FOLDS: Mapping[
    str, tuple[Callable[[_Read, Edition, Pages], object], frozenset[str], frozenset[str]]
] = {
    "stock_levels": (_levels, STOCK_TYPES, DIMENSIONS),
    "availability": (_hashes, STOCK_TYPES | ITEM_STORED, frozenset()),
    "movements": (_blocks, STOCK_TYPES, DIMENSIONS),
}
