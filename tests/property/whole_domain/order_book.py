"""The plain model of a ledger's orders. Of an order's own events it takes what commands leave open:
where its units are promised, where they wait, and from where they leave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from domain.events import (
    OrderAllocated,
    OrderBackordered,
    OrderPlaced,
    OrderShipped,
    OrderSourced,
    OrderUnitsAllocated,
)
from tests.property.whole_domain.stock_book import StockBook
from tests.property.whole_domain.told import Place
from tests.property.whole_domain.units import DAMAGED

At = tuple[int, str]
"""An order's line, and a location."""


@dataclass(slots=True)
class LineSaid:
    sku: str
    location: str | None
    quantity: int
    is_kit: bool = False
    is_part: bool = False


@dataclass(slots=True)
class OrderSaid:
    """`picked` are loose and packed ones together. Lists, parcels and shipments are by their ids,
    each until it is done with; `due` are units of returns that nobody has looked at.
    """

    lines: dict[int, LineSaid]
    is_paid: bool
    waits: bool
    committed: Counter[At] = field(default_factory=Counter)
    loose: Counter[At] = field(default_factory=Counter)
    packed: Counter[At] = field(default_factory=Counter)
    waiting: Counter[At] = field(default_factory=Counter)
    shipped: Counter[At] = field(default_factory=Counter)
    lists: dict[str, Counter[At]] = field(default_factory=dict)
    parcels: dict[str, Counter[At]] = field(default_factory=dict)
    shipments: dict[str, Counter[At]] = field(default_factory=dict)
    due: dict[str, Counter[int]] = field(default_factory=dict)
    is_whole: bool = True
    is_over: bool = False

    def known_of(self, line: int) -> int:
        """Units of the line that are promised, wait or were sent, anywhere."""
        return sum(
            units
            for found in (self.committed, self.loose, self.packed, self.waiting, self.shipped)
            for (number, _), units in found.items()
            if number == line
        )

    @property
    def is_partly_shipped(self) -> bool:
        """And not over yet."""
        wanted = sum(line.quantity for line in self.lines.values() if not line.is_kit)
        return not self.is_over and 0 < self.shipped.total() < wanted

    @property
    def wants(self) -> bool:
        """Whether units of it are promised nowhere."""
        return any(
            self.known_of(number) - self._waits(number) < line.quantity
            for number, line in self.lines.items()
            if not line.is_kit
        )

    def _waits(self, line: int) -> int:
        return sum(units for (number, _), units in self.waiting.items() if number == line)

    def listed(self) -> Counter[At]:
        return sum(self.lists.values(), Counter())


