"""Decisions on what happened to a stock: facts, so never refused for want of stock
(but for damaged units that were never held).

`units` are the lots (or serials) of an item that is tracked, which must all be named.

All raise HistoryNeededError when dated before what the stock remembers and no history is given
(`Stock.needs_history`, `Stock.count_needs_history` tell beforehand).
"""

from __future__ import annotations

from domain.events import Disposition, StockAdjusted, StockCounted, StockReceived, StockReturned
from domain.grounds import UNFOUNDED, UNRULED, GroundRules, Grounds, lacking
from domain.named_units import UNNAMED, NamedUnits
from domain.order import Order
from domain.refusals import (
    CountExists,
    InsufficientStock,
    ItemDiscontinuedAlready,
    Refusal,
    UnknownOrder,
)
from domain.shelf import Shelf, StockDraft
from domain.values import Facts, Occasion


def receive(
    shelf: Shelf,
    quantity: int,
    occasion: Occasion,
    *,
    document: str = "",
    units: NamedUnits = UNNAMED,
) -> Facts | Refusal:
    """Units came in. Refused only for an item that was discontinued by then."""
    if (unknown := shelf.unknown()) is not None:
        return unknown
    end = None if shelf.item is None else shelf.item.discontinued_at
    if end is not None and occasion.occurred_at >= end:
        return ItemDiscontinuedAlready(sku=shelf.stock.sku, discontinued_at=end)
    draft = StockDraft(shelf, occasion)
    draft.move(
        StockReceived(sku=draft.sku, location=draft.location, quantity=quantity, document=document),
        units=units,
    )
    return draft.facts()


def adjust(
    shelf: Shelf,
    delta: int,
    reason: str,
    occasion: Occasion,
    *,
    condition: Disposition = "stock",
    units: NamedUnits = UNNAMED,
    grounds: Grounds = UNFOUNDED,
    rules: GroundRules = UNRULED,
) -> Facts | Refusal:
    """`delta` is signed and not 0. Refused when more damaged units would go than are held under no
    hold of their own, or for what the policy asks for.
    """
    stock = shelf.stock
    if (unknown := shelf.unknown()) is not None:
        return unknown
    actor = occasion.actor
    refusal = lacking(
        grounds, abs(delta), rules, sku=stock.sku, location=stock.location, actor=actor
    )
    if refusal is not None:
        return refusal
    if condition == "damaged" and stock.damaged + delta < 0:
        return InsufficientStock(
            sku=stock.sku,
            location=stock.location,
            requested=-delta,
            available=stock.damaged,
            held=stock.damaged,
        )
    draft = StockDraft(shelf, occasion)
    draft.move(
        StockAdjusted(
            sku=draft.sku,
            location=draft.location,
            delta=delta,
            reason=reason,
            condition=condition,
            reason_code=grounds.reason_code,
            document=grounds.document,
            approved_by=grounds.approved_by,
        ),
        units=units,
    )
    return draft.facts()


def count(
    shelf: Shelf,
    count_id: str,
    counted: int,
    occasion: Occasion,
    *,
    units: NamedUnits = UNNAMED,
) -> Facts | Refusal:
    """The counted quantity stands, whatever dated before it becomes known later. A lot (or serial)
    that `units` do not name was not there.
    """
    if (unknown := shelf.unknown()) is not None:
        return unknown
    draft = StockDraft(shelf, occasion)
    if draft.knows_count(count_id):
        return CountExists(count_id=count_id, sku=draft.sku, location=draft.location)
    draft.move(
        StockCounted(
            sku=draft.sku,
            location=draft.location,
            count_id=count_id,
            counted=counted,
            expected=draft.on_hand_at(occasion.occurred_at),
        ),
        units=units,
    )
    return draft.facts()


def accept_return(
    shelf: Shelf,
    quantity: int,
    occasion: Occasion,
    *,
    to: Disposition = "stock",
    order_id: str | None = None,
    order: Order | None = None,
    reason: str = "",
    units: NamedUnits = UNNAMED,
) -> Facts | Refusal:
    """`order` is the one that `order_id` names."""
    if (unknown := shelf.unknown()) is not None:
        return unknown
    if order_id is not None and order is None:
        return UnknownOrder(order_id=order_id)
    draft = StockDraft(shelf, occasion)
    draft.move(
        StockReturned(
            sku=draft.sku,
            location=draft.location,
            quantity=quantity,
            to=to,
            order_id=order_id,
            reason=reason,
        ),
        units=units,
    )
    return draft.facts()
