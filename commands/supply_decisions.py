"""What the domain decides on commands about purchases, transfers and moves: as in `decisions`."""

# ruff: noqa: D103 - each is named for its command, as in `decisions`

from __future__ import annotations

from collections.abc import Sequence

from commands import move_messages as move_say
from commands import purchase_messages as purchase_say
from commands import transfer_messages as transfer_say
from commands.kit_decisions import own_quantities, unit_of
from commands.view import CommandView
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


def _lines(
    lines: Sequence[purchase_say.PurchasedLine], view: CommandView
) -> tuple[PurchaseLine, ...] | Refusal:
    wanted = [(line.line, line.sku, line.quantity, unit_of(line)) for line in lines]
    quantities = own_quantities(view, wanted)
    if isinstance(quantities, Refusal):
        return quantities
    return tuple(
        PurchaseLine(
            line=line.line,
            sku=line.sku,
            quantity=quantity,
            unit_price_micros=line.unit_price_micros,
            expected_on=line.expected_on,
        )
        for line, quantity in zip(lines, quantities, strict=True)
    )


def place_purchase(
    command: purchase_say.PlacePurchase, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    lines = _lines(command.lines, view)
    if isinstance(lines, Refusal):
        return lines
    proposed = PurchasePlaced(
        purchase_id=command.purchase_id,
        location=command.location,
        supplier=command.supplier,
        currency=command.currency,
        lines=lines,
    )
    shelves = view.shelves(purchasing.stock_streams(proposed.location, proposed.lines))
    supplier = None if command.supplier is None else view.location(command.supplier)
    purchase = view.purchase(command.purchase_id)
    return purchasing.place(purchase, proposed, supplier, shelves, occasion)


def approve_purchase(
    command: purchase_say.ApprovePurchase, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    purchase = view.purchase(command.purchase_id)
    shelves = view.shelves(purchase.stock_streams if purchase else ())
    return purchasing.approve(purchase, command.purchase_id, shelves, occasion)


def change_purchase(
    command: purchase_say.ChangePurchase, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    lines = _lines(command.lines, view)
    if isinstance(lines, Refusal):
        return lines
    proposed = PurchaseChanged(purchase_id=command.purchase_id, lines=lines, reason=command.reason)
    purchase = view.purchase(command.purchase_id)
    streams: tuple[str, ...] = ()
    if purchase is not None:
        added = purchasing.stock_streams(purchase.location, proposed.lines)
        streams = (*purchase.stock_streams, *added)
    return purchasing.change(purchase, proposed, view.shelves(streams), occasion)


def receive_purchase(
    command: purchase_say.ReceivePurchase, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    purchase = view.purchase(command.purchase_id)
    sku_of = {} if purchase is None else {line.line: line.sku for line in purchase.lines}
    known = [(each, sku_of[each.line]) for each in command.lines if each.line in sku_of]
    accepted = own_quantities(
        view, [(each.line, sku, each.accepted, unit_of(each)) for each, sku in known]
    )
    rejected = own_quantities(
        view, [(each.line, sku, each.rejected, unit_of(each)) for each, sku in known]
    )
    if isinstance(accepted, Refusal):
        return accepted
    if isinstance(rejected, Refusal):
        return rejected
    units = {each.line: own for (each, _), *own in zip(known, accepted, rejected, strict=True)}
    delivered = []
    for each in command.lines:
        taken, left = units.get(each.line, (each.accepted, each.rejected))
        delivered.append(
            DeliveredLine(
                line=each.line,
                accepted=taken,
                rejected=left,
                reason=each.reason,
                units=each.named_units(),
            )
        )
    return purchasing.receive(
        purchase,
        command.purchase_id,
        view.shelves(purchase.stock_streams if purchase else ()),
        occasion,
        receipt_id=command.receipt_id,
        delivered=delivered,
    )


def close_purchase(
    command: purchase_say.ClosePurchase, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    purchase = view.purchase(command.purchase_id)
    shelves = view.shelves(purchase.stock_streams if purchase else ())
    return purchasing.close(purchase, command.purchase_id, command.reason, shelves, occasion)


def cancel_purchase(
    command: purchase_say.CancelPurchase, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    purchase = view.purchase(command.purchase_id)
    shelves = view.shelves(purchase.stock_streams if purchase else ())
    return purchasing.cancel(purchase, command.purchase_id, command.reason, shelves, occasion)


# --- transfers ------------------------------------------------------------------------------------


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


def dispatch_transfer(
    command: transfer_say.DispatchTransfer, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    transfer = view.transfer(command.transfer_id)
    shelves = view.shelves(transfer.stock_streams if transfer else ())
    lines = None if command.lines is None else _units(command.lines)
    return transferring.dispatch(transfer, command.transfer_id, lines, shelves, occasion)


def receive_transfer(
    command: transfer_say.ReceiveTransfer, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    transfer = view.transfer(command.transfer_id)
    return transferring.receive(
        transfer,
        command.transfer_id,
        view.shelves(transfer.stock_streams if transfer else ()),
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
        view.shelves(transfer.stock_streams if transfer else ()),
        occasion,
        rest=command.rest,
        reason=command.reason,
    )


def cancel_transfer(
    command: transfer_say.CancelTransfer, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    transfer = view.transfer(command.transfer_id)
    shelves = view.shelves(transfer.stock_streams if transfer else ())
    return transferring.cancel(transfer, command.transfer_id, command.reason, shelves, occasion)


def _units(lines: Sequence[transfer_say.UnitsOfLine]) -> list[NamedLine]:
    return [
        NamedLine(line=each.line, quantity=each.quantity, units=each.named_units())
        for each in lines
    ]


# --- moves ----------------------------------------------------------------------------------------


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