class OrderBook(StockBook):
    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[str, OrderSaid] = {}

    # --- from placing to promising

    def place_order(self, command: Any) -> None:
        self._placed(command.order_id, command.lines, command)
        if command.reservation_id is not None:
            self._converted(command)
        self._allocated(command.order_id)
        if command.ship:
            self._shipped(command.order_id, ())
        order = self.orders[command.order_id]
        if command.allocate and command.allocation == "all" and not command.backorder:
            for number, line in order.lines.items():
                assert line.is_kit or order.known_of(number) == line.quantity

    def _placed(self, order_id: str, lines: Any, terms: Any) -> None:
        (placed,) = (each for each in self.choices.of(OrderPlaced) if each.order_id == order_id)
        found = {}
        for line in lines:
            quantity = self.own(line.sku, line.quantity, line.unit)
            found[line.line] = LineSaid(line.sku, line.location, quantity)
        for event in placed.lines:
            if event.part_of is not None:
                kit = found[event.part_of]
                kit.is_kit = True
                quantity = kit.quantity * self.items[kit.sku].kit[event.sku]
                assert event.quantity == quantity
                found[event.line] = LineSaid(event.sku, kit.location, quantity, is_part=True)
        wanted = {line.sku for line in found.values() if not line.is_kit}
        for line in found.values():
            assert not line.is_kit or self.items[line.sku].kit.keys() <= wanted
        is_paid = getattr(terms, "payment", "none") == "none"
        order = OrderSaid(found, is_paid, terms.backorder)
        order.is_whole = terms.allocation == "all"
        self.orders[order_id] = order

    def _converted(self, command: Any) -> None:
        """The whole cart, or the reservation at the order's own stocks."""
        cart = self.carts.pop(command.reservation_id, None)
        lines = self.orders[command.order_id].lines.values()
        for place, units in self.places.items():
            own = any(
                not line.is_kit
                and line.sku == place[0]
                and (line.location or place[1]) == place[1]
                and (line.location is not None or place[1] in command.locations)
                for line in lines
            )
            if (cart is not None and place in cart.places) or (cart is None and own):
                units.reserved.pop(command.reservation_id, None)
                self.touched.add(place)

    def _allocated(self, order_id: str) -> None:
        """Where the events say that units of the order are promised, or wait."""
        order = self.orders[order_id]
        for event in self.choices.all():
            if getattr(event, "order_id", None) != order_id:
                continue
            match event:
                case OrderAllocated():
                    for number, line in order.lines.items():
                        if not line.is_kit:
                            at = (number, line.location or "")
                            assert not order.known_of(number)
                            order.committed[at] = line.quantity
                case OrderUnitsAllocated(lines=lines):
                    for units in lines:
                        at = (units.line, units.location)
                        order.committed[at] += units.quantity
                        order.waiting[at] -= min(units.quantity, order.waiting[at])
                case OrderBackordered(lines=lines):
                    for units in lines:
                        order.waiting[units.line, units.location] += units.quantity
                case OrderSourced(lines=lines):
                    for at in list(order.waiting):
                        if at[0] in {units.line for units in lines}:
                            order.waiting[at] = 0
                case _:
                    pass
        self._stand(order_id)

    def _stand(self, order_id: str) -> None:
        """The stocks have of the order what it has of them; of no line more than was wanted."""
        order = self.orders[order_id]
        for name in ("committed", "picked", "waiting"):
            for place, units in self.places.items():
                kept: Counter[tuple[str, int]] = getattr(units, name)
                for key in [key for key in kept if key[0] == order_id]:
                    self.touched.add(place)
                    del kept[key]
        picked = order.loose + order.packed
        for name, found in (
            ("committed", order.committed),
            ("picked", picked),
            ("waiting", order.waiting),
        ):
            for (number, location), quantity in found.items():
                if quantity:
                    units = self.units(order.lines[number].sku, location)
                    getattr(units, name)[order_id, number] += quantity
        for number, line in order.lines.items():
            assert 0 <= order.known_of(number) <= line.quantity

    def allocate_order(self, command: Any) -> None:
        self._allocated(command.order_id)

    def allocate_backorders(self, command: Any) -> None:
        del command
        for event in self.choices.of(OrderUnitsAllocated):
            self._served(event)

    def _served(self, event: OrderUnitsAllocated) -> None:
        order = self.orders[event.order_id]
        for units in event.lines:
            at = (units.line, units.location)
            order.waiting[at] -= units.quantity
            assert order.waiting[at] >= 0
            order.committed[at] += units.quantity
        self._stand(event.order_id)

    def confirm_payment(self, command: Any) -> None:
        assert not self.orders[command.order_id].is_paid
        self.orders[command.order_id].is_paid = True

    # --- out of the shelf

    def create_pick_list(self, command: Any) -> None:
        order = self.orders[command.order_id]
        assert order.is_paid
        free = order.committed - order.listed()
        if command.lines is None:
            wanted = {at: units for at, units in free.items() if at[1] == command.location}
        else:
            found = self._by_line(order, command.lines)
            wanted = {(line, command.location): units for line, units in found.items()}
        assert all(units <= free[at] for at, units in wanted.items())
        order.lists[command.pick_id] = Counter(wanted)

    def cancel_pick_list(self, command: Any) -> None:
        del self.orders[command.order_id].lists[command.pick_id]

    def pick_order(self, command: Any) -> None:
        order = self.orders[command.order_id]
        wanted = order.lists.pop(command.pick_id)
        taken = wanted.copy()
        if command.lines is not None:
            found = self._by_line(order, command.lines)
            taken = Counter({at: found.get(at[0], 0) for at in wanted})
        assert taken <= wanted <= order.committed
        order.committed -= wanted
        order.loose += taken
        if order.waits:
            order.waiting.update(wanted - taken)
        self._stand(command.order_id)

    def pack_order(self, command: Any) -> None:
        order = self.orders[command.order_id]
        if command.lines is None:
            packed = Counter({at: n for at, n in order.loose.items() if at[1] == command.location})
        else:
            found = self._by_line(order, command.lines)
            packed = Counter({(line, command.location): units for line, units in found.items()})
        assert packed <= order.loose
        order.loose -= packed
        order.packed += packed
        order.parcels[command.parcel_id] = packed

    # --- away, and back

    def ship_order(self, command: Any) -> None:
        assert self.orders[command.order_id].is_paid
        self._shipped(command.order_id, command.lines or ())
        order = self.orders[command.order_id]
        if command.lines is None and not command.parcels:
            assert not (order.loose + order.packed)
            assert not order.committed - order.listed()

    def _shipped(self, order_id: str, named: Any) -> None:
        order = self.orders[order_id]
        (event,) = (each for each in self.choices.of(OrderShipped) if each.order_id == order_id)
        leaving = Counter(dict(self._at(order, event)))
        for line, wanted in self._by_line(order, named).items():
            assert wanted == sum(units for at, units in leaving.items() if at[0] == line)
        packed: Counter[At] = Counter()
        for name in event.parcels:
            packed += order.parcels.pop(name)
        assert packed <= leaving
        loose = (leaving - packed) & order.loose
        rest = leaving - packed - loose
        assert rest <= order.committed
        order.packed -= packed
        order.loose -= loose
        order.committed -= rest
        order.shipped.update(leaving)
        if event.shipment_id is not None:
            order.shipments[event.shipment_id] = leaving
        by_place: Counter[Place] = Counter()
        for (number, location), units in leaving.items():
            by_place[order.lines[number].sku, location] += units
        for (sku, location), units in by_place.items():
            self.leave(sku, location, units)
        self._stand(order_id)

    def _by_line(self, order: OrderSaid, lines: Any) -> Counter[int]:
        found: Counter[int] = Counter()
        for each in lines:
            sku = order.lines[each.line].sku
            found[each.line] += self.own(sku, each.quantity, each.unit)
        return found

    def _at(self, order: OrderSaid, event: OrderShipped) -> Iterator[tuple[At, int]]:
        for line in event.lines:
            location = line.location or order.lines[line.line].location
            assert location is not None
            yield (line.line, location), line.quantity

    def deliver_shipment(self, command: Any) -> None:
        del self.orders[command.order_id].shipments[command.shipment_id]

    def cancel_shipment(self, command: Any) -> None:
        order = self.orders[command.order_id]
        back = order.shipments.pop(command.shipment_id)
        named = {line.line: line for line in command.lines}
        for (number, location), units in back.items():
            sku = order.lines[number].sku
            line = named.get(number)
            lots = {"": units} if line is None else self.named(sku, units, line)
            self.come(sku, location, lots, line)
        order.shipped -= back
        self._allocated(command.order_id)

    def cancel_order(self, command: Any) -> None:
        self._over(command.order_id)

    def close_order(self, command: Any) -> None:
        assert self.orders[command.order_id].shipped
        self._over(command.order_id)

    def _over(self, order_id: str) -> None:
        order = self.orders[order_id]
        order.is_over = True
        for found in (order.committed, order.loose, order.packed, order.waiting):
            found.clear()
        order.lists.clear()
        order.parcels.clear()
        self._stand(order_id)

    def request_return(self, command: Any) -> None:
        order = self.orders[command.order_id]
        wanted = self._by_line(order, command.lines)
        order.due[command.return_id] = wanted
        sent: Counter[int] = Counter()
        for (number, _), units in order.shipped.items():
            sent[number] += units
        assert sum(order.due.values(), Counter()) <= sent

    def inspect_return(self, command: Any) -> None:
        order = self.orders[command.order_id]
        due = order.due[command.return_id]
        for line in command.lines:
            sku = order.lines[line.line].sku
            quantity = self.own(sku, line.quantity, line.unit)
            due[line.line] -= quantity
            assert due[line.line] >= 0
            if line.outcome == "refuse":
                continue
            lots = self.named(sku, quantity, line)
            self.come(sku, command.location, lots, line)
            if line.outcome == "damage":
                self.units(sku, command.location).hold(DAMAGED, lots)

    def exchange_order(self, command: Any) -> None:
        self.request_return(command)
        first = self.orders[command.order_id]
        terms = _Terms(first.waits, "all" if first.is_whole else "partial")
        self._placed(command.replacement_id, command.replacement_lines, terms)
        self._allocated(command.replacement_id)

    def record_charge(self, command: Any) -> None:
        """Money without goods."""

    def record_payment(self, command: Any) -> None:
        """What follows from it are commands of the saga."""

    def note_refund_due(self, command: Any) -> None:
        assert self.orders[command.order_id].is_over

    def time_out_payment(self, command: Any) -> None:
        assert command.due_at <= self.now
        assert not self.orders[command.order_id].is_paid


@dataclass(frozen=True, slots=True)
class _Terms:
    backorder: bool
    allocation: str
