"""What a transfer does to the stocks at its two ends."""

from __future__ import annotations

from domain.drafts import Drafts, Shelves
from domain.events import (
    ArrivalClosed,
    ArrivalExpected,
    ArrivalOutcome,
    ArrivedLine,
    LineUnits,
    Remainder,
    StockArrived,
    StockDispatched,
)
from domain.line_lots import LineLots, NamedLine, added, first_units, in_both, named, told
from domain.named_units import UNNAMED
from domain.refusals import Refusal
from domain.shelf import StockDraft
from domain.streams import stock_stream
from domain.transfer import Transfer, TransferLineState
from domain.values import Fact, Facts, Occasion


class TransferLegs:
    """What one command on a transfer does to the stocks at its two ends."""

    def __init__(self, transfer: Transfer, shelves: Shelves, occasion: Occasion) -> None:
        self._transfer = transfer
        self._shelves = shelves
        self._drafts = Drafts(shelves, occasion)

    def leave(self, line: TransferLineState, sent: NamedLine) -> LineUnits:
        """The same as it is told: with the lots that were chosen, if none were named."""
        transfer = self._transfer
        units = sent.quantity
        draft = self._draft(line.sku, transfer.origin)
        before = draft.units
        draft.move(
            StockDispatched(
                sku=line.sku,
                location=transfer.origin,
                quantity=units,
                transfer_id=transfer.transfer_id,
                line=line.line,
                destination=transfer.destination,
            ),
            units=sent.units,
        )
        self._draft(line.sku, transfer.destination).note(
            ArrivalExpected(
                sku=line.sku,
                location=transfer.destination,
                source="transfer",
                source_id=transfer.transfer_id,
                line=line.line,
                quantity=units,
                expected_on=transfer.expected_on,
            )
        )
        return LineUnits(line=line.line, quantity=units, lots=added(before, draft.units))

    def arrive(self, line: TransferLineState, arrived: NamedLine) -> ArrivedLine:
        """Lots that are not named are those that were sent, in the order they were sent in."""
        transfer = self._transfer
        units, lots = arrived.quantity, told(arrived.units)
        if not lots and units <= line.in_transit:
            lots = first_units(line.lots, units)
        self._come_in(line, units, transfer.destination, transfer.origin, lots)
        came = in_both(lots, line.lots) if lots else min(units, line.in_transit)
        self._end(line, came, "received")
        return ArrivedLine(line=line.line, quantity=units, over=units - came, lots=lots)

    def settle(self, rest: Remainder) -> None:
        """All that is in transit."""
        transfer = self._transfer
        for line in transfer.lines:
            if line.in_transit and rest == "returned":
                ends = (transfer.origin, transfer.destination)
                self._come_in(line, line.in_transit, *ends, line.lots)
            self._end(line, line.in_transit, rest)

    def facts(self, first: Fact) -> Facts | Refusal:
        return self._drafts.facts(first)

    def _draft(self, sku: str, location: str) -> StockDraft:
        return self._drafts.of(stock_stream(sku, location))

    def _come_in(
        self, line: TransferLineState, units: int, at: str, origin: str, lots: LineLots
    ) -> None:
        item = self._shelves[stock_stream(line.sku, at)].item
        self._draft(line.sku, at).move(
            StockArrived(
                sku=line.sku,
                location=at,
                quantity=units,
                transfer_id=self._transfer.transfer_id,
                line=line.line,
                origin=origin,
            ),
            units=named(lots, item) if lots else UNNAMED,
        )

    def _end(self, line: TransferLineState, units: int, outcome: ArrivalOutcome) -> None:
        if units:
            event = ArrivalClosed(
                sku=line.sku,
                location=self._transfer.destination,
                source="transfer",
                source_id=self._transfer.transfer_id,
                line=line.line,
                quantity=units,
                outcome=outcome,
            )
            self._draft(line.sku, self._transfer.destination).note(event)
