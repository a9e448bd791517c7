"""What the domain decides on each command: pure, from one command's sight of its ledger.

Facts or a refusal. A stream that was not read before raises StreamNotLoadedError.
"""

# ruff: noqa: D103 - each is named for its command, and the module's docstring is the contract of all

from __future__ import annotations

from commands import messages as say
from commands import order_messages as order_say
from commands import write_off_messages as write_off_say
from commands.kit_decisions import own_quantity
from commands.view import CommandView
from domain import charge, fulfilment, item, location, promises, stock_facts, write_offs
from domain.events import (
    ChargeRecorded,
    ItemRegistered,
    LocationRegistered,
    OrderLine,
    OrderPlaced,
    ShippedLine,
    StockWrittenOff,
)
from domain.grounds import Grounds, rules_of
from domain.refusals import Refusal
from domain.values import Facts, Occasion

# --- items, locations, charges --------------------------------------------------------------------


def register_item(
    command: say.RegisterItem, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = ItemRegistered(
        sku=command.sku,
        name=command.name,
        description=command.description,
        category=command.category,
        media_urls=command.media_urls,
        gtin=command.gtin,
        unit=command.unit,
        tracking=command.tracking,
        reorder_point=command.reorder_point,
        safety_stock=command.safety_stock,
        backorder_limit=command.backorder_limit,
        attributes=command.attributes,
    )
    return item.register(view.item(command.sku), proposed, occasion)


def describe_item(
    command: say.DescribeItem, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return item.describe(view.item(command.sku), command.sku, command.changes(), occasion)


def discontinue_item(
    command: say.DiscontinueItem, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return item.discontinue(view.item(command.sku), command.sku, command.reason, occasion)


def register_location(
    command: say.RegisterLocation, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = LocationRegistered(
        location=command.location,
        name=command.name,
        type=command.location_type,
        latitude_microdegrees=command.latitude_microdegrees,
        longitude_microdegrees=command.longitude_microdegrees,
    )
    return location.register(
        view.location(command.location),
        proposed,
        occasion,
        parent_id=command.parent,
        parent=None if command.parent is None else view.location(command.parent),
    )


def record_charge(
    command: order_say.RecordCharge, view: CommandView, occasion: Occasion
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
    return charge.record(view.charge(command.charge_id), proposed, order, occasion)


# --- stock ----------------------------------------------------------------------------------------


def receive_stock(
    command: say.ReceiveStock, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    shelf = view.shelf(command.sku, command.location)
    quantity = own_quantity(view, command.sku, command.quantity, command.unit)
    if isinstance(quantity, Refusal):
        return quantity
    return stock_facts.receive(
        shelf,
        quantity,
        occasion,
        document=command.document,
        units=command.named_units(),
    )


def adjust_stock(
    command: say.AdjustStock, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    shelf = view.shelf(command.sku, command.location)
    delta = own_quantity(view, command.sku, command.delta, command.unit)
    if isinstance(delta, Refusal):
        return delta
    grounds = Grounds(
        reason_code=command.reason_code or "",
        document=command.document,
        approved_by=command.approved_by,
    )
    return stock_facts.adjust(
        shelf,
        delta,
        command.reason,
        occasion,
        condition=command.condition,
        units=command.named_units(),
        grounds=grounds,
        rules=rules_of(view.policy()),
    )


def write_off_stock(
    command: write_off_say.WriteOffStock, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    quantity = own_quantity(view, command.sku, command.quantity, command.unit)
    if isinstance(quantity, Refusal):
        return quantity
    proposed = StockWrittenOff(
        sku=command.sku,
        location=command.location,
        quantity=quantity,
        reason_code=command.reason_code,
        hold_id=command.hold_id,
        reason=command.reason,
        document=command.document,
        approved_by=command.approved_by,
    )
    return write_offs.write_off(
        view.shelf(command.sku, command.location),
        proposed,
        occasion,
        units=command.named_units(),
        rules=rules_of(view.policy()),
    )


def count_stock(command: say.CountStock, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    shelf = view.shelf(command.sku, command.location)
    return stock_facts.count(
        shelf, command.count_id, command.counted, occasion, units=command.named_units()
    )


def return_stock(
    command: say.ReturnStock, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return stock_facts.accept_return(
        view.shelf(command.sku, command.location),
        command.quantity,
        occasion,
        to=command.to,
        order_id=command.order_id,
        order=None if command.order_id is None else view.order(command.order_id),
        reason=command.reason,
        units=command.named_units(),
    )


def ship_stock(command: say.ShipStock, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    quantity = own_quantity(view, command.sku, command.quantity, command.unit)
    if isinstance(quantity, Refusal):
        return quantity
    return promises.ship(
        view.shelf(command.sku, command.location),
        quantity,
        occasion,
        reservation_id=command.reservation_id,
        unit_price_micros=command.unit_price_micros,
        currency=command.currency,
        units=command.named_units(),
    )


def reserve_stock(
    command: say.ReserveStock, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return promises.reserve(
        view.shelf(command.sku, command.location),
        command.reservation_id,
        command.quantity,
        command.expires_at,
        occasion,
        policy=view.policy(),
    )


def release_reservation(
    command: say.ReleaseReservation, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    stock = view.stock(command.sku, command.location)
    return promises.release(stock, command.reservation_id, occasion)


def expire_reservation(
    command: say.ExpireReservation, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    stock = view.stock(command.sku, command.location)
    return promises.expire(stock, command.reservation_id, occasion)


# --- orders ---------------------------------------------------------------------------------------


def place_order(
    command: order_say.PlaceOrder, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = OrderPlaced(
        order_id=command.order_id,
        customer=command.customer,
        currency=command.currency,
        lines=tuple(
            OrderLine(
                line=line.line,
                sku=line.sku,
                location=line.location,
                quantity=line.quantity,
                unit_price_micros=line.unit_price_micros,
            )
            for line in command.lines
        ),
    )
    streams = fulfilment.stock_streams(proposed.lines)
    order = view.order(command.order_id)
    placed = fulfilment.place(
        order, proposed, view.shelves(streams), occasion, allocate_lines=command.allocate
    )
    if isinstance(placed, Refusal) or not command.ship:
        return placed
    then = view.after(placed)
    shipped = fulfilment.ship(
        then.order(command.order_id), command.order_id, None, then.shelves(streams), occasion
    )
    return shipped if isinstance(shipped, Refusal) else (*placed, *shipped)


def allocate_order(
    command: order_say.AllocateOrder, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    shelves = view.shelves(order.stock_streams if order else ())
    return fulfilment.allocate(order, command.order_id, shelves, occasion)


def ship_order(
    command: order_say.ShipOrder, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    shelves = view.shelves(order.stock_streams if order else ())
    lines = None
    if command.lines is not None:
        lines = [ShippedLine(line=each.line, quantity=each.quantity) for each in command.lines]
    return fulfilment.ship(order, command.order_id, lines, shelves, occasion)


def cancel_order(
    command: order_say.CancelOrder, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    shelves = view.shelves(order.stock_streams if order else ())
    return fulfilment.cancel(order, command.order_id, command.reason, shelves, occasion)
