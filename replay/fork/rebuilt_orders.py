"""Commands about orders and payments, made again out of their events."""

from __future__ import annotations

from collections.abc import Sequence

from commands import fulfilment_messages as fulfil
from commands import order_messages as order_say
from commands import payment_messages as payment_say
from commands.message import Message
from domain import events as facts
from domain.values import Fact
from replay.fork.rebuilding import Rebuilds, command, returned_lots, same_fields

_PROMISED = {facts.OrderAllocated, facts.OrderUnitsAllocated, facts.OrderBackordered}
_ORDER = ("order_id",)
_PICK = (*_ORDER, "pick_id")


def _placed(event: facts.OrderPlaced, all_of_it: Sequence[Fact]) -> Message:
    kinds = {type(fact.event) for fact in all_of_it}
    placed = order_say.PlaceOrder.model_construct(
        key="",
        type="place_order",
        order_id=event.order_id,
        customer=event.customer,
        currency=event.currency,
        lines=_asked(event),
        allocate=not kinds.isdisjoint(_PROMISED),
        ship=facts.OrderShipped in kinds,
        allocation=event.allocation,
        backorder=event.backorder,
        sourcing=event.sourcing,
        locations=event.locations,
        payment=event.payment,
        reservation_id=event.reservation_id,
    )
    return placed.as_told(event.ship_to, event.kilometres)


def _asked(event: facts.OrderPlaced) -> tuple[order_say.OrderedLine, ...]:
    """The lines that were asked for: the parts of kits follow from them."""
    return tuple(
        order_say.OrderedLine.model_construct(
            line=line.line,
            sku=line.sku,
            location=line.location,
            quantity=line.quantity,
            unit_price_micros=line.unit_price_micros,
        )
        for line in event.lines
        if line.part_of is None
    )


def _allocated(event: facts.OrderUnitsAllocated, all_of_it: Sequence[Fact]) -> Message:
    """What waited is served out of a stock's queue; otherwise somebody asked for the order."""
    for fact in all_of_it:
        served = fact.event
        if isinstance(served, facts.BackorderClosed) and served.outcome == "allocated":
            return command(order_say.AllocateBackorders, sku=served.sku, location=served.location)
    return command(order_say.AllocateOrder, order_id=event.order_id)


def _exchanged(event: facts.OrderExchanged, all_of_it: Sequence[Fact]) -> Message:
    events = [fact.event for fact in all_of_it]
    back = next(each for each in events if isinstance(each, facts.ReturnRequested))
    other = next(each for each in events if isinstance(each, facts.OrderPlaced))
    return command(
        fulfil.ExchangeOrder,
        order_id=event.order_id,
        return_id=event.return_id,
        lines=back.lines,
        replacement_id=event.replacement_id,
        replacement_lines=_asked(other),
    )


def _shipped(event: facts.OrderShipped, _: Sequence[Fact]) -> Message:
    """Its lines, or its parcels: which of its lots were named nobody knows."""
    return command(
        fulfil.ShipOrder,
        order_id=event.order_id,
        lines=None if event.parcels else event.lines,
        parcels=event.parcels,
        shipment_id=event.shipment_id,
        carrier=event.carrier,
        tracking=event.tracking,
    )


def _shipment_cancelled(event: facts.ShipmentCancelled, all_of_it: Sequence[Fact]) -> Message:
    came = returned_lots(len(event.lines), all_of_it)
    lines = tuple(
        fulfil.TakenBack.model_construct(line=each.line, **lots)
        for each, lots in zip(event.lines, came, strict=True)
        if any(lots.values())
    )
    return command(
        fulfil.CancelShipment,
        order_id=event.order_id,
        shipment_id=event.shipment_id,
        reason=event.reason,
        lines=lines,
    )


def _inspected(event: facts.ReturnInspected, all_of_it: Sequence[Fact]) -> Message:
    taken = [each for each in event.lines if each.outcome != "refuse"]
    came = iter(returned_lots(len(taken), all_of_it))
    lines = tuple(
        fulfil.SeenLine.model_construct(
            line=each.line,
            quantity=each.quantity,
            outcome=each.outcome,
            **({} if each.outcome == "refuse" else next(came)),
        )
        for each in event.lines
    )
    return command(
        fulfil.InspectReturn,
        order_id=event.order_id,
        return_id=event.return_id,
        location=event.location,
        lines=lines,
    )


REBUILT: Rebuilds = {
    facts.OrderExchanged: _exchanged,
    facts.OrderPlaced: _placed,
    facts.ShipmentCancelled: _shipment_cancelled,
    facts.OrderPicked: same_fields(fulfil.PickOrder, *_PICK, "lines"),
    facts.ReturnInspected: _inspected,
    facts.OrderUnitsAllocated: _allocated,
    facts.OrderAllocated: same_fields(order_say.AllocateOrder, *_ORDER),
    facts.OrderShipped: _shipped,
    facts.OrderCancelled: same_fields(order_say.CancelOrder, *_ORDER, "reason"),
    facts.OrderClosed: same_fields(order_say.CloseOrder, *_ORDER, "reason"),
    facts.OrderPaid: same_fields(order_say.ConfirmPayment, *_ORDER, "payment_id"),
    facts.PickListCreated: same_fields(fulfil.CreatePickList, *_PICK, "location", "lines"),
    facts.PickListCancelled: same_fields(fulfil.CancelPickList, *_PICK, "reason"),
    facts.OrderPacked: same_fields(fulfil.PackOrder, *_ORDER, "parcel_id", "location", "lines"),
    facts.ShipmentDelivered: same_fields(fulfil.DeliverShipment, *_ORDER, "shipment_id"),
    facts.ReturnRequested: same_fields(
        fulfil.RequestReturn, *_ORDER, "return_id", "lines", "reason"
    ),
    facts.PaymentTimedOut: same_fields(payment_say.TimeOutPayment, *_ORDER, "payment_id", "due_at"),
    facts.ChargeRecorded: same_fields(
        order_say.RecordCharge,
        *("charge_id", "code", "description", "quantity"),
        *("unit_price_micros", "currency", "order_id"),
    ),
}
"""By the event that says what was asked for. Of a command's events the first of these counts."""
