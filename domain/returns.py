"""Decisions on what comes back: a return is requested, inspected when it arrives, and perhaps made
up for by another order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from domain.allocation import skus_of
from domain.events import (
    Disposition,
    InspectedLine,
    LineQuantity,
    OrderExchanged,
    OrderPlaced,
    ReturnInspected,
    ReturnRequested,
    StockReturned,
)
from domain.named_units import UNNAMED, NamedUnits
from domain.order import Order
from domain.order_drafts import Drafts, OrderDraft, Shelves, duplicates, first, order_fact
from domain.ordering import place
from domain.refusals import OrderState, Refusal, UnknownOrder, UnknownOrderLine
from domain.refusals_orders import ExceedsReturnable, ReturnExists, UnknownReturn
from domain.streams import stock_stream
from domain.values import Facts, Occasion

TO: Mapping[str, Disposition] = {"restock": "stock", "damage": "damaged"}


def request_return(
    order: Order | None,
    order_id: str,
    return_id: str,
    *,
    lines: Sequence[LineQuantity],
    reason: str,
    occasion: Occasion,
) -> Facts | Refusal:
    """Shipped units are to come back; of each no more than were shipped."""
    if order is None:
        return UnknownOrder(order_id=order_id)
    progress = order.so_far()
    if return_id in progress.returns:
        return ReturnExists(order_id=order_id, return_id=return_id)
    shipped = {line.line: line.shipped for line in order.lines if not line.is_kit}
    if not any(shipped.values()):
        return OrderState(order_id=order_id, status=order.status, wanted="returned")
    coming = progress.coming_back()
    returnable = {line: units - coming.get(line, 0) for line, units in shipped.items()}
    if refusal := first(duplicates(order_id, [each.line for each in lines])):
        return refusal
    if refused := first(_exceeding(order_id, lines, returnable)):
        return refused
    event = ReturnRequested(
        order_id=order_id, return_id=return_id, lines=tuple(lines), reason=reason
    )
    return (order_fact(event, order, occasion),)


def inspect_return(
    order: Order | None,
    order_id: str,
    return_id: str,
    *,
    location: str,
    lines: Sequence[InspectedLine],
    named: Sequence[NamedUnits] = (),
    shelves: Shelves,
    occasion: Occasion,
) -> Facts | Refusal:
    """Units of a return were looked at: some go on sale again, some are held as damaged, some are
    refused. `shelves` are of the lines' items where they arrived; `named`, line by line, are the
    lots (or serials) of those that are tracked.

    Raises HistoryNeededError as `stock_facts` does.
    """
    if order is None:
        return UnknownOrder(order_id=order_id)
    back = order.so_far().returns.get(return_id)
    if back is None:
        return UnknownReturn(order_id=order_id, return_id=return_id)
    sums: dict[int, int] = {}
    for each in lines:
        sums[each.line] = sums.get(each.line, 0) + each.quantity
    seen = [LineQuantity(line=line, quantity=units) for line, units in sums.items()]
    if refusal := first(_exceeding(order_id, seen, back.due())):
        return refusal
    skus, drafts = skus_of(order), Drafts(shelves, occasion)
    for each, units in zip(lines, named or [UNNAMED] * len(lines), strict=True):
        sku = skus[each.line]
        stream = stock_stream(sku, location)
        if (unknown := shelves[stream].unknown()) is not None:
            return unknown
        if each.outcome == "refuse":
            continue
        drafts.of(stream).move(
            StockReturned(
                sku=sku,
                location=location,
                quantity=each.quantity,
                to=TO[each.outcome],
                order_id=order_id,
                reason=back.reason,
            ),
            units=units,
            line=each.line,
        )
    event = ReturnInspected(
        order_id=order_id, return_id=return_id, location=location, lines=tuple(lines)
    )
    return drafts.facts(order_fact(event, order, occasion))


def exchange(
    order: Order | None,
    order_id: str,
    return_id: str,
    *,
    lines: Sequence[LineQuantity],
    replacement: Order | None,
    proposed: OrderPlaced,
    shelves: Shelves,
    occasion: Occasion,
) -> Facts | Refusal:
    """A return is requested, and `proposed` placed for it; `replacement` is an order that has taken
    its id already. All of it, or nothing.
    """
    requested = request_return(
        order, order_id, return_id, lines=lines, reason="exchange", occasion=occasion
    )
    if isinstance(requested, Refusal):
        return requested
    placed = place(replacement, proposed, shelves, occasion)
    if isinstance(placed, Refusal):
        return placed
    after = requested[-1].after
    assert isinstance(after, Order)
    draft = OrderDraft(after, occasion)
    draft.note(
        OrderExchanged(order_id=order_id, return_id=return_id, replacement_id=proposed.order_id)
    )
    return (*requested, *draft.facts, *placed)


def _exceeding(
    order_id: str, lines: Iterable[LineQuantity], returnable: Mapping[int, int]
) -> Iterator[UnknownOrderLine | ExceedsReturnable]:
    for each in lines:
        if each.line not in returnable:
            yield UnknownOrderLine(order_id=order_id, line=each.line)
        elif each.quantity > returnable[each.line]:
            yield ExceedsReturnable(
                order_id=order_id,
                line=each.line,
                requested=each.quantity,
                returnable=returnable[each.line],
            )
