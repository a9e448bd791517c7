"""Decisions that begin an order: placing it, allocating it, and that it was paid.

`shelves` are the order's stocks by stream name: those its lines name (`stock_streams` of proposed
ones) and those they may be sourced from (`Order.candidate_streams`). Facts come in this order: the
order's own, then stock by stock in line order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from domain.allocation import Own, settle
from domain.events import (
    OrderAllocated,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    ReservationReleased,
    StockCommitted,
)
from domain.order import PLAIN, LineState, Order, evolve
from domain.order_drafts import Drafts, OrderDraft, Shelves, duplicates, first, order_fact
from domain.promises import make_room, shortage
from domain.refusals import (
    OrderExists,
    OrderState,
    Refusal,
    ReservationClosed,
    UnknownItem,
    UnknownLocation,
    UnknownOrder,
    UnknownReservation,
)
from domain.refusals_orders import PaymentNotAwaited
from domain.stock import Stock
from domain.streams import stock_stream
from domain.values import Facts, Occasion


def stock_streams(lines: Iterable[OrderLine], locations: Iterable[str] = ()) -> tuple[str, ...]:
    """The stocks of proposed lines, each once, in line order; of those without a location, the
    stocks at `locations`.
    """
    found: dict[str, None] = {}
    for line in lines:
        if line.is_kit:
            continue
        for place in locations if line.location is None else (line.location,):
            found[stock_stream(line.sku, place)] = None
    return tuple(found)


def place(
    order: Order | None,
    proposed: OrderPlaced,
    shelves: Shelves,
    occasion: Occasion,
    *,
    allocate_lines: bool = True,
    own: Own | None = None,
) -> Facts | Refusal:
    """Also allocates the lines by the order's terms, unless told to leave that to `allocate`.

    `own`: units by stream that a cart has just given up for the order; without them, the
    reservation that the order names is ended here.
    """
    if order is not None:
        return OrderExists(order_id=proposed.order_id)
    if refusal := first(duplicates(proposed.order_id, [line.line for line in proposed.lines])):
        return refusal
    placed = evolve(None, proposed, occasion.occurred_at)
    assert placed is not None
    if refused := first(_unknowns(placed, shelves)):
        return refused
    fact = order_fact(proposed, placed, occasion)
    if not allocate_lines:
        return (fact,)
    if _is_plain(placed):
        allocated = _allocate_lines(placed, shelves, occasion)
    else:
        allocated = _allocate_by_terms(placed, Drafts(shelves, occasion), own)
    return allocated if isinstance(allocated, Refusal) else (fact, *allocated)


def allocate(
    order: Order | None, order_id: str, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """Commit what is committed nowhere yet: all of it or, if the order may be sent in parts, what
    there is. What waits and cannot be committed goes on waiting.
    """
    if order is None:
        return UnknownOrder(order_id=order_id)
    if order.status not in {"placed", "backordered", "partly_allocated", "partly_shipped"}:
        return OrderState(order_id=order_id, status=order.status, wanted="allocated")
    if refusal := first(_unknowns(order, shelves)):
        return refusal
    if _is_plain(order):
        if order.status != "placed":
            return OrderState(order_id=order_id, status=order.status, wanted="allocated")
        return _allocate_lines(order, shelves, occasion)
    draft, drafts = OrderDraft(order, occasion), Drafts(shelves, occasion)
    short = settle(draft, drafts, {}, waits_already=_waits(order))
    if short is not None:
        return short
    if not draft.facts:
        return OrderState(order_id=order_id, status=order.status, wanted="allocated")
    return drafts.facts(*draft.facts)


def confirm_payment(
    order: Order | None, order_id: str, payment_id: str, occasion: Occasion
) -> Facts | Refusal:
    """What had to be paid before the order is picked or shipped is paid."""
    if order is None:
        return UnknownOrder(order_id=order_id)
    if order.status in {"cancelled", "closed"}:
        return OrderState(order_id=order_id, status=order.status, wanted="paid")
    if not order.unpaid:
        return PaymentNotAwaited(order_id=order_id)
    return (order_fact(OrderPaid(order_id=order_id, payment_id=payment_id), order, occasion),)


def _is_plain(order: Order) -> bool:
    """Whether it is committed as a whole where its lines say, or not at all."""
    return order.progress is None and (
        order.terms is PLAIN
        or (
            order.terms.allocation == "all"
            and not order.terms.backorder
            and order.terms.sourcing is None
            and order.terms.reservation_id is None
        )
    )


def _waits(order: Order) -> bool:
    return any(allotment.waiting for allotment in order.so_far().allotments.values())


def _allocate_by_terms(order: Order, drafts: Drafts, own: Own | None) -> Facts | Refusal:
    draft = OrderDraft(order, drafts.occasion)
    mine = _converted(order, drafts) if own is None else own
    if isinstance(mine, Refusal):
        return mine
    short = settle(draft, drafts, mine)
    return short if short is not None else drafts.facts(*draft.facts)


def _converted(order: Order, drafts: Drafts) -> Own | Refusal:
    """End the reservation that becomes the order; its units are the order's before anybody's."""
    reservation_id = order.terms.reservation_id
    if reservation_id is None:
        return {}
    own: dict[str, int] = {}
    ended: Refusal | None = None
    for stream in dict.fromkeys((*order.stock_streams, *order.candidate_streams)):
        stock = drafts.shelves[stream].stock
        promise = stock.reservation(reservation_id)
        if promise is None:
            ended = ended or _ended(stock, reservation_id)
        elif promise.expires_at is not None and promise.expires_at <= drafts.occasion.now:
            return ReservationClosed(reservation_id=reservation_id, ended="expired")
        else:
            own[stream] = promise.quantity
            drafts.of(stream).note(
                ReservationReleased(
                    sku=stock.sku,
                    location=stock.location,
                    reservation_id=reservation_id,
                    quantity=promise.quantity,
                )
            )
    return own or ended or {}


def _ended(stock: Stock, reservation_id: str) -> Refusal:
    ending = stock.closed_reservations.get(reservation_id)
    if ending is not None:
        return ReservationClosed(reservation_id=reservation_id, ended=ending)
    return UnknownReservation(reservation_id=reservation_id, sku=stock.sku, location=stock.location)


def _allocate_lines(order: Order, shelves: Shelves, occasion: Occasion) -> Facts | Refusal:
    lines = [line for line in order.lines if not line.is_kit]
    wanted = sums(lines, {line.line: line.quantity for line in lines})
    short = []
    for stream, (first_line, units) in wanted.items():
        shortfall = shortage(shelves[stream], units, occasion.now)
        if shortfall is not None:
            short.append(replace(shortfall, line=first_line.line))
    if refusal := first(short):
        return refusal
    drafts = Drafts(shelves, occasion)
    for stream, (_, units) in wanted.items():
        make_room(drafts.of(stream), shelves[stream], units, occasion.now)
    for line in lines:
        stream = line.stock_stream
        drafts.of(stream).note(
            StockCommitted(
                sku=line.sku,
                location=line.location or "",
                order_id=order.order_id,
                line=line.line,
                quantity=line.quantity,
                backorder_limit=shelves[stream].promise_limit,
            )
        )
    event = OrderAllocated(order_id=order.order_id)
    return drafts.facts(order_fact(event, order, occasion))


def sums(lines: Iterable[LineState], units: Mapping[int, int]) -> dict[str, tuple[LineState, int]]:
    """For each stock: its first line, and the units of all its lines together."""
    found: dict[str, tuple[LineState, int]] = {}
    for line in lines:
        stream = line.stock_stream
        first_line, so_far = found.get(stream, (line, 0))
        found[stream] = (first_line, so_far + units[line.line])
    return found


def _unknowns(order: Order, shelves: Shelves) -> Iterator[UnknownItem | UnknownLocation]:
    """What lines speak of and nobody registered; of lines without a location, any that may send."""
    for line in order.lines:
        if line.is_kit:
            continue
        places = order.terms.locations if line.location is None else (line.location,)
        for place in places:
            unknown = shelves[stock_stream(line.sku, place)].unknown()
            if unknown is not None:
                yield replace(unknown, line=line.line)
                break
