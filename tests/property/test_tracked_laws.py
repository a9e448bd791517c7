"""Whatever happens to tracked units: lots add up to the stock after every trace, no expired or held
unit is sent, a serial is in one place at a time, and a recall holds all there is.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.drafts import Drafts
from domain.events import (
    CommitmentReleased,
    Event,
    LotRecalled,
    RecallEnded,
    StockCommitted,
    StockMovedIn,
    StockMovedOut,
    StockPicked,
    StockTraced,
    StockUnpicked,
    Tracking,
)
from domain.holds import expire_lot, hold, release
from domain.named_units import LotQuantity, NamedUnits
from domain.promises import ship
from domain.recalls import end_recall, recall, stock_streams
from domain.refusals import Refusal
from domain.refusals_lots import LotExpiryDiffers, UnitsRefusal
from domain.shelf import StockDraft
from domain.stock import Stock
from domain.stock_facts import accept_return, adjust, count, receive
from domain.streams import stock_stream
from domain.values import Facts, Occasion
from tests.builders import PLACE, SKU, ids
from tests.tracked_goods import Goods, held, parcel

PLACES = (PLACE, "SHOP")
NAMES = ("L1", "L2", "L3", "L4")
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
places = st.sampled_from(PLACES)
names = st.sampled_from(NAMES)
units = st.integers(1, 6)
named = st.dictionaries(names, units, min_size=1, max_size=3)
ago = st.sampled_from([0, 0, 0, 1, 2, 5, 9])  # days


def expiry(lot: str) -> date | None:
    """Each lot's own day: one never expires."""
    days = {"L1": 5, "L2": 9, "L3": 20}.get(lot)
    return None if days is None else START.date() + timedelta(days=days)


