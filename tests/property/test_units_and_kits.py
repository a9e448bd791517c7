"""Units convert there and back exactly; what is put together and taken apart is conserved."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from domain.assembly import Wanted, assemble, disassemble
from domain.events import Component, UnitDefined
from domain.item import Item, Ratio
from domain.kits import explode
from domain.laws import conserved, never_negative
from domain.moving_stock import evolve
from domain.refusals import InsufficientStock, Refusal
from domain.refusals_units import NotWholeUnits
from domain.shelf import Shelf
from domain.streams import stock_stream
from domain.units import define, in_own, in_unit
from domain.values import Facts
from tests.builders import PLACE, happened, item, location, occasion, received, stock

SHARES = st.integers(1, 5_000)
COUNTS = st.integers(-10_000, 10_000)


def with_unit(numerator: int, denominator: int) -> Item:
    proposed = UnitDefined(sku="A", unit="u", numerator=numerator, denominator=denominator)
    (event,) = happened(define(item("A"), proposed, occasion()))
    assert isinstance(event, UnitDefined)
    ratio = Ratio(numerator=event.numerator, denominator=event.denominator)
    return replace(item("A"), units={"u": ratio})


@given(numerator=SHARES, denominator=SHARES, quantity=COUNTS)
def test_units_convert_there_and_back_exactly(
    numerator: int, denominator: int, quantity: int
) -> None:
    known = with_unit(numerator, denominator)
    units = in_own(known, "A", quantity, "u")
    if isinstance(units, Refusal):
        assert isinstance(units, NotWholeUnits)
        assert quantity * numerator % denominator
        whole = in_own(known, "A", units.multiple, "u")
        assert isinstance(whole, int)
        return
    assert units * denominator == quantity * numerator
    assert in_unit(known, units, "u") == quantity


@given(numerator=SHARES, denominator=SHARES, units=COUNTS)
def test_own_units_convert_there_and_back_exactly(
    numerator: int, denominator: int, units: int
) -> None:
    known = with_unit(numerator, denominator)
    quantity = in_unit(known, units, "u")
    if quantity is None:
        assert units * denominator % numerator
    else:
        assert in_own(known, "A", quantity, "u") == units


SKUS = ("KIT", "P1", "P2", "P3")


class Workshop:
    """A kit and its parts at one place, after what was decided so far."""

    def __init__(self, components: tuple[Component, ...], held: dict[str, int]) -> None:
        self.kit = replace(item("KIT"), components=components)
        self.facts = {sku: [replace(received(held[sku]), sku=sku)] for sku in SKUS if held[sku]}
        self.stocks = {sku: stock(*self.facts.get(sku, []), sku=sku) for sku in SKUS}

    def shelves(self) -> dict[str, Shelf]:
        return {
            stock_stream(sku, PLACE): Shelf(
                stock=state,
                item=self.kit if sku == "KIT" else item(sku),
                location=location(),
            )
            for sku, state in self.stocks.items()
        }

    def record(self, decided: Facts) -> None:
        for fact in decided[1:]:
            sku = fact.event.sku  # type: ignore[union-attr]
            self.stocks[sku] = evolve(self.stocks[sku], fact.event, fact.occurred_at)  # type: ignore[arg-type]
            self.facts.setdefault(sku, []).append(fact.event)  # type: ignore[arg-type]

    def worth(self) -> dict[str, int]:
        """Units of each part, those inside the kits too."""
        per_kit = {part.sku: part.quantity for part in self.kit.components}
        kits = self.stocks["KIT"].on_hand
        return {sku: self.stocks[sku].on_hand + kits * per_kit.get(sku, 0) for sku in SKUS[1:]}


@given(
    bill=st.dictionaries(st.sampled_from(SKUS[1:]), st.integers(1, 5), min_size=1),
    held=st.fixed_dictionaries({sku: st.integers(0, 40) for sku in SKUS}),
    steps=st.lists(st.tuples(st.booleans(), st.integers(1, 8)), max_size=12),
)
def test_what_is_put_together_and_taken_apart_is_conserved(
    bill: dict[str, int], held: dict[str, int], steps: list[tuple[bool, int]]
) -> None:
    components = tuple(Component(sku=sku, quantity=units) for sku, units in bill.items())
    shop = Workshop(components, held)
    worth = shop.worth()
    for number, (build, quantity) in enumerate(steps):
        wanted = Wanted(assembly_id=str(number), sku="KIT", location=PLACE, quantity=quantity)
        needed = {"KIT": quantity}
        if build:
            parts = explode(shop.kit, quantity)
            assert isinstance(parts, tuple)
            needed = {part.sku: part.quantity for part in parts}
        enough = all(shop.stocks[sku].on_hand >= units for sku, units in needed.items())
        work = assemble if build else disassemble
        decided = work(None, wanted, shop.shelves(), occasion())
        if isinstance(decided, Refusal):
            assert isinstance(decided, InsufficientStock)
            assert not enough
            continue
        assert enough
        shop.record(decided)
        assert shop.worth() == worth
        for sku, state in shop.stocks.items():
            assert never_negative(state)
            assert conserved(state, shop.facts.get(sku, []))
