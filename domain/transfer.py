"""A transfer between two locations: its state, and how its facts move it. Its decisions are in
`transferring`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain
from typing import assert_never

from domain.events import (
    ArrivedLine,
    LineLot,
    LineUnits,
    TransferCancelled,
    TransferClosed,
    TransferDispatched,
    TransferEvent,
    TransferPlaced,
    TransferReceived,
)
from domain.refusals_transfers import TransferStatus
from domain.streams import stock_stream

TRAVELLING: frozenset[TransferStatus] = frozenset({"in_transit", "partly_received"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferLineState:
    """`settled` are the sent units that arrived, are lost or came back; `arrived` has those that
    were never sent as well. `lots` are those in transit, of an item that is tracked.
    """

    line: int
    sku: str
    quantity: int
    sent: int = 0
    arrived: int = 0
    settled: int = 0
    lots: tuple[LineLot, ...] = ()

    @property
    def in_transit(self) -> int:
        return self.sent - self.settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """`receipts` are the ids of its arrivals."""

    transfer_id: str
    status: TransferStatus
    origin: str
    destination: str
    expected_on: date | None = None
    lines: tuple[TransferLineState, ...]
    receipts: tuple[str, ...] = ()

    @property
    def stock_streams(self) -> tuple[str, ...]:
        """The stocks at both ends, each once, in line order."""
        return stock_streams(self.origin, self.destination, [line.sku for line in self.lines])

    @property
    def travels(self) -> bool:
        """Whether units of it are in transit at its destination."""
        return self.status in TRAVELLING

    @property
    def in_transit(self) -> tuple[LineUnits, ...]:
        return tuple(
            LineUnits(line=line.line, quantity=line.in_transit, lots=line.lots)
            for line in self.lines
            if line.in_transit > 0
        )


def stock_streams(origin: str, destination: str, skus: Iterable[str]) -> tuple[str, ...]:
    """The stocks that units of these SKUs leave and come to."""
    ends = ([stock_stream(sku, origin), stock_stream(sku, destination)] for sku in skus)
    return tuple(dict.fromkeys(chain.from_iterable(ends)))


def evolve(
    transfer: Transfer | None,
    event: TransferEvent,
    occurred_at: datetime,  # noqa: ARG001 - every aggregate evolves with the same arguments
) -> Transfer | None:
    """The state after one more fact of its stream; nothing comes before it was placed."""
    if isinstance(event, TransferPlaced):
        return _placed(event)
    if transfer is None:
        return None
    match event:
        case TransferDispatched(lines=sent):
            return _dispatched(transfer, sent)
        case TransferReceived():
            return _received(transfer, event)
        case TransferClosed(missing=missing):
            return replace(_settled(transfer, missing), status="closed")
        case TransferCancelled(returned=returned):
            return replace(_settled(transfer, returned), status="cancelled")
        case _:
            assert_never(event)


def _placed(event: TransferPlaced) -> Transfer:
    return Transfer(
        transfer_id=event.transfer_id,
        status="placed",
        origin=event.origin,
        destination=event.destination,
        expected_on=event.expected_on,
        lines=tuple(
            TransferLineState(line=line.line, sku=line.sku, quantity=line.quantity)
            for line in event.lines
        ),
    )


def _dispatched(transfer: Transfer, units: tuple[LineUnits, ...]) -> Transfer:
    sent = {each.line: each for each in units}
    lines = tuple(
        replace(line, sent=sent[line.line].quantity, lots=sent[line.line].lots)
        if line.line in sent
        else line
        for line in transfer.lines
    )
    return replace(transfer, lines=lines, status="in_transit")


def _received(transfer: Transfer, event: TransferReceived) -> Transfer:
    came = {each.line: each for each in event.lines}
    lines = tuple(
        _with_arrival(line, came[line.line]) if line.line in came else line
        for line in transfer.lines
    )
    receipts = (*transfer.receipts, event.receipt_id)
    after = replace(transfer, lines=lines, receipts=receipts)
    return replace(after, status="partly_received" if after.in_transit else "received")


def _settled(transfer: Transfer, units: tuple[LineUnits, ...]) -> Transfer:
    gone = {each.line: each for each in units}
    lines = tuple(
        replace(
            line,
            settled=line.settled + gone[line.line].quantity,
            lots=_without(line.lots, gone[line.line].lots),
        )
        if line.line in gone
        else line
        for line in transfer.lines
    )
    return replace(transfer, lines=lines)


def _with_arrival(line: TransferLineState, came: ArrivedLine) -> TransferLineState:
    return replace(
        line,
        arrived=line.arrived + came.quantity,
        settled=line.settled + came.quantity - came.over,
        lots=_without(line.lots, came.lots),
    )


def _without(lots: tuple[LineLot, ...], gone: tuple[LineLot, ...]) -> tuple[LineLot, ...]:
    taken = {each.lot: each.quantity for each in gone}
    left = (LineLot(lot=each.lot, quantity=each.quantity - taken.get(each.lot, 0)) for each in lots)
    return tuple(each for each in left if each.quantity > 0)
