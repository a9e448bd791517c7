"""Laws 4 and 5 inside one stock: picks, holds and write-offs stay within what there is, and nothing
is closed for more than was open: no pick, no hold, no arrival, no wait.
"""

from __future__ import annotations

from replay.verify.details import HELD, PICKED, Data
from replay.verify.report import LawResult
from replay.verify.rows import EventRow
from replay.verify.stock import Move, Stock


class ShelfCheck:
    def __init__(self, no_oversell: LawResult, conservation: LawResult) -> None:
        self._no_oversell = no_oversell
        self._conservation = conservation

    def stock(self, row: EventRow, data: Data, stock: Stock, moved: Move) -> None:
        """After an event of a stock that has details was folded."""
        details = stock.details
        if details is None:
            return
        self._conservation.checked += 1
        if details.muddle:
            self._conservation.differ(
                where=f"picks, holds, arrivals and queue of {stock.name} after {row.name}",
                expected="each closed for no more than was open",
                found=details.muddle,
            )
        if (moved[2] or moved[3]) and details.picks:
            self._picked_of_line(row, data, stock)
        *_, both, gone = details.of_lots
        if row.type == PICKED:
            room = stock.on_hand - stock.held + both
            self._within(row, stock, "picked", stock.picked, room)
        elif row.type == HELD:
            self._within(row, stock, "held", stock.held, stock.on_hand + gone)

    def _picked_of_line(self, row: EventRow, data: Data, stock: Stock) -> None:
        self._no_oversell.checked += 1
        line = data["order_id"], data["line"]
        picked = stock.details.picks.get(line, 0) if stock.details else 0
        promised = stock.promises.get(("order", *line), 0)
        if picked > promised:
            self._no_oversell.differ(
                where=f"units of {stock.name} picked for order {line[0]} line {line[1]}"
                f" after {row.name}",
                expected=f"at most the {promised} committed to it",
                found=picked,
            )

    def _within(self, row: EventRow, stock: Stock, what: str, units: int, room: int) -> None:
        self._no_oversell.checked += 1
        if units > room:
            self._no_oversell.differ(
                where=f"{what} units of {stock.name} after {row.name}",
                expected=f"at most the {room} on its shelf",
                found=units,
            )
