"""Serving the queue of a stock: first come, first served.

An order that takes what there is gets it when its turn comes. One that takes all or nothing is
served when everything it waits for is there, at all of its stocks; until then it keeps its place
and those behind it are served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.allocation import commit, room_for
from domain.events import OrderUnits, OrderUnitsAllocated
from domain.order import Order
from domain.order_drafts import Drafts, OrderDraft, Shelves
from domain.order_progress import Allotment
from domain.promises import due_reservations, room_at
from domain.refusals import Refusal
from domain.refusals_orders import NothingToAllocate
from domain.shelf import Shelf
from domain.values import Facts, Occasion

ORDERS_MAX: Final = 100  # that one command looks at


def in_turn(shelf: Shelf, occasion: Occasion) -> tuple[str, ...]:
    """The orders that wait there and might be served, in the order of the queue."""
    stock = shelf.stock
    room = room_at(shelf, occasion.now)
    room += sum(promise.quantity for promise in due_reservations(stock, occasion.now))
    if room <= 0:
        return ()
    found: dict[str, None] = {}
    for waiting in stock.queue.values():
        if len(found) == ORDERS_MAX:
            break
        if not waiting.whole or waiting.quantity <= room:
            found[waiting.order_id] = None
    return tuple(found)


def allocate_backorders(
    stream: str, orders: Mapping[str, Order | None], shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """Commit what can be to the orders that wait at the stock. `orders` are those `in_turn`, and
    `shelves` hold all their stocks.
    """
    drafts = Drafts(shelves, occasion)
    facts = []
    for order in orders.values():
        if order is None:
            continue
        served = _served(order, stream, drafts)
        if served:
            draft = OrderDraft(order, occasion)
            lines = tuple(units for units, _ in served)
            draft.note(OrderUnitsAllocated(order_id=order.order_id, lines=lines))
            facts += draft.facts
            for units, allotment in served:
                commit(drafts, order, units, allotment.sku, units.quantity)
    if not facts:
        stock = shelves[stream].stock
        return NothingToAllocate(sku=stock.sku, location=stock.location, waiting=stock.waiting)
    return drafts.facts(*facts)


def _served(order: Order, stream: str, drafts: Drafts) -> list[tuple[OrderUnits, Allotment]]:
    waits = [each for each in order.so_far().allotments.values() if each.waiting]
    rooms: dict[str, int] = {}
    served = []
    whole = order.terms.allocation == "all"
    for each in waits:
        at = each.stock_stream
        if not whole and at != stream:
            continue
        if at not in rooms:
            rooms[at] = room_for(order.order_id, drafts, at)
        units = min(each.waiting, rooms[at])
        if whole and units < each.waiting:
            return []
        if units:
            rooms[at] -= units
            told = OrderUnits(line=each.line, location=each.location, quantity=units)
            served.append((told, each))
    return served
