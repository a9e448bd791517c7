"""Decisions on units that leave for nowhere."""

from __future__ import annotations

from domain.events import StockWrittenOff
from domain.grounds import UNRULED, GroundRules, Grounds, lacking
from domain.named_units import UNNAMED, NamedUnits
from domain.refusals import Refusal
from domain.refusals_lots import ExceedsHold, UnknownHold
from domain.shelf import Shelf, StockDraft
from domain.values import Facts, Occasion


def write_off(
    shelf: Shelf,
    proposed: StockWrittenOff,
    occasion: Occasion,
    *,
    units: NamedUnits = UNNAMED,
    rules: GroundRules = UNRULED,
) -> Facts | Refusal:
    """A fact: refused only for more than its hold has, or for what the policy asks for. `units` are
    the lots (or serials) of an item that is tracked, unless its hold says them.

    Raises HistoryNeededError as `stock_facts` does.
    """
    stock, quantity = shelf.stock, proposed.quantity
    if (unknown := shelf.unknown()) is not None:
        return unknown
    grounds = Grounds(
        reason_code=proposed.reason_code,
        document=proposed.document,
        approved_by=proposed.approved_by,
    )
    actor = occasion.actor
    refusal = lacking(grounds, quantity, rules, sku=stock.sku, location=stock.location, actor=actor)
    if refusal is not None:
        return refusal
    if proposed.hold_id is not None:
        hold = stock.holds.get(proposed.hold_id)
        if hold is None:
            return UnknownHold(hold_id=proposed.hold_id, sku=stock.sku, location=stock.location)
        if quantity > hold.quantity:
            return ExceedsHold(hold_id=hold.hold_id, requested=quantity, held=hold.quantity)
    draft = StockDraft(shelf, occasion)
    draft.move(proposed, units=units)
    return draft.facts()
