"""The plain model of what a ledger's stocks have: commands on items, stock, lots and reservations.

Each method is named for its command and does what the accepted command says. `now` is the clock's
instant, `at` that at which it happened.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from domain.events import ReservationExpired, StockHeld
from tests.property.whole_domain.ledgers import BEGIN
from tests.property.whole_domain.told import Choices, Place
from tests.property.whole_domain.units import DAMAGED, Lots, Reserved, Units

HELD_BY_ITSELF = frozenset({"recalled", "expired", "missing"})


@dataclass(slots=True)
class ItemSaid:
    """What commands said of an item. `kit` is what one of it is made of, `units` are ratios."""

    tracking: str
    limit: int = 0
    is_ended: bool = False
    shelf_life: int | None = None
    kit: dict[str, int] = field(default_factory=dict)
    units: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class CartSaid:
    until: datetime
    places: set[Place]


class StockBook:
    def __init__(self) -> None:
        self.items: dict[str, ItemSaid] = {}
        self.locations: set[str] = set()
        self.places: defaultdict[Place, Units] = defaultdict(Units)
        self.carts: dict[str, CartSaid] = {}
        self.recalled: set[Place] = set()
        self.last_days: dict[Place, date | None] = {}
        self.quota: int | None = None
        self.touched: set[Place] = set()
        self.now = self.at = BEGIN
        self.choices: Choices

    def units(self, sku: str, location: str) -> Units:
        self.touched.add((sku, location))
        return self.places[sku, location]

    def own(self, sku: str, quantity: int, unit: str | None) -> int:
        """In the item's own unit."""
        if unit is None or unit == "each":
            return quantity
        numerator, denominator = self.items[sku].units[unit]
        units, rest = divmod(quantity * numerator, denominator)
        assert not rest
        return units

    def named(self, sku: str, quantity: int, line: Any) -> dict[str, int]:
        """The lots that a command names, which come to the quantity."""
        if self.items[sku].tracking == "none":
            assert not line.lots
            assert not line.serials
            return {"": quantity}
        found = {each.lot: each.quantity for each in line.lots} | dict.fromkeys(line.serials, 1)
        assert sum(found.values()) == quantity
        return found

    def come(self, sku: str, location: str, lots: Lots, line: Any = None) -> None:
        """Units come in; the first ones of a lot tell its last good day."""
        days = {each.lot: each.expires_on for each in getattr(line, "lots", ())}
        life = self.items[sku].shelf_life
        fresh = None if life is None else self.at.date() + timedelta(days=life)
        for lot in lots:
            if lot and (sku, lot) not in self.last_days:
                self.last_days[sku, lot] = days.get(lot) or fresh
        self.units(sku, location).move(lots, self.at)

    def leave(
        self, sku: str, location: str, quantity: int, line: Any = None, *, is_sent: bool = True
    ) -> Lots:
        """Units leave: those named, or such as may be sent."""
        units = self.units(sku, location)
        if self.items[sku].tracking == "none":
            lots: Lots = {"": quantity}
        else:
            lots = self.choices.sent((sku, location))
            assert sum(lots.values()) == quantity
            if line is not None and (line.lots or line.serials):
                assert lots == self.named(sku, quantity, line)
            if is_sent:
                self._may_be_sent(sku, location, lots)
        units.move({lot: -n for lot, n in lots.items()}, self.at)
        return lots

    def _may_be_sent(self, sku: str, location: str, lots: Lots) -> None:
        """Neither what is held nor what has expired is."""
        for lot, units in lots.items():
            assert units <= self.places[sku, location].sendable(lot)
            last_day = self.last_days.get((sku, lot))
            assert last_day is None or last_day >= self.now.date()

    def room(self, sku: str, location: str) -> int:
        """What may be promised there of an item that is not tracked, to somebody new."""
        units = self.places[sku, location]
        return units.on_hand - units.promised + units.due(self.now) + self.limit(sku)

    def limit(self, sku: str) -> int:
        item = self.items[sku]
        return 0 if item.is_ended else item.limit

    def reserve(self, reservation_id: str, wanted: Iterable[tuple[Place, int]], until: Any) -> None:
        for place, quantity in wanted:
            known = self.units(*place).reserved.get(reservation_id)
            units = quantity + (known.units if known else 0)
            self.places[place].reserved[reservation_id] = Reserved(units, until)

    # --- what any command may bring about

    def meanwhile(self) -> None:
        """Reservations that were due and in the way have expired, before anything else."""
        for event in self.choices.of(ReservationExpired):
            known = self.units(event.sku, event.location).reserved.pop(event.reservation_id)
            assert known.until <= self.now
            assert known.units == event.quantity

    def afterwards(self) -> None:
        """What is held by itself is so for a reason; a promise is made within the item's limit."""
        for held in self.choices.of(StockHeld):
            if held.kind in HELD_BY_ITSELF:
                self._held(held)
        for event in self.choices.promises():
            self.units(event.sku, event.location).allowance = self.limit(event.sku)

    def _held(self, held: StockHeld) -> None:
        place = (held.sku, held.location)
        if held.kind == "recalled":
            assert (held.sku, held.lot) in self.recalled
        if held.kind == "expired":
            last_day = self.last_days[held.sku, held.lot or ""]
            assert last_day is not None
            assert last_day < self.now.date()
        tracked = self.items[held.sku].tracking != "none"
        lots = self.choices.of_hold(place, held.hold_id, "held") if tracked else {"": held.quantity}
        assert sum(lots.values()) == held.quantity
        self.units(*place).hold(held.hold_id, lots)

    # --- items and locations

    def register_item(self, command: Any) -> None:
        self.items[command.sku] = ItemSaid(command.tracking, command.backorder_limit)

    def describe_item(self, command: Any) -> None:
        if "backorder_limit" in command.model_fields_set:
            self.items[command.sku].limit = command.backorder_limit

    def discontinue_item(self, command: Any) -> None:
        self.items[command.sku].is_ended = True

    def register_location(self, command: Any) -> None:
        self.locations.add(command.location)

    def set_handling(self, command: Any) -> None:
        self.items[command.sku].shelf_life = command.shelf_life_days

    def define_unit(self, command: Any) -> None:
        self.items[command.sku].units[command.unit] = (command.numerator, command.denominator)

    def compose_kit(self, command: Any) -> None:
        self.items[command.sku].kit = {
            each.sku: self.own(each.sku, each.quantity, each.unit) for each in command.components
        }

    # --- stock

    def receive_stock(self, command: Any) -> None:
        quantity = self.own(command.sku, command.quantity, command.unit)
        lots = self.named(command.sku, quantity, command)
        self.come(command.sku, command.location, lots, command)

    def adjust_stock(self, command: Any) -> None:
        delta = self.own(command.sku, command.delta, command.unit)
        lots = self.named(command.sku, abs(delta), command)
        by = lots if delta > 0 else {lot: -n for lot, n in lots.items()}
        if delta > 0:
            self.come(command.sku, command.location, by, command)
        else:
            self.units(command.sku, command.location).move(by, self.at)
        if command.condition == "damaged":
            self.units(command.sku, command.location).hold(DAMAGED, by)

    def count_stock(self, command: Any) -> None:
        self.counted(command.sku, command.location, command, self.at)

    def counted(self, sku: str, location: str, line: Any, at: datetime) -> None:
        lots = self.named(sku, line.counted, line) if line.counted else {}
        for each in line.lots:
            self.last_days.setdefault((sku, each.lot), each.expires_on or self._fresh(sku, at))
        for serial in line.serials:
            self.last_days.setdefault((sku, serial), self._fresh(sku, at))
        self.units(sku, location).count(lots, at)

    def _fresh(self, sku: str, at: datetime) -> date | None:
        life = self.items[sku].shelf_life
        return None if life is None else at.date() + timedelta(days=life)

    def reserve_stock(self, command: Any) -> None:
        place = (command.sku, command.location)
        quantity = self.own(command.sku, command.quantity, command.unit)
        self.reserve(command.reservation_id, [(place, quantity)], command.expires_at)

    def extend_reservation(self, command: Any) -> None:
        units = self.units(command.sku, command.location)
        units.reserved[command.reservation_id].until = command.expires_at

    def release_reservation(self, command: Any) -> None:
        del self.units(command.sku, command.location).reserved[command.reservation_id]

    def expire_reservation(self, command: Any) -> None:
        """By the event, whose time has come."""
        assert command.reservation_id not in self.places[command.sku, command.location].reserved

    def ship_stock(self, command: Any) -> None:
        quantity = self.own(command.sku, command.quantity, command.unit)
        self.leave(command.sku, command.location, quantity, command)
        if command.reservation_id is not None:
            units = self.units(command.sku, command.location)
            known = units.reserved[command.reservation_id]
            known.units -= quantity
            assert known.units >= 0
            if not known.units:
                del units.reserved[command.reservation_id]

    def return_stock(self, command: Any) -> None:
        quantity = self.own(command.sku, command.quantity, command.unit)
        lots = self.named(command.sku, quantity, command)
        self.come(command.sku, command.location, lots, command)
        if command.to == "damaged":
            self.units(command.sku, command.location).hold(DAMAGED, lots)

    def write_off_stock(self, command: Any) -> None:
        quantity = self.own(command.sku, command.quantity, command.unit)
        lots = self.leave(command.sku, command.location, quantity, command, is_sent=False)
        if command.hold_id is not None:
            self.units(command.sku, command.location).let_go(command.hold_id, lots)

    def move_stock(self, command: Any) -> None:
        quantity = self.own(command.sku, command.quantity, command.unit)
        lots = self.leave(command.sku, command.origin, quantity, command)
        self.come(command.sku, command.destination, lots)

    # --- lots and holds

    def register_lot(self, command: Any) -> None:
        self.last_days[command.sku, command.lot] = command.expires_on

    def change_lot_expiry(self, command: Any) -> None:
        """What has expired by the new day is held by events; what has not any more is let go."""
        self.last_days[command.sku, command.lot] = command.expires_on
        if command.expires_on >= self.now.date():
            self._let_go_everywhere(command.sku, f"expired:{command.lot}")

    def hold_stock(self, command: Any) -> None:
        units = self.units(command.sku, command.location)
        quantity = self.own(command.sku, command.quantity, command.unit)
        units.hold(command.hold_id, {command.lot or "": quantity})

    def release_hold(self, command: Any) -> None:
        units = self.units(command.sku, command.location)
        quantity = units.held[command.hold_id].total()
        if command.quantity is not None:
            quantity = self.own(command.sku, command.quantity, command.unit)
        place = (command.sku, command.location)
        lots: Lots = {"": quantity}
        if self.items[command.sku].tracking != "none":
            lots = self.choices.of_hold(place, command.hold_id, "let_go")
        assert sum(lots.values()) == quantity
        units.let_go(command.hold_id, lots)

    def expire_lot(self, command: Any) -> None:
        """By the event: all there is."""

    def recall_lot(self, command: Any) -> None:
        self.recalled.add((command.sku, command.lot))

    def end_recall(self, command: Any) -> None:
        self.recalled.discard((command.sku, command.lot))
        self._let_go_everywhere(command.sku, f"recalled:{command.lot}")

    def _let_go_everywhere(self, sku: str, hold_id: str) -> None:
        for (of, location), units in list(self.places.items()):
            if of == sku and hold_id in units.held:
                self.units(of, location).let_go(hold_id, Counter(units.held[hold_id]))

    # --- carts and policy

    def reserve_cart(self, command: Any) -> None:
        lines = [
            ((line.sku, line.location), self.own(line.sku, line.quantity, line.unit))
            for line in command.lines
        ]
        self.reserve(command.reservation_id, lines, command.expires_at)
        cart = CartSaid(command.expires_at, {place for place, _ in lines})
        self.carts[command.reservation_id] = cart

    def extend_cart(self, command: Any) -> None:
        cart = self.carts[command.reservation_id]
        cart.until = command.expires_at
        for place in cart.places:
            if (kept := self.units(*place).reserved.get(command.reservation_id)) is not None:
                kept.until = command.expires_at

    def release_cart(self, command: Any) -> None:
        for place in self.carts.pop(command.reservation_id).places:
            self.units(*place).reserved.pop(command.reservation_id, None)

    def expire_cart(self, command: Any) -> None:
        """By the events of its stocks."""
        cart = self.carts.pop(command.reservation_id)
        assert cart.until <= self.now
        for place in cart.places:
            assert command.reservation_id not in self.places[place].reserved

    def set_policy(self, command: Any) -> None:
        if "reservation_quota" in command.model_fields_set:
            self.quota = command.reservation_quota

    def open_quota(self, command: Any) -> None:
        """What was reserved is known by now."""
