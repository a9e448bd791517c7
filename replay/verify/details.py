"""What a stock holds beside its quantities: picks, holds, arrivals, the queue, lots; folded alone.

Closing more than there was is no fold: the first such event is kept in `muddle`, for the laws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Data = dict[str, Any]
Key = TypeVar("Key")
PICKED, UNPICKED = "stock.picked.v1", "stock.unpicked.v1"
PICKED_SHIPPED, WRITTEN_OFF = "stock.picked_shipped.v1", "stock.written_off.v1"
HELD, LET_GO = "stock.held.v1", "stock.hold_released.v1"
EXPECTED, CLOSED = "stock.arrival_expected.v1", "stock.arrival_closed.v1"
WAITING, SERVED = "stock.backordered.v1", "stock.backorder_closed.v1"
TRACED = "stock.traced.v1"
OF_DETAILS = frozenset(
    {
        PICKED, UNPICKED, PICKED_SHIPPED, HELD, LET_GO, WRITTEN_OFF, EXPECTED, CLOSED, WAITING,
        SERVED, TRACED,
    }
)  # fmt: skip
OrderLine = tuple[str, int]
Arrival = tuple[str, str, int]
"""Source, its id, the line in it."""
LotSums = tuple[int, int, int, int, int]
"""On hand, picked, held; picked and held beyond on hand (a lot recalled after it was picked is
both); held beyond on hand (units lost while they were held are held still).
"""


@dataclass(slots=True)
class Lot:
    """Units of one lot or serial at one stock."""

    on_hand: int = 0
    picked: int = 0
    held: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.on_hand or self.picked or self.held)

    @property
    def sums(self) -> LotSums:
        both = max(0, self.picked + self.held - self.on_hand)
        return self.on_hand, self.picked, self.held, both, max(0, self.held - self.on_hand)


@dataclass(slots=True, eq=False)
class Details:
    """Units by what they are for: each map holds what is open, and nothing of none. `of_lots` are
    the sums over the lots.
    """

    picks: dict[OrderLine, int] = field(default_factory=dict)
    holds: dict[str, int] = field(default_factory=dict)
    arrivals: dict[Arrival, int] = field(default_factory=dict)
    queue: dict[OrderLine, int] = field(default_factory=dict)
    lots: dict[str, Lot] = field(default_factory=dict)
    of_lots: LotSums = (0, 0, 0, 0, 0)
    muddle: str = ""

    @property
    def in_transit(self) -> int:
        return sum(left for (source, _, _), left in self.arrivals.items() if source == "transfer")

    @property
    def incoming(self) -> int:
        return sum(left for (source, _, _), left in self.arrivals.items() if source == "purchase")

    @property
    def waiting(self) -> int:
        return sum(self.queue.values())

    def apply(self, kind: str, data: Data) -> None:
        """Raises KeyError or TypeError on what no version of the event holds."""
        if kind == TRACED:
            self._trace(data)
            return
        units = data["quantity"]
        match kind:
            case "stock.picked.v1":
                _add(self.picks, (data["order_id"], data["line"]), units)
            case "stock.unpicked.v1" | "stock.picked_shipped.v1":
                self._take(self.picks, (data["order_id"], data["line"]), units, "picked")
            case "stock.held.v1":
                _add(self.holds, data["hold_id"], units)
            case "stock.hold_released.v1":
                self._take(self.holds, data["hold_id"], units, "under hold")
            case "stock.written_off.v1":
                if data.get("hold_id") is not None:
                    self._take(self.holds, data["hold_id"], units, "under hold")
            case "stock.arrival_expected.v1":
                _add(self.arrivals, _arrival(data), units)
            case "stock.arrival_closed.v1":
                self._take(self.arrivals, _arrival(data), units, "expected from")
            case "stock.backordered.v1":
                _add(self.queue, (data["order_id"], data["line"]), units)
            case _:
                self._take(self.queue, (data["order_id"], data["line"]), units, "waiting for")

    def _take(self, units_of: dict[Key, int], key: Key, units: int, what: str) -> None:
        left = units_of.get(key, 0) - units
        if left > 0:
            units_of[key] = left
            return
        if left < 0:
            self.muddle = self.muddle or f"{-left} units more than were {what} {key}"
        units_of.pop(key, None)

    def _trace(self, data: Data) -> None:
        for told in data["units"]:
            lot = self.lots.setdefault(told["lot"], Lot())
            before = lot.sums
            lot.on_hand += told.get("on_hand", 0)
            lot.picked += told.get("picked", 0)
            lot.held += told.get("held", 0)
            sums = zip(self.of_lots, before, lot.sums, strict=True)
            on_hand, picked, held, both, gone = (known - was + now for known, was, now in sums)
            self.of_lots = on_hand, picked, held, both, gone
            if lot.is_empty:
                del self.lots[told["lot"]]


def _add(units_of: dict[Key, int], key: Key, units: int) -> None:
    units_of[key] = units_of.get(key, 0) + units


def _arrival(data: Mapping[str, Any]) -> Arrival:
    return data["source"], data["source_id"], data["line"]
