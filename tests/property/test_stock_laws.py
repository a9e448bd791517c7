"""Whatever commands come, however they are dated: the laws hold at every prefix of the log."""

from datetime import datetime

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.consignments import Consignment
from domain.events import (
    CountRestated,
    DiscrepancyFound,
    ShortfallStated,
    StockAdjusted,
    StockCommitted,
    StockCounted,
    StockEvent,
    StockReceived,
    StockReserved,
    StockReturned,
    StockShipped,
)
from domain.laws import (
    conserved,
    never_negative,
    promise_was_covered,
    promises_add_up,
    shortfall_is_stated,
)
from domain.moving_stock import evolve, fold
from domain.order import Order
from domain.order import evolve as evolve_order
from domain.order_endings import cancel
from domain.ordering import allocate, place
from domain.promises import expire, release, reserve
from domain.promises import ship as ship_units
from domain.refusals import ExceedsCommitted, InsufficientStock, OrderState, Refusal
from domain.shelf import Shelf
from domain.shipping import ship
from domain.stock import COUNTS_KEPT, Stock
from domain.stock_facts import accept_return, adjust, count, receive
from domain.stock_history import StockHistory
from domain.streams import stock_stream
from domain.values import Facts, Occasion
from tests.builders import SKU, Dated, ids, item, location, minute, parcel, placed, wanted

PLACES = ("A", "B")
units = st.integers(1, 12)
places = st.sampled_from(PLACES)
# How many minutes ago something happened: few values, so that instants tie.
ago = st.sampled_from([0, 0, 0, 1, 2, 3, 5, 8, 12])


def units_in(event: StockEvent) -> int:
    """By how much a fact moves on hand, written down a second time."""
    match event:
        case StockReceived() | StockReturned() | DiscrepancyFound():
            return event.quantity
        case StockShipped():
            return -event.quantity
        case StockAdjusted() | CountRestated():
            return event.delta
        case StockCounted():
            return event.counted - event.expected
        case _:
            return 0


def assert_counts_stand(log: list[Dated]) -> None:
    """Fold by `occurred_at`, ties by log order, restatements with their count: before each count
    there is what it, as restated last, says was expected; after it, what was counted.
    """
    counted_at: dict[str, tuple[datetime, int]] = {}
    moves: list[tuple[datetime, int, int, StockEvent]] = []
    for number, (event, occurred_at) in enumerate(log):
        place = (occurred_at, number)
        match event:
            case StockCounted(count_id=count_id):
                counted_at[count_id] = place
            case CountRestated(count_id=count_id):
                place = counted_at[count_id]
                assert occurred_at == place[0]
            case _:
                pass
        moves.append((*place, number, event))
    on_hand = expected = 0
    moves.sort(key=lambda move: move[:3])
    for (_, among, _, event), following in zip(moves, [*moves[1:], None], strict=True):
        if isinstance(event, StockCounted):
            before = on_hand
        on_hand += units_in(event)
        if isinstance(event, StockCounted | CountRestated):
            expected = event.expected
            if following is None or following[1] != among:
                assert (expected, event.counted) == (before, on_hand)


def assert_newest_lose_first(stock: Stock, stated: ShortfallStated) -> None:
    named = {(lost.kind, lost.id, lost.line): lost.uncovered for lost in stated.promises}
    left = stated.uncovered
    for promise in reversed(stock.promises.values()):
        lost = named.pop((promise.kind, promise.id, promise.line), 0)
        assert lost == min(left, promise.quantity)
        left -= lost
    assert named == {}


