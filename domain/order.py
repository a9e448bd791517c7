"""An order: its state, and how its facts move it. Its decisions are in `ordering`, `allocation`,
`picking`, `shipping`, `order_endings` and `returns`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from domain.construction import made_often
from domain.events import (
    Allocation,
    OrderAllocated,
    OrderCancelled,
    OrderClosed,
    OrderEvent,
    OrderPlaced,
    OrderShipped,
    PaymentTerms,
    Strategy,
)
from domain.order_fold import Lines, advanced
from domain.order_progress import Allotment, Progress, allotment_key
from domain.refusals import OrderStatus
from domain.streams import stock_stream


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class LineState:
    """`is_kit`: its parts are lines of their own, which name it in `part_of` and are what is
    promised and sent.
    """

    line: int
    sku: str
    location: str | None = None
    quantity: int
    unit_price_micros: int = 0
    shipped: int = 0
    is_kit: bool = False
    part_of: int | None = None

    @property
    def left(self) -> int:
        return 0 if self.is_kit else self.quantity - self.shipped

    @property
    def stock_stream(self) -> str:
        """Of a line that names its location."""
        return stock_stream(self.sku, self.location or "")

    def with_shipped(self, quantity: int) -> LineState:
        return LineState(
            line=self.line,
            sku=self.sku,
            location=self.location,
            quantity=self.quantity,
            unit_price_micros=self.unit_price_micros,
            shipped=self.shipped + quantity,
            is_kit=self.is_kit,
            part_of=self.part_of,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was agreed when the order was placed; see `OrderPlaced`."""

    allocation: Allocation = "all"
    backorder: bool = False
    sourcing: Strategy | None = None
    locations: tuple[str, ...] = ()
    kilometres: tuple[int, ...] = ()
    payment: PaymentTerms = "none"
    reservation_id: str | None = None
    exchange_of: str | None = None


PLAIN = Terms()


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """`progress` is None as long as the order is just placed, allocated and shipped where its lines
    say: then status and lines tell everything.
    """

    order_id: str
    status: OrderStatus
    customer: str | None = None
    currency: str = "XXX"
    lines: tuple[LineState, ...]
    terms: Terms = PLAIN
    progress: Progress | None = None

    @property
    def stock_streams(self) -> tuple[str, ...]:
        """The stocks that hold or will hold something for it, each once, in line order: what its
        decisions need as shelves.
        """
        found = dict.fromkeys(
            line.stock_stream
            for line in self.lines
            if line.location is not None and not line.is_kit
        )
        if self.progress is not None:
            for allotment in self.progress.allotments.values():
                found[allotment.stock_stream] = None
        return tuple(found)

    @property
    def candidate_streams(self) -> tuple[str, ...]:
        """The stocks that lines without a location may be sourced from."""
        skus = dict.fromkeys(line.sku for line in self.unlocated)
        return tuple(stock_stream(sku, place) for sku in skus for place in self.terms.locations)

    @property
    def unlocated(self) -> tuple[LineState, ...]:
        return tuple(line for line in self.lines if line.location is None and not line.is_kit)

    @property
    def unpaid(self) -> bool:
        """Whether it waits for payment before it may be picked or shipped."""
        if self.terms.payment == "none":
            return False
        return self.progress is None or self.progress.payment_id is None

    def so_far(self) -> Progress:
        """Its progress, also where status and lines tell it."""
        if self.progress is not None:
            return self.progress
        holds = self.status in {"allocated", "partly_shipped"}
        found = {}
        for line in self.lines:
            if line.location is not None and ((holds and line.left) or line.shipped):
                found[allotment_key(line.line, line.location)] = Allotment(
                    line=line.line,
                    sku=line.sku,
                    location=line.location,
                    committed=line.left if holds else 0,
                    shipped=line.shipped,
                )
        return Progress(allotments=found)


def evolve(order: Order | None, event: OrderEvent, occurred_at: datetime) -> Order | None:
    """The state after one more fact of its stream; nothing comes before the order was placed."""
    if isinstance(event, OrderPlaced):
        return _placed(event)
    if order is None:
        return None
    if order.progress is None:
        match event:
            case OrderAllocated():
                return replace(order, status="allocated")
            case OrderShipped(shipment_id=None, parcels=()):
                return _shipped(order, event)
            case OrderCancelled():
                return replace(order, status="cancelled")
            case _:
                pass
    return _progressed(order, event, occurred_at)


def _placed(event: OrderPlaced) -> Order:
    lines = tuple(
        LineState(
            line=line.line,
            sku=line.sku,
            location=line.location,
            quantity=line.quantity,
            unit_price_micros=line.unit_price_micros,
            is_kit=line.is_kit,
            part_of=line.part_of,
        )
        for line in event.lines
    )
    return Order(
        order_id=event.order_id,
        status="placed",
        customer=event.customer,
        currency=event.currency,
        lines=lines,
        terms=_terms(event),
    )


def _terms(event: OrderPlaced) -> Terms:
    terms = Terms(
        allocation=event.allocation,
        backorder=event.backorder,
        sourcing=event.sourcing,
        locations=event.locations,
        kilometres=event.kilometres,
        payment=event.payment,
        reservation_id=event.reservation_id,
        exchange_of=event.exchange_of,
    )
    return PLAIN if terms == PLAIN else terms


def _shipped(order: Order, event: OrderShipped) -> Order:
    units = {shipped.line: shipped.quantity for shipped in event.lines}
    lines = tuple(
        line.with_shipped(units[line.line]) if line.line in units else line for line in order.lines
    )
    done = all(line.left <= 0 for line in lines)
    return replace(order, lines=lines, status="shipped" if done else "partly_shipped")


def _progressed(order: Order, event: OrderEvent, occurred_at: datetime) -> Order:
    about = Lines(
        skus={line.line: line.sku for line in order.lines},
        homes={line.line: line.location for line in order.lines},
        needs={line.line: line.left for line in order.lines},
    )
    progress = advanced(order.so_far(), event, about, occurred_at)
    shipped: dict[int, int] = {}
    for allotment in progress.allotments.values():
        shipped[allotment.line] = shipped.get(allotment.line, 0) + allotment.shipped
    lines = tuple(
        line
        if line.shipped == shipped.get(line.line, 0)
        else line.with_shipped(shipped.get(line.line, 0) - line.shipped)
        for line in order.lines
    )
    status = order.status
    if isinstance(event, OrderCancelled):
        status = "cancelled"
    elif isinstance(event, OrderClosed):
        status = "closed"
    elif status not in {"cancelled", "closed"}:
        status = status_of(lines, progress)
    return replace(order, lines=lines, status=status, progress=progress)


def status_of(lines: tuple[LineState, ...], progress: Progress) -> OrderStatus:
    """Of an order that goes on."""
    left = sum(line.left for line in lines)
    if left <= 0:
        return "delivered" if _all_delivered(lines, progress) else "shipped"
    if any(line.shipped for line in lines):
        return "partly_shipped"
    held = sum(allotment.held for allotment in progress.allotments.values())
    if held >= left:
        return "allocated"
    if held:
        return "partly_allocated"
    waits = any(allotment.waiting for allotment in progress.allotments.values())
    return "backordered" if waits else "placed"


def _all_delivered(lines: tuple[LineState, ...], progress: Progress) -> bool:
    delivered = sum(
        units.quantity
        for shipment in progress.shipments.values()
        if shipment.status == "delivered"
        for units in shipment.lines
    )
    return delivered >= sum(line.shipped for line in lines)
