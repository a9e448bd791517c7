"""What the domain decides on commands about what an order holds; as in `order_decisions`."""

# ruff: noqa: D103 - each is named for its command, and the module's docstring is the contract of all

from __future__ import annotations

from commands import fulfilment_messages as say
from commands.lot_fields import named_by_line, units_named
from commands.own_units import in_own_units
from commands.view import CommandView, shelves_of
from domain import picking, returns, shipments, shipping
from domain.consignments import Consignment
from domain.events import InspectedLine, LineQuantity, ShippedLine
from domain.order import Order
from domain.refusals import Refusal
from domain.streams import stock_stream
from domain.values import Facts, Occasion


@in_own_units
def create_pick_list(
    command: say.CreatePickList, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return picking.create_pick_list(
        view.order(command.order_id),
        command.order_id,
        command.pick_id,
        location=command.location,
        lines=quantities(command.lines),
        occasion=occasion,
    )


def cancel_pick_list(
    command: say.CancelPickList, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    return picking.cancel_pick_list(
        order, command.order_id, command.pick_id, command.reason, occasion
    )


@in_own_units
def pick_order(command: say.PickOrder, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    order = view.order(command.order_id)
    return picking.pick(
        order,
        command.order_id,
        command.pick_id,
        lines=quantities(command.lines),
        named=named_by_line(command.lines or ()),
        shelves=shelves_of(order, view),
        occasion=occasion,
    )


@in_own_units
def pack_order(command: say.PackOrder, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    return picking.pack(
        view.order(command.order_id),
        command.order_id,
        command.parcel_id,
        location=command.location,
        lines=quantities(command.lines),
        occasion=occasion,
    )


@in_own_units
def ship_order(command: say.ShipOrder, view: CommandView, occasion: Occasion) -> Facts | Refusal:
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
        named=named_by_line(command.lines or ()),
    )
    return shipping.ship(order, command.order_id, wanted, shelves_of(order, view), occasion)


def deliver_shipment(
    command: say.DeliverShipment, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    return shipments.deliver(order, command.order_id, command.shipment_id, occasion)


def cancel_shipment(
    command: say.CancelShipment, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    return shipments.cancel_shipment(
        order,
        command.order_id,
        command.shipment_id,
        reason=command.reason,
        named=named_by_line(command.lines),
        shelves=shelves_of(order, view),
        occasion=occasion,
    )


@in_own_units
def request_return(
    command: say.RequestReturn, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return returns.request_return(
        view.order(command.order_id),
        command.order_id,
        command.return_id,
        lines=quantities(command.lines) or (),
        reason=command.reason,
        occasion=occasion,
    )


@in_own_units
def inspect_return(
    command: say.InspectReturn, view: CommandView, occasion: Occasion
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


def arrival_streams(command: say.InspectReturn, order: Order | None) -> tuple[str, ...]:
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


def quantities(
    lines: tuple[say.LineOfOrder, ...] | tuple[say.PickedUnits, ...] | None,
) -> list[LineQuantity] | None:
    if lines is None:
        return None
    return [LineQuantity(line=each.line, quantity=each.quantity) for each in lines]
