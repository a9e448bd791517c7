"""One handler per command: which streams it reads, how it is decided, what its answer tells.

A stream that `streams` did not name raises StreamNotLoadedError in `decide`, and the batch is tried
again with it. The table is at the foot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any

from commands import decisions, lot_decisions
from commands import lot_messages as lot_say
from commands import messages as say
from commands import reservation_decisions as reserving
from commands import reservation_messages as reserve_say
from commands import write_off_messages as write_off_say
from commands.answers import Result
from commands.count_handlers import COUNT_HANDLERS
from commands.crossing_handlers import CROSSING_HANDLERS
from commands.handler import Decide, Handler, Streams, shelf_streams
from commands.kit_handlers import KIT_HANDLERS
from commands.message import Message, has_field
from commands.order_handlers import ORDER_HANDLERS
from commands.own_units import own_quantity
from commands.payment_handlers import PAYMENT_HANDLERS
from commands.supply_handlers import SUPPLY_HANDLERS
from commands.view import CommandView
from domain.streams import (
    POLICY_STREAM,
    cart_stream,
    item_stream,
    location_stream,
    lot_stream,
    order_stream,
    serial_stream,
    sku_and_location,
    stock_stream,
)


def _stock_command(
    decide: Decide,
    *,
    order_of: Callable[[Any], str | None] = lambda _: None,
    also: Callable[[Any], Iterable[str]] = lambda _: (),
) -> Handler:
    def streams(command: Any, _: CommandView) -> Iterable[str]:  # noqa: ANN401 - any stock command
        yield from shelf_streams(command.sku, command.location)
        if has_field(command, "lots"):
            for units in command.lots:
                yield lot_stream(command.sku, units.lot)
            for serial in command.serials:
                yield serial_stream(command.sku, serial)
        yield from also(command)
        if (order_id := order_of(command)) is not None:
            yield order_stream(order_id)

    def result(command: Any, view: CommandView) -> Result:  # noqa: ANN401 - as above
        stock = view.stock(command.sku, command.location)
        told = {
            "on_hand": stock.on_hand,
            "available": stock.available,
            "shortfall": stock.uncovered_stated,
        }
        if not has_field(command, "quantity"):
            return told
        # A retry's answer then tells how much it was, also to those who have lost the command.
        unit = command.unit if has_field(command, "unit") else None
        return told | {"quantity": own_quantity(view, command.sku, command.quantity, unit)}

    return Handler(
        main=lambda command: stock_stream(command.sku, command.location),
        streams=streams,
        decide=decide,
        result=result,
    )


def _policy(_: Message) -> Iterable[str]:
    return (POLICY_STREAM,)


def _item_command(
    decide: Decide,
) -> Handler:
    return Handler(
        main=lambda command: item_stream(command.sku),
        streams=lambda command, _: (item_stream(command.sku),),
        decide=decide,
        result=lambda *_: {},
    )


def _location_streams(command: say.RegisterLocation, _: CommandView) -> Iterable[str]:
    yield location_stream(command.location)
    if command.parent is not None:
        yield location_stream(command.parent)


def _recall_command(decide: Decide) -> Handler:
    return Handler(
        main=lambda command: lot_stream(command.sku, command.lot),
        streams=lot_decisions.recall_streams,
        decide=decide,
        result=lot_decisions.recall_result,
    )


def _cart_command(decide: Decide, streams: Streams) -> Handler:
    def result(command: Any, view: CommandView) -> Result:  # noqa: ANN401 - any cart command
        cart = view.cart(command.reservation_id)
        return {} if cart is None else {"ended": cart.ended, "expires_at": cart.expires_at}

    return Handler(
        main=lambda command: cart_stream(command.reservation_id),
        streams=streams,
        decide=decide,
        result=result,
    )


def _same_cart(command: Any) -> Iterable[str]:  # noqa: ANN401 - any that names a reservation
    """The cart that a reservation of one stock may be a part of."""
    return (cart_stream(command.reservation_id),)


def _lines_to_reserve(command: reserve_say.ReserveCart, _: CommandView) -> Iterable[str]:
    yield cart_stream(command.reservation_id)
    yield POLICY_STREAM
    for line in command.lines:
        yield from shelf_streams(line.sku, line.location)


def _cart_streams(command: Any, view: CommandView) -> Iterable[str]:  # noqa: ANN401 - as above
    """A cart's stocks are known when the cart is, as an order's are."""
    yield cart_stream(command.reservation_id)
    yield POLICY_STREAM
    cart = view.cart(command.reservation_id)
    for stream in cart.stock_streams if cart else ():
        yield from shelf_streams(*sku_and_location(stream))


def _policy_command(decide: Decide) -> Handler:
    return Handler(
        main=lambda _: POLICY_STREAM,
        streams=lambda *_: (POLICY_STREAM,),
        decide=decide,
        result=lambda *_: {},
    )


HANDLERS: Mapping[type[Message], Handler] = {
    say.RegisterItem: _item_command(decisions.register_item),
    say.DescribeItem: _item_command(decisions.describe_item),
    say.DiscontinueItem: _item_command(decisions.discontinue_item),
    say.RegisterLocation: Handler(
        main=lambda command: location_stream(command.location),
        streams=_location_streams,
        decide=decisions.register_location,
        result=lambda *_: {},
    ),
    say.ReceiveStock: _stock_command(decisions.receive_stock),
    say.AdjustStock: _stock_command(decisions.adjust_stock, also=_policy),
    say.CountStock: _stock_command(decisions.count_stock),
    say.ReserveStock: _stock_command(decisions.reserve_stock, also=lambda _: (POLICY_STREAM,)),
    say.ReleaseReservation: _stock_command(reserving.release_reservation, also=_same_cart),
    say.ExpireReservation: _stock_command(reserving.expire_reservation, also=_same_cart),
    say.ShipStock: _stock_command(decisions.ship_stock),
    write_off_say.WriteOffStock: _stock_command(decisions.write_off_stock, also=_policy),
    say.ReturnStock: _stock_command(decisions.return_stock, order_of=attrgetter("order_id")),
    lot_say.SetHandling: _item_command(lot_decisions.set_handling),
    lot_say.RegisterLot: Handler(
        main=lambda command: lot_stream(command.sku, command.lot),
        streams=lambda command, _: (
            lot_stream(command.sku, command.lot),
            item_stream(command.sku),
        ),
        decide=lot_decisions.register_lot,
        result=lambda *_: {},
    ),
    lot_say.HoldStock: _stock_command(lot_decisions.hold_stock, also=_policy),
    lot_say.ReleaseHold: _stock_command(lot_decisions.release_hold, also=_policy),
    lot_say.ExpireLot: _stock_command(lot_decisions.expire_lot),
    lot_say.RecallLot: _recall_command(lot_decisions.recall_lot),
    lot_say.ChangeLotExpiry: _recall_command(lot_decisions.change_lot_expiry),
    lot_say.EndRecall: _recall_command(lot_decisions.end_recall),
    **ORDER_HANDLERS,
    reserve_say.ReserveCart: _cart_command(reserving.reserve_cart, _lines_to_reserve),
    reserve_say.ExtendCart: _cart_command(reserving.extend_cart, _cart_streams),
    reserve_say.ReleaseCart: _cart_command(reserving.release_cart, _cart_streams),
    reserve_say.ExpireCart: _cart_command(reserving.expire_cart, _cart_streams),
    reserve_say.ExtendReservation: _stock_command(
        reserving.extend_reservation,
        also=lambda command: (*_same_cart(command), POLICY_STREAM),
    ),
    reserve_say.SetPolicy: _policy_command(reserving.set_policy),
    reserve_say.OpenQuota: _policy_command(reserving.open_quota),
    **KIT_HANDLERS,
    **COUNT_HANDLERS,
    **SUPPLY_HANDLERS,
    **PAYMENT_HANDLERS,
    **CROSSING_HANDLERS,
}
