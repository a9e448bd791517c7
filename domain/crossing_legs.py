"""Decisions on crossings: what each leg does in its own ledger, all lines or none.

dispatch    the units leave the origin and are in transit there
arrive      in the other ledger: they come in
hand_over   the other ledger has them: in transit no more
give_back   the other ledger refused them: at the origin again

`shelves` are the stocks at the crossing's end here (`Crossing.stock_streams`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from domain.crossing import Crossing
from domain.drafts import Drafts, Shelves
from domain.events import (
    ArrivalClosed,
    ArrivalExpected,
    ArrivalOutcome,
    CrossingArrived,
    CrossingDispatched,
    CrossingEvent,
    CrossingHandedOver,
    CrossingLine,
    CrossingReturned,
    LineLot,
    StockArrived,
    StockDispatched,
    StockReceived,
)
from domain.item import Item
from domain.line_lots import LineLots, NamedLine, added, named
from domain.line_refusals import LineRefusal, first_of
from domain.named_units import NamedUnits
from domain.refusals import (
    ItemDiscontinuedAlready,
    Refusal,
    UnknownItem,
)
from domain.refusals_crossings import CrossingExists, CrossingState, SameLedger, UnknownCrossing
from domain.refusals_transfers import TooFewToMove
from domain.streams import crossing_stream, stock_stream
from domain.values import Fact, Facts, Occasion


def source_id(crossing_id: str) -> str:
    """A crossing among the transfers of its stocks: no transfer's id holds a space."""
    return f"crossing {crossing_id}"


def dispatch(
    crossing: Crossing | None,
    proposed: CrossingDispatched,
    lines: Sequence[NamedLine],
    shelves: Shelves,
    occasion: Occasion,
    *,
    ledger: str,
) -> Facts | Refusal:
    """The units leave; lots (or serials) that `lines` do not name are chosen by removal order.

    Raises HistoryNeededError as `stock_facts` does.
    """
    if crossing is not None:
        return CrossingExists(crossing_id=proposed.crossing_id)
    if proposed.to_ledger == ledger:
        return SameLedger(ledger=ledger)
    if refusal := first_of(_not_there(proposed, shelves)):
        return refusal
    drafts = Drafts(shelves, occasion)
    sent = []
    for line, of_line in zip(proposed.lines, lines, strict=True):
        place = {"sku": line.sku, "location": proposed.origin, "quantity": line.quantity}
        stream = stock_stream(line.sku, proposed.origin)
        draft, name = drafts.of(stream), source_id(proposed.crossing_id)
        before = draft.units
        left = StockDispatched(
            **place,  # type: ignore[arg-type] # two texts and a number
            transfer_id=name,
            line=line.line,
            destination=f"{proposed.to_ledger} {proposed.destination}",
        )
        draft.move(left, units=of_line.units)
        way = ArrivalExpected(
            **place,  # type: ignore[arg-type] # as above
            source="transfer",
            source_id=name,
            line=line.line,
        )
        draft.note(way)
        known = shelves[stream].stock.lots
        lots = tuple(
            LineLot(
                lot=each.lot,
                quantity=each.quantity,
                expires_on=known[each.lot].expires_on if each.lot in known else None,
            )
            for each in added(before, draft.units)
        )
        sent.append(CrossingLine(line=line.line, sku=line.sku, quantity=line.quantity, lots=lots))
    event = CrossingDispatched(
        crossing_id=proposed.crossing_id,
        to_ledger=proposed.to_ledger,
        origin=proposed.origin,
        destination=proposed.destination,
        lines=tuple(sent),
    )
    return drafts.facts(_fact(event, occasion))


