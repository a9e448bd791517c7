"""Law 5: what came in, less what went out, with named adjustments, is what is on hand; and what is
promised is what orders and reservations hold.
"""

from __future__ import annotations

from replay.verify.details import PICKED_SHIPPED, WRITTEN_OFF
from replay.verify.ledger import LedgerFold
from replay.verify.order_progress import Key
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


BACKORDERED = "stock.backordered.v1"
QUEUED = (BACKORDERED, "stock.backorder_closed.v1")


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
        if moved[2] or moved[3]:
            self._hold(row, data, stock, moved[2] + moved[3], moved[3])
        elif row.type in QUEUED:
            self._queue(row, data, stock)
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
        """Each order the command touched is held for exactly as it says itself, or not at all."""
        for order in self._orders.values():
            self._law.checked += len(order.lines)
            held = order.should_hold()
            if order.held != held:
                self._unlike(order, "committed to", held, order.held)
            progress = order.progress
            if order.in_hand or progress is not None:
                in_hand = {} if progress is None else progress.in_hand()
                if order.in_hand != in_hand:
                    self._unlike(order, "picked for", in_hand, order.in_hand)
            if order.queued or progress is not None:
                waiting = {} if progress is None else progress.waiting()
                if order.queued != waiting:
                    self._unlike(order, "waiting for", waiting, order.queued)
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

    def _hold(self, row: EventRow, data: Data, stock: Stock, units: int, taken: int) -> None:
        order = self._order_of(row, data, stock)
        if order is None:
            return
        key = (data["line"], stock.location)
        _add(order.held, key, units)
        if taken:
            _add(order.in_hand, key, taken)

    def _queue(self, row: EventRow, data: Data, stock: Stock) -> None:
        order = self._order_of(row, data, stock)
        if order is not None:
            units = data["quantity"] if row.type == BACKORDERED else -data["quantity"]
            _add(order.queued, (data["line"], stock.location), units)

    def _order_of(self, row: EventRow, data: Data, stock: Stock) -> Order | None:
        """The order that a stock's event names; None, and a difference, when it cannot."""
        order = self._fold.orders.get(data["order_id"])
        line = None if order is None else order.lines.get(data["line"])
        if order is None or line is None or not _may_be_of(line, stock):
            self._law.differ(
                where=row.name,
                expected=f"an order {data['order_id']} with line {data['line']} of {stock.name}",
                found="none" if line is None else f"a line of {line.sku} at {line.location}",
            )
            return None
        self._orders[order.order_id] = order
        return order

    def _unlike(
        self, order: Order, what: str, expected: dict[Key, int], found: dict[Key, int]
    ) -> None:
        line, location = min(
            key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)
        )
        told = order.lines.get(line)
        shipped = "" if told is None else f": {told.shipped} of {told.quantity} shipped"
        self._law.differ(
            where=f"units {what} order {order.order_id} line {line} at {location} in ledger"
            f" {self._fold.ledger} after position {order.position}",
            expected=f"{expected.get((line, location), 0)}{shipped}, {order.status}",
            found=found.get((line, location), 0),
        )


def _may_be_of(line: Line, stock: Stock) -> bool:
    return line.sku == stock.sku and line.location in (None, stock.location)


def _add(found: dict[Key, int], key: Key, units: int) -> None:
    left = found.get(key, 0) + units
    if left:
        found[key] = left
    else:
        found.pop(key, None)


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
