"""A purchase order: its state, and how its facts move it. Its decisions are in `purchasing`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import assert_never

from domain.events import (
    LineUnits,
    PurchaseApproved,
    PurchaseCancelled,
    PurchaseChanged,
    PurchaseClosed,
    PurchaseEvent,
    PurchaseLine,
    PurchasePlaced,
    PurchaseReceived,
    ReceivedLine,
)
from domain.refusals_purchases import PurchaseStatus
from domain.streams import stock_stream

OPEN: frozenset[PurchaseStatus] = frozenset({"approved", "partly_received"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseLineState:
    """`settled` are the ordered units that came, were rejected, or are given up; `accepted` has
    those beyond the ordered ones as well.
    """

    line: int
    sku: str
    quantity: int
    unit_price_micros: int = 0
    expected_on: date | None = None
    accepted: int = 0
    rejected: int = 0
    settled: int = 0

    @property
    def outstanding(self) -> int:
        return self.quantity - self.settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """`receipts` are the ids of its deliveries."""

    purchase_id: str
    status: PurchaseStatus
    location: str
    supplier: str | None = None
    currency: str = "XXX"
    lines: tuple[PurchaseLineState, ...]
    receipts: tuple[str, ...] = ()

    @property
    def stock_streams(self) -> tuple[str, ...]:
        """The stocks its lines come to, each once, in line order."""
        return tuple(dict.fromkeys(stock_stream(line.sku, self.location) for line in self.lines))

    @property
    def expects(self) -> bool:
        """Whether what is outstanding is incoming at its location."""
        return self.status in OPEN

    @property
    def outstanding(self) -> tuple[LineUnits, ...]:
        return tuple(
            LineUnits(line=line.line, quantity=line.outstanding)
            for line in self.lines
            if line.outstanding > 0
        )


def evolve(
    purchase: Purchase | None,
    event: PurchaseEvent,
    occurred_at: datetime,  # noqa: ARG001 - every aggregate evolves with the same arguments
) -> Purchase | None:
    """The state after one more fact of its stream; nothing comes before it was placed."""
    if isinstance(event, PurchasePlaced):
        return Purchase(
            purchase_id=event.purchase_id,
            status="placed",
            location=event.location,
            supplier=event.supplier,
            currency=event.currency,
            lines=tuple(map(_as_ordered, event.lines)),
        )
    if purchase is None:
        return None
    match event:
        case PurchaseApproved():
            return replace(purchase, status="approved")
        case PurchaseChanged(lines=lines):
            return _changed(purchase, lines)
        case PurchaseReceived():
            return _received(purchase, event)
        case PurchaseClosed(short=short):
            return replace(_given_up(purchase, short), status="closed")
        case PurchaseCancelled(withdrawn=withdrawn):
            return replace(_given_up(purchase, withdrawn), status="cancelled")
        case _:
            assert_never(event)


def _as_ordered(line: PurchaseLine) -> PurchaseLineState:
    return PurchaseLineState(
        line=line.line,
        sku=line.sku,
        quantity=line.quantity,
        unit_price_micros=line.unit_price_micros,
        expected_on=line.expected_on,
    )


def _changed(purchase: Purchase, lines: tuple[PurchaseLine, ...]) -> Purchase:
    """What became of a line stays with its number, as long as it is of the same SKU."""
    known = {(line.line, line.sku): line for line in purchase.lines}
    after = (_with_history(_as_ordered(line), known.get((line.line, line.sku))) for line in lines)
    changed = replace(purchase, lines=tuple(after))
    return _as_far_as_received(changed) if purchase.receipts else changed


def _with_history(line: PurchaseLineState, before: PurchaseLineState | None) -> PurchaseLineState:
    if before is None:
        return line
    return replace(line, accepted=before.accepted, rejected=before.rejected, settled=before.settled)


def _received(purchase: Purchase, event: PurchaseReceived) -> Purchase:
    came = {line.line: line for line in event.lines}
    lines = tuple(
        _with_receipt(line, came[line.line]) if line.line in came else line
        for line in purchase.lines
    )
    receipts = (*purchase.receipts, event.receipt_id)
    return _as_far_as_received(replace(purchase, lines=lines, receipts=receipts))


def _with_receipt(line: PurchaseLineState, came: ReceivedLine) -> PurchaseLineState:
    return replace(
        line,
        accepted=line.accepted + came.accepted,
        rejected=line.rejected + came.rejected,
        settled=min(line.quantity, line.settled + came.accepted + came.rejected),
    )


def _given_up(purchase: Purchase, units: tuple[LineUnits, ...]) -> Purchase:
    gone = {each.line: each.quantity for each in units}
    lines = tuple(
        replace(line, settled=line.settled + gone[line.line]) if line.line in gone else line
        for line in purchase.lines
    )
    return replace(purchase, lines=lines)


def _as_far_as_received(purchase: Purchase) -> Purchase:
    return replace(purchase, status="partly_received" if purchase.outstanding else "received")
