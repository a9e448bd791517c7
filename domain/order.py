"""An order: its state, and how its facts move it. Its decisions are in `fulfilment`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from domain.construction import made_often
from domain.events import OrderAllocated, OrderCancelled, OrderEvent, OrderPlaced, OrderShipped
from domain.refusals import OrderStatus
from domain.streams import stock_stream


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class LineState:
    line: int
    sku: str
    location: str
    quantity: int
    unit_price_micros: int = 0
    shipped: int = 0

    @property
    def left(self) -> int:
        return self.quantity - self.shipped

    @property
    def stock_stream(self) -> str:
        return stock_stream(self.sku, self.location)

    def with_shipped(self, quantity: int) -> LineState:
        return LineState(
            line=self.line,
            sku=self.sku,
            location=self.location,
            quantity=self.quantity,
            unit_price_micros=self.unit_price_micros,
            shipped=self.shipped + quantity,
        )


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    order_id: str
    status: OrderStatus
    customer: str | None = None
    currency: str = "XXX"
    lines: tuple[LineState, ...]

    @property
    def stock_streams(self) -> tuple[str, ...]:
        """The stocks its lines are of, each once, in line order: what its decisions need as
        shelves.
        """
        return tuple(dict.fromkeys(line.stock_stream for line in self.lines))


def evolve(
    order: Order | None,
    event: OrderEvent,
    occurred_at: datetime,  # noqa: ARG001 - every aggregate evolves with the same arguments
) -> Order | None:
    """The state after one more fact of its stream; nothing comes before the order was placed."""
    if isinstance(event, OrderPlaced):
        return _placed(event)
    if order is None:
        return None
    match event:
        case OrderAllocated():
            return replace(order, status="allocated")
        case OrderShipped():
            return _shipped(order, event)
        case OrderCancelled():
            return replace(order, status="cancelled")
        case _:
            assert_never(event)


def _placed(event: OrderPlaced) -> Order:
    lines = tuple(
        LineState(
            line=line.line,
            sku=line.sku,
            location=line.location,
            quantity=line.quantity,
            unit_price_micros=line.unit_price_micros,
        )
        for line in event.lines
    )
    return Order(
        order_id=event.order_id,
        status="placed",
        customer=event.customer,
        currency=event.currency,
        lines=lines,
    )


def _shipped(order: Order, event: OrderShipped) -> Order:
    units = {shipped.line: shipped.quantity for shipped in event.lines}
    lines = tuple(
        line.with_shipped(units[line.line]) if line.line in units else line for line in order.lines
    )
    done = all(line.left <= 0 for line in lines)
    return replace(order, lines=lines, status="shipped" if done else "partly_shipped")
