"""A stock's whole past, for the few facts that are dated before what its state still remembers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from domain.events import CountRestated, StockCounted, StockEvent, StockTraced
from domain.quantities import deltas
from domain.stock import Count


@dataclass(frozen=True, slots=True, kw_only=True)
class StockHistory:
    """Every movement of on hand as (occurred_at, units), in log order, and every count as it
    stands, by `occurred_at` and then log order; `lot_moves` are those of each lot. `version` is the
    stream version it reaches to.
    """

    version: int = 0
    moves: tuple[tuple[datetime, int], ...] = ()
    counts: tuple[Count, ...] = ()
    lot_moves: tuple[tuple[datetime, str, int], ...] = ()

    def on_hand_at(self, instant: datetime) -> int:
        """On hand by `occurred_at`, everything dated at the instant included. May be negative: a
        shipment can be dated before the receipt it was shipped from.
        """
        return sum(units for moved_at, units in self.moves if moved_at <= instant)

    def lots_at(self, instant: datetime) -> dict[str, int]:
        """On hand of each lot, likewise; without those that have none."""
        lots: dict[str, int] = {}
        for moved_at, lot, units in self.lot_moves:
            if moved_at <= instant:
                lots[lot] = lots.get(lot, 0) + units
        return {lot: units for lot, units in lots.items() if units}

    def then(self, events: Iterable[tuple[StockEvent, datetime]]) -> StockHistory:
        """The history with the stream's next events."""
        version, moves, counts = self.version, list(self.moves), {}
        lot_moves = list(self.lot_moves)
        for count in self.counts:
            counts[count.count_id] = count
        for event, occurred_at in events:
            version += 1
            units = deltas(event).on_hand
            if units:
                moves.append((occurred_at, units))
            match event:
                case StockCounted(count_id=count_id, counted=counted, expected=expected):
                    counts[count_id] = Count(
                        count_id=count_id,
                        occurred_at=occurred_at,
                        counted=counted,
                        expected=expected,
                    )
                case CountRestated(count_id=count_id, expected=expected) if count_id in counts:
                    counts[count_id] = replace(counts[count_id], expected=expected)
                case StockTraced(units=traced):
                    lot_moves += [(occurred_at, each.lot, each.on_hand) for each in traced]
                case _:
                    pass
        ordered = sorted(counts.values(), key=lambda count: count.occurred_at)
        return StockHistory(
            version=version, moves=tuple(moves), counts=tuple(ordered), lot_moves=tuple(lot_moves)
        )


class HistoryNeededError(Exception):
    """The decision is dated before what the state remembers: decide again with the history.

    `others` are further stocks whose history the same decision is known to need.
    """

    def __init__(self, stream: str, occurred_at: datetime, others: Iterable[str] = ()) -> None:
        super().__init__(
            f"deciding on {stream} at {occurred_at.isoformat()} needs its history: load it first"
        )
        self.stream = stream
        self.occurred_at = occurred_at
        self.others = tuple(others)


class StaleHistoryError(Exception):
    """The history given reaches to another version than the state: bring it up with `then`."""

    def __init__(self, stream: str, *, history_version: int, stock_version: int) -> None:
        super().__init__(
            f"history of {stream} reaches version {history_version}, its state {stock_version}"
        )
        self.stream = stream
        self.history_version = history_version
        self.stock_version = stock_version
