"""Decisions on taking an order's units from the shelf, and putting them into parcels.

`shelves` are the order's stocks by stream name (`Order.stock_streams`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from domain.allocation import skus_of, wait
from domain.events import (
    CommitmentReleased,
    LineQuantity,
    OrderBackordered,
    OrderPacked,
    OrderPicked,
    OrderUnits,
    PickedLine,
    PickListCancelled,
    PickListCreated,
    StockHeld,
    StockPicked,
)
from domain.named_units import NOTHING_NAMED, UNNAMED, NamedByLine
from domain.order import Order
from domain.order_drafts import Drafts, OrderDraft, Shelves, duplicates, first, order_fact
from domain.order_progress import PickList
from domain.refusals import (
    InsufficientStock,
    OrderState,
    OrderStep,
    Refusal,
    UnknownOrder,
    UnknownOrderLine,
)
from domain.refusals_orders import (
    ExceedsListed,
    NothingToPick,
    ParcelExists,
    PaymentMissing,
    PickListClosed,
    PickListExists,
    UnknownPickList,
)
from domain.streams import stock_stream
from domain.values import Facts, Occasion

AT_WORK = frozenset({"partly_allocated", "allocated", "partly_shipped"})
SHORT_PICK = "short-pick"


def create_pick_list(
    order: Order | None,
    order_id: str,
    pick_id: str,
    *,
    location: str,
    lines: Sequence[LineQuantity] | None,
    occasion: Occasion,
) -> Facts | Refusal:
    """A list of committed units at one location that are on no list yet: those named, or all."""
    ready = at_work(order, order_id, "picked")
    if isinstance(ready, Refusal):
        return ready
    progress = ready.so_far()
    if pick_id in progress.picks:
        return PickListExists(order_id=order_id, pick_id=pick_id)
    listed = progress.listed()
    free = {
        allotment.line: units
        for key, allotment in progress.allotments.items()
        if allotment.location == location
        and (units := allotment.committed - listed.get(key, 0)) > 0
    }
    if lines is None:
        lines = [LineQuantity(line=line, quantity=units) for line, units in free.items()]
    if not lines:
        return NothingToPick(order_id=order_id, location=location)
    if refusal := _wrong(ready, lines, free):
        return refusal
    made = PickListCreated(
        order_id=order_id, pick_id=pick_id, location=location, lines=tuple(lines)
    )
    return (order_fact(made, ready, occasion),)


def cancel_pick_list(
    order: Order | None, order_id: str, pick_id: str, reason: str, occasion: Occasion
) -> Facts | Refusal:
    """Nobody picks by it any more; its units may be listed again."""
    if order is None:
        return UnknownOrder(order_id=order_id)
    pick = _open_list(order, pick_id)
    if isinstance(pick, Refusal):
        return pick
    event = PickListCancelled(order_id=order_id, pick_id=pick_id, reason=reason)
    return (order_fact(event, order, occasion),)


def pick(
    order: Order | None,
    order_id: str,
    pick_id: str,
    *,
    lines: Sequence[LineQuantity] | None,
    named: NamedByLine = NOTHING_NAMED,
    shelves: Shelves,
    occasion: Occasion,
) -> Facts | Refusal:
    """What the list says was taken from the shelf, or of the lines named only so many units: the
    others were not there. Those that should have been are held as missing until somebody finds or
    writes them off, and the order waits for others if its terms let it. `named`: which lots (or
    serials) were taken; refused for more units than the ledger knows to be there.
    """
    ready = at_work(order, order_id, "picked")
    if isinstance(ready, Refusal):
        return ready
    pick_list = _open_list(ready, pick_id)
    if isinstance(pick_list, Refusal):
        return pick_list
    listed = {each.line: each.quantity for each in pick_list.lines}
    if lines is not None and (refusal := _wrong(ready, lines, listed)):
        return refusal
    taken = listed if lines is None else {each.line: each.quantity for each in lines}
    picked = tuple(
        PickedLine(line=line, quantity=(units := taken.get(line, 0)), missing=wanted - units)
        for line, wanted in listed.items()
    )
    draft, drafts = OrderDraft(ready, occasion), Drafts(shelves, occasion)
    location = pick_list.location
    draft.note(OrderPicked(order_id=order_id, pick_id=pick_id, location=location, lines=picked))
    short = [
        OrderUnits(line=each.line, location=location, quantity=each.missing)
        for each in picked
        if each.missing
    ]
    if short and ready.terms.backorder:
        draft.note(OrderBackordered(order_id=order_id, lines=tuple(short)))
        known = {line.line: line for line in ready.lines}
        # Before they are given up: whoever is told of that sees somebody wait for what it frees.
        for missing in short:
            wait(drafts, ready, missing, known[missing.line])
    if refused := first(_take(ready, pick_id, location, picked, drafts, named=named)):
        return refused
    return drafts.facts(*draft.facts)


def pack(
    order: Order | None,
    order_id: str,
    parcel_id: str,
    *,
    location: str,
    lines: Sequence[LineQuantity] | None,
    occasion: Occasion,
) -> Facts | Refusal:
    """Put picked units of one location into a parcel: those named, or all that are loose."""
    ready = at_work(order, order_id, "packed")
    if isinstance(ready, Refusal):
        return ready
    progress = ready.so_far()
    if parcel_id in progress.parcels:
        return ParcelExists(order_id=order_id, parcel_id=parcel_id)
    loose = {
        allotment.line: allotment.picked
        for allotment in progress.allotments.values()
        if allotment.location == location and allotment.picked
    }
    if lines is None:
        lines = [LineQuantity(line=line, quantity=units) for line, units in loose.items()]
    if not lines:
        return NothingToPick(order_id=order_id, location=location)
    if refusal := _wrong(ready, lines, loose):
        return refusal
    event = OrderPacked(
        order_id=order_id, parcel_id=parcel_id, location=location, lines=tuple(lines)
    )
    return (order_fact(event, ready, occasion),)


def at_work(order: Order | None, order_id: str, wanted: OrderStep) -> Order | Refusal:
    """The order, if its units may be handled."""
    if order is None:
        return UnknownOrder(order_id=order_id)
    if order.status not in AT_WORK:
        return OrderState(order_id=order_id, status=order.status, wanted=wanted)
    return PaymentMissing(order_id=order_id) if order.unpaid else order


def _open_list(order: Order, pick_id: str) -> PickList | Refusal:
    pick_list = order.so_far().picks.get(pick_id)
    if pick_list is None:
        return UnknownPickList(order_id=order.order_id, pick_id=pick_id)
    if pick_list.status != "open":
        return PickListClosed(order_id=order.order_id, pick_id=pick_id, status=pick_list.status)
    return pick_list


def _take(
    order: Order,
    pick_id: str,
    location: str,
    picked: Iterable[PickedLine],
    drafts: Drafts,
    *,
    named: NamedByLine,
) -> Iterator[InsufficientStock]:
    """Into the drafts; says of which lines more was taken than is there."""
    skus = skus_of(order)
    for each in picked:
        sku = skus[each.line]
        draft = drafts.of(stock_stream(sku, location))
        if each.quantity > (there := draft.on_shelf):
            yield InsufficientStock(
                sku=sku, location=location, requested=each.quantity, available=there, line=each.line
            )
            continue
        if each.quantity:
            draft.note(
                StockPicked(
                    sku=sku,
                    location=location,
                    order_id=order.order_id,
                    line=each.line,
                    quantity=each.quantity,
                    pick_id=pick_id,
                ),
                units=named.get(each.line, UNNAMED),
            )
        if each.missing:
            draft.note(
                CommitmentReleased(
                    sku=sku,
                    location=location,
                    order_id=order.order_id,
                    line=each.line,
                    quantity=each.missing,
                )
            )
        # Of units that a count has taken away meanwhile nobody knows where they could be.
        if missing := min(each.missing, draft.on_shelf):
            draft.note(
                StockHeld(
                    sku=sku,
                    location=location,
                    hold_id=f"{SHORT_PICK}/{drafts.occasion.new_id()}",
                    kind="missing",
                    quantity=missing,
                    reason_code=SHORT_PICK,
                    reason=f"order {order.order_id}, pick list {pick_id}, line {each.line}",
                )
            )


def _wrong(order: Order, lines: Sequence[LineQuantity], free: Mapping[int, int]) -> Refusal | None:
    if refusal := first(duplicates(order.order_id, [each.line for each in lines])):
        return refusal
    return first(_exceeding(order, lines, free))


def _exceeding(
    order: Order, lines: Iterable[LineQuantity], free: Mapping[int, int]
) -> Iterator[Refusal]:
    known = skus_of(order)
    for each in lines:
        if each.line not in known:
            yield UnknownOrderLine(order_id=order.order_id, line=each.line)
        elif each.quantity > free.get(each.line, 0):
            yield ExceedsListed(
                order_id=order.order_id,
                line=each.line,
                requested=each.quantity,
                listed=free.get(each.line, 0),
            )
