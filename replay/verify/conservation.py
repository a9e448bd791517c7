"""Law 5: what came in, less what went out, with named adjustments, is what is on hand; and what is
promised is what orders and reservations hold.
"""

from __future__ import annotations

from replay.verify.details import PICKED_SHIPPED, WRITTEN_OFF
from replay.verify.ledger import LedgerFold
from replay.verify.orders import Line, Order
from replay.verify.report import LawResult
from replay.verify.rows import EventRow
from replay.verify.stock import (
    COUNTED,
    FOUND,
    RETURNED,
    SHIPPED,
    Data,
    Move,
    Stock,
)

IN = (
    "stock.received.v1",
    RETURNED,
    "stock.moved_in.v1",
    "stock.arrived.v1",
    "stock.produced.v1",
)
OUT = (
    SHIPPED,
    PICKED_SHIPPED,
    "stock.moved_out.v1",
    "stock.dispatched.v1",
    "stock.consumed.v1",
)


class ConservationCheck:
    """Per SKU over all locations by the bare figures of the events, beside the fold per stock."""

    def __init__(self, law: LawResult, fold: LedgerFold) -> None:
        self._law = law
        self._fold = fold
        self._came_in: dict[str, int] = {}
        self._went_out: dict[str, int] = {}
        self._adjusted: dict[str, int] = {}
        self._orders: dict[str, Order] = {}

    def stock(self, row: EventRow, data: Data, stock: Stock, moved: Move) -> None:
        """After a stock event was folded."""
        self._law.checked += 1
        if moved[0]:
            self._sum(row.type, data)
        if moved[2] + moved[3]:
            self._commit(row, data, stock, moved[2] + moved[3])
        if stock.muddle or min(stock.reserved, stock.committed, stock.picked) < 0:
            self._law.differ(
                where=f"promises of {stock.name} after {row.name}",
                expected="each made once, and closed for what it held",
                found=stock.muddle or "less than none",
            )

    def order(self, order_id: str) -> None:
        """After an event of an order was folded."""
        self._orders[order_id] = self._fold.orders[order_id]

    def end_of_command(self) -> None:
        """Each order the command touched holds exactly what it has not shipped, or nothing."""
        for order in self._orders.values():
            holds = order.holds
            for line in order.lines.values():
                self._law.checked += 1
                if line.committed != (line.quantity - line.shipped if holds else 0):
                    self._unlike(order, line)
        self._orders.clear()

    def end(self) -> None:
        on_hand = dict.fromkeys(self._fold.locations_of, 0)
        for (sku, _), stock in self._fold.stocks.items():
            on_hand[sku] += stock.on_hand
        for sku, units in on_hand.items():
            came_in, went_out = self._came_in.get(sku, 0), self._went_out.get(sku, 0)
            adjusted = self._adjusted.get(sku, 0)
            self._law.checked += 1
            if units != came_in - went_out + adjusted:
                self._law.differ(
                    where=f"on hand of {sku} in ledger {self._fold.ledger}",
                    expected=f"{came_in} came in - {went_out} went out + {adjusted} adjusted",
                    found=units,
                )

    def _sum(self, kind: str, data: Data) -> None:
        sku = data["sku"]
        if kind in OUT:
            self._went_out[sku] = self._went_out.get(sku, 0) + data["quantity"]
        elif kind in IN:
            self._came_in[sku] = self._came_in.get(sku, 0) + data["quantity"]
        else:
            self._adjusted[sku] = self._adjusted.get(sku, 0) + _adjusted(kind, data)

    def _commit(self, row: EventRow, data: Data, stock: Stock, units: int) -> None:
        order = self._fold.orders.get(data["order_id"])
        line = None if order is None else order.lines.get(data["line"])
        if (
            order is None
            or line is None
            or (line.sku, line.location) != (stock.sku, stock.location)
        ):
            self._law.differ(
                where=row.name,
                expected=f"an order {data['order_id']} with line {data['line']} of {stock.name}",
                found="none" if line is None else f"a line of {line.sku} at {line.location}",
            )
            return
        line.committed += units
        self._orders[order.order_id] = order

    def _unlike(self, order: Order, line: Line) -> None:
        left = line.quantity - line.shipped
        self._law.differ(
            where=f"units committed to order {order.order_id} line {line.line} in ledger"
            f" {self._fold.ledger} after position {order.position}",
            expected=f"{left if order.holds else 0}: {line.shipped} of {line.quantity} shipped,"
            f" {order.status}",
            found=line.committed,
        )


def _adjusted(kind: str, data: Data) -> int:
    """Signed units of an adjustment, by whatever name: a variance, a restatement, a discrepancy."""
    units: int
    if kind == COUNTED:
        units = data["counted"] - data["expected"]
    else:
        units = (
            -data["quantity"]
            if kind == WRITTEN_OFF
            else data["quantity" if kind == FOUND else "delta"]
        )
    return units
