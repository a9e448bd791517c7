"""Law 4: nothing is promised or taken that is not there, at every prefix by position.

What a command may do is measured where the command began; what it leaves behind, where it ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from replay.verify.ledger import LedgerFold
from replay.verify.report import LawResult
from replay.verify.rows import EventRow
from replay.verify.stock import COMMITTED, RESERVED, SHIPPED, Data, Move, Stock

# What a command sends of units that nobody was promised.
SENT = frozenset({SHIPPED, "stock.moved_out.v1", "stock.dispatched.v1", "stock.consumed.v1"})


@dataclass(slots=True, eq=False)
class Touched:
    """A stock as a command found it, and what the command has shipped from it so far."""

    stock: Stock
    unheld: int
    available: int
    shipped: int = 0


class OversellCheck:
    def __init__(self, law: LawResult, fold: LedgerFold) -> None:
        self._law = law
        self._fold = fold
        self._touched: dict[str, Touched] = {}

    def stock(
        self, row: EventRow, data: Data, stock: Stock, moved: Move, *, in_command: bool
    ) -> None:
        """After a stock event was folded."""
        self._law.checked += 1
        touched = self._touched.get(stock.stream)
        # Without a command there is no saying where it began: then each event is one.
        if touched is None or not in_command:
            on_hand, reserved, committed, picked, held = moved
            kept = stock.held - held + stock.picked - picked
            touched = self._touched[stock.stream] = Touched(
                stock,
                max(0, stock.on_hand - on_hand - kept),
                stock.available - on_hand + reserved + committed + picked + held,
            )
        if stock.on_hand < 0:
            self._law.differ(
                where=f"on hand of {stock.name} after {row.name}",
                expected="0 or more",
                found=stock.on_hand,
            )
        for what, units in (("held", stock.held), ("picked", stock.picked)):
            if units < 0:
                self._law.differ(
                    where=f"{what} units of {stock.name} after {row.name}",
                    expected="0 or more",
                    found=units,
                )
        if row.type in SENT:
            self._shipment(row, data, touched)
        elif row.type in (COMMITTED, RESERVED):
            self._promise(row, data, stock)

    def end_of_command(self) -> None:
        """What is uncovered now is what was stated, promise by promise."""
        for touched in self._touched.values():
            stock = touched.stock
            if stock.uncovered != stock.shortfall or stock.shortfall or stock.stated:
                self._shortfall(stock)
        self._touched.clear()

    def _promise(self, row: EventRow, data: Data, stock: Stock) -> None:
        limit = self._fold.backorder_limit(stock.sku)
        if data.get("backorder_limit", 0) != limit:
            self._law.differ(
                where=f"backorder limit in {row.name}",
                expected=f"{limit}, as of item {stock.sku} there",
                found=data.get("backorder_limit", 0),
            )
        if stock.promised > stock.on_hand + limit:
            self._law.differ(
                where=f"units of {stock.name} promised after {row.name}",
                expected=f"at most {stock.on_hand} on hand + {limit} backorder",
                found=f"{stock.promised}: oversold",
            )

    def _shipment(self, row: EventRow, data: Data, touched: Touched) -> None:
        plain = data.get("order_id") is None and data.get("reservation_id") is None
        room = touched.available if plain else touched.unheld
        touched.shipped += data["quantity"]
        if touched.shipped > room:
            what = "available" if plain else "on hand and not held"
            self._law.differ(
                where=f"units of {touched.stock.name} sent by {row.name}",
                expected=f"at most the {room} {what} when its command began",
                found=touched.shipped,
            )

    def _shortfall(self, stock: Stock) -> None:
        self._law.checked += 1
        expected = (stock.uncovered, stock.uncovered_promises())
        if expected != (stock.shortfall, stock.stated):
            self._law.differ(
                where=f"shortfall of {stock.name} in ledger {self._fold.ledger}"
                f" after position {stock.position}",
                expected=f"{expected[0]} stated, of the promises {list(expected[1])}",
                found=f"{stock.shortfall}, of the promises {list(stock.stated)}",
            )
