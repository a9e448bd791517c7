"""What the domain decides on commands about orders: pure, from one command's sight of its ledger.

Facts or a refusal. A stream that was not read before raises StreamNotLoadedError.
"""

# ruff: noqa: D103 - each is named for its command, and the module's docstring is the contract of all

from __future__ import annotations

from collections.abc import Callable

from commands import fulfilment_messages as fulfil
from commands import order_messages as say
from commands.fulfilment_decisions import quantities
from commands.handler import shelf_streams
from commands.order_reach import too_many_places, too_wide, unsourced
from commands.own_units import in_own_units
from commands.view import CommandView, shelves_of
from domain import (
    backorders,
    cart,
    order_endings,
    ordering,
    returns,
    shipping,
    sourcing,
)
from domain.cart import Cart
from domain.charge import record
from domain.consignments import EVERYTHING
from domain.events import (
    ChargeRecorded,
    OrderLine,
    OrderPlaced,
    ReservationReleased,
)
from domain.facts.orders import PAYMENT_SECONDS
from domain.kit_lines import with_parts
from domain.order import Order
from domain.promises import room_at
from domain.refusals import Refusal, UnknownOrder
from domain.streams import sku_and_location
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


@in_own_units
def place_order(command: say.PlaceOrder, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    locations, kilometres = command.locations, command.kilometres
    if command.latitude_microdegrees is not None and command.longitude_microdegrees is not None:
        destination = (command.latitude_microdegrees, command.longitude_microdegrees)
        places = {name: view.location(name) for name in locations}
        locations, kilometres = sourcing.by_distance(locations, places, destination)
    if refusal := too_wide(command.order_id, command.lines, locations, view):
        return refusal
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
        payment_seconds=_payment_seconds(command, view),
        ship_to=command.sealed_ship_to,
        reservation_id=command.reservation_id,
    )
    whole = with_parts(proposed, view.item, _assembled(view, occasion))
    if isinstance(whole, Refusal):
        return whole
    return _placed(command, whole, view, occasion)


def _payment_seconds(command: say.PlaceOrder, view: CommandView) -> int:
    policy = view.policy() if command.payment == "required" else None
    return PAYMENT_SECONDS if policy is None else policy.payment_seconds or PAYMENT_SECONDS


def _placed(
    command: say.PlaceOrder, proposed: OrderPlaced, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    if command.reservation_id is not None and (held := view.cart(command.reservation_id)):
        return _out_of_cart(held, proposed, view, occasion)
    shelves = view.shelves(ordering.stock_streams(proposed.lines, proposed.locations))
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
    turn = backorders.in_turn(shelf, command.after)
    orders = view.orders(turn.orders)
    stream = shelf.stock.stream
    streams = {stream: None}
    for order in orders.values():
        streams |= dict.fromkeys(order.stock_streams if order else ())
    view.require(read for each in streams for read in shelf_streams(*sku_and_location(each)))
    return backorders.allocate_backorders(stream, turn, orders, view.shelves(streams), occasion)


def confirm_payment(
    command: say.ConfirmPayment, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    return ordering.confirm_payment(order, command.order_id, command.payment_id, occasion)


def cancel_order(
    command: say.CancelOrder, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    shelves = shelves_of(order, view)
    return order_endings.cancel(order, command.order_id, command.reason, shelves, occasion)


def close_order(command: say.CloseOrder, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    order = view.order(command.order_id)
    shelves = shelves_of(order, view)
    return order_endings.close(order, command.order_id, command.reason, shelves, occasion)


@in_own_units
def exchange_order(
    command: fulfil.ExchangeOrder, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    if order is None:
        return UnknownOrder(order_id=command.order_id)
    wanted, locations = command.replacement_lines, order.terms.locations
    new_id = command.replacement_id
    refused = unsourced(wanted, locations) or too_many_places(new_id, wanted, locations)
    if refused := refused or too_wide(new_id, wanted, locations, view):
        return refused
    replacement = replacement_of(command, order, _ordered(wanted))
    proposed = with_parts(replacement, view.item, _assembled(view, occasion))
    if isinstance(proposed, Refusal):
        return proposed
    streams = ordering.stock_streams(proposed.lines, proposed.locations)
    return returns.exchange(
        order,
        command.order_id,
        command.return_id,
        lines=quantities(command.lines) or (),
        replacement=view.order(command.replacement_id),
        proposed=proposed,
        shelves=view.shelves(streams),
        occasion=occasion,
    )


def replacement_of(
    command: fulfil.ExchangeOrder, order: Order, lines: tuple[OrderLine, ...]
) -> OrderPlaced:
    """What is sent instead: for the same customer, on the same terms, with nothing to be paid."""
    terms = order.terms
    return OrderPlaced(
        order_id=command.replacement_id,
        customer=order.customer,
        currency=order.currency,
        lines=lines,
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


def _assembled(view: CommandView, occasion: Occasion) -> Callable[[str, str], int]:
    def assembled(sku: str, location: str) -> int:
        return room_at(view.shelf(sku, location), occasion.now)

    return assembled
