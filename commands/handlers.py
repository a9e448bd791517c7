"""One handler per command: which streams it reads, and what the domain decides on them.

`decide` is pure; a stream that `streams` did not name raises StreamNotLoadedError, and the batch is
tried again with it. The table is at the foot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from commands import messages as say
from commands import order_messages as order_say
from commands.message import Message
from commands.view import CommandView
from domain import charge, fulfilment, item, location, promises, stock_facts
from domain.events import (
    ChargeRecorded,
    ItemRegistered,
    LocationRegistered,
    OrderLine,
    OrderPlaced,
    ShippedLine,
)
from domain.refusals import Refusal
from domain.streams import (
    charge_stream,
    item_stream,
    location_stream,
    order_stream,
    sku_and_location,
    stock_stream,
)
from domain.values import Facts, Occasion

Result = Mapping[str, object]
Command = TypeVar("Command", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler(Generic[Command]):
    """`main` names the stream that expected_version is about and whose version the answer gives;
    `result` is what an accepted answer tells, read from the view after the facts.
    """

    main: Callable[[Command], str]
    streams: Callable[[Command, CommandView], Iterable[str]]
    decide: Callable[[Command, CommandView, Occasion], Facts | Refusal]
    result: Callable[[Command, CommandView], Result]


# --- items, locations, charges --------------------------------------------------------------------


def _register_item(
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


def _describe_item(
    command: say.DescribeItem, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return item.describe(view.item(command.sku), command.sku, command.changes(), occasion)


def _discontinue_item(
    command: say.DiscontinueItem, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return item.discontinue(view.item(command.sku), command.sku, command.reason, occasion)


def _register_location(
    command: say.RegisterLocation, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = LocationRegistered(
        location=command.location,
        name=command.name,
        type=command.location_type,
        latitude_microdegrees=command.latitude_microdegrees,
        longitude_microdegrees=command.longitude_microdegrees,
    )
    return location.register(view.location(command.location), proposed, occasion)


def _record_charge(
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


def _receive_stock(
    command: say.ReceiveStock, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    shelf = view.shelf(command.sku, command.location)
    return stock_facts.receive(shelf, command.quantity, occasion, document=command.document)


def _adjust_stock(
    command: say.AdjustStock, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    shelf = view.shelf(command.sku, command.location)
    return stock_facts.adjust(shelf, command.delta, command.reason, occasion)


def _count_stock(command: say.CountStock, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    shelf = view.shelf(command.sku, command.location)
    return stock_facts.count(shelf, command.count_id, command.counted, occasion)


def _return_stock(
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
    )


def _ship_stock(command: say.ShipStock, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    return promises.ship(
        view.shelf(command.sku, command.location),
        command.quantity,
        occasion,
        reservation_id=command.reservation_id,
        unit_price_micros=command.unit_price_micros,
        currency=command.currency,
    )


def _reserve_stock(
    command: say.ReserveStock, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return promises.reserve(
        view.shelf(command.sku, command.location),
        command.reservation_id,
        command.quantity,
        command.expires_at,
        occasion,
    )


def _release_reservation(
    command: say.ReleaseReservation, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    stock = view.stock(command.sku, command.location)
    return promises.release(stock, command.reservation_id, occasion)


def _expire_reservation(
    command: say.ExpireReservation, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    stock = view.stock(command.sku, command.location)
    return promises.expire(stock, command.reservation_id, occasion)


# --- orders ---------------------------------------------------------------------------------------


def _place_order(
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
    shelves = view.shelves(fulfilment.stock_streams(proposed.lines))
    order = view.order(command.order_id)
    return fulfilment.place(order, proposed, shelves, occasion, allocate_lines=command.allocate)


def _allocate_order(
    command: order_say.AllocateOrder, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    shelves = view.shelves(order.stock_streams if order else ())
    return fulfilment.allocate(order, command.order_id, shelves, occasion)


def _ship_order(
    command: order_say.ShipOrder, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    shelves = view.shelves(order.stock_streams if order else ())
    lines = None
    if command.lines is not None:
        lines = [ShippedLine(line=each.line, quantity=each.quantity) for each in command.lines]
    return fulfilment.ship(order, command.order_id, lines, shelves, occasion)


def _cancel_order(
    command: order_say.CancelOrder, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    order = view.order(command.order_id)
    shelves = view.shelves(order.stock_streams if order else ())
    return fulfilment.cancel(order, command.order_id, command.reason, shelves, occasion)


# --- what they read and tell ----------------------------------------------------------------------


def _shelf_streams(sku: str, place: str) -> Iterable[str]:
    return stock_stream(sku, place), item_stream(sku), location_stream(place)


def _stock_command(
    decide: Callable[[Any, CommandView, Occasion], Facts | Refusal],
    *,
    order_of: Callable[[Any], str | None] = lambda _: None,
) -> Handler[Any]:
    def streams(command: Any, _: CommandView) -> Iterable[str]:  # noqa: ANN401 - any stock command
        yield from _shelf_streams(command.sku, command.location)
        if (order_id := order_of(command)) is not None:
            yield order_stream(order_id)

    def result(command: Any, view: CommandView) -> Result:  # noqa: ANN401 - as above
        stock = view.stock(command.sku, command.location)
        return {
            "on_hand": stock.on_hand,
            "available": stock.available,
            "shortfall": stock.uncovered_stated,
        }

    return Handler(
        main=lambda command: stock_stream(command.sku, command.location),
        streams=streams,
        decide=decide,
        result=result,
    )


def _item_command(
    decide: Callable[[Any, CommandView, Occasion], Facts | Refusal],
) -> Handler[Any]:
    return Handler(
        main=lambda command: item_stream(command.sku),
        streams=lambda command, _: (item_stream(command.sku),),
        decide=decide,
        result=lambda *_: {},
    )


def _order_command(
    decide: Callable[[Any, CommandView, Occasion], Facts | Refusal],
    streams: Callable[[Any, CommandView], Iterable[str]],
) -> Handler[Any]:
    def result(command: Any, view: CommandView) -> Result:  # noqa: ANN401 - any order command
        order = view.order(command.order_id)
        return {"status": None if order is None else order.status}

    return Handler(
        main=lambda command: order_stream(command.order_id),
        streams=streams,
        decide=decide,
        result=result,
    )


def _proposed_streams(command: order_say.PlaceOrder, _: CommandView) -> Iterable[str]:
    yield order_stream(command.order_id)
    for line in command.lines:
        yield from _shelf_streams(line.sku, line.location)


def _order_streams(command: Any, view: CommandView) -> Iterable[str]:  # noqa: ANN401 - as above
    """An order's stocks are known when the order is: until then this raises, and is asked again."""
    yield order_stream(command.order_id)
    order = view.order(command.order_id)
    for stream in order.stock_streams if order else ():
        yield from _shelf_streams(*sku_and_location(stream))


