"""Decisions on moves: units that change their place at once, as from the dock into a bin."""

from __future__ import annotations

from domain.drafts import Drafts, Shelves
from domain.events import StockMovedIn, StockMovedOut
from domain.named_units import UNNAMED, NamedUnits
from domain.refusals import Refusal
from domain.refusals_transfers import SameLocation, TooFewToMove
from domain.streams import stock_stream
from domain.values import Facts, Occasion


def move(
    sku: str,
    quantity: int,
    shelves: Shelves,
    occasion: Occasion,
    *,
    origin: str,
    destination: str,
    move_id: str,
    units: NamedUnits = UNNAMED,
) -> Facts | Refusal:
    """Only what nobody was promised moves: a promise stays where it was made.

    `shelves` are the two stocks; `units` are the lots (or serials), otherwise chosen by the item's
    removal order. Raises HistoryNeededError as `stock_facts` does.
    """
    if origin == destination:
        return SameLocation(location=origin)
    here, there = (shelves[stock_stream(sku, place)] for place in (origin, destination))
    for shelf in (here, there):
        if (unknown := shelf.unknown()) is not None:
            return unknown
    available = max(0, here.stock.available)
    if quantity > available:
        return TooFewToMove(sku=sku, location=origin, requested=quantity, available=available)
    drafts = Drafts(shelves, occasion)
    leaving = drafts.of(stock_stream(sku, origin))
    leaving.move(
        StockMovedOut(
            sku=sku, location=origin, quantity=quantity, move_id=move_id, destination=destination
        ),
        units=units,
    )
    if leaving.refused:
        return drafts.facts()
    drafts.of(stock_stream(sku, destination)).move(
        StockMovedIn(
            sku=sku, location=destination, quantity=quantity, move_id=move_id, origin=origin
        ),
        units=leaving.units,
    )
    return drafts.facts()
