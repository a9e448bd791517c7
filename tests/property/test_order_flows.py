"""Whatever happens to orders: stocks promise what orders hold, and no unit is moved twice."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.aggregates import State, initial
from domain.aggregates import evolve as evolve_any
from domain.events import ShippedLine
from domain.laws import conserved, never_negative, promises_add_up, shortfall_is_stated
from domain.order import Order
from domain.refusals import Refusal
from domain.stock import Stock
from tests.order_world import Done, OrderWorld, line, promises_match, seen, stock_events, units

SKUS, PLACES = ("A", "B"), ("X", "Y")
skus, places = st.sampled_from(SKUS), st.sampled_from(PLACES)
some = st.integers(1, 6)
wanted = st.lists(st.tuples(skus, st.sampled_from([*PLACES, None]), some), min_size=1, max_size=3)
strategies = st.sampled_from(["nearest", "fewest_parcels", "highest_stock", "fixed_order"])


class Orders(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = OrderWorld(backorder_limit=0)
        self.names = 0

    def name(self) -> str:
        self.names += 1
        return f"n{self.names}"

    def orders(self) -> list[str]:
        return sorted(
            state.order_id for state in self.world.states.values() if isinstance(state, Order)
        )

    def some_order(self, data: st.DataObject) -> Order:
        return self.world.known(data.draw(st.sampled_from(self.orders())))

    def twice(self, done: Done, again: Done, quantities: dict[str, tuple[int, ...]]) -> None:
        """What was done is not done a second time."""
        if not isinstance(done, Refusal):
            assert isinstance(again, Refusal)
            assert self.world.quantities() == quantities

    @initialize(found=st.lists(st.tuples(skus, places, some), max_size=4))
    def opening(self, found: list[tuple[str, str, int]]) -> None:
        for sku, place, quantity in found:
            self.world.receive(quantity, sku, place)

    @rule(sku=skus, place=places, quantity=some)
    def receives(self, sku: str, place: str, quantity: int) -> None:
        self.world.receive(quantity, sku, place)

    @rule(sku=skus, place=places)
    def serves_those_who_wait(self, sku: str, place: str) -> None:
        self.world.serve(sku, place)

    @rule(
        lines=wanted,
        partial=st.booleans(),
        waits=st.booleans(),
        now=st.booleans(),
        paid=st.booleans(),
        strategy=strategies,
    )
    def places_an_order(
        self,
        lines: list[tuple[str, str | None, int]],
        strategy: str,
        *,
        partial: bool,
        waits: bool,
        now: bool,
        paid: bool,
    ) -> None:
        terms: dict[str, Any] = {
            "allocation": "partial" if partial else "all",
            "backorder": waits,
            "payment": "required" if paid else "none",
        }
        if any(place is None for _, place, _ in lines):
            terms |= {"sourcing": strategy, "locations": PLACES}
        self.world.place(
            self.name(),
            *(line(n, units, sku, place) for n, (sku, place, units) in enumerate(lines, 1)),
            allocate=now,
            **terms,
        )

    @precondition(lambda self: self.orders())
    @rule(data=st.data())
    def allocates(self, data: st.DataObject) -> None:
        order = self.some_order(data)
        self.world.allocate(order.order_id)
        self.world.pay(order.order_id)

    @precondition(lambda self: self.orders())
    @rule(data=st.data(), place=places)
    def picks_and_packs(self, data: st.DataObject, place: str) -> None:
        order_id = self.some_order(data).order_id
        name = self.name()
        listed = self.world.list_picks(order_id, name, place)
        if isinstance(listed, Refusal) or data.draw(st.booleans()):
            return
        if data.draw(st.integers(0, 4)) == 0:
            self.world.drop_list(order_id, name)
            return
        on_list = self.world.known(order_id).so_far().picks[name].lines
        taken = None
        if data.draw(st.booleans()):
            taken = [units(each.line, data.draw(st.integers(0, each.quantity))) for each in on_list]
        done = self.world.pick(order_id, name, taken)
        quantities = self.world.quantities()
        self.twice(done, self.world.pick(order_id, name, taken), quantities)
        if data.draw(st.booleans()):
            self.world.pack(order_id, name, place)

    @precondition(lambda self: self.orders())
    @rule(data=st.data())
    def ships(self, data: st.DataObject) -> None:
        order = self.some_order(data)
        name = self.name()
        boxes = [
            each.parcel_id for each in order.so_far().parcels.values() if each.status == "packed"
        ]
        how = data.draw(st.sampled_from(["all", "line", "parcel"]))
        if how == "parcel" and boxes:
            self.world.ship(order.order_id, parcels=(data.draw(st.sampled_from(boxes)),))
        elif how == "line":
            number = data.draw(st.sampled_from([each.line for each in order.lines]))
            some_of_it = ShippedLine(line=number, quantity=data.draw(some))
            self.world.ship(order.order_id, some_of_it, shipment_id=name)
        else:
            self.world.ship(order.order_id, shipment_id=name)

    @precondition(lambda self: self.orders())
    @rule(data=st.data(), arrives=st.booleans())
    def follows_a_shipment(self, data: st.DataObject, *, arrives: bool) -> None:
        order = self.some_order(data)
        known = sorted(order.so_far().shipments)
        if not known:
            return
        name = data.draw(st.sampled_from(known))
        move = self.world.deliver if arrives else self.world.unship
        done = move(order.order_id, name)
        quantities = self.world.quantities()
        self.twice(done, move(order.order_id, name), quantities)

    @precondition(lambda self: self.orders())
    @rule(data=st.data(), outcome=st.sampled_from(["restock", "damage", "refuse"]))
    def takes_back(self, data: st.DataObject, outcome: str) -> None:
        order = self.some_order(data)
        number = data.draw(st.sampled_from([each.line for each in order.lines]))
        quantity, name = data.draw(some), self.name()
        back = self.world.ask_back(order.order_id, name, units(number, quantity))
        coming = order.so_far().coming_back().get(number, 0)
        sent = next(each.shipped for each in order.lines if each.line == number)
        assert isinstance(back, Refusal) == (quantity > sent - coming)
        if not isinstance(back, Refusal):
            self.world.inspect(order.order_id, name, seen(number, quantity, outcome))

    @precondition(lambda self: self.orders())
    @rule(data=st.data(), closes=st.booleans())
    def ends(self, data: st.DataObject, *, closes: bool) -> None:
        """Cancelling gives every stock back exactly what the order held there."""
        order_id = self.some_order(data).order_id
        held = self.world.known(order_id).so_far().allotments
        before = self.world.quantities()
        end = self.world.close if closes else self.world.cancel
        done = end(order_id)
        after = self.world.quantities()
        if not isinstance(done, Refusal):
            for stream, (on_hand, committed, picked, waiting, available) in before.items():
                mine = [each for each in held.values() if each.stock_stream == stream]
                assert after[stream] == (
                    on_hand,
                    committed - sum(each.committed for each in mine),
                    picked - sum(each.picked + each.packed for each in mine),
                    waiting - sum(each.waiting for each in mine),
                    available + sum(each.held for each in mine),
                )
        self.twice(done, end(order_id), after)

    @invariant()
    def stocks_promise_what_orders_hold(self) -> None:
        promises_match(self.world)

    @invariant()
    def the_laws_hold(self) -> None:
        for stream, state in self.world.states.items():
            if isinstance(state, Stock):
                assert never_negative(state)
                assert promises_add_up(state)
                assert shortfall_is_stated(state)
                assert conserved(state, stock_events(self.world, stream))
                assert state.waiting == sum(each.quantity for each in state.queue.values())

    def teardown(self) -> None:
        """The states are the folds of what happened, and survive being stored."""
        folded: dict[str, State | None] = {}
        for fact in self.world.log:
            before = folded.get(fact.stream, initial(fact.stream))
            folded[fact.stream] = evolve_any(before, fact.event, fact.occurred_at)
        assert folded == self.world.states
        for state in folded.values():
            stored = msgspec.json.encode(state)
            assert msgspec.json.decode(stored, type=type(state)) == state


TestOrders = Orders.TestCase
TestOrders.settings = settings(max_examples=2 * settings().max_examples, stateful_step_count=40)
