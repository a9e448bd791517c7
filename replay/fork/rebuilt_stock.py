"""Commands about one stock, lots, carts, counts and kits, made again out of their events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from commands import count_messages as count_say
from commands import kit_messages as kit_say
from commands import lot_messages as lot_say
from commands import messages as say
from commands import reservation_messages as reserve_say
from commands import write_off_messages as write_off_say
from commands.message import Message
from domain import events as facts
from domain.lot_units import hold_id_of
from domain.values import Fact
from replay.fork.rebuilding import (
    Rebuild,
    Rebuilds,
    command,
    lots_of,
    named,
    same_fields,
    with_lots,
)

_SHELF = ("sku", "location")
_GROUNDS = ("reason_code", "document", "approved_by")
_RESERVED = (*_SHELF, "reservation_id")
_LOT = ("sku", "lot")

_expired = same_fields(lot_say.ExpireLot, *_SHELF, "lot")
_put_on_hold = same_fields(
    lot_say.HoldStock, *_SHELF, *_GROUNDS, "hold_id", "kind", "quantity", "lot", "reason"
)
_written_off = same_fields(
    write_off_say.WriteOffStock, *_SHELF, *_GROUNDS, "quantity", "hold_id", "reason"
)


def _held(event: facts.StockHeld, all_of_it: Sequence[Fact]) -> Message:
    """A lot that is past its day is held under its own name."""
    of_its_lot = event.kind == "expired" and event.hold_id == hold_id_of("expired", event.lot or "")
    return (_expired if of_its_lot else _put_on_hold)(event, all_of_it)


def _gone(event: facts.StockWrittenOff, all_of_it: Sequence[Fact]) -> Message:
    """Out of a hold its lots follow; which of them were named nobody knows."""
    rebuild = with_lots(_written_off) if event.hold_id is None else _written_off
    return rebuild(event, all_of_it)


def _posted(message: type[count_say.SubmitCount | count_say.PostCountPart]) -> Rebuild:
    """What was not entered then stayed as it was, whether that was asked for or not."""

    def rebuilt(event: facts.CountPosted | facts.CountSubmitted, _: Sequence[Fact]) -> Message:
        return command(message, count_id=event.count_id, accept_uncounted=True)

    return rebuilt


def _assembly(message: type[kit_say.Assemble | kit_say.Disassemble]) -> Rebuild:
    """Of what came out the lots (or serials) are known; what went in is chosen anew."""

    def rebuilt(event: Any, all_of_it: Sequence[Fact]) -> Message:  # noqa: ANN401 - either of two
        came = {
            fact.event.sku: named(lots, all_of_it)
            for fact in all_of_it
            if isinstance(fact.event, facts.StockProduced)
            and (lots := lots_of(fact.event, all_of_it))
        }
        own = came.pop(event.sku, {})
        parts = tuple(kit_say.PartUnits.model_construct(sku=sku, **of) for sku, of in came.items())
        return command(
            message,
            assembly_id=event.assembly_id,
            sku=event.sku,
            location=event.location,
            quantity=event.quantity,
            parts=parts,
            **own,
        )

    return rebuilt


REBUILT: Rebuilds = {
    facts.CartReserved: same_fields(
        reserve_say.ReserveCart, "reservation_id", "lines", "expires_at"
    ),
    facts.CartExtended: same_fields(reserve_say.ExtendCart, "reservation_id", "expires_at"),
    facts.CartReleased: same_fields(reserve_say.ReleaseCart, "reservation_id"),
    facts.CartExpired: same_fields(reserve_say.ExpireCart, "reservation_id"),
    facts.KitAssembled: _assembly(kit_say.Assemble),
    facts.KitDisassembled: _assembly(kit_say.Disassemble),
    facts.CountSubmitted: _posted(count_say.SubmitCount),
    facts.CountPosted: _posted(count_say.PostCountPart),
    facts.LotRecalled: same_fields(lot_say.RecallLot, *_LOT, "recall_id", "reason_code", "reason"),
    facts.LotExpiryChanged: same_fields(lot_say.ChangeLotExpiry, *_LOT, "expires_on", "reason"),
    facts.RecallEnded: same_fields(lot_say.EndRecall, *_LOT, "recall_id", "reason"),
    facts.StockWrittenOff: _gone,
    facts.StockReceived: with_lots(same_fields(say.ReceiveStock, *_SHELF, "quantity", "document")),
    facts.StockAdjusted: with_lots(
        same_fields(say.AdjustStock, *_SHELF, *_GROUNDS, "delta", "reason", "condition")
    ),
    facts.StockCounted: same_fields(say.CountStock, *_SHELF, "count_id", "counted"),
    facts.StockReturned: with_lots(
        same_fields(say.ReturnStock, *_SHELF, "quantity", "to", "order_id", "reason")
    ),
    facts.StockReserved: same_fields(say.ReserveStock, *_RESERVED, "quantity", "expires_at"),
    facts.ReservationExtended: same_fields(reserve_say.ExtendReservation, *_RESERVED, "expires_at"),
    facts.ReservationReleased: same_fields(say.ReleaseReservation, *_RESERVED),
    facts.StockShipped: same_fields(
        say.ShipStock, *_RESERVED, "quantity", "unit_price_micros", "currency"
    ),
    facts.ReservationExpired: same_fields(say.ExpireReservation, *_RESERVED),
    facts.HoldReleased: same_fields(
        lot_say.ReleaseHold,
        *(*_SHELF, "hold_id", "quantity", "reason", "document", "approved_by"),
    ),
    facts.StockHeld: _held,  # Also behind others: what came in of a recalled lot.
    facts.LotRegistered: same_fields(lot_say.RegisterLot, *_LOT, "expires_on", "made_on", "origin"),
}
"""By the event that says what was asked for. Of a command's events the first of these counts."""
