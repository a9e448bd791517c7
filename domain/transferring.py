"""Decisions on transfers: what a transfer does to itself and to the stocks at both its ends, all or
nothing.

`shelves` are the stocks by stream name (`Transfer.stock_streams`). Facts come in this order: the
transfer's own, then stock by stock as its lines meet them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from domain.drafts import Shelves
from domain.events import (
    Remainder,
    TransferCancelled,
    TransferClosed,
    TransferDispatched,
    TransferEvent,
    TransferPlaced,
    TransferReceived,
)
from domain.line_lots import NamedLine, told
from domain.line_refusals import LineRefusal, first_of, repeated
from domain.refusals import Refusal
from domain.refusals_transfers import (
    ExceedsTransfer,
    LotNotSent,
    SameLocation,
    TooFewToMove,
    TransferExists,
    TransferLineRepeated,
    TransferReceiptExists,
    TransferState,
    UnknownTransfer,
    UnknownTransferLine,
)
from domain.streams import stock_stream, transfer_stream
from domain.transfer import Transfer, TransferLineState
from domain.transfer_legs import TransferLegs
from domain.values import Fact, Facts, Occasion


def place(
    transfer: Transfer | None, proposed: TransferPlaced, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """A plan: it promises nothing at the origin."""
    transfer_id = proposed.transfer_id
    if transfer is not None:
        return TransferExists(transfer_id=transfer_id)
    if proposed.origin == proposed.destination:
        return SameLocation(location=proposed.origin)
    if refusal := first_of(_repeated(transfer_id, [line.line for line in proposed.lines])):
        return refusal
    if refusal := first_of(_unknowns(proposed, shelves)):
        return refusal
    return (_fact(proposed, occasion),)


def dispatch(
    transfer: Transfer | None,
    transfer_id: str,
    lines: Sequence[NamedLine] | None,
    shelves: Shelves,
    occasion: Occasion,
) -> Facts | Refusal:
    """Send the named units, or with None all that was wanted: as many as are available, no more.
    Lots (or serials) that are not named are chosen by the item's removal order.

    Raises HistoryNeededError as `stock_facts` does.
    """
    if transfer is None:
        return UnknownTransfer(transfer_id=transfer_id)
    if transfer.status != "placed":
        return TransferState(transfer_id=transfer_id, status=transfer.status, wanted="dispatched")
    if lines is None:
        lines = [NamedLine(line=line.line, quantity=line.quantity) for line in transfer.lines]
    if refusal := first_of(_unsendable(transfer, lines)):
        return refusal
    known = {line.line: line for line in transfer.lines}
    wanted = [(known[each.line], each.quantity) for each in lines]
    if refusal := first_of(_not_there(transfer.origin, wanted, shelves)):
        return refusal
    legs = TransferLegs(transfer, shelves, occasion)
    sent = tuple(legs.leave(known[each.line], each) for each in lines)
    event = TransferDispatched(transfer_id=transfer_id, lines=sent)
    return legs.facts(_fact(event, occasion))


def receive(
    transfer: Transfer | None,
    transfer_id: str,
    shelves: Shelves,
    occasion: Occasion,
    *,
    receipt_id: str,
    arrived: Sequence[NamedLine],
) -> Facts | Refusal:
    """Book what came in, as many as it really is. Units beyond those in transit are over: they come
    on hand as well. Only lots (or serials) that are in transit can arrive.

    Raises HistoryNeededError as `stock_facts` does.
    """
    if transfer is None:
        return UnknownTransfer(transfer_id=transfer_id)
    if not transfer.travels:
        return TransferState(transfer_id=transfer_id, status=transfer.status, wanted="received")
    if receipt_id in transfer.receipts:
        return TransferReceiptExists(transfer_id=transfer_id, receipt_id=receipt_id)
    if refusal := first_of(_unreceivable(transfer, arrived)):
        return refusal
    if refusal := first_of(_not_sent(transfer, arrived, shelves)):
        return refusal
    known = {line.line: line for line in transfer.lines}
    legs = TransferLegs(transfer, shelves, occasion)
    lines = tuple(legs.arrive(known[each.line], each) for each in arrived)
    event = TransferReceived(transfer_id=transfer_id, receipt_id=receipt_id, lines=lines)
    return legs.facts(_fact(event, occasion))


def close(
    transfer: Transfer | None,
    transfer_id: str,
    shelves: Shelves,
    occasion: Occasion,
    *,
    rest: Remainder,
    reason: str = "",
) -> Facts | Refusal:
    """Say what became of everything that has not arrived: lost, or at the origin again.

    Raises HistoryNeededError as `stock_facts` does.
    """
    if transfer is None:
        return UnknownTransfer(transfer_id=transfer_id)
    if not transfer.travels:
        return TransferState(transfer_id=transfer_id, status=transfer.status, wanted="closed")
    legs = TransferLegs(transfer, shelves, occasion)
    legs.settle(rest)
    event = TransferClosed(
        transfer_id=transfer_id, rest=rest, missing=transfer.in_transit, reason=reason
    )
    return legs.facts(_fact(event, occasion))


def cancel(
    transfer: Transfer | None, transfer_id: str, reason: str, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """Before any of it has arrived: what was sent is at the origin again.

    Raises HistoryNeededError as `stock_facts` does.
    """
    if transfer is None:
        return UnknownTransfer(transfer_id=transfer_id)
    if transfer.status not in {"placed", "in_transit"}:
        return TransferState(transfer_id=transfer_id, status=transfer.status, wanted="cancelled")
    legs = TransferLegs(transfer, shelves, occasion)
    legs.settle("returned")
    event = TransferCancelled(transfer_id=transfer_id, returned=transfer.in_transit, reason=reason)
    return legs.facts(_fact(event, occasion))


def _repeated(transfer_id: str, lines: Sequence[int]) -> Iterator[LineRefusal]:
    for line in repeated(lines):
        yield TransferLineRepeated(transfer_id=transfer_id, line=line)


def _unknowns(proposed: TransferPlaced, shelves: Shelves) -> Iterator[LineRefusal]:
    for line in proposed.lines:
        for place_id in (proposed.origin, proposed.destination):
            unknown = shelves[stock_stream(line.sku, place_id)].unknown()
            if unknown is not None:
                yield replace(unknown, line=line.line)
                break


def _unsendable(transfer: Transfer, lines: Sequence[NamedLine]) -> Iterator[LineRefusal]:
    wanted = {line.line: line.quantity for line in transfer.lines}
    yield from _unreceivable(transfer, lines)
    for each in lines:
        if each.quantity > wanted.get(each.line, each.quantity):
            yield ExceedsTransfer(
                transfer_id=transfer.transfer_id,
                line=each.line,
                requested=each.quantity,
                wanted=wanted[each.line],
            )


def _unreceivable(transfer: Transfer, lines: Sequence[NamedLine]) -> Iterator[LineRefusal]:
    yield from _repeated(transfer.transfer_id, [each.line for each in lines])
    known = {line.line for line in transfer.lines}
    for each in lines:
        if each.line not in known:
            yield UnknownTransferLine(transfer_id=transfer.transfer_id, line=each.line)


def _not_sent(
    transfer: Transfer, arrived: Sequence[NamedLine], shelves: Shelves
) -> Iterator[LineRefusal]:
    known = {line.line: line for line in transfer.lines}
    for each in arrived:
        line = known[each.line]
        item = shelves[stock_stream(line.sku, transfer.destination)].item
        if item is None or item.tracking == "none":
            continue
        in_transit = {lot.lot for lot in line.lots}
        for lot in told(each.units):
            if lot.lot not in in_transit:
                yield LotNotSent(
                    transfer_id=transfer.transfer_id, line=line.line, sku=line.sku, lot=lot.lot
                )


def _not_there(
    origin: str, sent: Iterable[tuple[TransferLineState, int]], shelves: Shelves
) -> Iterator[LineRefusal]:
    """Lines of one SKU are checked on their sum."""
    sums: dict[str, tuple[TransferLineState, int]] = {}
    for line, units in sent:
        first_line, so_far = sums.get(line.sku, (line, 0))
        sums[line.sku] = (first_line, so_far + units)
    for sku, (first_line, units) in sums.items():
        available = max(0, shelves[stock_stream(sku, origin)].stock.available)
        if units > available:
            yield TooFewToMove(
                sku=sku,
                location=origin,
                requested=units,
                available=available,
                line=first_line.line,
            )


def _fact(event: TransferEvent, occasion: Occasion) -> Fact:
    return Fact(
        stream=transfer_stream(event.transfer_id),
        event=event,
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
    )
