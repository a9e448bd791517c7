"""Commands about purchases, transfers, moves and crossings, made again out of their events."""

from __future__ import annotations

from collections.abc import Sequence

from commands import crossing_messages as crossing_say
from commands import move_messages as move_say
from commands import purchase_messages as purchase_say
from commands import transfer_messages as transfer_say
from commands.message import Message
from domain import events as facts
from domain.values import Fact
from replay.fork.rebuilding import Rebuilds, command, named, same_fields, with_lots

_PURCHASE = ("purchase_id",)
_TRANSFER = ("transfer_id",)
_CROSSING = ("crossing_id",)


def _purchase_received(event: facts.PurchaseReceived, all_of_it: Sequence[Fact]) -> Message:
    lines = tuple(
        purchase_say.LineDelivered.model_construct(
            line=each.line,
            accepted=each.accepted,
            rejected=each.rejected,
            reason=each.reason,
            **named(each.lots, all_of_it),
        )
        for each in event.lines
    )
    return command(
        purchase_say.ReceivePurchase,
        purchase_id=event.purchase_id,
        receipt_id=event.receipt_id,
        lines=lines,
    )


def _transfer_dispatched(event: facts.TransferDispatched, all_of_it: Sequence[Fact]) -> Message:
    return command(
        transfer_say.DispatchTransfer,
        transfer_id=event.transfer_id,
        lines=_units(event.lines, all_of_it),
    )


def _transfer_received(event: facts.TransferReceived, all_of_it: Sequence[Fact]) -> Message:
    return command(
        transfer_say.ReceiveTransfer,
        transfer_id=event.transfer_id,
        receipt_id=event.receipt_id,
        lines=_units(event.lines, all_of_it),
    )


def _units(
    lines: Sequence[facts.LineUnits | facts.ArrivedLine], all_of_it: Sequence[Fact]
) -> tuple[transfer_say.UnitsOfLine, ...]:
    return tuple(
        transfer_say.UnitsOfLine.model_construct(
            line=each.line, quantity=each.quantity, **named(each.lots, all_of_it)
        )
        for each in lines
    )


def _crossing_dispatched(event: facts.CrossingDispatched, all_of_it: Sequence[Fact]) -> Message:
    lines = tuple(
        crossing_say.CrossingUnits.model_construct(
            line=each.line, sku=each.sku, quantity=each.quantity, **named(each.lots, all_of_it)
        )
        for each in event.lines
    )
    return command(
        crossing_say.DispatchCrossing,
        ledger="",  # Of a crossing that was taken it is another one than `to_ledger`.
        crossing_id=event.crossing_id,
        to_ledger=event.to_ledger,
        origin=event.origin,
        destination=event.destination,
        lines=lines,
    )


REBUILT: Rebuilds = {
    facts.PurchasePlaced: same_fields(
        purchase_say.PlacePurchase, *_PURCHASE, "location", "supplier", "currency", "lines"
    ),
    facts.PurchaseApproved: same_fields(purchase_say.ApprovePurchase, *_PURCHASE),
    facts.PurchaseChanged: same_fields(purchase_say.ChangePurchase, *_PURCHASE, "lines", "reason"),
    facts.PurchaseReceived: _purchase_received,
    facts.PurchaseClosed: same_fields(purchase_say.ClosePurchase, *_PURCHASE, "reason"),
    facts.PurchaseCancelled: same_fields(purchase_say.CancelPurchase, *_PURCHASE, "reason"),
    facts.TransferPlaced: same_fields(
        transfer_say.PlaceTransfer,
        *(*_TRANSFER, "origin", "destination", "expected_on", "lines"),
    ),
    facts.TransferDispatched: _transfer_dispatched,
    facts.TransferReceived: _transfer_received,
    facts.TransferClosed: same_fields(transfer_say.CloseTransfer, *_TRANSFER, "rest", "reason"),
    facts.TransferCancelled: same_fields(transfer_say.CancelTransfer, *_TRANSFER, "reason"),
    facts.CrossingDispatched: _crossing_dispatched,
    facts.CrossingArrived: same_fields(
        crossing_say.ArriveCrossing, *_CROSSING, "from_ledger", "destination", "lines"
    ),
    facts.CrossingHandedOver: same_fields(crossing_say.HandOverCrossing, *_CROSSING),
    facts.CrossingReturned: same_fields(crossing_say.ReturnCrossing, *_CROSSING, "code"),
    facts.StockMovedOut: with_lots(
        same_fields(
            move_say.MoveStock,
            *("sku", "destination", "quantity", "move_id"),
            origin="location",
        )
    ),
}
"""By the event that says what was asked for. Of a command's events the first of these counts."""
