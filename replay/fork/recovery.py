"""Past commands, recovered from their events: everything that a decision was made of is in there.

What is not: the version a command expected, a customer's own name, and whether a shipment (or the
dispatch of a transfer) named its lines or asked for all that was left. None of these changes what
is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from commands import count_messages as count_say
from commands import fulfilment_messages as fulfil
from commands import kit_messages as kit_say
from commands import messages as say
from commands import move_messages as move_say
from commands import order_messages as order_say
from commands import purchase_messages as purchase_say
from commands import reservation_messages as reserve_say
from commands import transfer_messages as transfer_say
from commands import write_off_messages as write_off_say
from commands.message import Message
from domain import events as facts
from domain.events import Event
from domain.values import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One command's events, as they stand in the ledger. `key` is None for what came without."""

    key: str | None
    first_position: int
    last_position: int
    recorded_at: datetime
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """`main` is the fact that says what was asked for, and when it happened."""

    message: Message
    main: Fact


# The first of these that a command's events hold says which command it was.
_MAIN: tuple[type[Event], ...] = (
    facts.OrderExchanged,
    facts.OrderPlaced,
    facts.ShipmentCancelled,
    facts.OrderPicked,
    facts.ReturnInspected,
    facts.OrderUnitsAllocated,
    facts.OrderAllocated,
    facts.OrderShipped,
    facts.OrderCancelled,
    facts.OrderClosed,
    facts.CartReserved,
    facts.CartExtended,
    facts.CartReleased,
    facts.CartExpired,
    facts.KitAssembled,
    facts.KitDisassembled,
    facts.CountSubmitted,
    facts.CountPosted,
    facts.StockWrittenOff,
    facts.PurchasePlaced,
    facts.PurchaseApproved,
    facts.PurchaseChanged,
    facts.PurchaseReceived,
    facts.PurchaseClosed,
    facts.PurchaseCancelled,
    facts.TransferPlaced,
    facts.TransferDispatched,
    facts.TransferReceived,
    facts.TransferClosed,
    facts.TransferCancelled,
    facts.StockMovedOut,
    facts.StockReceived,
    facts.StockAdjusted,
    facts.StockCounted,
    facts.StockReturned,
    facts.StockReserved,
    facts.ReservationExtended,
    facts.ReservationReleased,
    facts.StockShipped,
    facts.ReservationExpired,
    facts.ChargeRecorded,
)
_RANK: Mapping[type, int] = {fact: rank for rank, fact in enumerate(_MAIN)}
_NAMING_LOTS = (
    facts.StockReceived,
    facts.StockAdjusted,
    facts.StockCounted,
    facts.StockReturned,
    facts.StockWrittenOff,
    facts.OrderPicked,
    facts.OrderShipped,
    facts.ShipmentCancelled,
    facts.ReturnInspected,
)


def recovered(past: Past) -> Recovered | None:
    """The command that led to these events, or None: about items and locations, or not a
    command's. Pure.
    """
    if past.key is None:
        return None
    known = [fact for fact in past.facts if type(fact.event) in _RANK]
    if not known:
        return None
    main = min(known, key=lambda fact: _RANK[type(fact.event)])
    if isinstance(main.event, facts.OrderShipped) and main.event.parcels:
        return None  # Whether loose units were asked for beside its parcels, nobody knows.
    if facts.CrossingArrived in map(_kind, past.facts):
        return None  # What another ledger sent came in as it did: nobody here decided it.
    if isinstance(main.event, _NAMING_LOTS) and facts.StockTraced in map(_kind, past.facts):
        return None  # A trace says by how much lots moved, not what the command named of them.
    message = _REBUILT[type(main.event)](main.event, past.facts)
    return Recovered(message=message, main=main)


def _kind(fact: Fact) -> type[Event]:
    return type(fact.event)


def command(kind: type[Message], **fields: Any) -> Message:  # noqa: ANN401 - of any command
    """One that was checked when it came the first time; decisions read no key."""
    return kind.model_construct(key="", **fields)


_PROMISED = {facts.OrderAllocated, facts.OrderUnitsAllocated, facts.OrderBackordered}


def _placed(event: facts.OrderPlaced, all_of_it: Sequence[Fact]) -> Message:
    kinds = {type(fact.event) for fact in all_of_it}
    return command(
        order_say.PlaceOrder,
        order_id=event.order_id,
        customer=event.customer,
        currency=event.currency,
        lines=_asked(event),
        allocate=not kinds.isdisjoint(_PROMISED),
        ship=facts.OrderShipped in kinds,
        allocation=event.allocation,
        backorder=event.backorder,
        sourcing=event.sourcing,
        locations=event.locations,
        payment=event.payment,
        reservation_id=event.reservation_id,
    )


