"""Decisions on shipments that left: they arrive, or come straight back.

`shelves` are the order's stocks by stream name. Raise HistoryNeededError as `stock_facts` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from domain.allocation import Rooms, commit, skus_of, wait
from domain.events import (
    OrderBackordered,
    OrderUnits,
    OrderUnitsAllocated,
    ShipmentCancelled,
    ShipmentDelivered,
    ShippedLine,
    StockReturned,
)
from domain.named_units import NOTHING_NAMED, UNNAMED, NamedByLine
from domain.order import Order
from domain.order_drafts import Drafts, OrderDraft, Shelves, first, order_fact
from domain.order_progress import Shipment
from domain.refusals import OrderState, Refusal, UnknownOrder
from domain.refusals_orders import ExceedsReturnable, ShipmentClosed, UnknownShipment
from domain.streams import stock_stream
from domain.values import Facts, Occasion


def deliver(
    order: Order | None, order_id: str, shipment_id: str, occasion: Occasion
) -> Facts | Refusal:
    """A shipment arrived at the customer."""
    if order is None:
        return UnknownOrder(order_id=order_id)
    shipment = _on_its_way(order, shipment_id)
    if isinstance(shipment, Refusal):
        return shipment
    event = ShipmentDelivered(order_id=order_id, shipment_id=shipment_id)
    return (order_fact(event, order, occasion),)


def cancel_shipment(
    order: Order | None,
    order_id: str,
    shipment_id: str,
    *,
    reason: str,
    named: NamedByLine = NOTHING_NAMED,
    shelves: Shelves,
    occasion: Occasion,
) -> Facts | Refusal:
    """It never left, or came straight back: its units are on hand again where they were, and
    committed to the order again as far as they can be. Not what a return is about: that comes back
    by its inspection. `named`: which lots (or serials) of its lines of tracked items came back.
    """
    if order is None:
        return UnknownOrder(order_id=order_id)
    shipment = _on_its_way(order, shipment_id)
    if isinstance(shipment, Refusal):
        return shipment
    if order.status in {"cancelled", "closed"}:
        return OrderState(order_id=order_id, status=order.status, wanted="shipped")
    if refused := first(_in_returns(order, shipment)):
        return refused
    skus, homes = skus_of(order), {line.line: line.location for line in order.lines}
    draft, drafts = OrderDraft(order, occasion), Drafts(shelves, occasion)
    lines = tuple(
        ShippedLine(
            line=units.line,
            quantity=units.quantity,
            location=None if homes[units.line] == units.location else units.location,
        )
        for units in shipment.lines
    )
    draft.note(
        ShipmentCancelled(order_id=order_id, shipment_id=shipment_id, lines=lines, reason=reason)
    )
    for units in shipment.lines:
        sku = skus[units.line]
        drafts.of(stock_stream(sku, units.location)).move(
            StockReturned(
                sku=sku,
                location=units.location,
                quantity=units.quantity,
                order_id=order_id,
                reason="shipment cancelled",
            ),
            units=named.get(units.line, UNNAMED),
            line=units.line,
        )
    _commit_again(draft, drafts, shipment)
    return drafts.facts(*draft.facts)


def _in_returns(order: Order, shipment: Shipment) -> Iterator[ExceedsReturnable]:
    """Lines of which more are in returns than were shipped otherwise."""
    shipped = {line.line: line.shipped for line in order.lines}
    coming = order.so_far().coming_back()
    sums: dict[int, int] = {}
    for units in shipment.lines:
        sums[units.line] = sums.get(units.line, 0) + units.quantity
    for line, units_back in sums.items():
        left = shipped[line] - coming.get(line, 0)
        if units_back > left:
            yield ExceedsReturnable(
                order_id=order.order_id, line=line, requested=units_back, returnable=left
            )


def _commit_again(draft: OrderDraft, drafts: Drafts, shipment: Shipment) -> None:
    """Exactly what the shipment took. What is not there for it any more, or may not leave, waits if
    the terms say so; what waits already goes on waiting.
    """
    order, skus = draft.order, skus_of(draft.order)
    own: dict[str, int] = {}
    for units in shipment.lines:
        stream = stock_stream(skus[units.line], units.location)
        own[stream] = own.get(stream, 0) + units.quantity
    for stream in own:
        drafts.of(stream).hold_again()
    rooms = Rooms(order.order_id, drafts, own)
    again, short = [], []
    for units in shipment.lines:
        taken = rooms.take(stock_stream(skus[units.line], units.location), units.quantity)
        again.append(replace(units, quantity=taken))
        short.append(replace(units, quantity=units.quantity - taken))
    # An allocation takes units of its line out of the queue: these join those that wait before it.
    queued = [units for units in again if _waits(order, units)]
    _wait(draft, drafts, queued)
    if lines := tuple(units for units in again if units.quantity):
        draft.note(OrderUnitsAllocated(order_id=order.order_id, lines=lines))
        for units in lines:
            waited = units.quantity if units in queued else 0
            commit(drafts, order, units, skus[units.line], waited)
    if order.terms.backorder:
        _wait(draft, drafts, short)


def _waits(order: Order, units: OrderUnits) -> bool:
    known = order.so_far().at(units.line, units.location)
    return known is not None and known.waiting > 0


def _wait(draft: OrderDraft, drafts: Drafts, units: Iterable[OrderUnits]) -> None:
    lines = tuple(each for each in units if each.quantity)
    if lines:
        draft.note(OrderBackordered(order_id=draft.order.order_id, lines=lines))
    known = {line.line: line for line in draft.order.lines}
    for each in lines:
        wait(drafts, draft.order, each, known[each.line])


def _on_its_way(order: Order, shipment_id: str) -> Shipment | Refusal:
    shipment = order.so_far().shipments.get(shipment_id)
    if shipment is None:
        return UnknownShipment(order_id=order.order_id, shipment_id=shipment_id)
    if shipment.status != "shipped":
        return ShipmentClosed(
            order_id=order.order_id, shipment_id=shipment_id, status=shipment.status
        )
    return shipment
