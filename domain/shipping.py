"""Decisions on what leaves for an order, arrives, or comes straight back.

`shelves` are the order's stocks by stream name. Raise HistoryNeededError as `stock_facts` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count

from domain.consignments import Consignment, consigned, leave, not_on_shelf, shipped_line
from domain.events import OrderShipped, ShippedLine
from domain.named_units import UNNAMED
from domain.order import LineState, Order
from domain.order_drafts import Drafts, Shelves, duplicates, first, order_fact
from domain.order_progress import Progress, taken
from domain.ordering import sums
from domain.picking import AT_WORK
from domain.refusals import (
    ExceedsCommitted,
    InsufficientStock,
    NothingToShip,
    OrderState,
    Refusal,
    UnknownOrder,
    UnknownOrderLine,
)
from domain.refusals_orders import PaymentMissing, ShipmentExists
from domain.values import Facts, Occasion


def ship(
    order: Order | None,
    order_id: str,
    wanted: Consignment,
    shelves: Shelves,
    occasion: Occasion,
) -> Facts | Refusal:
    """Units leave; those that were picked first."""
    if order is None:
        return UnknownOrder(order_id=order_id)
    if order.status not in AT_WORK:
        return OrderState(order_id=order_id, status=order.status, wanted="shipped")
    if order.unpaid:
        return PaymentMissing(order_id=order_id)
    if order.progress is None and not wanted.parcels:
        return _ship_lines(order, wanted, shelves, occasion)
    progress = order.so_far()
    if wanted.shipment_id in progress.shipments:
        return ShipmentExists(order_id=order_id, shipment_id=wanted.shipment_id or "")
    lines = consigned(order, progress, wanted)
    if isinstance(lines, Refusal):
        return lines
    if not lines:
        return NothingToShip(order_id=order_id)
    parcels = wanted.parcels or (
        tuple(name for name, each in progress.parcels.items() if each.status == "packed")
        if wanted.lines is None
        else ()
    )
    event = OrderShipped(
        order_id=order_id,
        lines=tuple(lines),
        shipment_id=wanted.shipment_id or _free_name(progress),
        carrier=wanted.carrier,
        tracking=wanted.tracking,
        parcels=parcels,
    )
    homes = {line.line: line.location for line in order.lines}
    leaving = taken(progress, event, homes)
    if refusal := first(not_on_shelf(order, leaving, shelves)):
        return refusal
    drafts = Drafts(shelves, occasion)
    for each in leaving:
        units = wanted.named.get(each.line, UNNAMED)
        leave(order, each, event.shipment_id or "", drafts, units)
    return drafts.facts(order_fact(event, order, occasion))


def _free_name(progress: Progress) -> str:
    """For a shipment that nobody has named."""
    numbers = count(len(progress.shipments) + 1)
    names = (f"shipment-{number}" for number in numbers)
    return next(name for name in names if name not in progress.shipments)


def _ship_lines(
    order: Order, wanted: Consignment, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """Of an order all of which is committed where its lines say, and nothing is picked."""
    homes = {line.line: line.location for line in order.lines}
    lines = None if wanted.lines is None else [_at_home(each, homes) for each in wanted.lines]
    if lines is None:
        lines = [
            ShippedLine(line=line.line, quantity=line.left) for line in order.lines if line.left > 0
        ]
    if not lines:
        return NothingToShip(order_id=order.order_id)
    if refusal := first(duplicates(order.order_id, [line.line for line in lines])):
        return refusal
    left = {line.line: line.left for line in order.lines}
    left |= {line.line: 0 for line in lines if line.location is not None and line.line in left}
    if refused := first(_unshippable(order.order_id, lines, left)):
        return refused
    units = {line.line: line.quantity for line in lines}
    shipped = [line for line in order.lines if line.line in units]
    if short := first(_not_there(shipped, units, shelves)):
        return short
    drafts = Drafts(shelves, occasion)
    for line in shipped:
        drafts.of(line.stock_stream).move(
            shipped_line(order, line, line.location or "", units[line.line]),
            units=wanted.named.get(line.line, UNNAMED),
        )
    event = OrderShipped(
        order_id=order.order_id,
        lines=tuple(lines),
        shipment_id=wanted.shipment_id,
        carrier=wanted.carrier,
        tracking=wanted.tracking,
    )
    return drafts.facts(order_fact(event, order, occasion))


def _at_home(line: ShippedLine, homes: Mapping[int, str | None]) -> ShippedLine:
    """Where the line itself says needs no mention."""
    if line.location is None or line.location != homes.get(line.line):
        return line
    return ShippedLine(line=line.line, quantity=line.quantity)


def _not_there(
    lines: Iterable[LineState], units: Mapping[int, int], shelves: Shelves
) -> Iterator[InsufficientStock]:
    for stream, (first_line, wanted) in sums(lines, units).items():
        shippable = shelves[stream].stock.shippable
        if wanted > shippable:
            yield InsufficientStock(
                sku=first_line.sku,
                location=first_line.location or "",
                requested=wanted,
                available=shippable,
                line=first_line.line,
            )


def _unshippable(
    order_id: str, lines: Iterable[ShippedLine], left: Mapping[int, int]
) -> Iterator[UnknownOrderLine | ExceedsCommitted]:
    for line in lines:
        if line.line not in left:
            yield UnknownOrderLine(order_id=order_id, line=line.line)
        elif line.quantity > left[line.line]:
            yield ExceedsCommitted(
                order_id=order_id,
                line=line.line,
                requested=line.quantity,
                committed=left[line.line],
            )
