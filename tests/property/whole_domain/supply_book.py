"""The plain model of what comes in, changes its place, is made and is counted: purchases,
transfers, crossings, assemblies and counts of many items.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.events import CrossingDispatched, TransferDispatched
from tests.property.whole_domain.order_book import OrderBook
from tests.property.whole_domain.units import Lots


@dataclass(slots=True)
class PurchaseSaid:
    """`lines` are SKU, ordered and settled units by number. It is expected once it is approved,
    until it is over.
    """

    location: str
    lines: dict[int, tuple[str, int, int]]
    is_expected: bool | None = None


@dataclass(slots=True)
class TransferSaid:
    """`lines` are SKU and wanted units by number, `on_the_way` lots by number."""

    origin: str
    destination: str
    lines: dict[int, tuple[str, int]]
    on_the_way: dict[int, Counter[str]] = field(default_factory=dict)
    status: str = "placed"


@dataclass(slots=True)
class CountSaid:
    """`lines` are what was entered, and when, by SKU."""

    location: str
    lines: dict[str, tuple[Any, datetime]] = field(default_factory=dict)


class SupplyBook(OrderBook):
    def __init__(self) -> None:
        super().__init__()
        self.purchases: dict[str, PurchaseSaid] = {}
        self.transfers: dict[str, TransferSaid] = {}
        self.crossings: dict[str, TransferSaid] = {}
        self.counts: dict[str, CountSaid] = {}

    # --- purchases

    def place_purchase(self, command: Any) -> None:
        lines = {line.line: (line.sku, self._bought(line), 0) for line in command.lines}
        self.purchases[command.purchase_id] = PurchaseSaid(command.location, lines)

    def approve_purchase(self, command: Any) -> None:
        self.purchases[command.purchase_id].is_expected = True
        self._incoming(command.purchase_id)

    def change_purchase(self, command: Any) -> None:
        purchase = self.purchases[command.purchase_id]
        before, purchase.lines = purchase.lines, {}
        for line in command.lines:
            sku, _, settled = before.get(line.line, (line.sku, 0, 0))
            quantity = self._bought(line)
            kept = settled if sku == line.sku else 0
            assert kept <= quantity
            purchase.lines[line.line] = (line.sku, quantity, kept)
        self._incoming(command.purchase_id)

    def receive_purchase(self, command: Any) -> None:
        purchase = self.purchases[command.purchase_id]
        for line in command.lines:
            sku, quantity, settled = purchase.lines[line.line]
            accepted = self.own(sku, line.accepted, line.unit)
            rejected = self.own(sku, line.rejected, line.unit)
            settled = min(quantity, settled + accepted + rejected)
            purchase.lines[line.line] = (sku, quantity, settled)
            if accepted:
                self.come(sku, purchase.location, self.named(sku, accepted, line), line)
        self._incoming(command.purchase_id)

    def close_purchase(self, command: Any) -> None:
        self._no_more(command.purchase_id)

    def cancel_purchase(self, command: Any) -> None:
        self._no_more(command.purchase_id)

    def _no_more(self, purchase_id: str) -> None:
        self.purchases[purchase_id].is_expected = False
        self._incoming(purchase_id)

    def _bought(self, line: Any) -> int:
        return self.own(line.sku, line.quantity, line.unit)

    def _incoming(self, purchase_id: str) -> None:
        purchase = self.purchases[purchase_id]
        self._unexpect("purchase", purchase_id)
        for number, (sku, quantity, settled) in purchase.lines.items():
            if purchase.is_expected:
                units = self.units(sku, purchase.location)
                units.expected["purchase", purchase_id, number] = quantity - settled

    def _unexpect(self, source: str, document: str) -> None:
        for place, units in self.places.items():
            for key in [key for key in units.expected if key[:2] == (source, document)]:
                del units.expected[key]
                self.touched.add(place)

    # --- transfers and crossings

    def place_transfer(self, command: Any) -> None:
        lines = {line.line: (line.sku, self._bought(line)) for line in command.lines}
        transfer = TransferSaid(command.origin, command.destination, lines)
        self.transfers[command.transfer_id] = transfer

    def dispatch_transfer(self, command: Any) -> None:
        transfer = self.transfers[command.transfer_id]
        sent = {number: units for number, (_, units) in transfer.lines.items()}
        if command.lines is not None:
            sent = {
                line.line: self.own(transfer.lines[line.line][0], line.quantity, line.unit)
                for line in command.lines
            }
        (event,) = self.choices.of(TransferDispatched)
        self._send(transfer, sent, event)
        self._in_transit(command.transfer_id, transfer, transfer.destination)

    def _send(
        self,
        transfer: TransferSaid,
        sent: dict[int, int],
        event: TransferDispatched | CrossingDispatched,
    ) -> None:
        transfer.status = "sent"
        told = {line.line: line for line in event.lines}
        by_sku: Counter[str] = Counter()
        named: dict[str, Counter[str]] = {}
        for number, units in sent.items():
            sku = transfer.lines[number][0]
            lots = Counter({each.lot: each.quantity for each in told[number].lots} or {"": units})
            assert lots.total() == units
            transfer.on_the_way[number] = lots
            by_sku[sku] += units
            named.setdefault(sku, Counter()).update(lots)
        for sku, units in by_sku.items():
            assert self.leave(sku, transfer.origin, units) == named[sku]

    def receive_transfer(self, command: Any) -> None:
        transfer = self.transfers[command.transfer_id]
        for line in command.lines:
            sku, _ = transfer.lines[line.line]
            way = transfer.on_the_way.setdefault(line.line, Counter())
            lots = self._arrived(sku, line, way)
            self.come(sku, transfer.destination, lots)
            way -= Counter(lots)
            transfer.on_the_way[line.line] = way
        self._in_transit(command.transfer_id, transfer, transfer.destination)

    def _arrived(self, sku: str, line: Any, way: Counter[str]) -> Lots:
        """Lots that are not named are those that were sent, in that order."""
        if self.items[sku].tracking == "none" or line.lots or line.serials:
            return self.named(sku, self.own(sku, line.quantity, line.unit), line)
        left, found = line.quantity, {}
        for lot, units in way.items():
            found[lot] = min(left, units)
            left -= found[lot]
        assert not left
        return found

    def close_transfer(self, command: Any) -> None:
        transfer = self.transfers[command.transfer_id]
        if command.rest == "returned":
            self._back(transfer)
        transfer.on_the_way.clear()
        transfer.status = "over"
        self._in_transit(command.transfer_id, transfer, transfer.destination)

    def cancel_transfer(self, command: Any) -> None:
        transfer = self.transfers[command.transfer_id]
        self._back(transfer)
        transfer.status = "over"
        self._in_transit(command.transfer_id, transfer, transfer.destination)

    def _back(self, transfer: TransferSaid) -> None:
        for number, lots in transfer.on_the_way.items():
            self.come(transfer.lines[number][0], transfer.origin, lots)
        transfer.on_the_way.clear()

    def _in_transit(self, document: str, transfer: TransferSaid, at: str) -> None:
        self._unexpect("transfer", document)
        for number, lots in transfer.on_the_way.items():
            units = self.units(transfer.lines[number][0], at)
            units.expected["transfer", document, number] = lots.total()

    def dispatch_crossing(self, command: Any) -> None:
        lines = {line.line: (line.sku, self._bought(line)) for line in command.lines}
        crossing = TransferSaid(command.origin, command.destination, lines)
        self.crossings[command.crossing_id] = crossing
        (event,) = self.choices.of(CrossingDispatched)
        self._send(crossing, {number: units for number, (_, units) in lines.items()}, event)
        self._in_transit(f" {command.crossing_id}", crossing, crossing.origin)

    def arrive_crossing(self, command: Any) -> None:
        for line in command.lines:
            lots = {each.lot: each.quantity for each in line.lots} or {"": line.quantity}
            self.come(line.sku, command.destination, lots, line)

    def hand_over_crossing(self, command: Any) -> None:
        crossing = self.crossings[command.crossing_id]
        crossing.on_the_way.clear()
        self._in_transit(f" {command.crossing_id}", crossing, crossing.origin)

    def return_crossing(self, command: Any) -> None:
        self._back(self.crossings[command.crossing_id])
        self.hand_over_crossing(command)

    # --- kits

    def assemble(self, command: Any) -> None:
        quantity = self.own(command.sku, command.quantity, command.unit)
        named = {part.sku: part for part in command.parts}
        for sku, share in self.items[command.sku].kit.items():
            self.leave(sku, command.location, share * quantity, named.get(sku))
        self.come(
            command.sku, command.location, self.named(command.sku, quantity, command), command
        )

    def disassemble(self, command: Any) -> None:
        quantity = self.own(command.sku, command.quantity, command.unit)
        self.leave(command.sku, command.location, quantity, command)
        named = {part.sku: part for part in command.parts}
        for sku, share in self.items[command.sku].kit.items():
            lots: Lots = {"": share * quantity}
            if sku in named:
                lots = self.named(sku, share * quantity, named[sku])
            self.come(sku, command.location, lots, named.get(sku))

    # --- counts

    def plan_count(self, command: Any) -> None:
        self.counts[command.count_id] = CountSaid(command.location)

    def enter_count(self, command: Any) -> None:
        for line in command.lines:
            self.counts[command.count_id].lines[line.sku] = (line, self.at)

    def ask_recount(self, command: Any) -> None:
        for sku in command.skus:
            assert sku in self.counts[command.count_id].lines

    def submit_count(self, command: Any) -> None:
        count = self.counts.pop(command.count_id)
        for sku, (line, at) in count.lines.items():
            self.counted(sku, count.location, line, at)

    def post_count_part(self, command: Any) -> None:
        raise AssertionError(f"no count is so large here: {command}")

    def cancel_count(self, command: Any) -> None:
        del self.counts[command.count_id]
