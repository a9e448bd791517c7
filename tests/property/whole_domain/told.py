"""What the model lets a command's events tell it: choices that commands leave open, and nothing
else. Which lots were taken, where an order's units are to come from, what was held meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

from domain.events import Event, StockCommitted, StockReserved, StockTraced
from tests.property.whole_domain.ledgers import Done

Kind = TypeVar("Kind")
Place = tuple[str, str]
"""SKU and location."""
LEAVING = frozenset({"shipped", "moved_out", "dispatched", "consumed", "written_off"})


class Choices:
    """Of one accepted command."""

    def __init__(self, done: Done) -> None:
        self._events = [told.event for told in done.facts]

    def of(self, *kinds: type[Kind]) -> Iterator[Kind]:
        """The events of these kinds, in order."""
        return (event for event in self._events if isinstance(event, kinds))

    def promises(self) -> Iterator[StockReserved | StockCommitted]:
        """Whatever promises units of a stock."""
        return (x for x in self._events if isinstance(x, StockReserved | StockCommitted))

    def all(self) -> list[Event]:
        return self._events

    def sent(self, place: Place) -> Counter[str]:
        """The lots that left a place."""
        found: Counter[str] = Counter()
        for trace in self._traces(place):
            if trace.cause in LEAVING:
                found.update({each.lot: -each.on_hand for each in trace.units})
        return found

    def of_hold(self, place: Place, hold_id: str, cause: str) -> Counter[str]:
        """The lots that came under a hold, or out of it."""
        found: Counter[str] = Counter()
        for trace in self._traces(place):
            if trace.cause == cause and trace.reference == hold_id:
                found.update({each.lot: abs(each.held) for each in trace.units})
        return found

    def _traces(self, place: Place) -> Iterator[StockTraced]:
        return (each for each in self.of(StockTraced) if (each.sku, each.location) == place)
