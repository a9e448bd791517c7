"""What is compared between the two: oversells, stock-outs, fill rate; for each SKU.

Seconds are of the business's time: the latest `occurred_at` so far, which never runs back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from domain.events import StockShipped
from domain.item import Item
from domain.stock import Stock
from domain.values import Fact
from replay.fork.demand import Demand


@dataclass(slots=True)
class Tally:
    """Units, but for `oversells` and `stock_outs` (how often one began) and seconds.

    `asked` are units that a promise, or a shipment without one, was asked for; `promised` those
    that it was given for. `oversold` are promised units that became uncovered; `beyond_on_hand`
    those promised beyond on hand, with leave or without.
    """

    asked: int = 0
    promised: int = 0
    shipped: int = 0
    oversells: int = 0
    oversold: int = 0
    beyond_on_hand: int = 0
    stock_outs: int = 0
    stock_out_seconds: float = 0.0
    at_zero_at_end: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(self._values(), other._values(), strict=True)))

    def __sub__(self, other: Tally) -> Tally:
        return Tally(*(a - b for a, b in zip(self._values(), other._values(), strict=True)))

    @property
    def fill_rate(self) -> float | None:
        """Promised of what was asked for; None when nothing was."""
        return self.promised / self.asked if self.asked else None

    @property
    def shipped_rate(self) -> float | None:
        """Shipped of what was asked for, likewise. A promise of before the fork may ship in it."""
        return self.shipped / self.asked if self.asked else None

    def as_dict(self) -> dict[str, Any]:
        return dict(zip(TALLY_FIELDS, self._values(), strict=True))

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in TALLY_FIELDS)


TALLY_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Tally))


@dataclass(slots=True)
class _Level:
    """Where one stock stands. `out_since` is when nothing was available any more."""

    uncovered: int
    beyond: int
    out_since: datetime | None


class Measures:
    """Of one of the two, from the fork on. Grows with stocks, not with events."""

    def __init__(self, kept_back: Callable[[Item], int]) -> None:
        self.skus: dict[str, Tally] = {}
        self._kept_back = kept_back
        self._levels: dict[str, dict[str, _Level]] = {}

    def begin(self, stock: Stock, item: Item | None, at: datetime) -> None:
        """A stock as the fork finds it: nothing has begun with it."""
        self._levels.setdefault(stock.sku, {})[stock.location] = _Level(
            uncovered=stock.uncovered,
            beyond=_beyond(stock),
            out_since=at if self._is_out(stock, item) else None,
        )

    def count(self, facts: Iterable[Fact], asked: Demand, *, accepted: bool) -> None:
        """What was asked for, whether it was promised, and what the facts ship."""
        for sku, units in asked.items():
            tally = self._tally(sku)
            tally.asked += units
            if accepted:
                tally.promised += units
        for fact in facts:
            if isinstance(fact.event, StockShipped):
                self._tally(fact.event.sku).shipped += fact.event.quantity

    def stands(self, stock: Stock, item: Item | None, at: datetime) -> None:
        """A stock after a command that touched it, or its item."""
        levels = self._levels.setdefault(stock.sku, {})
        level = levels.get(stock.location)
        if level is None:
            level = levels[stock.location] = _Level(0, 0, None)
        tally = self._tally(stock.sku)
        if stock.uncovered > level.uncovered:
            tally.oversold += stock.uncovered - level.uncovered
            tally.oversells += not level.uncovered
        beyond = _beyond(stock)
        tally.beyond_on_hand += max(0, beyond - level.beyond)
        level.uncovered, level.beyond = stock.uncovered, beyond
        out = self._is_out(stock, item)
        if out and level.out_since is None:
            level.out_since = at
            tally.stock_outs += 1
        elif not out and level.out_since is not None:
            tally.stock_out_seconds += (at - level.out_since).total_seconds()
            level.out_since = None

    def end(self, at: datetime) -> None:
        """Stocks that are at zero have been so until now. Call it once, at the end."""
        for sku, levels in self._levels.items():
            for level in levels.values():
                if level.out_since is not None:
                    tally = self._tally(sku)
                    tally.stock_out_seconds += (at - level.out_since).total_seconds()
                    tally.at_zero_at_end += 1

    def places_of(self, sku: str) -> list[str]:
        """Where there is stock of it."""
        return list(self._levels.get(sku, ()))

    def total(self) -> Tally:
        return sum(self.skus.values(), Tally())

    def _is_out(self, stock: Stock, item: Item | None) -> bool:
        return stock.available - (0 if item is None else self._kept_back(item)) <= 0

    def _tally(self, sku: str) -> Tally:
        tally = self.skus.get(sku)
        if tally is None:
            tally = self.skus[sku] = Tally()
        return tally


def _beyond(stock: Stock) -> int:
    return max(0, stock.promised - stock.on_hand)
