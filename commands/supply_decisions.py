"""What the domain decides on commands about purchases, transfers and moves: as in `decisions`."""

# ruff: noqa: D103 - each is named for its command, as in `decisions`

from __future__ import annotations

from collections.abc import Sequence

from commands import move_messages as move_say
from commands import purchase_messages as purchase_say
from commands import transfer_messages as transfer_say
from commands.own_units import in_own_units
from commands.view import CommandView, shelves_of
from domain import moving, purchasing, transferring
from domain.events import (
    PurchaseChanged,
    PurchaseLine,
    PurchasePlaced,
    TransferLine,
    TransferPlaced,
)
from domain.line_lots import NamedLine
from domain.purchase_arrivals import DeliveredLine
from domain.refusals import Refusal
from domain.streams import stock_stream
from domain.transfer import stock_streams
from domain.values import Facts, Occasion

# --- purchases ------------------------------------------------------------------------------------


def _lines(lines: Sequence[purchase_say.PurchasedLine]) -> tuple[PurchaseLine, ...]:
    return tuple(
        PurchaseLine(
            line=line.line,
            sku=line.sku,
            quantity=line.quantity,
            unit_price_micros=line.unit_price_micros,
            expected_on=line.expected_on,
        )
        for line in lines
    )


@in_own_units
def place_purchase(
    command: purchase_say.PlacePurchase, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = PurchasePlaced(
        purchase_id=command.purchase_id,
        location=command.location,
        supplier=command.supplier,
        currency=command.currency,
        lines=_lines(command.lines),
    )
    shelves = view.shelves(purchasing.stock_streams(proposed.location, proposed.lines))
    supplier = None if command.supplier is None else view.location(command.supplier)
    purchase = view.purchase(command.purchase_id)
    return purchasing.place(purchase, proposed, supplier, shelves, occasion)


def approve_purchase(
    command: purchase_say.ApprovePurchase, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    purchase = view.purchase(command.purchase_id)
    shelves = shelves_of(purchase, view)
    return purchasing.approve(purchase, command.purchase_id, shelves, occasion)


@in_own_units
def change_purchase(
    command: purchase_say.ChangePurchase, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    lines = _lines(command.lines)
    proposed = PurchaseChanged(purchase_id=command.purchase_id, lines=lines, reason=command.reason)
    purchase = view.purchase(command.purchase_id)
    streams: tuple[str, ...] = ()
    if purchase is not None:
        added = purchasing.stock_streams(purchase.location, proposed.lines)
        streams = (*purchase.stock_streams, *added)
    return purchasing.change(purchase, proposed, view.shelves(streams), occasion)


@in_own_units
def receive_purchase(
    command: purchase_say.ReceivePurchase, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    purchase = view.purchase(command.purchase_id)
    delivered = [
        DeliveredLine(
            line=each.line,
            accepted=each.accepted,
            rejected=each.rejected,
            reason=each.reason,
            units=each.named_units(),
        )
        for each in command.lines
    ]
    return purchasing.receive(
        purchase,
        command.purchase_id,
        shelves_of(purchase, view),
        occasion,
        receipt_id=command.receipt_id,
        delivered=delivered,
    )


def close_purchase(
    command: purchase_say.ClosePurchase, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    purchase = view.purchase(command.purchase_id)
    shelves = shelves_of(purchase, view)
    return purchasing.close(purchase, command.purchase_id, command.reason, shelves, occasion)


def cancel_purchase(
    command: purchase_say.CancelPurchase, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    purchase = view.purchase(command.purchase_id)
    shelves = shelves_of(purchase, view)
    return purchasing.cancel(purchase, command.purchase_id, command.reason, shelves, occasion)


# --- transfers ------------------------------------------------------------------------------------


@in_own_units
def place_transfer(
    command: transfer_say.PlaceTransfer, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = TransferPlaced(
        transfer_id=command.transfer_id,
        origin=command.origin,
        destination=command.destination,
        expected_on=command.expected_on,
        lines=tuple(
            TransferLine(line=line.line, sku=line.sku, quantity=line.quantity)
            for line in command.lines
        ),
    )
    streams = stock_streams(command.origin, command.destination, [x.sku for x in command.lines])
    transfer = view.transfer(command.transfer_id)
    return transferring.place(transfer, proposed, view.shelves(streams), occasion)


@in_own_units
def dispatch_transfer(
    command: transfer_say.DispatchTransfer, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    transfer = view.transfer(command.transfer_id)
    shelves = shelves_of(transfer, view)
    lines = None if command.lines is None else _units(command.lines)
    return transferring.dispatch(transfer, command.transfer_id, lines, shelves, occasion)


@in_own_units
def receive_transfer(
    command: transfer_say.ReceiveTransfer, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    transfer = view.transfer(command.transfer_id)
    return transferring.receive(
        transfer,
        command.transfer_id,
        shelves_of(transfer, view),
        occasion,
        receipt_id=command.receipt_id,
        arrived=_units(command.lines),
    )


def close_transfer(
    command: transfer_say.CloseTransfer, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    transfer = view.transfer(command.transfer_id)
    return transferring.close(
        transfer,
        command.transfer_id,
        shelves_of(transfer, view),
        occasion,
        rest=command.rest,
        reason=command.reason,
    )


def cancel_transfer(
    command: transfer_say.CancelTransfer, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    transfer = view.transfer(command.transfer_id)
    shelves = shelves_of(transfer, view)
    return transferring.cancel(transfer, command.transfer_id, command.reason, shelves, occasion)


def _units(lines: Sequence[transfer_say.UnitsOfLine]) -> list[NamedLine]:
    return [
        NamedLine(line=each.line, quantity=each.quantity, units=each.named_units())
        for each in lines
    ]


# --- moves ----------------------------------------------------------------------------------------


@in_own_units
def move_stock(
    command: move_say.MoveStock, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    places = (command.origin, command.destination)
    return moving.move(
        command.sku,
        command.quantity,
        view.shelves([stock_stream(command.sku, place) for place in places]),
        occasion,
        origin=command.origin,
        destination=command.destination,
        move_id=command.move_id,
        units=command.named_units(),
    )
