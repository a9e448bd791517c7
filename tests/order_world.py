"""A ledger of orders in memory: the domain decides; what it accepts happens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from domain import backorders, order_endings, ordering, picking, returns, shipments, shipping
from domain import promises as promising
from domain.aggregates import State, initial
from domain.aggregates import evolve as evolve_any
from domain.consignments import Consignment
from domain.events import (
    Event,
    InspectedLine,
    LineQuantity,
    OrderEvent,
    OrderLine,
    OrderPlaced,
    ShippedLine,
    StockEvent,
)
from domain.item import Item
from domain.location import Location
from domain.order import Order
from domain.refusals import Refusal
from domain.shelf import Shelf
from domain.stock import Stock
from domain.stock_facts import count, receive
from domain.streams import order_stream, sku_and_location, stock_stream
from domain.values import Fact, Facts, Occasion
from tests.builders import ids, item, location, minute

Done = list[Event] | Refusal
Quantities = list[LineQuantity] | None


class OrderWorld:
    """`log` is everything that happened, in order; `commands` are its facts command by command."""

    def __init__(self, *, backorder_limit: int = 0) -> None:
        self.states: dict[str, State | None] = {}
        self.log: list[Fact] = []
        self.commands: list[Facts] = []
        self.clock = 0
        self.backorder_limit = backorder_limit
        self.items: dict[str, Item] = {}
        self.places: dict[str, Location] = {}
        self._ids = ids()

    # --- what there is

    def occasion(self) -> Occasion:
        return Occasion(occurred_at=minute(self.clock), now=minute(self.clock), new_id=self._ids)

    def stock(self, sku: str = "A", place: str = "X") -> Stock:
        stream = stock_stream(sku, place)
        return cast("Stock", self.states.get(stream) or initial(stream))

    def order(self, order_id: str = "o") -> Order | None:
        return cast("Order | None", self.states.get(order_stream(order_id)))

    def known(self, order_id: str = "o") -> Order:
        order = self.order(order_id)
        assert order is not None
        return order

    def shelf(self, sku: str, place: str) -> Shelf:
        if sku not in self.items:
            self.items[sku] = item(sku, backorder_limit=self.backorder_limit)
        if place not in self.places:
            self.places[place] = location(place)
        return Shelf(
            stock=self.stock(sku, place), item=self.items[sku], location=self.places[place]
        )

    def shelves(self, streams: Iterable[str]) -> dict[str, Shelf]:
        return {stream: self.shelf(*sku_and_location(stream)) for stream in streams}

    def of(self, order_id: str) -> dict[str, Shelf]:
        order = self.order(order_id)
        return self.shelves((*order.stock_streams, *order.candidate_streams) if order else ())

    def quantities(self) -> dict[str, tuple[int, ...]]:
        """On hand, committed, picked, waiting and available of every stock."""
        return {
            stream: (
                state.on_hand, state.committed, state.picked, state.waiting, state.available,
            )
            for stream, state in self.states.items()
            if isinstance(state, Stock)
        }  # fmt: skip

    # --- what happens

    def done(self, decided: Facts | Refusal) -> Done:
        if isinstance(decided, Refusal):
            assert decided.sentence()
            return decided
        for fact in decided:
            state = self.states.get(fact.stream, initial(fact.stream))
            after = evolve_any(state, fact.event, fact.occurred_at)
            if fact.after is not None:
                assert fact.after == after, "what a decision foretells is what the fold says"
            self.states[fact.stream] = after
        self.log += decided
        self.commands.append(decided)
        return [fact.event for fact in decided]

    def receive(self, quantity: int, sku: str = "A", place: str = "X") -> Done:
        return self.done(receive(self.shelf(sku, place), quantity, self.occasion()))

    def count(self, counted: int, sku: str = "A", place: str = "X") -> Done:
        shelf, name = self.shelf(sku, place), f"count-{len(self.log)}"
        return self.done(count(shelf, name, counted, self.occasion()))

    def reserve(
        self, reservation_id: str, quantity: int, sku: str = "A", place: str = "X", until: int = 60
    ) -> Done:
        shelf = self.shelf(sku, place)
        return self.done(
            promising.reserve(shelf, reservation_id, quantity, minute(until), self.occasion())
        )

    def place(self, order_id: str, *lines: OrderLine, allocate: bool = True, **terms: Any) -> Done:
        proposed = OrderPlaced(order_id=order_id, lines=lines, **terms)
        streams = ordering.stock_streams(lines, proposed.locations)
        return self.done(
            ordering.place(
                self.order(order_id),
                proposed,
                self.shelves(streams),
                self.occasion(),
                allocate_lines=allocate,
            )
        )

    def allocate(self, order_id: str = "o") -> Done:
        order, shelves = self.order(order_id), self.of(order_id)
        return self.done(ordering.allocate(order, order_id, shelves, self.occasion()))

    def serve(self, sku: str = "A", place: str = "X", after: str | None = None) -> Done:
        turn = backorders.in_turn(self.shelf(sku, place), after)
        orders = {name: self.order(name) for name in turn.orders}
        stream = stock_stream(sku, place)
        streams = {stream: None}
        for order in orders.values():
            streams |= dict.fromkeys(order.stock_streams if order else ())
        return self.done(
            backorders.allocate_backorders(
                stream, turn, orders, self.shelves(streams), self.occasion()
            )
        )

    def pay(self, order_id: str = "o") -> Done:
        order = self.order(order_id)
        return self.done(ordering.confirm_payment(order, order_id, "p", self.occasion()))

    def list_picks(
        self, order_id: str, pick_id: str, place: str = "X", lines: Quantities = None
    ) -> Done:
        order = self.order(order_id)
        return self.done(
            picking.create_pick_list(
                order, order_id, pick_id, location=place, lines=lines, occasion=self.occasion()
            )
        )

    def drop_list(self, order_id: str, pick_id: str) -> Done:
        order = self.order(order_id)
        return self.done(
            picking.cancel_pick_list(order, order_id, pick_id, "printer", self.occasion())
        )

    def pick(
        self, order_id: str, pick_id: str, lines: Sequence[LineQuantity] | None = None
    ) -> Done:
        order, shelves = self.order(order_id), self.of(order_id)
        return self.done(
            picking.pick(
                order, order_id, pick_id, lines=lines, shelves=shelves, occasion=self.occasion()
            )
        )

    def pack(
        self,
        order_id: str,
        parcel_id: str,
        place: str = "X",
        lines: Quantities = None,
    ) -> Done:
        order = self.order(order_id)
        return self.done(
            picking.pack(
                order, order_id, parcel_id, location=place, lines=lines, occasion=self.occasion()
            )
        )

    def ship(self, order_id: str = "o", *lines: ShippedLine, **wanted: Any) -> Done:
        consignment = Consignment(lines=lines or None, **wanted)
        order, shelves = self.order(order_id), self.of(order_id)
        return self.done(shipping.ship(order, order_id, consignment, shelves, self.occasion()))

    def deliver(self, order_id: str, shipment_id: str) -> Done:
        order = self.order(order_id)
        return self.done(shipments.deliver(order, order_id, shipment_id, self.occasion()))

    def unship(self, order_id: str, shipment_id: str) -> Done:
        order, shelves = self.order(order_id), self.of(order_id)
        return self.done(
            shipments.cancel_shipment(
                order, order_id, shipment_id, reason="", shelves=shelves, occasion=self.occasion()
            )
        )

    def cancel(self, order_id: str = "o") -> Done:
        order, shelves = self.order(order_id), self.of(order_id)
        return self.done(order_endings.cancel(order, order_id, "", shelves, self.occasion()))

    def close(self, order_id: str = "o") -> Done:
        order, shelves = self.order(order_id), self.of(order_id)
        return self.done(order_endings.close(order, order_id, "", shelves, self.occasion()))

    def ask_back(self, order_id: str, return_id: str, *lines: LineQuantity) -> Done:
        order = self.order(order_id)
        return self.done(
            returns.request_return(
                order, order_id, return_id, lines=lines, reason="", occasion=self.occasion()
            )
        )

    def inspect(
        self, order_id: str, return_id: str, *lines: InspectedLine, place: str = "X"
    ) -> Done:
        order = self.order(order_id)
        skus = {line.line: line.sku for line in order.lines} if order else {}
        streams = [stock_stream(skus.get(each.line, "A"), place) for each in lines]
        return self.done(
            returns.inspect_return(
                order,
                order_id,
                return_id,
                location=place,
                lines=lines,
                shelves=self.shelves(streams),
                occasion=self.occasion(),
            )
        )


def line(number: int, quantity: int, sku: str = "A", place: str | None = "X") -> OrderLine:
    return OrderLine(line=number, sku=sku, location=place, quantity=quantity)


def units(number: int, quantity: int) -> LineQuantity:
    return LineQuantity(line=number, quantity=quantity)


def seen(number: int, quantity: int, outcome: Any) -> InspectedLine:
    return InspectedLine(line=number, quantity=quantity, outcome=outcome)


def kinds(done: Done) -> list[str]:
    """The names of what happened."""
    assert not isinstance(done, Refusal), done.sentence()
    return [type(event).__name__ for event in done]


def refused(done: Done) -> str:
    """The code of why it was refused."""
    assert isinstance(done, Refusal), done
    return done.code


def promises_match(world: OrderWorld) -> None:
    """What stocks promise, have picked and queue is what orders say they hold, and of each line no
    more than was wanted.
    """
    held: dict[str, list[int]] = {}
    for state in world.states.values():
        if not isinstance(state, Order):
            continue
        wanted = {each.line: each.quantity for each in state.lines}
        for allotment in state.so_far().allotments.values():
            sums = held.setdefault(allotment.stock_stream, [0, 0, 0])
            sums[0] += allotment.committed
            sums[1] += allotment.picked + allotment.packed
            sums[2] += allotment.waiting
            wanted[allotment.line] -= allotment.held + allotment.waiting + allotment.shipped
            assert (
                min(allotment.committed, allotment.picked, allotment.packed, allotment.waiting) >= 0
            )
        assert min(wanted.values()) >= 0
        if state.status in {"cancelled", "closed"}:
            assert not any(each.held or each.waiting for each in state.so_far().allotments.values())
    for stream, state in world.states.items():
        if isinstance(state, Stock):
            found = [state.committed, state.picked, state.waiting]
            assert found == held.get(stream, [0, 0, 0]), stream


def is_order_event(event: Event) -> bool:
    return isinstance(event, OrderEvent)


def stock_events(world: OrderWorld, stream: str) -> list[StockEvent]:
    return [cast("StockEvent", fact.event) for fact in world.log if fact.stream == stream]
