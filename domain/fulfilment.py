"""Decisions on orders: what an order does to itself and to every stock its lines are of, all or
nothing.

`shelves` are the order's stocks by stream name (`Order.stock_streams`, or `stock_streams` of
proposed lines). Facts come in this order: the order's own, then stock by stock in line order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from domain.drafts import Drafts
from domain.events import (
    CommitmentReleased,
    OrderAllocated,
    OrderCancelled,
    OrderEvent,
    OrderLine,
    OrderPlaced,
    OrderShipped,
    ShippedLine,
    StockCommitted,
    StockShipped,
)
from domain.order import LineState, Order, evolve
from domain.promises import make_room, shortage
from domain.refusals import (
    DuplicateLine,
    ExceedsCommitted,
    InsufficientStock,
    NothingToShip,
    OrderExists,
    OrderState,
    Refusal,
    UnknownItem,
    UnknownLocation,
    UnknownOrder,
    UnknownOrderLine,
)
from domain.shelf import Shelf
from domain.streams import order_stream, stock_stream
from domain.values import Fact, Facts, Occasion

LineRefusal = (
    DuplicateLine
    | ExceedsCommitted
    | InsufficientStock
    | UnknownItem
    | UnknownLocation
    | UnknownOrderLine
)
Shelves = Mapping[str, Shelf]


def stock_streams(lines: Iterable[OrderLine]) -> tuple[str, ...]:
    """The stocks of proposed lines, each once, in line order."""
    return tuple(dict.fromkeys(stock_stream(line.sku, line.location) for line in lines))


def place(
    order: Order | None,
    proposed: OrderPlaced,
    shelves: Shelves,
    occasion: Occasion,
    *,
    allocate_lines: bool = True,
) -> Facts | Refusal:
    """Also commits every line, unless told to leave that to `allocate`."""
    if order is not None:
        return OrderExists(order_id=proposed.order_id)
    if refusal := _first(_duplicates(proposed.order_id, [line.line for line in proposed.lines])):
        return refusal
    placed = evolve(None, proposed, occasion.occurred_at)
    assert placed is not None
    if refusal := _first(_unknowns(placed, shelves)):
        return refusal
    fact = _order_fact(proposed, placed, occasion)
    if not allocate_lines:
        return (fact,)
    allocated = _allocate(placed, shelves, occasion)
    return allocated if isinstance(allocated, Refusal) else (fact, *allocated)


def allocate(
    order: Order | None, order_id: str, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """Commit every line of a placed order, or none."""
    if order is None:
        return UnknownOrder(order_id=order_id)
    if order.status != "placed":
        return OrderState(order_id=order_id, status=order.status, wanted="allocated")
    if refusal := _first(_unknowns(order, shelves)):
        return refusal
    return _allocate(order, shelves, occasion)


def ship(
    order: Order | None,
    order_id: str,
    lines: Sequence[ShippedLine] | None,
    shelves: Shelves,
    occasion: Occasion,
) -> Facts | Refusal:
    """Ship the named lines, or with None everything that is left.

    Raises HistoryNeededError as `stock_facts` does.
    """
    if order is None:
        return UnknownOrder(order_id=order_id)
    if order.status not in {"allocated", "partly_shipped"}:
        return OrderState(order_id=order_id, status=order.status, wanted="shipped")
    if lines is None:
        lines = [ShippedLine(line=line.line, quantity=line.left) for line in _unshipped(order)]
    if not lines:
        return NothingToShip(order_id=order_id)
    if refusal := _first(_duplicates(order_id, [line.line for line in lines])):
        return refusal
    if refusal := _first(_unshippable(order, lines)):
        return refusal
    units = {line.line: line.quantity for line in lines}
    shipped = [line for line in order.lines if line.line in units]
    if refusal := _first(_not_there(shipped, units, shelves)):
        return refusal
    drafts = Drafts(shelves, occasion)
    for line in shipped:
        drafts.of(line.stock_stream).move(
            StockShipped(
                sku=line.sku,
                location=line.location,
                quantity=units[line.line],
                order_id=order_id,
                line=line.line,
                unit_price_micros=line.unit_price_micros,
                currency=order.currency,
            )
        )
    event = OrderShipped(order_id=order_id, lines=tuple(lines))
    return drafts.facts(_order_fact(event, order, occasion))


def cancel(
    order: Order | None, order_id: str, reason: str, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """Gives back exactly what the order still holds."""
    if order is None:
        return UnknownOrder(order_id=order_id)
    if order.status in {"shipped", "cancelled"}:
        return OrderState(order_id=order_id, status=order.status, wanted="cancelled")
    drafts = Drafts(shelves, occasion)
    held = () if order.status == "placed" else _unshipped(order)
    for line in held:
        drafts.of(line.stock_stream).note(
            CommitmentReleased(
                sku=line.sku,
                location=line.location,
                order_id=order_id,
                line=line.line,
                quantity=line.left,
            )
        )
    event = OrderCancelled(order_id=order_id, reason=reason)
    return drafts.facts(_order_fact(event, order, occasion))


def _allocate(order: Order, shelves: Shelves, occasion: Occasion) -> Facts | Refusal:
    wanted = _sums(order.lines, {line.line: line.quantity for line in order.lines})
    short = []
    for stream, (first_line, units) in wanted.items():
        shortfall = shortage(shelves[stream], units, occasion.now)
        if shortfall is not None:
            short.append(replace(shortfall, line=first_line.line))
    if refusal := _first(short):
        return refusal
    drafts = Drafts(shelves, occasion)
    for stream, (_, units) in wanted.items():
        make_room(drafts.of(stream), shelves[stream], units, occasion.now)
    for line in order.lines:
        drafts.of(line.stock_stream).note(
            StockCommitted(
                sku=line.sku,
                location=line.location,
                order_id=order.order_id,
                line=line.line,
                quantity=line.quantity,
                backorder_limit=shelves[line.stock_stream].promise_limit,
            )
        )
    event = OrderAllocated(order_id=order.order_id)
    return drafts.facts(_order_fact(event, order, occasion))


def _sums(lines: Iterable[LineState], units: Mapping[int, int]) -> dict[str, tuple[LineState, int]]:
    """For each stock: its first line, and the units of all its lines together."""
    sums: dict[str, tuple[LineState, int]] = {}
    for line in lines:
        first_line, so_far = sums.get(line.stock_stream, (line, 0))
        sums[line.stock_stream] = (first_line, so_far + units[line.line])
    return sums


def _not_there(
    lines: Iterable[LineState], units: Mapping[int, int], shelves: Shelves
) -> Iterator[LineRefusal]:
    for stream, (first_line, wanted) in _sums(lines, units).items():
        shippable = shelves[stream].stock.shippable
        if wanted > shippable:
            yield InsufficientStock(
                sku=first_line.sku,
                location=first_line.location,
                requested=wanted,
                available=shippable,
                line=first_line.line,
            )


def _unshippable(order: Order, lines: Iterable[ShippedLine]) -> Iterator[LineRefusal]:
    left = {line.line: line.left for line in order.lines}
    for line in lines:
        if line.line not in left:
            yield UnknownOrderLine(order_id=order.order_id, line=line.line)
        elif line.quantity > left[line.line]:
            yield ExceedsCommitted(
                order_id=order.order_id,
                line=line.line,
                requested=line.quantity,
                committed=left[line.line],
            )


def _unknowns(order: Order, shelves: Shelves) -> Iterator[LineRefusal]:
    for line in order.lines:
        unknown = shelves[line.stock_stream].unknown()
        if unknown is not None:
            yield replace(unknown, line=line.line)


def _duplicates(order_id: str, lines: Iterable[int]) -> Iterator[LineRefusal]:
    seen: set[int] = set()
    for line in lines:
        if line in seen:
            yield DuplicateLine(order_id=order_id, line=line)
        seen.add(line)


def _first(problems: Iterable[LineRefusal]) -> LineRefusal | None:
    """The first problem, with the others in its `also`."""
    found = list(problems)
    return replace(found[0], also=tuple(found[1:])) if found else None


def _unshipped(order: Order) -> tuple[LineState, ...]:
    return tuple(line for line in order.lines if line.left > 0)


def _order_fact(event: OrderEvent, order: Order, occasion: Occasion) -> Fact:
    """`order` is the one before the event; of an order that is placed, the one after."""
    placing = isinstance(event, OrderPlaced)
    return Fact(
        stream=order_stream(event.order_id),
        event=event,
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
        after=order if placing else evolve(order, event, occasion.occurred_at),
    )
