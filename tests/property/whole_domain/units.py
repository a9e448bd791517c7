"""The plain model of one SKU at one location: dicts of numbers, moved by commands."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

Lots = Mapping[str, int]
"""Units by lot or serial; those of an item that is not tracked are under ""."""
DAMAGED = ""
"""The hold of units that are damaged and were held under no name."""


@dataclass(slots=True)
class Reserved:
    units: int
    until: datetime


@dataclass(slots=True)
class Units:
    """`dated` is what moved on hand, and when; `orders` are units committed, picked and waiting by
    order and line; `expected` those that are to come, by (source, document, line).
    """

    lots: Counter[str] = field(default_factory=Counter)
    dated: list[tuple[datetime, Lots]] = field(default_factory=list)
    counts: list[datetime] = field(default_factory=list)
    reserved: dict[str, Reserved] = field(default_factory=dict)
    held: dict[str, Counter[str]] = field(default_factory=dict)
    committed: Counter[tuple[str, int]] = field(default_factory=Counter)
    picked: Counter[tuple[str, int]] = field(default_factory=Counter)
    waiting: Counter[tuple[str, int]] = field(default_factory=Counter)
    expected: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    allowance: int = 0

    def quantities(self) -> dict[str, int]:
        """By the names that stocks have for them."""
        return {
            "on_hand": self.on_hand,
            "reserved": sum(each.units for each in self.reserved.values()),
            "committed": self.committed.total(),
            "picked": self.picked.total(),
            "held": sum(each.total() for each in self.held.values()),
            "waiting": self.waiting.total(),
            "incoming": self._expected("purchase"),
            "in_transit": self._expected("transfer"),
        }

    @property
    def on_hand(self) -> int:
        return self.lots.total()

    @property
    def promised(self) -> int:
        found = self.quantities()
        return sum(found[name] for name in ("reserved", "committed", "picked", "held"))

    def due(self, now: datetime) -> int:
        """Units of reservations whose time is over."""
        return sum(each.units for each in self.reserved.values() if each.until <= now)

    def sendable(self, lot: str) -> int:
        """Units of a lot that no hold keeps."""
        return max(0, self.lots[lot] - sum(each[lot] for each in self.held.values()))

    def move(self, by: Lots, at: datetime) -> None:
        """On hand changes, as of an instant. What is counted later stands all the same, and what
        has left must have been there.
        """
        by = {lot: units for lot, units in by.items() if units}
        after = bisect_right(self.counts, at)
        if after < len(self.counts):
            self.dated += [(at, by), (self.counts[after], {lot: -n for lot, n in by.items()})]
            return
        missing = {
            lot: -left for lot, n in by.items() if n < 0 and (left := self.lots[lot] + n) < 0
        }
        if missing:
            self.dated.append((max([at, *(then for then, _ in self.dated)]), missing))
            self.lots.update(missing)
        self.dated.append((at, by))
        self.lots.update(by)

    def count(self, counted: Lots, at: datetime) -> None:
        """So many were there at the instant, of each lot."""
        there: Counter[str] = Counter()
        for then, by in self.dated:
            if then <= at:
                there.update(by)
        self.move({lot: counted.get(lot, 0) - there[lot] for lot in {*there, *counted}}, at)
        self.counts.insert(bisect_right(self.counts, at), at)

    def hold(self, hold_id: str, lots: Lots) -> None:
        self.held.setdefault(hold_id, Counter()).update(lots)

    def let_go(self, hold_id: str, lots: Lots) -> None:
        kept = self.held[hold_id]
        kept.subtract(lots)
        assert min(kept.values()) >= 0, (hold_id, kept)
        if not kept.total() and hold_id != DAMAGED:
            del self.held[hold_id]

    def _expected(self, source: str) -> int:
        return sum(units for (kind, _, _), units in self.expected.items() if kind == source)
