"""Whatever is bought, sent and moved, in whatever parts: incoming and in transit are exactly what
is open, and no unit comes from nowhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain.events import (
    ArrivalClosed,
    ArrivalExpected,
    Remainder,
    StockArrived,
    StockDispatched,
    StockMovedIn,
    StockMovedOut,
    StockReceived,
)
from domain.laws import never_negative
from domain.named_units import UNNAMED, LotQuantity, NamedUnits
from domain.promises import reserve
from domain.refusals import Refusal
from domain.streams import stock_stream
from domain.transfer import TransferLineState
from domain.values import Fact
from tests.builders import NEVER, minute
from tests.supply import MONDAY, PLACES, SKUS, TUESDAY, Decided, Supply, came, ordered, some, wanted

TRACKED = SKUS[1]
DOCUMENTS = ("d1", "d2", "d3", "d4", "d5", "d6")
few = st.integers(1, 6)
goods = st.lists(st.tuples(st.sampled_from(SKUS), few), min_size=1, max_size=3)
days = st.sampled_from([None, MONDAY, TUESDAY])


class SupplyChain(RuleBasedStateMachine):
    """`received`: units from outside; `lost` and `over`: what transfers lost or brought too many.

    All three by SKU, told by the commands alone: the facts have no say in them. The second item is
    tracked by lot.
    """

    def __init__(self) -> None:
        super().__init__()
        self.supply = Supply()
        tracked = replace(self.supply.items[TRACKED], tracking="lot")
        self.supply.items[TRACKED] = tracked
        self.received: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.over: Counter[str] = Counter()
        self.receipts = 0

    def receipt(self) -> str:
        self.receipts += 1
        return f"r{self.receipts}"

    def decide(self, decided: Decided) -> bool:
        """Whether it was accepted; then every one of its facts is recorded, law by law."""
        if isinstance(decided, Refusal):
            assert decided.sentence().endswith(".")
            return False
        before = {fact.stream: self.supply.states.get(fact.stream) for fact in decided}
        self.supply.record(decided)
        for sku in SKUS:
            for place in PLACES:
                if stock_stream(sku, place) in before:
                    assert_moved_as_told(self.supply, before, decided, sku, place)
        return True

    @initialize(units=st.integers(0, 20))
    def begin(self, units: int) -> None:
        for sku in SKUS if units else ():
            self.supply.stock_up(sku, PLACES[0], units, named(sku, "L1", units))
            self.received[sku] += units

    def any_name(self, draw: st.DataObject, known: Iterable[str]) -> str:
        """Of something that this could be done to; of anything, if there is nothing such."""
        return draw.draw(st.sampled_from(sorted(known) or DOCUMENTS))

    def purchases(self, *statuses: str) -> Iterator[str]:
        for name in DOCUMENTS:
            purchase = self.supply.purchase(name)
            if purchase is not None and purchase.status in statuses:
                yield name

    def transfers(self, *statuses: str) -> Iterator[str]:
        for name in DOCUMENTS:
            transfer = self.supply.transfer(name)
            if transfer is not None and transfer.status in statuses:
                yield name

    # --- purchases

    @rule(goods=goods, day=days, at=st.sampled_from(PLACES), now=st.booleans())
    def place(self, goods: list[tuple[str, int]], day: date | None, at: str, now: bool) -> None:
        name = next((each for each in DOCUMENTS if self.supply.purchase(each) is None), "d1")
        lines = [ordered(line, units, sku, on=day) for line, (sku, units) in enumerate(goods, 1)]
        if self.decide(self.supply.place(*lines, at=at, purchase_id=name)) and now:
            assert self.decide(self.supply.approve(name))

    @rule(draw=st.data())
    def approve(self, draw: st.DataObject) -> None:
        self.decide(self.supply.approve(self.any_name(draw, self.purchases("placed"))))

    @rule(draw=st.data(), goods=goods, day=days)
    def change(self, draw: st.DataObject, goods: list[tuple[str, int]], day: date | None) -> None:
        name = self.any_name(draw, self.purchases("placed", "approved", "partly_received"))
        lines = [ordered(line, units, sku, on=day) for line, (sku, units) in enumerate(goods, 1)]
        self.decide(self.supply.change(*lines, purchase_id=name))

    @rule(draw=st.data(), units=few, rejected=st.integers(0, 2))
    def receive(self, draw: st.DataObject, units: int, rejected: int) -> None:
        name = self.any_name(draw, self.purchases("approved", "partly_received", "received"))
        purchase = self.supply.purchase(name)
        if purchase is None:
            assert isinstance(self.supply.receive("r", came(1, 1), purchase_id=name), Refusal)
            return
        line = draw.draw(st.sampled_from(purchase.lines))
        lots = named(line.sku, f"L{rejected}", units)
        delivered = replace(came(line.line, units, rejected), units=lots)
        receipt_id = self.receipt()
        if self.decide(self.supply.receive(receipt_id, delivered, purchase_id=name)):
            self.received[line.sku] += units
            again = self.supply.receive(receipt_id, delivered, purchase_id=name)
            assert isinstance(again, Refusal)

    @rule(draw=st.data())
    def close(self, draw: st.DataObject) -> None:
        name = self.any_name(draw, self.purchases("partly_received", "received"))
        if self.decide(self.supply.close(name)):
            assert isinstance(self.supply.close(name), Refusal)

    @rule(draw=st.data())
    def cancel(self, draw: st.DataObject) -> None:
        name = self.any_name(draw, self.purchases("placed", "approved", "partly_received"))
        if self.decide(self.supply.cancel(name)):
            assert isinstance(self.supply.cancel(name), Refusal)

    # --- transfers, moves and promises

    @rule(goods=goods, ends=st.permutations(PLACES))
    def plan(self, goods: list[tuple[str, int]], ends: list[str]) -> None:
        name = next((each for each in DOCUMENTS if self.supply.transfer(each) is None), "d1")
        origin, destination, _ = ends
        lines = [wanted(line, units, sku) for line, (sku, units) in enumerate(goods, 1)]
        self.decide(
            self.supply.plan(*lines, origin=origin, destination=destination, transfer_id=name)
        )

    @rule(draw=st.data(), units=st.none() | few)
    def dispatch(self, draw: st.DataObject, units: int | None) -> None:
        """One line of it, or all."""
        name = self.any_name(draw, self.transfers("placed"))
        lines = [] if units is None else [some(1, units)]
        if self.decide(self.supply.dispatch(*lines, transfer_id=name)):
            assert isinstance(self.supply.dispatch(transfer_id=name), Refusal)

    @rule(draw=st.data(), units=few)
    def arrive(self, draw: st.DataObject, units: int) -> None:
        name = self.any_name(draw, self.transfers("in_transit", "partly_received"))
        transfer = self.supply.transfer(name)
        if transfer is None:
            assert isinstance(self.supply.arrive("r", some(1, 1), transfer_id=name), Refusal)
            return
        line = draw.draw(st.sampled_from(transfer.lines))
        arrived = some(line.line, units, all_in_transit(line, units))
        receipt_id = self.receipt()
        if self.decide(self.supply.arrive(receipt_id, arrived, transfer_id=name)):
            self.over[line.sku] += max(0, units - line.in_transit)
            again = self.supply.arrive(receipt_id, arrived, transfer_id=name)
            assert isinstance(again, Refusal)

    @rule(draw=st.data(), rest=st.sampled_from(["lost", "returned"]))
    def close_transfer(self, draw: st.DataObject, rest: Remainder) -> None:
        name = self.any_name(draw, self.transfers("in_transit", "partly_received"))
        transfer = self.supply.transfer(name)
        if self.decide(self.supply.close_transfer(rest, name)):
            assert transfer is not None
            for line in transfer.lines if rest == "lost" else ():
                self.lost[line.sku] += line.in_transit

    @rule(draw=st.data())
    def cancel_transfer(self, draw: st.DataObject) -> None:
        """What was sent is at the origin again, to the unit."""
        name = self.any_name(draw, self.transfers("placed", "in_transit"))
        transfer = self.supply.transfer(name)
        lines = transfer.lines if transfer else ()
        back = Counter[str]()
        for line in lines:
            back[line.sku] += line.in_transit
        before = {
            line.sku: self.supply.stock(line.sku, transfer.origin) for line in lines if transfer
        }
        if self.decide(self.supply.cancel_transfer(name)):
            for sku, stock in before.items():
                now = self.supply.stock(sku, stock.location)
                assert now.on_hand == stock.on_hand + back[sku]

    @rule(sku=st.sampled_from(SKUS), ends=st.permutations(PLACES), units=few)
    def move(self, sku: str, ends: list[str], units: int) -> None:
        room = self.supply.stock(sku, ends[0]).available
        assert self.decide(self.supply.move(sku, ends[0], ends[1], units)) == (units <= room)

    @rule(sku=st.sampled_from(SKUS), at=st.sampled_from(PLACES), units=few)
    def reserve(self, sku: str, at: str, units: int) -> None:
        (shelf,) = self.supply.shelves([stock_stream(sku, at)]).values()
        occasion = self.supply.occasion()
        self.decide(reserve(shelf, f"r{self.receipt()}", units, minute(NEVER), occasion))

    # --- the laws

    @invariant()
    def incoming_is_what_is_ordered_and_not_settled(self) -> None:
        open_units: Counter[tuple[str, str]] = Counter()
        for name in DOCUMENTS:
            purchase = self.supply.purchase(name)
            if purchase is not None and purchase.expects:
                for line in purchase.lines:
                    open_units[line.sku, purchase.location] += line.outstanding
                    assert line.outstanding >= 0
        for sku in SKUS:
            for place in PLACES:
                assert self.supply.stock(sku, place).incoming == open_units[sku, place]

    @invariant()
    def in_transit_is_what_left_and_has_not_come(self) -> None:
        open_units: Counter[tuple[str, str]] = Counter()
        for name in DOCUMENTS:
            transfer = self.supply.transfer(name)
            for line in transfer.lines if transfer else ():
                assert line.in_transit >= 0
                if transfer is not None:
                    open_units[line.sku, transfer.destination] += line.in_transit
        for sku in SKUS:
            for place in PLACES:
                assert self.supply.stock(sku, place).in_transit == open_units[sku, place]

    @invariant()
    def lots_add_up(self) -> None:
        for place in PLACES:
            self.supply.lots_at(TRACKED, place)
        for name in DOCUMENTS:
            transfer = self.supply.transfer(name)
            for line in transfer.lines if transfer else ():
                lots = sum(lot.quantity for lot in line.lots)
                assert lots == (line.in_transit if line.sku == TRACKED else 0)

    @invariant()
    def every_unit_is_somewhere(self) -> None:
        for sku in SKUS:
            known = self.received[sku] + self.over[sku] - self.lost[sku]
            assert self.supply.everywhere(sku) == known

    @invariant()
    def nothing_is_promised_that_is_not_there(self) -> None:
        for sku in SKUS:
            for place in PLACES:
                stock = self.supply.stock(sku, place)
                assert never_negative(stock)
                assert stock.available >= 0


def all_in_transit(line: TransferLineState, units: int) -> NamedUnits:
    """The lots of an arrival, which must be named when it is of more than was sent."""
    if not line.lots or units <= line.in_transit:
        return UNNAMED
    *others, last = line.lots
    taken = sum(lot.quantity for lot in others)
    lots = [*((lot.lot, lot.quantity) for lot in others), (last.lot, units - taken)]
    return NamedUnits(lots=tuple(LotQuantity(lot=lot, quantity=n) for lot, n in lots))


def named(sku: str, lot: str, units: int) -> NamedUnits:
    if sku != TRACKED:
        return UNNAMED
    return NamedUnits(lots=(LotQuantity(lot=lot, quantity=units),))


def assert_moved_as_told(
    supply: Supply, before: Mapping[str, object], decided: tuple[Fact, ...], sku: str, place: str
) -> None:
    """The stock moved by what its facts say, written down a second time; none says nothing."""
    on_hand = expected = 0
    for fact in decided:
        if fact.stream != stock_stream(sku, place):
            continue
        match fact.event:
            case StockReceived() | StockArrived() | StockMovedIn():
                on_hand += fact.event.quantity
            case StockDispatched() | StockMovedOut():
                on_hand -= fact.event.quantity
            case ArrivalExpected():
                expected += fact.event.quantity
            case ArrivalClosed():
                expected -= fact.event.quantity
            case _:
                continue
        assert fact.event.quantity > 0
    now, then = supply.stock(sku, place), before[stock_stream(sku, place)]
    was = (
        (0, 0) if then is None else (then.on_hand, then.incoming + then.in_transit)  # type: ignore[attr-defined] # a stock
    )
    assert (now.on_hand, now.incoming + now.in_transit) == (was[0] + on_hand, was[1] + expected)


TestSupplyChain = SupplyChain.TestCase
TestSupplyChain.settings = settings(
    max_examples=2 * settings().max_examples, stateful_step_count=50
)