def _asked(event: facts.OrderPlaced) -> tuple[order_say.OrderedLine, ...]:
    """The lines that were asked for: the parts of kits follow from them."""
    return tuple(
        order_say.OrderedLine.model_construct(
            line=line.line,
            sku=line.sku,
            location=line.location,
            quantity=line.quantity,
            unit_price_micros=line.unit_price_micros,
        )
        for line in event.lines
        if line.part_of is None
    )


def _allocated(event: facts.OrderUnitsAllocated, all_of_it: Sequence[Fact]) -> Message:
    """What waited is served out of a stock's queue; otherwise somebody asked for the order."""
    for fact in all_of_it:
        served = fact.event
        if isinstance(served, facts.BackorderClosed) and served.outcome == "allocated":
            return command(order_say.AllocateBackorders, sku=served.sku, location=served.location)
    return command(order_say.AllocateOrder, order_id=event.order_id)


def _exchanged(event: facts.OrderExchanged, all_of_it: Sequence[Fact]) -> Message:
    events = [fact.event for fact in all_of_it]
    back = next(each for each in events if isinstance(each, facts.ReturnRequested))
    other = next(each for each in events if isinstance(each, facts.OrderPlaced))
    return command(
        fulfil.ExchangeOrder,
        order_id=event.order_id,
        return_id=event.return_id,
        lines=back.lines,
        replacement_id=event.replacement_id,
        replacement_lines=_asked(other),
    )