class Tracked(RuleBasedStateMachine):
    tracking: Tracking = "lot"

    def __init__(self) -> None:
        super().__init__()
        self.goods = Goods(self.tracking)
        self.day = 10
        self.names = 0
        self.new_id = ids()

    def name(self) -> str:
        self.names += 1
        return f"n-{self.names}"

    def occasion(self, days_ago: int = 0) -> Occasion:
        now = START + timedelta(days=self.day, minutes=self.names)
        return Occasion(occurred_at=now - timedelta(days=days_ago), now=now, new_id=self.new_id)

    @property
    def today(self) -> date:
        return self.occasion().now.date()

    def units_of(self, wanted: dict[str, int]) -> tuple[int, NamedUnits]:
        if self.tracking == "serial":
            return len(wanted), NamedUnits(serials=tuple(wanted))
        lots = tuple(
            LotQuantity(lot=lot, quantity=quantity, expires_on=expiry(lot))
            for lot, quantity in wanted.items()
        )
        return sum(wanted.values()), NamedUnits(lots=lots)

    def record(self, decided: Facts | Refusal, *, may: type | tuple[type, ...] = ()) -> list[Event]:
        """What may not be refused is not."""
        self.names += 1
        if isinstance(decided, Refusal) and isinstance(decided, may):
            return []
        before = {stock.location: stock for stock in self.goods.stocks}
        events = self.goods.record(decided)
        self.assert_sent_units_were_good(events, before)
        return events

    def assert_sent_units_were_good(
        self, events: Iterable[Event], before: dict[str, Stock]
    ) -> None:
        for event in events:
            if not isinstance(event, StockTraced) or event.cause not in SENDING:
                continue
            for each in event.units:
                lot = before[event.location].lots[each.lot]
                assert not lot.expired(self.today)
                room = lot.sendable if event.cause == "shipped" and each.picked else lot.free
                assert -each.on_hand <= room

    # --- facts

    @initialize(wanted=named)
    def opening(self, wanted: dict[str, int]) -> None:
        quantity, units = self.units_of(wanted)
        self.record(receive(self.goods.shelf(), quantity, self.occasion(9), units=units))

    @rule(at=places, wanted=named, days_ago=ago)
    def receives(self, at: str, wanted: dict[str, int], days_ago: int) -> None:
        quantity, units = self.units_of(wanted)
        decided = receive(self.goods.shelf(at), quantity, self.occasion(days_ago), units=units)
        self.record(decided, may=self.twice)

    @rule(at=places, wanted=named, damaged=st.booleans())
    def takes_back(self, at: str, wanted: dict[str, int], damaged: bool) -> None:
        quantity, units = self.units_of(wanted)
        decided = accept_return(
            self.goods.shelf(at),
            quantity,
            self.occasion(),
            to="damaged" if damaged else "stock",
            units=units,
        )
        self.record(decided, may=self.twice)

    @rule(at=places, wanted=named, days_ago=ago)
    def loses(self, at: str, wanted: dict[str, int], days_ago: int) -> None:
        quantity, units = self.units_of(wanted)
        shelf = self.goods.shelf(at)
        self.record(adjust(shelf, -quantity, "lost", self.occasion(days_ago), units=units))

    @rule(at=places, wanted=st.dictionaries(names, units, max_size=4), days_ago=ago)
    def counts(self, at: str, wanted: dict[str, int], days_ago: int) -> None:
        quantity, units = self.units_of(wanted)
        shelf, occasion = self.goods.shelf(at), self.occasion(days_ago)
        events = self.record(
            count(shelf, self.name(), quantity, occasion, units=units), may=self.twice
        )
        if events and not days_ago and not any(isinstance(each, Refusal) for each in events):
            assert self.goods.on_hand(at) == (
                dict.fromkeys(wanted, 1) if self.tracking == "serial" else wanted
            ) or self.later_counts(at, occasion)

    def later_counts(self, at: str, occasion: Occasion) -> bool:
        return any(each.occurred_at > occasion.occurred_at for each in self.goods.stock(at).counts)

    # --- what may be refused for want of good units

    @rule(at=places, quantity=units, days_ago=ago)
    def sends(self, at: str, quantity: int, days_ago: int) -> None:
        self.record(ship(self.goods.shelf(at), quantity, self.occasion(days_ago)), may=Refusal)

    @rule(at=places, wanted=named)
    def sends_named_ones(self, at: str, wanted: dict[str, int]) -> None:
        quantity, units = self.units_of(wanted)
        self.record(ship(self.goods.shelf(at), quantity, self.occasion(), units=units), may=Refusal)

    @rule(quantity=units, backwards=st.booleans())
    def moves(self, quantity: int, backwards: bool) -> None:
        origin, destination = reversed(PLACES) if backwards else PLACES
        drafts = Drafts(self.goods.shelves(*PLACES), self.occasion())
        out = drafts.of(stock_stream(SKU, origin))
        move = {"sku": SKU, "quantity": quantity, "move_id": self.name()}
        out.move(StockMovedOut(**move, location=origin, destination=destination))  # type: ignore[arg-type]
        if not out.refused:
            drafts.of(stock_stream(SKU, destination)).move(
                StockMovedIn(**move, location=destination, origin=origin),  # type: ignore[arg-type]
                units=out.units,
            )
        self.record(drafts.facts(), may=UnitsRefusal.__args__)

    @rule(quantity=units)
    def picks(self, quantity: int) -> None:
        line = {"sku": SKU, "location": PLACE, "order_id": self.name(), "line": 1}
        draft = self.draft()
        draft.note(StockCommitted(**line, quantity=quantity))  # type: ignore[arg-type]
        draft.note(StockPicked(**line, quantity=quantity, pick_id="p"))  # type: ignore[arg-type]
        self.record(draft.facts(), may=UnitsRefusal.__args__)

    @precondition(lambda self: self.goods.stock().picked)
    @rule(data=st.data(), back=st.booleans())
    def sends_or_puts_back_what_is_picked(self, data: st.DataObject, back: bool) -> None:
        promises = [each for each in self.goods.stock().promises.values() if each.picked]
        promise = data.draw(st.sampled_from(promises))
        quantity = data.draw(st.integers(1, promise.picked))
        draft = self.draft()
        if not back:
            draft.move(parcel(quantity, promise.id))
            self.record(draft.facts(), may=UnitsRefusal.__args__)
            return
        line = {"sku": SKU, "location": PLACE, "order_id": promise.id, "line": 1}
        draft.note(StockUnpicked(**line, quantity=quantity))  # type: ignore[arg-type]
        draft.note(CommitmentReleased(**line, quantity=quantity))  # type: ignore[arg-type]
        self.record(draft.facts())

    def draft(self) -> StockDraft:
        return self.goods.draft(self.occasion())

    # --- holds

    @rule(at=places, lot=names, quantity=units)
    def holds(self, at: str, lot: str, quantity: int) -> None:
        there = self.goods.stock(at).lots.get(lot)
        quantity = 1 if self.tracking == "serial" else quantity
        fits = there is not None and quantity <= there.free
        kept = replace(held(quantity, lot, self.name()), location=at)
        decided = hold(self.goods.shelf(at), kept, self.occasion())
        assert isinstance(decided, Refusal) != fits
        self.record(decided, may=Refusal)

    @precondition(lambda self: any(stock.holds for stock in self.goods.stocks))
    @rule(data=st.data())
    def lets_go(self, data: st.DataObject) -> None:
        there = [(each.location, name) for each in self.goods.stocks for name in each.holds]
        at, name = data.draw(st.sampled_from(there))
        decided = release(self.goods.shelf(at), name, None, self.occasion())
        assert isinstance(decided, Refusal) == name.startswith(("recalled:", "expired:"))
        self.record(decided, may=Refusal)

    @rule(lot=names, end=st.booleans())
    def recalls_or_ends_it(self, lot: str, end: bool) -> None:
        found = self.goods.lots(SKU, [lot])[lot]
        shelves = {each: self.goods.shelf(each.rpartition("@")[2]) for each in stock_streams(found)}
        if end:
            ending = RecallEnded(sku=SKU, lot=lot, recall_id="R")
            self.record(end_recall(found, ending, shelves, self.occasion()), may=Refusal)
        else:
            asked = LotRecalled(sku=SKU, lot=lot, recall_id="R", reason_code="glass")
            self.record(recall(found, asked, shelves, self.occasion()), may=Refusal)

    # --- time

    @rule(days=st.integers(1, 6), is_late=st.booleans())
    def time_passes_and_the_clock_may_hold_what_expires(self, days: int, is_late: bool) -> None:
        self.day += days
        for stock in () if is_late else self.goods.stocks:
            for lot in list(stock.lots.values()):
                decided = expire_lot(self.goods.shelf(stock.location), lot.lot, self.occasion())
                due = lot.expired(self.today) and lot.sendable > 0
                assert isinstance(decided, Refusal) != due
                self.record(decided, may=Refusal)

    @invariant()
    def all_of_a_recalled_lot_is_held(self) -> None:
        for stock in self.goods.stocks:
            for lot in stock.lots.values():
                state = self.goods.lots(SKU, [lot.lot])[lot.lot]
                if state is not None and state.recall_id is not None:
                    assert lot.sendable == 0

    @property
    def twice(self) -> tuple[type, ...]:
        """A serial can be in place already. A lot's day can be told too late: facts that speak of
        units that never came may have made it known without one.
        """
        return UnitsRefusal.__args__ if self.tracking == "serial" else (LotExpiryDiffers,)


class TrackedSerials(Tracked):
    tracking = "serial"


SENDING = {"shipped", "moved_out", "dispatched", "consumed"}
TestLots = Tracked.TestCase
TestLots.settings = settings(max_examples=2 * settings().max_examples, stateful_step_count=30)
TestSerials = TrackedSerials.TestCase
TestSerials.settings = TestLots.settings
