"""Handlers of the commands about purchases, transfers and moves. The table is at the foot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from commands import move_messages as move_say
from commands import purchase_messages as purchase_say
from commands import supply_decisions as decisions
from commands import transfer_messages as transfer_say
from commands.answers import Result
from commands.handler import Decide, Handler, shelf_streams
from commands.lot_fields import LotFields
from commands.message import Message
from commands.view import CommandView
from domain.purchasing import stock_streams as purchase_stocks
from domain.streams import (
    location_stream,
    lot_stream,
    purchase_stream,
    serial_stream,
    sku_and_location,
    stock_stream,
    transfer_stream,
)
from domain.transfer import stock_streams as transfer_stocks


def _named_streams(sku: str, named: LotFields) -> Iterable[str]:
    for units in named.lots:
        yield lot_stream(sku, units.lot)
    for serial in named.serials:
        yield serial_stream(sku, serial)


def _purchase_streams(command: Any, view: CommandView) -> Iterable[str]:  # noqa: ANN401 - any of them
    """Its stocks are known when the purchase is: until then this raises, and is asked again."""
    yield purchase_stream(command.purchase_id)
    purchase = view.purchase(command.purchase_id)
    stocks = () if purchase is None else purchase.stock_streams
    match command:
        case purchase_say.PlacePurchase():
            stocks = purchase_stocks(command.location, command.lines)
            if command.supplier is not None:
                yield location_stream(command.supplier)
        case purchase_say.ChangePurchase() if purchase is not None:
            stocks = (*stocks, *purchase_stocks(purchase.location, command.lines))
        case purchase_say.ReceivePurchase() if purchase is not None:
            skus = {line.line: line.sku for line in purchase.lines}
            for line in command.lines:
                yield from _named_streams(skus.get(line.line, ""), line)
        case _:
            pass
    for stream in stocks:
        yield from shelf_streams(*sku_and_location(stream))


def _purchase_result(command: Any, view: CommandView) -> Result:  # noqa: ANN401 - as above
    purchase = view.purchase(command.purchase_id)
    if purchase is None:
        return {"status": None}
    units = sum(line.quantity for line in purchase.outstanding) if purchase.expects else 0
    return {"status": purchase.status, "incoming": units}


def _purchase_command(decide: Decide) -> Handler:
    return Handler(
        main=lambda command: purchase_stream(command.purchase_id),
        streams=_purchase_streams,
        decide=decide,
        result=_purchase_result,
    )


def _transfer_streams(command: Any, view: CommandView) -> Iterable[str]:  # noqa: ANN401 - as above
    yield transfer_stream(command.transfer_id)
    transfer = view.transfer(command.transfer_id)
    stocks = () if transfer is None else transfer.stock_streams
    match command:
        case transfer_say.PlaceTransfer():
            skus = [line.sku for line in command.lines]
            stocks = transfer_stocks(command.origin, command.destination, skus)
        case transfer_say.DispatchTransfer() | transfer_say.ReceiveTransfer() if transfer:
            sku_of = {line.line: line.sku for line in transfer.lines}
            for line in command.lines or ():
                yield from _named_streams(sku_of.get(line.line, ""), line)
        case _:
            pass
    for stream in stocks:
        yield from shelf_streams(*sku_and_location(stream))


def _transfer_result(command: Any, view: CommandView) -> Result:  # noqa: ANN401 - as above
    transfer = view.transfer(command.transfer_id)
    if transfer is None:
        return {"status": None}
    return {
        "status": transfer.status,
        "in_transit": sum(line.quantity for line in transfer.in_transit),
    }


def _transfer_command(decide: Decide) -> Handler:
    return Handler(
        main=lambda command: transfer_stream(command.transfer_id),
        streams=_transfer_streams,
        decide=decide,
        result=_transfer_result,
    )


def _move_streams(command: move_say.MoveStock, _: CommandView) -> Iterable[str]:
    yield from shelf_streams(command.sku, command.origin)
    yield from shelf_streams(command.sku, command.destination)
    yield from _named_streams(command.sku, command)


def _move_result(command: move_say.MoveStock, view: CommandView) -> Result:
    return {
        "quantity": command.quantity,
        "on_hand": {
            place: view.stock(command.sku, place).on_hand
            for place in (command.origin, command.destination)
        },
    }


SUPPLY_HANDLERS: Mapping[type[Message], Handler] = {
    purchase_say.PlacePurchase: _purchase_command(decisions.place_purchase),
    purchase_say.ApprovePurchase: _purchase_command(decisions.approve_purchase),
    purchase_say.ChangePurchase: _purchase_command(decisions.change_purchase),
    purchase_say.ReceivePurchase: _purchase_command(decisions.receive_purchase),
    purchase_say.ClosePurchase: _purchase_command(decisions.close_purchase),
    purchase_say.CancelPurchase: _purchase_command(decisions.cancel_purchase),
    transfer_say.PlaceTransfer: _transfer_command(decisions.place_transfer),
    transfer_say.DispatchTransfer: _transfer_command(decisions.dispatch_transfer),
    transfer_say.ReceiveTransfer: _transfer_command(decisions.receive_transfer),
    transfer_say.CloseTransfer: _transfer_command(decisions.close_transfer),
    transfer_say.CancelTransfer: _transfer_command(decisions.cancel_transfer),
    move_say.MoveStock: Handler(
        main=lambda command: stock_stream(command.sku, command.origin),
        streams=_move_streams,
        decide=decisions.move_stock,
        result=_move_result,
    ),
}
