"""What the domain decides on commands about orders: pure, from one command's sight of its ledger.

Facts or a refusal. A stream that was not read before raises StreamNotLoadedError.
"""

# ruff: noqa: D103 - each is named for its command, and the module's docstring is the contract of all

from __future__ import annotations

from collections.abc import Mapping

from commands import fulfilment_messages as fulfil
from commands import order_messages as say
from commands.lot_fields import named_by_line, units_named
from commands.view import CommandView
from domain import (
    backorders,
    cart,
    order_endings,
    ordering,
    picking,
    returns,
    shipments,
    shipping,
    sourcing,
)
from domain.cart import Cart
from domain.charge import record
from domain.consignments import EVERYTHING, Consignment
from domain.events import (
    ChargeRecorded,
    InspectedLine,
    LineQuantity,
    OrderLine,
    OrderPlaced,
    ReservationReleased,
    ShippedLine,
)
from domain.order import Order
from domain.refusals import Refusal, UnknownOrder
from domain.shelf import Shelf
from domain.streams import stock_stream
from domain.values import Facts, Occasion


def record_charge(
    command: say.RecordCharge, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = ChargeRecorded(
        charge_id=command.charge_id,
        code=command.code,
        description=command.description,
        quantity=command.quantity,
        unit_price_micros=command.unit_price_micros,
        currency=command.currency,
        order_id=command.order_id,
    )
    order = None if command.order_id is None else view.order(command.order_id)
    return record(view.charge(command.charge_id), proposed, order, occasion)


# --- from placing to the end ----------------------------------------------------------------------


def place_order(command: say.PlaceOrder, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    locations, kilometres = command.locations, tuple[int, ...]()
    if command.latitude_microdegrees is not None and command.longitude_microdegrees is not None:
        destination = (command.latitude_microdegrees, command.longitude_microdegrees)
        places = {name: view.location(name) for name in locations}
        locations, kilometres = sourcing.by_distance(locations, places, destination)
    proposed = OrderPlaced(
        order_id=command.order_id,
        customer=command.customer,
        currency=command.currency,
        lines=_ordered(command.lines),
        allocation=command.allocation,
        backorder=command.backorder,
        sourcing=command.sourcing,
        locations=locations,
        kilometres=kilometres,
        payment=command.payment,
        ship_to=command.sealed_ship_to,
        reservation_id=command.reservation_id,
    )
    streams = ordering.stock_streams(proposed.lines, proposed.locations)
    order = view.order(command.order_id)
    if command.reservation_id is not None and (held := view.cart(command.reservation_id)):
        return _out_of_cart(held, proposed, view, occasion)
    shelves = view.shelves(streams)
    placed = ordering.place(order, proposed, shelves, occasion, allocate_lines=command.allocate)
    if isinstance(placed, Refusal) or not command.ship:
        return placed
    then = view.after(placed)
    shipped = shipping.ship(
        then.order(command.order_id),
        command.order_id,
        EVERYTHING,
        then.shelves(shelves),
        occasion,
    )
    return shipped if isinstance(shipped, Refusal) else (*placed, *shipped)


def _out_of_cart(
    held: Cart, proposed: OrderPlaced, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    """The cart gives up what it holds, for the order before anybody else."""
    shelves = view.shelves(held.stock_streams)
    given_up = cart.convert(held, held.reservation_id, proposed.order_id, shelves, occasion)
    if isinstance(given_up, Refusal):
        return given_up
    own: dict[str, int] = {}
    for fact in given_up:
        if isinstance(fact.event, ReservationReleased):
            own[fact.stream] = own.get(fact.stream, 0) + fact.event.quantity
    then = view.after(given_up)
    streams = ordering.stock_streams(proposed.lines, proposed.locations)
    order = then.order(proposed.order_id)
    placed = ordering.place(order, proposed, then.shelves(streams), occasion, own=own)
    return placed if isinstance(placed, Refusal) else (*given_up, *placed)


def allocate_order(
    command: say.AllocateOrder, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    streams = (*order.stock_streams, *order.candidate_streams) if order else ()
    return ordering.allocate(order, command.order_id, view.shelves(streams), occasion)


def allocate_backorders(
    command: say.AllocateBackorders, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    shelf = view.shelf(command.sku, command.location)
    if (unknown := shelf.unknown()) is not None:
        return unknown
    orders = {order_id: view.order(order_id) for order_id in backorders.in_turn(shelf, occasion)}
    stream = shelf.stock.stream
    streams = {stream: None}
    for order in orders.values():
        streams |= dict.fromkeys(order.stock_streams if order else ())
    return backorders.allocate_backorders(stream, orders, view.shelves(streams), occasion)


def confirm_payment(
    command: say.ConfirmPayment, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    return ordering.confirm_payment(order, command.order_id, command.payment_id, occasion)


def cancel_order(
    command: say.CancelOrder, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    shelves = _shelves(order, view)
    return order_endings.cancel(order, command.order_id, command.reason, shelves, occasion)


def close_order(command: say.CloseOrder, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    order = view.order(command.order_id)
    shelves = _shelves(order, view)
    return order_endings.close(order, command.order_id, command.reason, shelves, occasion)


# --- picking, sending, taking back ----------------------------------------------------------------


def create_pick_list(
    command: fulfil.CreatePickList, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return picking.create_pick_list(
        view.order(command.order_id),
        command.order_id,
        command.pick_id,
        location=command.location,
        lines=_units(command.lines),
        occasion=occasion,
    )


def cancel_pick_list(
    command: fulfil.CancelPickList, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    return picking.cancel_pick_list(
        order, command.order_id, command.pick_id, command.reason, occasion
    )


def pick_order(command: fulfil.PickOrder, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    order = view.order(command.order_id)
    return picking.pick(
        order,
        command.order_id,
        command.pick_id,
        lines=_units(command.lines),
        named=named_by_line(command.lines or ()),
        shelves=_shelves(order, view),
        occasion=occasion,
    )


def pack_order(command: fulfil.PackOrder, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    return picking.pack(
        view.order(command.order_id),
        command.order_id,
        command.parcel_id,
        location=command.location,
        lines=_units(command.lines),
        occasion=occasion,
    )


def ship_order(command: fulfil.ShipOrder, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    order = view.order(command.order_id)
    lines = None
    if command.lines is not None:
        lines = [
            ShippedLine(line=each.line, quantity=each.quantity, location=each.location)
            for each in command.lines
        ]
    wanted = Consignment(
        lines=lines,
        parcels=command.parcels,
        shipment_id=command.shipment_id,
        carrier=command.carrier,
        tracking=command.tracking,
    )
    return shipping.ship(order, command.order_id, wanted, _shelves(order, view), occasion)


def deliver_shipment(
    command: fulfil.DeliverShipment, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    return shipments.deliver(order, command.order_id, command.shipment_id, occasion)


def cancel_shipment(
    command: fulfil.CancelShipment, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    streams = (*order.stock_streams, *order.candidate_streams) if order else ()
    return shipments.cancel_shipment(
        order,
        command.order_id,
        command.shipment_id,
        reason=command.reason,
        named=named_by_line(command.lines),
        shelves=view.shelves(streams),
        occasion=occasion,
    )


def request_return(
    command: fulfil.RequestReturn, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return returns.request_return(
        view.order(command.order_id),
        command.order_id,
        command.return_id,
        lines=_units(command.lines) or (),
        reason=command.reason,
        occasion=occasion,
    )


def inspect_return(
    command: fulfil.InspectReturn, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    lines = [
        InspectedLine(line=each.line, quantity=each.quantity, outcome=each.outcome)
        for each in command.lines
    ]
    return returns.inspect_return(
        order,
        command.order_id,
        command.return_id,
        location=command.location,
        lines=lines,
        named=[units_named(each) for each in command.lines],
        shelves=view.shelves(arrival_streams(command, order)),
        occasion=occasion,
    )


def exchange_order(
    command: fulfil.ExchangeOrder, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    if order is None:
        return UnknownOrder(order_id=command.order_id)
    proposed = replacement_of(command, order)
    streams = ordering.stock_streams(proposed.lines, proposed.locations)
    return returns.exchange(
        order,
        command.order_id,
        command.return_id,
        lines=_units(command.lines) or (),
        replacement=view.order(command.replacement_id),
        proposed=proposed,
        shelves=view.shelves(streams),
        occasion=occasion,
    )


def arrival_streams(command: fulfil.InspectReturn, order: Order | None) -> tuple[str, ...]:
    """The stocks that what a return holds would go to."""
    if order is None:
        return ()
    skus = {line.line: line.sku for line in order.lines}
    return tuple(
        dict.fromkeys(
            stock_stream(skus[each.line], command.location)
            for each in command.lines
            if each.line in skus
        )
    )


def replacement_of(command: fulfil.ExchangeOrder, order: Order) -> OrderPlaced:
    """What is sent instead: for the same customer, on the same terms, with nothing to be paid."""
    terms = order.terms
    return OrderPlaced(
        order_id=command.replacement_id,
        customer=order.customer,
        currency=order.currency,
        lines=_ordered(command.replacement_lines),
        allocation=terms.allocation,
        backorder=terms.backorder,
        sourcing=terms.sourcing,
        locations=terms.locations,
        kilometres=terms.kilometres,
        exchange_of=order.order_id,
    )


def _ordered(lines: tuple[say.OrderedLine, ...]) -> tuple[OrderLine, ...]:
    return tuple(
        OrderLine(
            line=line.line,
            sku=line.sku,
            location=line.location,
            quantity=line.quantity,
            unit_price_micros=line.unit_price_micros,
        )
        for line in lines
    )


def _shelves(order: Order | None, view: CommandView) -> Mapping[str, Shelf]:
    return view.shelves(order.stock_streams if order else ())


def _units(
    lines: tuple[fulfil.LineOfOrder, ...] | tuple[fulfil.PickedUnits, ...] | None,
) -> list[LineQuantity] | None:
    if lines is None:
        return None
    return [LineQuantity(line=each.line, quantity=each.quantity) for each in lines]
