"""Decisions on purchases: what a purchase does to itself and to every stock its lines come to, all
or nothing.

`shelves` are the stocks by stream name (`Purchase.stock_streams`, or `stock_streams` of proposed
lines). Facts come in this order: the purchase's own, then stock by stock in line order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from domain.drafts import Shelves
from domain.events import (
    PurchaseApproved,
    PurchaseCancelled,
    PurchaseChanged,
    PurchaseClosed,
    PurchaseEvent,
    PurchaseLine,
    PurchasePlaced,
    PurchaseReceived,
)
from domain.line_refusals import LineRefusal, first_of, repeated
from domain.location import Location
from domain.purchase import Purchase, PurchaseLineState
from domain.purchase_arrivals import DeliveredLine, PurchaseArrivals
from domain.refusals import ItemDiscontinuedAlready, Refusal, UnknownLocation
from domain.refusals_purchases import (
    LessThanSettled,
    PurchaseExists,
    PurchaseLineRepeated,
    PurchaseReceiptExists,
    PurchaseState,
    UnknownPurchase,
    UnknownPurchaseLine,
)
from domain.streams import purchase_stream, stock_stream
from domain.values import Fact, Facts, Occasion


class Ordered(Protocol):
    """A line, however it is written down."""

    @property
    def sku(self) -> str: ...


def stock_streams(location: str, lines: Iterable[Ordered]) -> tuple[str, ...]:
    """The stocks that proposed lines come to, each once, in line order."""
    return tuple(dict.fromkeys(stock_stream(line.sku, location) for line in lines))


def place(
    purchase: Purchase | None,
    proposed: PurchasePlaced,
    supplier: Location | None,
    shelves: Shelves,
    occasion: Occasion,
) -> Facts | Refusal:
    """Nothing is expected before it is approved. `supplier` is the location that it names."""
    if purchase is not None:
        return PurchaseExists(purchase_id=proposed.purchase_id)
    if proposed.supplier is not None and supplier is None:
        return UnknownLocation(location=proposed.supplier)
    if refusal := _unsound(proposed.purchase_id, proposed.lines):
        return refusal
    if refusal := first_of(_unbuyable(proposed.lines, proposed.location, shelves, occasion)):
        return refusal
    return (_fact(proposed, occasion),)


def approve(
    purchase: Purchase | None, purchase_id: str, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """Every unit of every line is incoming from now on."""
    if purchase is None:
        return UnknownPurchase(purchase_id=purchase_id)
    if purchase.status != "placed":
        return PurchaseState(purchase_id=purchase_id, status=purchase.status, wanted="approved")
    if refusal := first_of(_unbuyable(purchase.lines, purchase.location, shelves, occasion)):
        return refusal
    arrivals = PurchaseArrivals(purchase, shelves, occasion)
    for line in purchase.lines:
        arrivals.expect(line, line.quantity)
    return arrivals.facts(_fact(PurchaseApproved(purchase_id=purchase_id), occasion))


def change(
    purchase: Purchase | None,
    proposed: PurchaseChanged,
    shelves: Shelves,
    occasion: Occasion,
) -> Facts | Refusal:
    """The proposed lines take the place of all it has; what came of a line cannot be taken off it.

    `shelves` are those of its lines and of the proposed ones.
    """
    purchase_id = proposed.purchase_id
    if purchase is None:
        return UnknownPurchase(purchase_id=purchase_id)
    if purchase.status != "placed" and not purchase.expects:
        return PurchaseState(purchase_id=purchase_id, status=purchase.status, wanted="changed")
    if refusal := _unsound(purchase_id, proposed.lines):
        return refusal
    known = {(line.line, line.sku) for line in purchase.lines}
    added = [line for line in proposed.lines if (line.line, line.sku) not in known]
    if refusal := first_of(_unbuyable(added, purchase.location, shelves, occasion)):
        return refusal
    if refusal := first_of(_taken_off(purchase, proposed.lines)):
        return refusal
    arrivals = PurchaseArrivals(purchase, shelves, occasion)
    if purchase.expects:
        arrivals.change_to(proposed.lines)
    return arrivals.facts(_fact(proposed, occasion))


def receive(
    purchase: Purchase | None,
    purchase_id: str,
    shelves: Shelves,
    occasion: Occasion,
    *,
    receipt_id: str,
    delivered: Sequence[DeliveredLine],
) -> Facts | Refusal:
    """Book one delivery. Units beyond what is outstanding are over: they come on hand as well.

    Raises HistoryNeededError as `stock_facts` does.
    """
    if purchase is None:
        return UnknownPurchase(purchase_id=purchase_id)
    if not purchase.expects and purchase.status != "received":
        return PurchaseState(purchase_id=purchase_id, status=purchase.status, wanted="received")
    if receipt_id in purchase.receipts:
        return PurchaseReceiptExists(purchase_id=purchase_id, receipt_id=receipt_id)
    lines = {line.line: line for line in purchase.lines}
    if refusal := first_of(_undeliverable(purchase_id, delivered, lines)):
        return refusal
    accepted = [lines[each.line] for each in delivered if each.accepted]
    if refusal := first_of(_discontinued(accepted, purchase.location, shelves, occasion)):
        return refusal
    arrivals = PurchaseArrivals(purchase, shelves, occasion)
    received = tuple(arrivals.receive(lines[each.line], each) for each in delivered)
    event = PurchaseReceived(purchase_id=purchase_id, receipt_id=receipt_id, lines=received)
    return arrivals.facts(_fact(event, occasion))


def close(
    purchase: Purchase | None,
    purchase_id: str,
    reason: str,
    shelves: Shelves,
    occasion: Occasion,
) -> Facts | Refusal:
    """What is outstanding is short: it never came, and is expected no more."""
    if purchase is None:
        return UnknownPurchase(purchase_id=purchase_id)
    if not purchase.expects and purchase.status != "received":
        return PurchaseState(purchase_id=purchase_id, status=purchase.status, wanted="closed")
    arrivals = PurchaseArrivals(purchase, shelves, occasion)
    arrivals.give_up("short")
    event = PurchaseClosed(purchase_id=purchase_id, short=purchase.outstanding, reason=reason)
    return arrivals.facts(_fact(event, occasion))


def cancel(
    purchase: Purchase | None,
    purchase_id: str,
    reason: str,
    shelves: Shelves,
    occasion: Occasion,
) -> Facts | Refusal:
    """Takes back exactly what is still expected; what came stays."""
    if purchase is None:
        return UnknownPurchase(purchase_id=purchase_id)
    if purchase.status != "placed" and not purchase.expects:
        return PurchaseState(purchase_id=purchase_id, status=purchase.status, wanted="cancelled")
    arrivals = PurchaseArrivals(purchase, shelves, occasion)
    withdrawn = purchase.outstanding if purchase.expects else ()
    if purchase.expects:
        arrivals.give_up("cancelled")
    event = PurchaseCancelled(purchase_id=purchase_id, withdrawn=withdrawn, reason=reason)
    return arrivals.facts(_fact(event, occasion))


def _unsound(purchase_id: str, lines: Sequence[PurchaseLine]) -> LineRefusal | None:
    return first_of(
        PurchaseLineRepeated(purchase_id=purchase_id, line=line)
        for line in repeated(line.line for line in lines)
    )


def _unbuyable(
    lines: Iterable[PurchaseLine | PurchaseLineState],
    location: str,
    shelves: Shelves,
    occasion: Occasion,
) -> Iterator[LineRefusal]:
    for line in lines:
        unknown = shelves[stock_stream(line.sku, location)].unknown()
        if unknown is not None:
            yield replace(unknown, line=line.line)
        else:
            yield from _discontinued([line], location, shelves, occasion)


def _discontinued(
    lines: Iterable[PurchaseLine | PurchaseLineState],
    location: str,
    shelves: Shelves,
    occasion: Occasion,
) -> Iterator[LineRefusal]:
    """Nothing comes in of an item from its end on, as for any receipt."""
    for line in lines:
        item = shelves[stock_stream(line.sku, location)].item
        end = None if item is None else item.discontinued_at
        if end is not None and occasion.occurred_at >= end:
            yield ItemDiscontinuedAlready(sku=line.sku, discontinued_at=end, line=line.line)


def _undeliverable(
    purchase_id: str, delivered: Sequence[DeliveredLine], known: Iterable[int]
) -> Iterator[LineRefusal]:
    for line in repeated(each.line for each in delivered):
        yield PurchaseLineRepeated(purchase_id=purchase_id, line=line)
    for each in delivered:
        if each.line not in known:
            yield UnknownPurchaseLine(purchase_id=purchase_id, line=each.line)


def _taken_off(purchase: Purchase, proposed: Sequence[PurchaseLine]) -> Iterator[LineRefusal]:
    wanted = {(line.line, line.sku): line.quantity for line in proposed}
    for line in purchase.lines:
        left = wanted.get((line.line, line.sku), 0)
        if left < line.settled:
            yield LessThanSettled(
                purchase_id=purchase.purchase_id,
                line=line.line,
                sku=line.sku,
                requested=left,
                settled=line.settled,
            )


def _fact(event: PurchaseEvent, occasion: Occasion) -> Fact:
    return Fact(
        stream=purchase_stream(event.purchase_id),
        event=event,
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
    )
