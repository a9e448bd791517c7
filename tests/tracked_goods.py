"""An item that is tracked by lot or serial, at several places, decision by decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import cast

from domain.aggregates import State, evolve, initial
from domain.events import (
    Event,
    PickedShipped,
    Removal,
    StockCommitted,
    StockEvent,
    StockHeld,
    StockPicked,
    StockTraced,
    Tracking,
)
from domain.lot import Lot
from domain.named_units import LotQuantity, NamedUnits
from domain.refusals import Refusal
from domain.serial import Serial
from domain.shelf import Shelf, StockDraft
from domain.stock import Stock
from domain.stock_facts import receive
from domain.stock_history import StockHistory
from domain.streams import lot_stream, serial_stream, stock_stream
from domain.values import Facts, Occasion
from tests.builders import PLACE, SKU, ids, item, location, minute

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def lots(**units: int) -> NamedUnits:
    return NamedUnits(lots=tuple(LotQuantity(lot=lot, quantity=n) for lot, n in units.items()))


def serials(*names: str) -> NamedUnits:
    return NamedUnits(serials=names)


def on(minutes: int = 0, *, now: datetime | None = None) -> Occasion:
    return Occasion(occurred_at=minute(minutes), now=now or minute(minutes), new_id=ids())


class Goods:
    """`states` by stream, `logs` by stock stream. It is what the drafts know lots by, too."""

    def __init__(self, tracking: Tracking = "lot", removal: Removal = "fefo") -> None:
        self.item = replace(item(), tracking=tracking, removal=removal)
        self.states: dict[str, State | None] = {}
        self.logs: dict[str, list[tuple[StockEvent, datetime]]] = {}

    def record(self, decided: Facts | Refusal) -> list[Event]:
        """The facts happen: lots then add up to the stock, and a serial is in one place."""
        assert not isinstance(decided, Refusal), decided.sentence()
        for fact in decided:
            before = self.states.get(fact.stream, initial(fact.stream))
            self.states[fact.stream] = evolve(before, fact.event, fact.occurred_at)
            if fact.stream.startswith("stock-"):
                event = cast("StockEvent", fact.event)
                self.logs.setdefault(fact.stream, []).append((event, fact.occurred_at))
                if isinstance(event, StockTraced):
                    assert_sums(cast("Stock", self.states[fact.stream]))
        if self.item.tracking != "none":
            self.assert_in_order()
        return [fact.event for fact in decided]

    def assert_in_order(self) -> None:
        places: dict[str, list[str]] = {}
        for stock in self.stocks:
            assert_sums(stock)
            units = stock.lots.values()
            assert all(min(lot.on_hand, lot.picked, lot.held) >= 0 for lot in units)
            assert all(lot.picked == sum(lot.picked_for.values()) for lot in units)
            for hold in stock.holds.values():
                kept = sum(lot.held_by.get(hold.hold_id, 0) for lot in units)
                assert kept == hold.quantity
            for lot in filter(lambda lot: lot.on_hand, units):
                places.setdefault(lot.lot, []).append(stock.location)
        if self.item.tracking != "serial":
            return
        told = {
            state.serial: [state.location]
            for state in self.states.values()
            if isinstance(state, Serial) and state.location is not None
        }
        assert places == told

    @property
    def stocks(self) -> list[Stock]:
        return [state for state in self.states.values() if isinstance(state, Stock)]

    def stock(self, place: str = PLACE) -> Stock:
        stream = stock_stream(SKU, place)
        return cast("Stock", self.states.get(stream, initial(stream)))

    def shelf(self, place: str = PLACE) -> Shelf:
        return Shelf(
            stock=self.stock(place),
            item=self.item,
            location=location(place),
            history=StockHistory().then(self.logs.get(stock_stream(SKU, place), ())),
            identities=self,
        )

    def shelves(self, *places: str) -> Mapping[str, Shelf]:
        return {stock_stream(SKU, place): self.shelf(place) for place in places}

    def draft(self, occasion: Occasion, place: str = PLACE) -> StockDraft:
        return StockDraft(self.shelf(place), occasion)

    def lots(self, sku: str, names: Iterable[str]) -> Mapping[str, Lot | None]:
        return {name: cast("Lot", self.states.get(lot_stream(sku, name))) for name in names}

    def serials(
        self,
        sku: str,
        names: Iterable[str],
        likely: Iterable[str] = (),  # noqa: ARG002 - everything is at hand
    ) -> Mapping[str, Serial | None]:
        return {name: cast("Serial", self.states.get(serial_stream(sku, name))) for name in names}

    def lot(self, name: str) -> Lot:
        found = self.states[lot_stream(SKU, name)]
        assert isinstance(found, Lot)
        return found

    def on_hand(self, place: str = PLACE) -> dict[str, int]:
        return {lot.lot: lot.on_hand for lot in self.stock(place).lots.values() if lot.on_hand}


def assert_sums(stock: Stock) -> None:
    """What the lots have is what the stock has, after every trace."""
    for name in ("on_hand", "picked", "held"):
        lots_have = sum(getattr(lot, name) for lot in stock.lots.values())
        assert lots_have == getattr(stock, name), name


def milk(*receipts: tuple[str, int, date | None], removal: Removal = "fefo") -> Goods:
    """Received one lot a minute."""
    found = Goods(removal=removal)
    for number, (lot, units, expires_on) in enumerate(receipts):
        named = NamedUnits(lots=(LotQuantity(lot=lot, quantity=units, expires_on=expires_on),))
        found.record(receive(found.shelf(), units, on(number), units=named))
    return found


def phones(*names: str) -> Goods:
    found = Goods("serial")
    if names:
        found.record(receive(found.shelf(), len(names), on(), units=serials(*names)))
    return found


def sold(units: int, order_id: str = "o1") -> StockCommitted:
    return StockCommitted(sku=SKU, location=PLACE, order_id=order_id, line=1, quantity=units)


def picked(units: int, order_id: str = "o1") -> StockPicked:
    return StockPicked(
        sku=SKU, location=PLACE, order_id=order_id, line=1, quantity=units, pick_id="p"
    )


def parcel(units: int, order_id: str = "o1") -> PickedShipped:
    return PickedShipped(
        sku=SKU, location=PLACE, order_id=order_id, line=1, quantity=units, shipment_id="box"
    )


def held(units: int, lot: str, hold_id: str = "h") -> StockHeld:
    return StockHeld(
        sku=SKU, location=PLACE, hold_id=hold_id, kind="quality", quantity=units, lot=lot
    )