def _purchase_received(event: facts.PurchaseReceived, all_of_it: Sequence[Fact]) -> Message:
    lines = tuple(
        purchase_say.LineDelivered.model_construct(
            line=each.line,
            accepted=each.accepted,
            rejected=each.rejected,
            reason=each.reason,
            **_named(each.lots, all_of_it),
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


def _stock_moved(event: facts.StockMovedOut, all_of_it: Sequence[Fact]) -> Message:
    lots = [
        facts.LineLot(lot=each.lot, quantity=-each.on_hand)
        for fact in all_of_it
        if isinstance(fact.event, facts.StockTraced) and fact.event.cause == "moved_out"
        for each in fact.event.units
    ]
    return command(
        move_say.MoveStock,
        sku=event.sku,
        origin=event.location,
        destination=event.destination,
        quantity=event.quantity,
        move_id=event.move_id,
        **_named(lots, all_of_it),
    )


def _units(
    lines: Sequence[facts.LineUnits | facts.ArrivedLine], all_of_it: Sequence[Fact]
) -> tuple[transfer_say.UnitsOfLine, ...]:
    return tuple(
        transfer_say.UnitsOfLine.model_construct(
            line=each.line, quantity=each.quantity, **_named(each.lots, all_of_it)
        )
        for each in lines
    )


def _named(lots: Sequence[facts.LineLot], all_of_it: Sequence[Fact]) -> dict[str, Any]:
    """A line's lots as a command names them: as serials, if that is what the facts say they are."""
    serials = {
        fact.event.serial
        for fact in all_of_it
        if isinstance(fact.event, facts.SerialPlaced | facts.SerialLeft)
    }
    if lots and all(each.lot in serials for each in lots):
        return {"serials": tuple(each.lot for each in lots)}
    return {"lots": tuple(lots)}


def _posted(
    message: type[count_say.SubmitCount | count_say.PostCountPart],
) -> Callable[[Any, Sequence[Fact]], Message]:
    """What was not entered then stayed as it was, whether that was asked for or not."""

    def rebuilt(event: facts.CountPosted | facts.CountSubmitted, _: Sequence[Fact]) -> Message:
        return command(message, count_id=event.count_id, accept_uncounted=True)

    return rebuilt


def _same_fields(
    message: type[Message], *names: str, **renamed: str
) -> Callable[[Any, Sequence[Fact]], Message]:
    """A message whose fields are the event's, by the same or another name."""

    def rebuilt(event: object, _: Sequence[Fact]) -> Message:
        given = {name: getattr(event, name) for name in names}
        given |= {name: getattr(event, theirs) for name, theirs in renamed.items()}
        return command(message, **given)

    return rebuilt


_SHELF = ("sku", "location")
_GROUNDS = ("reason_code", "document", "approved_by")
_PURCHASE = ("purchase_id",)
_TRANSFER = ("transfer_id",)
_HOLD = (*_SHELF, "reservation_id")
_REBUILT: Mapping[type, Callable[[Any, Sequence[Fact]], Message]] = {
    facts.OrderPlaced: _placed,
    facts.OrderAllocated: _same_fields(order_say.AllocateOrder, "order_id"),
    facts.OrderUnitsAllocated: _allocated,
    facts.OrderExchanged: _exchanged,
    facts.OrderShipped: _same_fields(
        fulfil.ShipOrder, "order_id", "lines", "shipment_id", "carrier", "tracking"
    ),
    facts.OrderCancelled: _same_fields(order_say.CancelOrder, "order_id", "reason"),
    facts.OrderClosed: _same_fields(order_say.CloseOrder, "order_id", "reason"),
    facts.OrderPicked: _same_fields(fulfil.PickOrder, "order_id", "pick_id", "lines"),
    facts.ShipmentCancelled: _same_fields(
        fulfil.CancelShipment, "order_id", "shipment_id", "reason"
    ),
    facts.ReturnInspected: _same_fields(
        fulfil.InspectReturn, "order_id", "return_id", "location", "lines"
    ),
    facts.PurchasePlaced: _same_fields(
        purchase_say.PlacePurchase, *_PURCHASE, "location", "supplier", "currency", "lines"
    ),
    facts.PurchaseApproved: _same_fields(purchase_say.ApprovePurchase, *_PURCHASE),
    facts.PurchaseChanged: _same_fields(purchase_say.ChangePurchase, *_PURCHASE, "lines", "reason"),
    facts.PurchaseReceived: _purchase_received,
    facts.PurchaseClosed: _same_fields(purchase_say.ClosePurchase, *_PURCHASE, "reason"),
    facts.PurchaseCancelled: _same_fields(purchase_say.CancelPurchase, *_PURCHASE, "reason"),
    facts.TransferPlaced: _same_fields(
        transfer_say.PlaceTransfer,
        *(*_TRANSFER, "origin", "destination", "expected_on", "lines"),
    ),
    facts.TransferDispatched: _transfer_dispatched,
    facts.TransferReceived: _transfer_received,
    facts.TransferClosed: _same_fields(transfer_say.CloseTransfer, *_TRANSFER, "rest", "reason"),
    facts.TransferCancelled: _same_fields(transfer_say.CancelTransfer, *_TRANSFER, "reason"),
    facts.StockMovedOut: _stock_moved,
    facts.StockReceived: _same_fields(say.ReceiveStock, *_SHELF, "quantity", "document"),
    facts.KitAssembled: _same_fields(kit_say.Assemble, *_SHELF, "assembly_id", "quantity"),
    facts.KitDisassembled: _same_fields(kit_say.Disassemble, *_SHELF, "assembly_id", "quantity"),
    facts.CountSubmitted: _posted(count_say.SubmitCount),
    facts.CountPosted: _posted(count_say.PostCountPart),
    facts.StockAdjusted: _same_fields(
        say.AdjustStock, *_SHELF, *_GROUNDS, "delta", "reason", "condition"
    ),
    facts.StockWrittenOff: _same_fields(
        write_off_say.WriteOffStock, *_SHELF, *_GROUNDS, "quantity", "hold_id", "reason"
    ),
    facts.StockCounted: _same_fields(say.CountStock, *_SHELF, "count_id", "counted"),
    facts.StockReturned: _same_fields(
        say.ReturnStock, *_SHELF, "quantity", "to", "order_id", "reason"
    ),
    facts.StockReserved: _same_fields(say.ReserveStock, *_HOLD, "quantity", "expires_at"),
    facts.ReservationExtended: _same_fields(reserve_say.ExtendReservation, *_HOLD, "expires_at"),
    facts.ReservationReleased: _same_fields(say.ReleaseReservation, *_HOLD),
    facts.ReservationExpired: _same_fields(say.ExpireReservation, *_HOLD),
    facts.StockShipped: _same_fields(
        say.ShipStock, *_HOLD, "quantity", "unit_price_micros", "currency"
    ),
    facts.CartReserved: _same_fields(
        reserve_say.ReserveCart, "reservation_id", "lines", "expires_at"
    ),
    facts.CartExtended: _same_fields(reserve_say.ExtendCart, "reservation_id", "expires_at"),
    facts.CartReleased: _same_fields(reserve_say.ReleaseCart, "reservation_id"),
    facts.CartExpired: _same_fields(reserve_say.ExpireCart, "reservation_id"),
    facts.ChargeRecorded: _same_fields(
        order_say.RecordCharge,
        *("charge_id", "code", "description", "quantity"),
        *("unit_price_micros", "currency", "order_id"),
    ),
}
