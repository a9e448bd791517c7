"""Decisions on recalls: every unit of a lot is held wherever it is, and let go again, at once."""

from __future__ import annotations

from collections.abc import Mapping

from domain.drafts import Drafts
from domain.events import LotRecalled, RecallEnded
from domain.holds import let_go, whole_lot
from domain.lot import Lot
from domain.lot_units import hold_id_of
from domain.refusals import Refusal
from domain.refusals_lots import LotRecalledAlready, RecallNotOpen, UnknownLot
from domain.shelf import Shelf
from domain.streams import stock_stream
from domain.values import Facts, Occasion


def stock_streams(lot: Lot | None) -> tuple[str, ...]:
    """The stocks of every location that ever had units of the lot."""
    if lot is None:
        return ()
    return tuple(stock_stream(lot.sku, location) for location in lot.locations)


def recall(
    lot: Lot | None, proposed: LotRecalled, shelves: Mapping[str, Shelf], occasion: Occasion
) -> Facts | Refusal:
    """Hold all units of the lot that no other hold keeps, those picked for orders too.

    `shelves` are those of `stock_streams`. What comes in later, or is let go by another hold, is
    held by the command that brings it.
    """
    if lot is None:
        return UnknownLot(sku=proposed.sku, lot=proposed.lot)
    if lot.recall_id is not None:
        return LotRecalledAlready(sku=lot.sku, lot=lot.lot, recall_id=lot.recall_id)
    drafts = Drafts(shelves, occasion)
    drafts.tell(lot, proposed)
    for stream, shelf in shelves.items():
        units = shelf.stock.lots.get(lot.lot)
        if units is not None and units.sendable:
            held = whole_lot(shelf.stock, lot.lot, "recalled", units.sendable, proposed.reason_code)
            drafts.of(stream).note(held)
    return drafts.facts()


def end_recall(
    lot: Lot | None, proposed: RecallEnded, shelves: Mapping[str, Shelf], occasion: Occasion
) -> Facts | Refusal:
    """Let go what the recall holds; what has expired meanwhile stays held."""
    if lot is None:
        return UnknownLot(sku=proposed.sku, lot=proposed.lot)
    if lot.recall_id != proposed.recall_id:
        return RecallNotOpen(sku=lot.sku, lot=lot.lot, recall_id=proposed.recall_id)
    drafts = Drafts(shelves, occasion)
    drafts.tell(lot, proposed)
    for stream, shelf in shelves.items():
        held = shelf.stock.holds.get(hold_id_of("recalled", lot.lot))
        if held is not None:
            drafts.of(stream).note(let_go(shelf.stock, held, held.quantity, proposed.reason))
    return drafts.facts()
