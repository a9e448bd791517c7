"""A small business whose purchases, transfers and moves are decided, fact after fact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import cast

from domain.aggregates import State, evolve, initial
from domain.drafts import Shelves
from domain.events import (
    Event,
    LineUnits,
    PurchaseChanged,
    PurchaseLine,
    PurchasePlaced,
    Remainder,
    TransferLine,
    TransferPlaced,
)
from domain.item import Item
from domain.line_lots import NamedLine
from domain.lot import Lot
from domain.moving import move
from domain.named_units import UNNAMED, NamedUnits
from domain.purchase import Purchase
from domain.purchase_arrivals import DeliveredLine
from domain.purchasing import approve, cancel, change, close, place, receive
from domain.purchasing import stock_streams as purchase_streams
from domain.refusals import Refusal
from domain.serial import Serial
from domain.shelf import Shelf
from domain.stock import Stock
from domain.stock_facts import receive as receive_units
from domain.streams import (
    lot_stream,
    purchase_stream,
    serial_stream,
    sku_and_location,
    stock_stream,
    transfer_stream,
)
from domain.transfer import Transfer, stock_streams
from domain.transferring import cancel as cancel_transfer
from domain.transferring import close as close_transfer
from domain.transferring import dispatch
from domain.transferring import place as place_transfer
from domain.transferring import receive as receive_transfer
from domain.values import Facts, Occasion
from tests.builders import happened, ids, item, location, minute

SKUS = ("A-1", "B-2")
HALL, SHOP, BIN = PLACES = ("hall", "shop", "hall/01")
PO, TR = "po", "tr"
MONDAY = date(2026, 3, 9)
TUESDAY = date(2026, 3, 10)

Decided = Facts | Refusal


class Supply:
    """Two items at three places. Each method decides one command on `po` or `tr`."""

    def __init__(self) -> None:
        self.states: dict[str, State | None] = {}
        self.items: dict[str, Item] = {sku: item(sku) for sku in SKUS}
        self.new_id = ids()
        self.clock = 0

    # --- what has been recorded

    def record(self, decided: Decided) -> list[Event]:
        """Refuses to record a refusal."""
        events = happened(decided)
        assert not isinstance(decided, Refusal)
        for fact in decided:
            state = self.states.get(fact.stream, initial(fact.stream))
            self.states[fact.stream] = evolve(state, fact.event, fact.occurred_at)
        return events

    def stock(self, sku: str, place: str) -> Stock:
        stream = stock_stream(sku, place)
        state = self.states.get(stream, initial(stream))
        assert isinstance(state, Stock)
        return state

    def purchase(self, purchase_id: str = PO) -> Purchase | None:
        state = self.states.get(purchase_stream(purchase_id))
        assert state is None or isinstance(state, Purchase)
        return state

    def transfer(self, transfer_id: str = TR) -> Transfer | None:
        state = self.states.get(transfer_stream(transfer_id))
        assert state is None or isinstance(state, Transfer)
        return state

    def bought(self, purchase_id: str = PO) -> Purchase:
        purchase = self.purchase(purchase_id)
        assert purchase is not None
        return purchase

    def sent(self, transfer_id: str = TR) -> Transfer:
        transfer = self.transfer(transfer_id)
        assert transfer is not None
        return transfer

    def lots(self, sku: str, names: Iterable[str]) -> Mapping[str, Lot | None]:
        """With `serials`: what the drafts know lots and serials by."""
        return {name: cast("Lot", self.states.get(lot_stream(sku, name))) for name in names}

    def serials(
        self,
        sku: str,
        names: Iterable[str],
        likely: Iterable[str] = (),  # noqa: ARG002 - everything is at hand
    ) -> Mapping[str, Serial | None]:
        return {name: cast("Serial", self.states.get(serial_stream(sku, name))) for name in names}

    def lots_at(self, sku: str, place: str) -> dict[str, int]:
        """On hand of each lot, which adds up to that of the stock."""
        stock = self.stock(sku, place)
        lots = {lot.lot: lot.on_hand for lot in stock.lots.values() if lot.on_hand}
        assert sum(lots.values()) == stock.on_hand
        return lots

    def everywhere(self, sku: str) -> int:
        """On hand over all places, and in transit between them."""
        stocks = [self.stock(sku, place) for place in PLACES]
        return sum(stock.on_hand + stock.in_transit for stock in stocks)

    def shelves(self, streams: Iterable[str]) -> Shelves:
        return {stream: self._shelf(*sku_and_location(stream)) for stream in streams}

    def occasion(self) -> Occasion:
        self.clock += 1
        at = minute(self.clock)
        return Occasion(occurred_at=at, now=at, new_id=self.new_id)

    def stock_up(self, sku: str, place: str, quantity: int, named: NamedUnits = UNNAMED) -> None:
        shelf = self._shelf(sku, place)
        self.record(receive_units(shelf, quantity, self.occasion(), units=named))

    # --- purchases

    def place(
        self,
        *lines: PurchaseLine,
        at: str = HALL,
        supplier: str | None = None,
        purchase_id: str = PO,
    ) -> Decided:
        proposed = PurchasePlaced(
            purchase_id=purchase_id, location=at, supplier=supplier, lines=lines
        )
        known = location(supplier) if supplier in PLACES else None
        shelves = self.shelves(purchase_streams(at, lines))
        return place(self.purchase(purchase_id), proposed, known, shelves, self.occasion())

    def approve(self, purchase_id: str = PO) -> Decided:
        shelves = self._of_purchase(purchase_id)
        return approve(self.purchase(purchase_id), purchase_id, shelves, self.occasion())

    def change(self, *lines: PurchaseLine, purchase_id: str = PO) -> Decided:
        purchase = self.purchase(purchase_id)
        added = () if purchase is None else purchase_streams(purchase.location, lines)
        shelves = {**self._of_purchase(purchase_id), **self.shelves(added)}
        proposed = PurchaseChanged(purchase_id=purchase_id, lines=lines)
        return change(purchase, proposed, shelves, self.occasion())

    def receive(self, receipt_id: str, *lines: DeliveredLine, purchase_id: str = PO) -> Decided:
        shelves = self._of_purchase(purchase_id)
        purchase = self.purchase(purchase_id)
        return receive(
            purchase,
            purchase_id,
            shelves,
            self.occasion(),
            receipt_id=receipt_id,
            delivered=lines,
        )

    def close(self, purchase_id: str = PO) -> Decided:
        shelves = self._of_purchase(purchase_id)
        return close(self.purchase(purchase_id), purchase_id, "", shelves, self.occasion())

    def cancel(self, purchase_id: str = PO) -> Decided:
        shelves = self._of_purchase(purchase_id)
        return cancel(self.purchase(purchase_id), purchase_id, "", shelves, self.occasion())

    # --- transfers and moves

    def plan(
        self,
        *lines: TransferLine,
        origin: str = HALL,
        destination: str = SHOP,
        transfer_id: str = TR,
    ) -> Decided:
        proposed = TransferPlaced(
            transfer_id=transfer_id, origin=origin, destination=destination, lines=lines
        )
        streams = stock_streams(origin, destination, [line.sku for line in lines])
        transfer = self.transfer(transfer_id)
        return place_transfer(transfer, proposed, self.shelves(streams), self.occasion())

    def dispatch(self, *lines: NamedLine, transfer_id: str = TR) -> Decided:
        """All of it, unless lines are given."""
        shelves = self._of_transfer(transfer_id)
        transfer = self.transfer(transfer_id)
        return dispatch(transfer, transfer_id, lines or None, shelves, self.occasion())

    def arrive(self, receipt_id: str, *lines: NamedLine, transfer_id: str = TR) -> Decided:
        shelves = self._of_transfer(transfer_id)
        transfer = self.transfer(transfer_id)
        return receive_transfer(
            transfer,
            transfer_id,
            shelves,
            self.occasion(),
            receipt_id=receipt_id,
            arrived=lines,
        )

    def close_transfer(self, rest: Remainder, transfer_id: str = TR) -> Decided:
        shelves = self._of_transfer(transfer_id)
        transfer = self.transfer(transfer_id)
        return close_transfer(transfer, transfer_id, shelves, self.occasion(), rest=rest)

    def cancel_transfer(self, transfer_id: str = TR) -> Decided:
        shelves = self._of_transfer(transfer_id)
        transfer = self.transfer(transfer_id)
        return cancel_transfer(transfer, transfer_id, "", shelves, self.occasion())

    def move(
        self,
        sku: str,
        origin: str,
        destination: str,
        quantity: int,
        named: NamedUnits = UNNAMED,
    ) -> Decided:
        shelves = self.shelves(stock_stream(sku, place) for place in (origin, destination))
        return move(
            sku,
            quantity,
            shelves,
            self.occasion(),
            origin=origin,
            destination=destination,
            move_id="m",
            units=named,
        )

    def _shelf(self, sku: str, place: str) -> Shelf:
        shelf = Shelf(
            stock=self.stock(sku, place),
            item=self.items.get(sku),
            location=location(place),
            identities=self,
        )
        return shelf if place in PLACES else replace(shelf, location=None)

    def _of_purchase(self, purchase_id: str) -> Shelves:
        purchase = self.purchase(purchase_id)
        return self.shelves(purchase.stock_streams if purchase else ())

    def _of_transfer(self, transfer_id: str) -> Shelves:
        transfer = self.transfer(transfer_id)
        return self.shelves(transfer.stock_streams if transfer else ())


def ordered(
    line: int, quantity: int, sku: str = SKUS[0], *, on: date | None = None
) -> PurchaseLine:
    return PurchaseLine(line=line, sku=sku, quantity=quantity, expected_on=on)


def came(line: int, accepted: int, rejected: int = 0) -> DeliveredLine:
    reason = "wet" if rejected else ""
    return DeliveredLine(line=line, accepted=accepted, rejected=rejected, reason=reason)


def wanted(line: int, quantity: int, sku: str = SKUS[0]) -> TransferLine:
    return TransferLine(line=line, sku=sku, quantity=quantity)


def units(line: int, quantity: int) -> LineUnits:
    return LineUnits(line=line, quantity=quantity)


def some(line: int, quantity: int, named: NamedUnits = UNNAMED) -> NamedLine:
    return NamedLine(line=line, quantity=quantity, units=named)
