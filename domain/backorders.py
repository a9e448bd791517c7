"""Serving the queue of a stock: first come, first served.

An order that takes what there is gets it when its turn comes. One that takes all or nothing is
served when everything it waits for is there, at all of its stocks; until then it keeps its place
and those behind it are served. So do kits: as many as are whole are served, at all of their stocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.allocation import Rooms, commit
from domain.events import OrderUnits, OrderUnitsAllocated
from domain.order import LineState, Order
from domain.order_drafts import Drafts, OrderDraft, Shelves
from domain.order_progress import Allotment
from domain.refusals import Refusal
from domain.refusals_orders import NothingToAllocate
from domain.shelf import Shelf
from domain.values import Facts, Occasion
from domain.whole_kits import WholeKits

ORDERS_MAX: Final = 100  # that one command looks at


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Orders that one command looks at, in the order of the queue; `after`: the last of them, if
    there are further ones behind it.
    """

    orders: tuple[str, ...] = ()
    after: str | None = None


def in_turn(shelf: Shelf, after: str | None = None) -> Turn:
    """Those that wait there and might be served, whatever the time; behind the order `after`, if it
    still waits.
    """
    stock = shelf.stock
    room = stock.available + stock.reserved + shelf.promise_limit
    if room <= 0:
        return Turn()
    waiting = dict.fromkeys(each.order_id for each in stock.queue.values())
    too_large = {
        each.order_id for each in stock.queue.values() if each.whole and each.quantity > room
    }
    names = list(waiting)
    if after in waiting:
        names = names[names.index(after) + 1 :]
    orders = [name for name in names if name not in too_large]
    looked_at = tuple(orders[:ORDERS_MAX])
    return Turn(orders=looked_at, after=looked_at[-1] if len(orders) > ORDERS_MAX else None)


def allocate_backorders(
    stream: str,
    turn: Turn,
    orders: Mapping[str, Order | None],
    shelves: Shelves,
    occasion: Occasion,
) -> Facts | Refusal:
    """Commit what can be to the orders that wait at the stock. `orders` are those of the turn, and
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
        return NothingToAllocate(
            sku=stock.sku, location=stock.location, waiting=stock.waiting, after=turn.after
        )
    return drafts.facts(*facts)


def _served(order: Order, stream: str, drafts: Drafts) -> list[tuple[OrderUnits, Allotment]]:
    places = {line.line: number for number, line in enumerate(order.lines)}
    waits = [each for each in order.so_far().allotments.values() if each.waiting]
    waits.sort(key=lambda each: places[each.line])
    rooms = Rooms(order.order_id, drafts, {})
    if order.terms.allocation == "all":
        served = [(each, rooms.take(each.stock_stream, each.waiting)) for each in waits]
        if any(units < each.waiting for each, units in served):
            return []
    else:
        served = _in_part(WholeKits(order), waits, stream, rooms)
    return [
        (OrderUnits(line=each.line, location=each.location, quantity=units), each)
        for each, units in served
        if units
    ]


def _in_part(
    kits: WholeKits, waits: Sequence[Allotment], stream: str, rooms: Rooms
) -> list[tuple[Allotment, int]]:
    """What waits at the stock; and, wherever it waits, what makes the kits whole that lack it."""
    here = {kits.of(each.line) for each in waits if each.stock_stream == stream} - {None}
    taken: dict[int, int] = {}

    def room(part: LineState) -> int:
        of_it = [each for each in waits if each.line == part.line]
        return sum(min(each.waiting, rooms.left(each.stock_stream)) for each in of_it)

    served = []
    for each in waits:
        if each.stock_stream == stream or kits.of(each.line) in here:
            before = taken.get(each.line, 0)
            most = kits.most(each.line, before + each.waiting, room) - before
            units = rooms.take(each.stock_stream, most)
            taken[each.line] = before + units
            served.append((each, units))
    return served
