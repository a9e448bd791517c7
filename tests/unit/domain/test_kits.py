"""Kits: what they are made of, put together and taken apart, unit by unit."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from domain.assembly import Assembly, Wanted, assemble, disassemble
from domain.events import (
    Component,
    Event,
    KitAssembled,
    KitComposed,
    KitDisassembled,
    StockConsumed,
    StockProduced,
)
from domain.item import Item
from domain.kits import KIT_LEVELS_MAX, compose, explode, parts_wanted
from domain.refusals import InsufficientStock, UnknownItem, UnknownLocation
from domain.refusals_kits import AssemblyExists, KitInItself, KitTooDeep, NotAKit, PartRepeated
from domain.refusals_units import TooManyUnits
from domain.shelf import Shelf
from domain.streams import stock_stream
from domain.values import QUANTITY_MAX
from tests.builders import (
    PLACE,
    at,
    counted,
    happened,
    item,
    occasion,
    received,
    reserved,
    restated,
    shelf,
)

SET = KitComposed(
    sku="SET", components=(Component(sku="CHAIR", quantity=4), Component(sku="TABLE", quantity=1))
)
ITEMS: Mapping[str, Item] = {sku: item(sku) for sku in ("SET", "CHAIR", "TABLE")}
NOBODY: Mapping[str, Item] = {}
KIT = replace(ITEMS["SET"], components=SET.components)


def kit(sku: str, *parts: str) -> Item:
    return replace(item(sku), components=tuple(Component(sku=part, quantity=1) for part in parts))


def shelves(kits: int = 0, chairs: int = 0, tables: int = 0) -> dict[str, Shelf]:
    held = {"SET": kits, "CHAIR": chairs, "TABLE": tables}
    found = {}
    for sku, units in held.items():
        facts = [replace(received(units), sku=sku)] if units else []
        known = shelf(*facts, sku=sku)
        found[stock_stream(sku, PLACE)] = replace(known, item=KIT) if sku == "SET" else known
    return found


def wanted(quantity: int) -> Wanted:
    return Wanted(assembly_id="a", sku="SET", location=PLACE, quantity=quantity)


def used(sku: str, quantity: int) -> StockConsumed:
    return StockConsumed(sku=sku, location=PLACE, quantity=quantity, assembly_id="a")


def made(sku: str, quantity: int) -> StockProduced:
    return StockProduced(sku=sku, location=PLACE, quantity=quantity, assembly_id="a")


def worked(kind: type[KitAssembled | KitDisassembled], quantity: int) -> Event:
    parts = (
        Component(sku="CHAIR", quantity=4 * quantity),
        Component(sku="TABLE", quantity=quantity),
    )
    return kind(assembly_id="a", sku="SET", location=PLACE, quantity=quantity, parts=parts)


def test_a_kit_is_composed_of_known_items() -> None:
    assert happened(compose(ITEMS["SET"], SET, ITEMS.get, occasion())) == [SET]
    assert compose(None, SET, ITEMS.get, occasion()) == UnknownItem(sku="SET")
    unknown = compose(ITEMS["SET"], SET, NOBODY.get, occasion())
    assert unknown == UnknownItem(sku="CHAIR", also=(UnknownItem(sku="TABLE"),))


def test_an_empty_bill_ends_a_kit() -> None:
    nothing = KitComposed(sku="SET", components=())
    assert happened(compose(KIT, nothing, ITEMS.get, occasion())) == [nothing]


def test_a_part_is_named_once() -> None:
    twice = replace(SET, components=SET.components + SET.components[:1])
    refused = compose(ITEMS["SET"], twice, ITEMS.get, occasion())
    assert refused == PartRepeated(sku="SET", part="CHAIR")


@pytest.mark.parametrize(
    "others",
    [
        {"A": kit("A")},
        {"A": kit("A", "B"), "B": kit("B", "SET")},
        {"A": kit("A", "B"), "B": kit("B", "C"), "C": kit("C", "D", "SET"), "D": kit("D")},
    ],
    ids=["itself", "two levels down", "three levels down"],
)
def test_a_kit_is_never_a_part_of_itself(others: Mapping[str, Item]) -> None:
    known = {**others, "SET": item("SET")}
    part = "SET" if len(others) == 1 else "A"
    proposed = KitComposed(sku="SET", components=(Component(sku=part, quantity=1),))
    assert compose(item("SET"), proposed, known.get, occasion()) == KitInItself(sku="SET")


def test_kits_in_kits_end_somewhere() -> None:
    known = {f"L{n}": kit(f"L{n}", f"L{n + 1}") for n in range(KIT_LEVELS_MAX)}
    last = KIT_LEVELS_MAX
    known[f"L{last}"] = kit(f"L{last}")
    deep = KitComposed(sku="SET", components=(Component(sku="L0", quantity=1),))
    shallow = KitComposed(sku="SET", components=(Component(sku="L1", quantity=1),))
    refused = compose(item("SET"), deep, known.get, occasion())
    assert refused == KitTooDeep(sku="SET", levels_max=KIT_LEVELS_MAX)
    assert happened(compose(item("SET"), shallow, known.get, occasion())) == [shallow]


def test_a_kit_explodes_into_its_parts_exactly() -> None:
    assert explode(KIT, 3) == (
        Component(sku="CHAIR", quantity=12),
        Component(sku="TABLE", quantity=3),
    )
    assert explode(item("CHAIR"), 3) == NotAKit(sku="CHAIR")
    assert isinstance(explode(KIT, QUANTITY_MAX), TooManyUnits)


def test_two_kits_that_share_a_part_are_summed() -> None:
    stool = (Component(sku="CHAIR", quantity=2),)
    parts = explode(KIT, 2)
    assert isinstance(parts, tuple)
    assert parts_wanted([parts, stool]) == {"CHAIR": 10, "TABLE": 2}


def test_assembling_takes_the_parts_and_gives_the_kit() -> None:
    decided = assemble(None, wanted(2), shelves(chairs=9, tables=2), occasion())
    assert happened(decided) == [
        worked(KitAssembled, 2),
        used("CHAIR", 8),
        used("TABLE", 2),
        made("SET", 2),
    ]


def test_an_assembly_is_refused_with_every_part_that_lacks() -> None:
    refused = assemble(None, wanted(2), shelves(chairs=7, tables=1), occasion())
    assert refused == InsufficientStock(
        sku="CHAIR",
        location=PLACE,
        requested=8,
        available=7,
        also=(InsufficientStock(sku="TABLE", location=PLACE, requested=2, available=1),),
    )


def test_parts_promised_to_somebody_are_not_built_in() -> None:
    known = shelves(chairs=4, tables=1)
    chairs = shelf(received(4), reserved("r", 1))
    chairs = replace(chairs, stock=replace(chairs.stock, sku="CHAIR"))
    known[stock_stream("CHAIR", PLACE)] = chairs
    refused = assemble(None, wanted(1), known, occasion())
    assert refused == InsufficientStock(sku="CHAIR", location=PLACE, requested=4, available=3)


def test_taking_apart_gives_back_what_putting_together_took() -> None:
    decided = disassemble(None, wanted(2), shelves(kits=2), occasion())
    assert happened(decided) == [
        worked(KitDisassembled, 2),
        used("SET", 2),
        made("CHAIR", 8),
        made("TABLE", 2),
    ]
    refused = disassemble(None, wanted(3), shelves(kits=2), occasion())
    assert refused == InsufficientStock(sku="SET", location=PLACE, requested=3, available=2)


def test_only_a_known_kit_at_a_known_place_is_assembled_and_each_assembly_once() -> None:
    stream = stock_stream("SET", PLACE)
    known = shelves(chairs=9, tables=9)
    plain = known | {stream: replace(known[stream], item=item("SET"))}
    nowhere = known | {stream: replace(known[stream], location=None)}
    nobody = known | {stream: replace(known[stream], item=None)}
    before = Assembly(
        assembly_id="a", direction="assembled", sku="SET", location=PLACE, quantity=1, parts=()
    )
    for work in (assemble, disassemble):
        assert work(None, wanted(1), plain, occasion()) == NotAKit(sku="SET")
        assert work(None, wanted(1), nowhere, occasion()) == UnknownLocation(location=PLACE)
        assert work(None, wanted(1), nobody, occasion()) == UnknownItem(sku="SET")
        again = work(before, wanted(1), known, occasion())
        assert again == AssemblyExists(assembly_id="a")


def test_an_assembly_learnt_after_a_count_leaves_the_counted_quantity() -> None:
    known = shelves(chairs=4, tables=1)
    chairs = shelf(received(9), at(20, counted("c", 4, expected=9)))
    known[stock_stream("CHAIR", PLACE)] = replace(chairs, stock=replace(chairs.stock, sku="CHAIR"))
    decided = assemble(None, wanted(1), known, occasion(5, now=30))
    back = replace(restated("c", 4, expected=5, delta=4), sku="CHAIR")
    events = happened(decided)
    assert [type(event) for event in events[1:3]] == [type(back), StockConsumed]
    assert events[2] == used("CHAIR", 4)