class Ledger(RuleBasedStateMachine):
    """One SKU at two places, reservations, orders over both places, and facts that come late."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = 20
        self.names = 0
        self.new_id = ids()
        self.item = item()
        self.stocks = {place: Stock(sku=SKU, location=place) for place in PLACES}
        self.logs: dict[str, list[Dated]] = {place: [] for place in PLACES}
        self.orders: dict[str, Order] = {}
        self.reservations: list[tuple[str, str]] = []

    # --- what a command needs, and what becomes of it

    def name(self) -> str:
        self.names += 1
        return f"n-{self.names}"

    def occasion(self, minutes_ago: int) -> Occasion:
        return Occasion(
            occurred_at=minute(self.clock - minutes_ago),
            now=minute(self.clock),
            new_id=self.new_id,
        )

    def shelf(self, at: str) -> Shelf:
        return Shelf(stock=self.stocks[at], item=self.item, location=location(at))

    def shelves(self) -> dict[str, Shelf]:
        return {stock_stream(SKU, place): self.remembering(place) for place in PLACES}

    def remembering(self, at: str) -> Shelf:
        history = StockHistory().then(self.logs[at])
        return Shelf(stock=self.stocks[at], item=self.item, location=location(at), history=history)

    def dated_shelf(self, at: str, occasion: Occasion, *, counting: bool = False) -> Shelf:
        """With its history exactly when the stock asks for it."""
        stock = self.stocks[at]
        asked = stock.count_needs_history if counting else stock.needs_history
        return self.remembering(at) if asked(occasion.occurred_at) else self.shelf(at)

    def record(self, decided: Facts | Refusal) -> None:
        assert not isinstance(decided, Refusal), decided.sentence()
        touched = set()
        for fact in decided:
            if fact.stream.startswith("order-"):
                name = fact.stream.removeprefix("order-")
                known = self.orders.get(name)
                order = evolve_order(known, fact.event, fact.occurred_at)  # type: ignore[arg-type]
                assert order is not None
                self.orders[name] = order
                continue
            at = fact.event.location  # type: ignore[union-attr]
            event: StockEvent = fact.event  # type: ignore[assignment]
            touched.add(at)
            self.logs[at].append((event, fact.occurred_at))
            self.stocks[at] = stock = evolve(self.stocks[at], event, fact.occurred_at)
            assert never_negative(stock), event
            assert promises_add_up(stock), event
            if isinstance(event, ShortfallStated):
                assert event.uncovered == stock.uncovered
            if isinstance(event, StockReserved | StockCommitted):
                assert promise_was_covered(stock, event), event
        for at in touched:
            assert shortfall_is_stated(self.stocks[at])
            self.assert_named_are_the_uncovered(at)
            assert_counts_stand(self.logs[at])

    def assert_named_are_the_uncovered(self, at: str) -> None:
        statements = [event for event, _ in self.logs[at] if isinstance(event, ShortfallStated)]
        if statements:
            assert_newest_lose_first(self.stocks[at], statements[-1])

    def known_orders(self) -> list[str]:
        """All of them, but those that are not over more often."""
        over = {"shipped", "cancelled"}
        open_ones = [name for name, order in self.orders.items() if order.status not in over]
        return [*open_ones, *open_ones, *self.orders]

    def room(self, at: str) -> int:
        """What may be promised here, by the open promises one by one."""
        stock = self.stocks[at]
        due = minute(self.clock)
        open_units = sum(
            promise.quantity
            for promise in stock.promises.values()
            if promise.expires_at is None or promise.expires_at > due
        )
        return stock.on_hand - stock.held - open_units + self.item.promise_limit

    # --- facts: never refused

    @initialize(first=units, second=units)
    def opening(self, first: int, second: int) -> None:
        self.record(receive(self.shelf("A"), first, self.occasion(15)))
        self.record(receive(self.shelf("B"), second, self.occasion(15)))

    @rule(at=places, quantity=units, minutes_ago=ago)
    def receives(self, at: str, quantity: int, minutes_ago: int) -> None:
        occasion = self.occasion(minutes_ago)
        self.record(receive(self.dated_shelf(at, occasion), quantity, occasion))

    @rule(at=places, delta=st.integers(-15, 15).filter(bool), minutes_ago=ago)
    def adjusts(self, at: str, delta: int, minutes_ago: int) -> None:
        occasion = self.occasion(minutes_ago)
        self.record(adjust(self.dated_shelf(at, occasion), delta, "found or lost", occasion))

    @rule(at=places, delta=st.integers(-12, 6).filter(bool), minutes_ago=ago)
    def adjusts_what_is_damaged(self, at: str, delta: int, minutes_ago: int) -> None:
        """Never refused but for units that are not held; what may be promised stays as it is."""
        occasion = self.occasion(minutes_ago)
        held = self.stocks[at].held
        shelf = self.dated_shelf(at, occasion)
        decided = adjust(shelf, delta, "scrapped", occasion, condition="damaged")
        if held + delta < 0:
            assert isinstance(decided, InsufficientStock)
            assert (decided.requested, decided.held) == (-delta, held)
            return
        self.record(decided)
        assert self.stocks[at].held == held + delta

    @rule(at=places, counted=st.integers(0, 12), minutes_ago=ago)
    def counts(self, at: str, counted: int, minutes_ago: int) -> None:
        occasion = self.occasion(minutes_ago)
        shelf = self.dated_shelf(at, occasion, counting=True)
        self.record(count(shelf, self.name(), counted, occasion))

    @rule(at=places, counted=st.integers(0, 12))
    def counts_more_often_than_a_stock_remembers(self, at: str, counted: int) -> None:
        for number in range(COUNTS_KEPT + 1):
            self.clock += number % 2
            occasion = self.occasion(0)
            shelf = self.dated_shelf(at, occasion, counting=True)
            self.record(count(shelf, self.name(), counted, occasion))

    @rule(at=places, quantity=units, damaged=st.booleans(), minutes_ago=ago)
    def takes_back(self, at: str, quantity: int, damaged: bool, minutes_ago: int) -> None:
        occasion = self.occasion(minutes_ago)
        shelf = self.dated_shelf(at, occasion)
        self.record(accept_return(shelf, quantity, occasion, to="damaged" if damaged else "stock"))

    # --- promises: accepted exactly when there is room

    @rule(at=places, quantity=units, lasts=st.integers(1, 20), minutes_ago=ago)
    def reserves(self, at: str, quantity: int, lasts: int, minutes_ago: int) -> None:
        occasion = self.occasion(minutes_ago)
        name = self.name()
        room = self.room(at)
        until = minute(self.clock - minutes_ago + lasts)
        decided = reserve(self.shelf(at), name, quantity, until, occasion)
        assert isinstance(decided, InsufficientStock) == (quantity > room)
        if isinstance(decided, InsufficientStock):
            assert decided.available == max(0, room)
            return
        self.record(decided)
        self.reservations.append((at, name))

    @precondition(lambda self: self.reservations)
    @rule(data=st.data(), quantity=units, ends=st.sampled_from(["release", "expire", "ship"]))
    def ends_a_reservation(self, data: st.DataObject, quantity: int, ends: str) -> None:
        at, name = data.draw(st.sampled_from(self.reservations))
        occasion = self.occasion(0)
        stock = self.stocks[at]
        promise = stock.reservation(name)
        match ends:
            case "release":
                decided = release(stock, name, occasion)
                fits = promise is not None
            case "expire":
                decided = expire(stock, name, occasion)
                fits = promise is not None and promise.expires_at <= occasion.now  # type: ignore[operator]
            case _:
                decided = ship_units(self.shelf(at), quantity, occasion, reservation_id=name)
                room = stock.on_hand - stock.held
                fits = promise is not None and quantity <= min(promise.quantity, room)
        assert isinstance(decided, Refusal) != fits
        if not isinstance(decided, Refusal):
            self.record(decided)

    @rule(at=places, quantity=units, minutes_ago=ago)
    def ships_without_a_promise(self, at: str, quantity: int, minutes_ago: int) -> None:
        occasion = self.occasion(minutes_ago)
        stock = self.stocks[at]
        decided = ship_units(self.dated_shelf(at, occasion), quantity, occasion)
        assert isinstance(decided, Refusal) == (quantity > stock.on_hand - stock.promised)
        if not isinstance(decided, Refusal):
            self.record(decided)

    # --- orders: all or nothing

    @rule(lines=st.lists(st.tuples(places, units), min_size=1, max_size=4), now=st.booleans())
    def places_an_order(self, lines: list[tuple[str, int]], now: bool) -> None:
        name = self.name()
        proposed = placed(
            name,
            *(wanted(number, quantity, place=at) for number, (at, quantity) in enumerate(lines)),
        )
        fits = all(
            sum(quantity for where, quantity in lines if where == at) <= self.room(at)
            for at in {at for at, _ in lines}
        )
        occasion = self.occasion(0)
        decided = place(None, proposed, self.shelves(), occasion, allocate_lines=now)
        assert isinstance(decided, InsufficientStock) == (now and not fits)
        if not isinstance(decided, Refusal):
            self.record(decided)

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def allocates_an_order(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.known_orders()))
        decided = allocate(self.orders[name], name, self.shelves(), self.occasion(0))
        if self.orders[name].status != "placed":
            assert isinstance(decided, OrderState)
        elif not isinstance(decided, InsufficientStock):
            self.record(decided)

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), minutes_ago=ago)
    def ships_an_order(self, data: st.DataObject, minutes_ago: int) -> None:
        name = data.draw(st.sampled_from(self.known_orders()))
        order = self.orders[name]
        line = data.draw(st.sampled_from([None, *order.lines]))
        quantity = data.draw(st.integers(1, line.left + 1)) if line is not None else 0
        parcels = None if line is None else [parcel(line.line, quantity)]
        decided = ship(
            order, name, Consignment(lines=parcels), self.shelves(), self.occasion(minutes_ago)
        )
        if order.status not in {"allocated", "partly_shipped"}:
            assert isinstance(decided, OrderState)
        elif line is not None and quantity > line.left:
            assert isinstance(decided, ExceedsCommitted)
        elif not isinstance(decided, InsufficientStock):
            self.record(decided)

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def cancels_an_order(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.known_orders()))
        order = self.orders[name]
        held = order.lines if order.status in {"allocated", "partly_shipped"} else ()
        before = self.stocks.copy()
        decided = cancel(order, name, "", self.shelves(), self.occasion(0))
        if order.status in {"shipped", "cancelled"}:
            assert isinstance(decided, OrderState)
            return
        self.record(decided)
        for at, stock in self.stocks.items():
            unshipped = sum(line.left for line in held if line.location == at)
            assert stock.committed == before[at].committed - unshipped
            assert stock.available == before[at].available + unshipped
            assert not any(stock.commitment(name, line.line) for line in held)

    # --- the world goes on

    @rule(minutes=st.integers(1, 15))
    def time_passes(self, minutes: int) -> None:
        self.clock += minutes

    @rule(limit=st.sampled_from([0, 5]), end=st.booleans())
    def the_item_changes(self, limit: int, end: bool) -> None:
        # An end far ahead takes no receipt away, only the backorder.
        self.item = item(backorder_limit=limit, discontinued_at=minute(10**6) if end else None)

    @invariant()
    def every_unit_is_accounted_for(self) -> None:
        for at, stock in self.stocks.items():
            assert conserved(stock, [event for event, _ in self.logs[at]])

    def teardown(self) -> None:
        for at, log in self.logs.items():
            replayed = fold(Stock(sku=SKU, location=at), log)
            assert replayed == self.stocks[at]
            assert msgspec.json.encode(replayed) == msgspec.json.encode(self.stocks[at])


TestLedger = Ledger.TestCase
# Commands are cheap and their combinations many: more examples than other properties need.
TestLedger.settings = settings(max_examples=4 * settings().max_examples, stateful_step_count=50)