def _charge_streams(command: order_say.RecordCharge, _: CommandView) -> Iterable[str]:
    yield charge_stream(command.charge_id)
    if command.order_id is not None:
        yield order_stream(command.order_id)


HANDLERS: Mapping[type[Message], Handler[Any]] = {
    say.RegisterItem: _item_command(_register_item),
    say.DescribeItem: _item_command(_describe_item),
    say.DiscontinueItem: _item_command(_discontinue_item),
    say.RegisterLocation: Handler[Any](
        main=lambda command: location_stream(command.location),
        streams=lambda command, _: (location_stream(command.location),),
        decide=_register_location,
        result=lambda *_: {},
    ),
    say.ReceiveStock: _stock_command(_receive_stock),
    say.AdjustStock: _stock_command(_adjust_stock),
    say.CountStock: _stock_command(_count_stock),
    say.ReserveStock: _stock_command(_reserve_stock),
    say.ReleaseReservation: _stock_command(_release_reservation),
    say.ExpireReservation: _stock_command(_expire_reservation),
    say.ShipStock: _stock_command(_ship_stock),
    say.ReturnStock: _stock_command(_return_stock, order_of=lambda command: command.order_id),
    order_say.PlaceOrder: _order_command(_place_order, _proposed_streams),
    order_say.AllocateOrder: _order_command(_allocate_order, _order_streams),
    order_say.ShipOrder: _order_command(_ship_order, _order_streams),
    order_say.CancelOrder: _order_command(_cancel_order, _order_streams),
    order_say.RecordCharge: Handler[Any](
        main=lambda command: charge_stream(command.charge_id),
        streams=_charge_streams,
        decide=_record_charge,
        result=lambda *_: {},
    ),
}
