"""Decisions on shipments that left: they arrive, or come straight back.

`shelves` are the order's stocks by stream name. Raise HistoryNeededError as `stock_facts` does.
"""

from __future__ import annotations

from collections.abc import Mapping

from domain.allocation import settle, skus_of
from domain.events import ShipmentCancelled, ShipmentDelivered, ShippedLine, StockReturned
from domain.named_units import NOTHING_NAMED, UNNAMED, NamedByLine
from domain.order import Order
from domain.order_drafts import Drafts, OrderDraft, Shelves, order_fact
from domain.order_progress import Shipment
from domain.refusals import OrderState, Refusal, UnknownOrder
from domain.refusals_orders import ShipmentClosed, UnknownShipment
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
    committed to the order again as far as they can be. `named`: which lots (or serials) of its
    lines of tracked items came back.
    """
    if order is None:
        return UnknownOrder(order_id=order_id)
    shipment = _on_its_way(order, shipment_id)
    if isinstance(shipment, Refusal):
        return shipment
    if order.status in {"cancelled", "closed"}:
        return OrderState(order_id=order_id, status=order.status, wanted="shipped")
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
    settle(draft, drafts, _own(shipment, skus), waits_already=True)
    return drafts.facts(*draft.facts)


def _own(shipment: Shipment, skus: Mapping[int, str]) -> dict[str, int]:
    own: dict[str, int] = {}
    for units in shipment.lines:
        stream = stock_stream(skus[units.line], units.location)
        own[stream] = own.get(stream, 0) + units.quantity
    return own


def _on_its_way(order: Order, shipment_id: str) -> Shipment | Refusal:
    shipment = order.so_far().shipments.get(shipment_id)
    if shipment is None:
        return UnknownShipment(order_id=order.order_id, shipment_id=shipment_id)
    if shipment.status != "shipped":
        return ShipmentClosed(
            order_id=order.order_id, shipment_id=shipment_id, status=shipment.status
        )
    return shipment
