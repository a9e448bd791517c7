"""Counts of stocks that went their own way: in a fork they find what they found, so many more or
fewer than were expected. Taken as they were they would undo the fork.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Self

from commands import messages as say
from commands.lot_fields import LotUnits
from domain.cycle_count import CycleCount
from domain.events import CountedLot, StockCounted, StockTraced, TracedUnits, Tracking
from domain.stock import Stock
from domain.values import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What one stock was counted to be, and when. `lots` are units by lot (or serial) of an item
    that is tracked, `expires_on` the days of those that the count found.
    """

    sku: str
    tracking: Tracking
    counted: int
    at: datetime
    lots: Mapping[str, int]
    expires_on: Mapping[str, date]

    @classmethod
    def again(cls, fact: Fact, facts: Sequence[Fact], stock: Stock, tracking: Tracking) -> Self:
        """The count of a past command, whose `facts` these are, of this stock."""
        event, at = fact.event, max(fact.occurred_at, stock.last_moved_at or fact.occurred_at)
        assert isinstance(event, StockCounted)
        if tracking == "none":
            counted = max(0, stock.on_hand + event.counted - event.expected)
            return cls(
                sku=stock.sku, tracking=tracking, counted=counted, at=at, lots={}, expires_on={}
            )
        moved = list(_moved(fact, facts))
        there = {lot.lot: lot.on_hand for lot in stock.lots.values()}
        for each in moved:
            there[each.lot] = there.get(each.lot, 0) + each.on_hand
        lots = {lot: units for lot, units in there.items() if units > 0}
        if tracking == "serial":
            lots = dict.fromkeys(lots, 1)
        return cls(
            sku=stock.sku,
            tracking=tracking,
            counted=sum(lots.values()),
            at=at,
            lots=lots,
            expires_on={each.lot: each.expires_on for each in moved if each.expires_on is not None},
        )

    @property
    def serials(self) -> tuple[str, ...]:
        return tuple(self.lots) if self.tracking == "serial" else ()

    @property
    def by_lot(self) -> Mapping[str, int]:
        return self.lots if self.tracking == "lot" else {}


def of_one_stock(message: say.CountStock, counted: Counted) -> say.CountStock:
    """The message that says so."""
    lots = (
        LotUnits.model_construct(lot=lot, quantity=units, expires_on=counted.expires_on.get(lot))
        for lot, units in counted.by_lot.items()
    )
    said: dict[str, Any] = {
        "counted": counted.counted,
        "lots": tuple(lots),
        "serials": counted.serials,
    }
    return message.model_copy(update=said)


def of_its_lines(count: CycleCount, counts: Iterable[Counted]) -> CycleCount:
    """A count of many SKUs with lines that say so."""
    lines = dict(count.lines)
    for each in counts:
        if each.sku not in lines:
            continue
        lines[each.sku] = replace(
            lines[each.sku],
            counted=each.counted,
            counted_at=each.at,
            lots=tuple(
                CountedLot(lot=lot, quantity=units, expires_on=each.expires_on.get(lot))
                for lot, units in each.by_lot.items()
            ),
            serials=each.serials,
        )
    return replace(count, lines=lines)


def _moved(fact: Fact, facts: Iterable[Fact]) -> Iterable[TracedUnits]:
    cause = str(fact.event_id)
    for each in facts:
        if isinstance(each.event, StockTraced) and each.event.cause_event_id == cause:
            yield from each.event.units
