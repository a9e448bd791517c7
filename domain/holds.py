"""Decisions on holds: units kept back for their condition, let go, and lots held as a whole."""

from __future__ import annotations

from dataclasses import replace

from domain.events import HoldReleased, StockHeld
from domain.grounds import UNFOUNDED, UNRULED, GroundRules, Grounds, lacking
from domain.lot_units import LotHoldKind, hold_id_of
from domain.refusals import InsufficientStock, Refusal
from domain.refusals_grounds import GroundsRefusal
from domain.refusals_lots import (
    ExceedsHold,
    HoldExists,
    HoldOfItsLot,
    LotNotExpired,
    LotShort,
    LotsMissing,
    LotsNotTaken,
    LotTrouble,
    NothingToHold,
    UnknownHold,
)
from domain.shelf import Shelf, StockDraft
from domain.stock import Hold, Stock
from domain.values import Facts, Occasion, day_of

# Holds of these kinds are those of a whole lot, and end with what made them.
LOT_HOLDS: tuple[LotHoldKind, ...] = ("recalled", "expired")


def hold(
    shelf: Shelf, proposed: StockHeld, occasion: Occasion, *, rules: GroundRules = UNRULED
) -> Facts | Refusal:
    """Keep units back that are there, neither held nor picked. Promises they were for are then
    uncovered, and named.
    """
    stock, hold_id, quantity = shelf.stock, proposed.hold_id, proposed.quantity
    if (unknown := shelf.unknown()) is not None:
        return unknown
    grounds = Grounds(reason_code=proposed.reason_code, approved_by=proposed.approved_by)
    if (refusal := _unfounded(stock, grounds, quantity, rules, occasion)) is not None:
        return refusal
    if hold_id in stock.holds or hold_id.startswith(tuple(f"{each}:" for each in LOT_HOLDS)):
        return HoldExists(hold_id=hold_id, sku=stock.sku, location=stock.location)
    if (short := _not_to_be_held(shelf, quantity, proposed.lot)) is not None:
        return short
    draft = StockDraft(shelf, occasion)
    draft.note(proposed)
    return draft.facts()


def release(
    shelf: Shelf,
    hold_id: str,
    quantity: int | None,
    occasion: Occasion,
    *,
    reason: str = "",
    grounds: Grounds = UNFOUNDED,
    rules: GroundRules = UNRULED,
) -> Facts | Refusal:
    """Let units of a hold go, with None all of them. A hold of a whole lot ends otherwise. Of
    `rules` only the approval counts: why they were held is known.
    """
    found = open_hold(shelf.stock, hold_id)
    if isinstance(found, Refusal):
        return found
    if found.kind in LOT_HOLDS:
        return HoldOfItsLot(hold_id=hold_id, kind=found.kind)
    units = found.quantity if quantity is None else quantity
    if units > found.quantity:
        return ExceedsHold(hold_id=hold_id, requested=units, held=found.quantity)
    asked = replace(rules, reason_codes=())
    if (refusal := _unfounded(shelf.stock, grounds, units, asked, occasion)) is not None:
        return refusal
    draft = StockDraft(shelf, occasion)
    released = let_go(shelf.stock, found, units, reason)
    draft.note(replace(released, document=grounds.document, approved_by=grounds.approved_by))
    return draft.facts()


def expire_lot(shelf: Shelf, lot: str, occasion: Occasion) -> Facts | Refusal:
    """Hold every unit here of a lot (or serial) that is past its last good day by the clock."""
    stock = shelf.stock
    if (unknown := shelf.unknown()) is not None:
        return unknown
    units = stock.lots.get(lot)
    if units is None or not units.sendable:
        return NothingToHold(sku=stock.sku, location=stock.location, lot=lot)
    if not units.expired(day_of(occasion.now)):
        return LotNotExpired(sku=stock.sku, lot=lot, expires_on=units.expires_on)
    draft = StockDraft(shelf, occasion)
    draft.note(whole_lot(stock, lot, "expired", units.sendable))
    return draft.facts()


def whole_lot(
    stock: Stock, lot: str, kind: LotHoldKind, quantity: int, reason_code: str = ""
) -> StockHeld:
    """The fact that so many more units of a lot are held for what has become of the lot."""
    return StockHeld(
        sku=stock.sku,
        location=stock.location,
        hold_id=hold_id_of(kind, lot),
        kind=kind,
        quantity=quantity,
        lot=lot,
        reason_code=reason_code,
    )


def let_go(stock: Stock, found: Hold, quantity: int, reason: str = "") -> HoldReleased:
    """The fact that units of a hold are stock like any other again."""
    return HoldReleased(
        sku=stock.sku,
        location=stock.location,
        hold_id=found.hold_id,
        quantity=quantity,
        reason=reason,
    )


def open_hold(stock: Stock, hold_id: str) -> Hold | UnknownHold:
    """The hold with units, or why not."""
    found = stock.holds.get(hold_id)
    if found is None:
        return UnknownHold(hold_id=hold_id, sku=stock.sku, location=stock.location)
    return found


def _unfounded(
    stock: Stock, grounds: Grounds, quantity: int, rules: GroundRules, occasion: Occasion
) -> GroundsRefusal | None:
    sku, location, actor = stock.sku, stock.location, occasion.actor
    return lacking(grounds, quantity, rules, sku=sku, location=location, actor=actor)


def _not_to_be_held(
    shelf: Shelf, quantity: int, lot: str | None
) -> InsufficientStock | LotsNotTaken | LotsMissing | LotShort | None:
    stock, tracking = shelf.stock, "none" if shelf.item is None else shelf.item.tracking
    sku, location = stock.sku, stock.location
    if tracking == "none":
        if lot is not None:
            return LotsNotTaken(sku=sku, tracking=tracking)
        if quantity > stock.shippable:
            return InsufficientStock(
                sku=sku, location=location, requested=quantity, available=stock.shippable
            )
        return None
    if lot is None:
        return LotsMissing(sku=sku, location=location, tracking=tracking, quantity=quantity)
    there = stock.lots.get(lot)
    free = 0 if there is None else there.free
    if quantity > free:
        trouble: LotTrouble = "absent" if there is None or there.on_hand == free else "taken"
        return LotShort(
            sku=sku,
            location=location,
            lot=lot,
            requested=quantity,
            available=free,
            trouble=trouble,
        )
    return None
