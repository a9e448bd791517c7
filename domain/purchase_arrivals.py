"""What a purchase does to the stocks its lines come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.drafts import Drafts, Shelves
from domain.events import (
    ArrivalClosed,
    ArrivalExpected,
    ArrivalOutcome,
    PurchaseLine,
    ReceivedLine,
    StockReceived,
)
from domain.line_lots import told
from domain.named_units import UNNAMED, NamedUnits
from domain.purchase import Purchase, PurchaseLineState
from domain.refusals import Refusal
from domain.shelf import StockDraft
from domain.streams import stock_stream
from domain.values import Fact, Facts, Occasion


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredLine:
    """What came of a line: units that were taken, and units that were not, with the reason why.

    `units` are the lots (or serials) of those taken.
    """

    line: int
    accepted: int
    rejected: int = 0
    reason: str = ""
    units: NamedUnits = UNNAMED


class PurchaseArrivals:
    """What one command on a purchase does to the stocks of its lines."""

    def __init__(self, purchase: Purchase, shelves: Shelves, occasion: Occasion) -> None:
        self._purchase = purchase
        self._drafts = Drafts(shelves, occasion)

    def expect(self, line: PurchaseLine | PurchaseLineState, units: int) -> None:
        if units:
            event = ArrivalExpected(
                sku=line.sku,
                location=self._purchase.location,
                source="purchase",
                source_id=self._purchase.purchase_id,
                line=line.line,
                quantity=units,
                expected_on=line.expected_on,
            )
            self._draft(line.sku).note(event)

    def end(self, line: PurchaseLineState, units: int, outcome: ArrivalOutcome) -> None:
        if units:
            event = ArrivalClosed(
                sku=line.sku,
                location=self._purchase.location,
                source="purchase",
                source_id=self._purchase.purchase_id,
                line=line.line,
                quantity=units,
                outcome=outcome,
            )
            self._draft(line.sku).note(event)

    def give_up(self, outcome: ArrivalOutcome) -> None:
        for line in self._purchase.lines:
            self.end(line, line.outstanding, outcome)

    def receive(self, line: PurchaseLineState, delivered: DeliveredLine) -> ReceivedLine:
        """Accepted units take the place of outstanding ones first, rejected ones of the rest."""
        came = min(delivered.accepted, line.outstanding)
        rejected = min(delivered.rejected, line.outstanding - came)
        if delivered.accepted:
            self._draft(line.sku).move(
                StockReceived(
                    sku=line.sku,
                    location=self._purchase.location,
                    quantity=delivered.accepted,
                    document=self._purchase.purchase_id,
                ),
                units=delivered.units,
                line=line.line,
            )
        self.end(line, came, "received")
        self.end(line, rejected, "rejected")
        return ReceivedLine(
            line=line.line,
            accepted=delivered.accepted,
            rejected=delivered.rejected,
            over=delivered.accepted - came,
            reason=delivered.reason,
            lots=told(delivered.units),
        )

    def change_to(self, proposed: Sequence[PurchaseLine]) -> None:
        wanted = {(line.line, line.sku): line for line in proposed}
        for before in self._purchase.lines:
            after = wanted.pop((before.line, before.sku), None)
            left = 0 if after is None else after.quantity - before.settled
            self.end(before, max(0, before.outstanding - left), "cancelled")
            if after is None:
                continue
            kept = min(before.outstanding, left)
            if after.expected_on != before.expected_on:
                self.end(before, kept, "rescheduled")
                kept = 0
            self.expect(after, left - kept)
        for line in wanted.values():
            self.expect(line, line.quantity)

    def facts(self, first: Fact) -> Facts | Refusal:
        return self._drafts.facts(first)

    def _draft(self, sku: str) -> StockDraft:
        return self._drafts.of(stock_stream(sku, self._purchase.location))
