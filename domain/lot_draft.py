"""The part of a draft that is about lots (or serials): made for items that are tracked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import islice

from domain.events import StockCounted, StockEvent, StockHeld, StockTraced
from domain.item import Item
from domain.lot_choice import Sight
from domain.lot_units import LotHoldKind, hold_id_of
from domain.moving_stock import MovingStock
from domain.named_units import LotQuantity, NamedUnits
from domain.refusals import Refusal
from domain.refusals_lots import SerialInPlace, UnitsRefusal
from domain.register import Moved, Register
from domain.stock import LotUnits, Stock
from domain.tracing import Traced, traced
from domain.values import Occasion, day_of

# Serials read along with one that leaves: the commands waiting behind this one take the next.
LIKELY_MAX = 1_000


class LotDraft:
    """Of one stock, whose `stock` is as the draft has moved it so far."""

    def __init__(
        self,
        item: Item,
        before: Stock,
        stock: MovingStock,
        occasion: Occasion,
        register: Register,
    ) -> None:
        self.register = register
        self._item = item
        self._before = before
        self._stock = stock
        self._today = day_of(occasion.now)
        self._moved: dict[str, LotQuantity] = {}
        self._traces: dict[str, StockTraced] = {}
        self._freed: dict[str, None] = {}

    @property
    def of_serials(self) -> bool:
        return self._item.tracking == "serial"

    @property
    def units(self) -> NamedUnits:
        """The lots (or serials) whose on hand was moved so far."""
        if self.of_serials:
            return NamedUnits(serials=tuple(self._moved))
        return NamedUnits(lots=tuple(self._moved.values()))

    def lots_of(
        self, event: StockEvent, named: NamedUnits, lots_then: Mapping[str, int]
    ) -> Traced | UnitsRefusal:
        """What the event moves of which lots. Lots that come in are registered and located."""
        sight = Sight(
            item=self._item,
            location=self._before.location,
            stock=self._stock,
            today=self._today,
        )
        units = traced(event, named, sight, lots_then)
        if isinstance(units, Refusal):
            return units
        freed = [each.lot for each in units if each.on_hand > 0 or each.held < 0]
        if freed and self._item.tracking == "lot":
            self.register.know_lots(self._item.sku, freed)
        came = [each.lot for each in units if each.on_hand > 0]
        if isinstance(event, StockCounted):
            # What a count does not name was not there, though it may set right a lot of which more
            # had gone than ever came.
            seen = {*named.serials, *(each.lot for each in named.lots)}
            came = [lot for lot in came if lot in seen]
        if came:
            return self.register.come(self._item, self._before.location, units, came)
        return units

    def noted(self, trace: StockTraced) -> None:
        """A trace was added to the draft and has moved its lots."""
        self._freed |= {each.lot: None for each in trace.units if each.on_hand > 0 or each.held < 0}
        if trace.cause in {"restated", "found"}:
            return
        for each in trace.units:
            if not each.on_hand:
                continue
            expires_on = each.expires_on or self._stock_expiry(each.lot)
            self._traces[each.lot] = trace
            known = self._moved.get(each.lot)
            self._moved[each.lot] = LotQuantity(
                lot=each.lot,
                quantity=abs(each.on_hand) + (0 if known is None else known.quantity),
                expires_on=expires_on,
            )

    def held_again(self) -> Iterator[StockHeld]:
        """What came in, or was let go, of lots that are recalled or have expired: held at once."""
        for name in list(self._freed):
            lot = self._stock.lots.get(name)
            kind = None if lot is None else self._why_held(lot)
            if lot is not None and kind is not None and lot.sendable:
                yield StockHeld(
                    sku=self._item.sku,
                    location=self._before.location,
                    hold_id=hold_id_of(kind, name),
                    kind=kind,
                    quantity=lot.sendable,
                    lot=name,
                )

    def leave(self) -> None:
        """Tell the register which serials are here no more."""
        if self.of_serials:
            likely = islice(self._before.lots, LIKELY_MAX)
            self.register.leave(self._item.sku, self._net(-1), likely)

    def place(self) -> list[SerialInPlace]:
        """Tell the register which serials came; those that cannot have."""
        if not self.of_serials:
            return []
        sku, location = self._item.sku, self._before.location
        twice = [
            SerialInPlace(sku=sku, serial=lot.lot, location=location)
            for lot in map(self._stock.lots.get, self._traces)
            if lot is not None and lot.on_hand > 1
        ]
        if twice:
            return twice
        elsewhere = self.register.place(sku, self._net(+1))
        return [] if elsewhere is None else [elsewhere]

    def _why_held(self, lot: LotUnits) -> LotHoldKind | None:
        state = self.register.lot(self._item.sku, lot.lot)
        if state is not None and state.recall_id is not None:
            return "recalled"
        return "expired" if lot.expired(self._today) else None

    def _net(self, by: int) -> Iterator[Moved]:
        """The serials whose on hand the whole draft has moved so."""
        before, after = self._before.lots, self._stock.lots
        for name, trace in self._traces.items():
            was = before[name].on_hand if name in before else 0
            now = after[name].on_hand if name in after else 0
            if now - was == by:
                yield Moved(serial=name, trace=trace, expires_on=self._stock_expiry(name))

    def _stock_expiry(self, name: str) -> date | None:
        lot = self._stock.lots.get(name) or self._before.lots.get(name)
        return None if lot is None else lot.expires_on
