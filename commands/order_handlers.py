"""The handlers of commands about orders: which streams each reads, how it is decided, what its
answer tells. The table is at the foot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from commands import fulfilment_decisions as fulfilling
from commands import fulfilment_messages as fulfil
from commands import order_decisions as decisions
from commands import order_messages as say
from commands.answers import Result
from commands.handler import Decide, Handler, Streams, shelf_streams
from commands.message import Message
from commands.order_reach import too_many_places, too_wide
from commands.view import CommandView
from domain import backorders
from domain.streams import (
    POLICY_STREAM,
    cart_stream,
    charge_stream,
    order_stream,
    sku_and_location,
    stock_stream,
)


def _order_command(decide: Decide, streams: Streams) -> Handler:
    def result(command: Any, view: CommandView) -> Result:  # noqa: ANN401 - any order command
        order = view.order(command.order_id)
        return {"status": None if order is None else order.status}

    return Handler(
        main=lambda command: order_stream(command.order_id),
        streams=streams,
        decide=decide,
        result=result,
    )


def _proposed_streams(command: say.PlaceOrder, view: CommandView) -> Iterable[str]:
    yield order_stream(command.order_id)
    if command.payment == "required":
        yield POLICY_STREAM
    yield from _lines_streams(command.order_id, command.lines, command.locations, view)
    if command.reservation_id is not None:
        yield cart_stream(command.reservation_id)
        cart = view.cart(command.reservation_id)
        for stream in cart.stock_streams if cart else ():
            yield from shelf_streams(*sku_and_location(stream))


def _lines_streams(
    order_id: str,
    lines: tuple[say.OrderedLine, ...],
    locations: tuple[str, ...],
    view: CommandView,
) -> Iterable[str]:
    """The shelves of proposed lines; of kits those of the parts, which are known with the items.
    Of an order that reaches too far, not those.
    """
    if too_many_places(order_id, lines, locations):
        return
    for line in lines:
        for place in locations if line.location is None else (line.location,):
            yield from shelf_streams(line.sku, place)
    if too_wide(order_id, lines, locations, view):
        return
    for line in lines:
        item = view.item(line.sku)
        for part in item.components if item is not None else ():
            for place in locations if line.location is None else (line.location,):
                yield from shelf_streams(part.sku, place)


def _own_stream(command: Any, _: CommandView) -> Iterable[str]:  # noqa: ANN401 - as above
    yield order_stream(command.order_id)


def _order_streams(command: Any, view: CommandView) -> Iterable[str]:  # noqa: ANN401 - as above
    """An order's stocks are known when the order is: until then this raises, and is asked again."""
    yield order_stream(command.order_id)
    order = view.order(command.order_id)
    for stream in order.stock_streams if order else ():
        yield from shelf_streams(*sku_and_location(stream))


def _sourced_streams(command: Any, view: CommandView) -> Iterable[str]:  # noqa: ANN401 - as above
    yield from _order_streams(command, view)
    order = view.order(command.order_id)
    for stream in order.candidate_streams if order else ():
        yield from shelf_streams(*sku_and_location(stream))


def _queue_streams(command: say.AllocateBackorders, view: CommandView) -> Iterable[str]:
    """The stock, then the orders that wait there, then all of their stocks."""
    yield from shelf_streams(command.sku, command.location)
    shelf = view.shelf(command.sku, command.location)
    orders = backorders.in_turn(shelf, command.after).orders
    yield from map(order_stream, orders)
    for order_id in orders:
        order = view.order(order_id)
        for stream in order.stock_streams if order else ():
            yield from shelf_streams(*sku_and_location(stream))


def _arrival_streams(command: fulfil.InspectReturn, view: CommandView) -> Iterable[str]:
    yield order_stream(command.order_id)
    order = view.order(command.order_id)
    for stream in fulfilling.arrival_streams(command, order):
        yield from shelf_streams(*sku_and_location(stream))


def _exchange_streams(command: fulfil.ExchangeOrder, view: CommandView) -> Iterable[str]:
    yield order_stream(command.order_id)
    yield order_stream(command.replacement_id)
    order = view.order(command.order_id)
    if order is not None:
        locations = order.terms.locations
        lines = command.replacement_lines
        yield from _lines_streams(command.replacement_id, lines, locations, view)


def _charge_streams(command: say.RecordCharge, _: CommandView) -> Iterable[str]:
    yield charge_stream(command.charge_id)
    if command.order_id is not None:
        yield order_stream(command.order_id)


def _queue_result(command: say.AllocateBackorders, view: CommandView) -> Result:
    stock = view.stock(command.sku, command.location)
    return {"available": stock.available, "waiting": stock.waiting}


ORDER_HANDLERS: Mapping[type[Message], Handler] = {
    say.PlaceOrder: _order_command(decisions.place_order, _proposed_streams),
    say.AllocateOrder: _order_command(decisions.allocate_order, _sourced_streams),
    say.AllocateBackorders: Handler(
        main=lambda command: stock_stream(command.sku, command.location),
        streams=_queue_streams,
        decide=decisions.allocate_backorders,
        result=_queue_result,
    ),
    say.ConfirmPayment: _order_command(decisions.confirm_payment, _own_stream),
    say.CancelOrder: _order_command(decisions.cancel_order, _order_streams),
    say.CloseOrder: _order_command(decisions.close_order, _order_streams),
    fulfil.CreatePickList: _order_command(fulfilling.create_pick_list, _own_stream),
    fulfil.CancelPickList: _order_command(fulfilling.cancel_pick_list, _own_stream),
    fulfil.PickOrder: _order_command(fulfilling.pick_order, _order_streams),
    fulfil.PackOrder: _order_command(fulfilling.pack_order, _own_stream),
    fulfil.ShipOrder: _order_command(fulfilling.ship_order, _order_streams),
    fulfil.DeliverShipment: _order_command(fulfilling.deliver_shipment, _own_stream),
    fulfil.CancelShipment: _order_command(fulfilling.cancel_shipment, _order_streams),
    fulfil.RequestReturn: _order_command(fulfilling.request_return, _own_stream),
    fulfil.InspectReturn: _order_command(fulfilling.inspect_return, _arrival_streams),
    fulfil.ExchangeOrder: _order_command(decisions.exchange_order, _exchange_streams),
    say.RecordCharge: Handler(
        main=lambda command: charge_stream(command.charge_id),
        streams=_charge_streams,
        decide=decisions.record_charge,
        result=lambda *_: {},
    ),
}