def arrive(
    crossing: Crossing | None, proposed: CrossingArrived, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """All of it comes in, or none. Raises HistoryNeededError as `stock_facts` does."""
    if crossing is not None:
        return CrossingExists(crossing_id=proposed.crossing_id)
    if refusal := first_of(_not_taken(proposed, shelves, occasion)):
        return refusal
    drafts = Drafts(shelves, occasion)
    for line in proposed.lines:
        stream = stock_stream(line.sku, proposed.destination)
        item = shelves[stream].item
        units = _with_days(line.lots, item)
        came = StockReceived(
            sku=line.sku,
            location=proposed.destination,
            quantity=line.quantity,
            document=source_id(proposed.crossing_id),
        )
        drafts.of(stream).move(came, units=units)
    return drafts.facts(_fact(proposed, occasion))


def hand_over(
    crossing: Crossing | None, crossing_id: str, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """The other ledger has them."""
    travelling = _travelling(crossing, crossing_id, "handed_over")
    if isinstance(travelling, Refusal):
        return travelling
    drafts = Drafts(shelves, occasion)
    _end(travelling, drafts, "handed_over")
    return drafts.facts(_fact(CrossingHandedOver(crossing_id=crossing_id), occasion))


def give_back(
    crossing: Crossing | None, crossing_id: str, code: str, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """The other ledger refused them. Raises HistoryNeededError as `stock_facts` does."""
    travelling = _travelling(crossing, crossing_id, "returned")
    if isinstance(travelling, Refusal):
        return travelling
    drafts = Drafts(shelves, occasion)
    for line in travelling.lines:
        stream = stock_stream(line.sku, travelling.location)
        back = StockArrived(
            sku=line.sku,
            location=travelling.location,
            quantity=line.quantity,
            transfer_id=source_id(crossing_id),
            line=line.line,
            origin=f"{travelling.other_ledger} {travelling.destination}",
        )
        drafts.of(stream).move(back, units=named(line.lots, shelves[stream].item))
    _end(travelling, drafts, "returned")
    return drafts.facts(_fact(CrossingReturned(crossing_id=crossing_id, code=code), occasion))


def _with_days(lots: LineLots, item: Item | None) -> NamedUnits:
    """As the item is tracked, each with the last good day it had where it left."""
    units = named(lots, item)
    days = {each.lot: each.expires_on for each in lots if each.expires_on is not None}
    return replace(
        units,
        lots=tuple(replace(each, expires_on=days.get(each.lot)) for each in units.lots),
        expires_on=days if units.serials else {},
    )


def _end(crossing: Crossing, drafts: Drafts, outcome: ArrivalOutcome) -> None:
    for line in crossing.lines:
        event = ArrivalClosed(
            sku=line.sku,
            location=crossing.location,
            source="transfer",
            source_id=source_id(crossing.crossing_id),
            line=line.line,
            quantity=line.quantity,
            outcome=outcome,
        )
        drafts.of(stock_stream(line.sku, crossing.location)).note(event)


def _travelling(
    crossing: Crossing | None, crossing_id: str, wanted: str
) -> Crossing | UnknownCrossing | CrossingState:
    if crossing is None:
        return UnknownCrossing(crossing_id=crossing_id)
    if crossing.status != "in_transit":
        return CrossingState(crossing_id=crossing_id, status=crossing.status, wanted=wanted)
    return crossing


def _not_there(proposed: CrossingDispatched, shelves: Shelves) -> Iterator[LineRefusal]:
    """Lines of one SKU are checked on their sum."""
    sums: dict[str, tuple[int, int]] = {}
    for line in proposed.lines:
        first_line, units = sums.get(line.sku, (line.line, 0))
        sums[line.sku] = (first_line, units + line.quantity)
    for sku, (first_line, units) in sums.items():
        shelf = shelves[stock_stream(sku, proposed.origin)]
        if (unknown := shelf.unknown()) is not None:
            yield unknown
        elif units > (available := max(0, shelf.stock.available)):
            yield TooFewToMove(
                sku=sku,
                location=proposed.origin,
                requested=units,
                available=available,
                line=first_line,
            )


def _not_taken(
    proposed: CrossingArrived, shelves: Shelves, occasion: Occasion
) -> Iterator[LineRefusal]:
    for line in proposed.lines:
        shelf = shelves[stock_stream(line.sku, proposed.destination)]
        if (unknown := shelf.unknown()) is not None:
            yield unknown
            continue
        end = None if shelf.item is None else shelf.item.discontinued_at
        if end is not None and occasion.occurred_at >= end:
            yield ItemDiscontinuedAlready(sku=line.sku, discontinued_at=end)
        elif shelf.item is not None and (shelf.item.tracking != "none") != bool(line.lots):
            # Told apart in one ledger and not in the other: to the other it is another item.
            yield UnknownItem(sku=line.sku)


def _fact(event: CrossingEvent, occasion: Occasion) -> Fact:
    return Fact(
        stream=crossing_stream(event.crossing_id),
        event=event,
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
    )
