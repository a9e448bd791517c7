"""A kit is sold out of its parts, or as it lies there assembled."""

from dataclasses import replace
from typing import Any

import pytest

from domain.events import Component, OrderLine, OrderPlaced
from domain.item import Item
from domain.kit_lines import with_parts
from domain.refusals import InsufficientStock, Refusal
from domain.refusals_orders import OrderTooLong
from tests.builders import item
from tests.order_world import OrderWorld, line, promises_match, units

SET = replace(
    item("SET"), components=(Component(sku="A", quantity=2), Component(sku="B", quantity=1))
)


def find(sku: str) -> Item | None:
    return SET if sku == "SET" else item(sku)


def exploded(*lines: OrderLine, assembled: int = 0) -> tuple[OrderLine, ...]:
    done = with_parts(OrderPlaced(order_id="o", lines=lines), find, lambda *_: assembled)
    assert isinstance(done, OrderPlaced)
    return done.lines


def test_the_parts_follow_the_kit_under_numbers_of_their_own() -> None:
    assert exploded(line(4, 3, "SET"), line(9, 1)) == (
        replace(line(4, 3, "SET"), is_kit=True),
        replace(line(10, 6, "A"), part_of=4),
        replace(line(11, 3, "B"), part_of=4),
        line(9, 1),
    )


def test_an_order_without_kits_is_left_as_it_is() -> None:
    proposed = OrderPlaced(order_id="o", lines=(line(1, 1),))
    assert with_parts(proposed, find, lambda *_: 0) is proposed


def test_what_lies_there_assembled_goes_as_it_is() -> None:
    lines = (line(1, 2, "SET"), line(2, 2, "SET"))
    assert [each.is_kit for each in exploded(*lines, assembled=3)[:2]] == [False, True]


def test_the_parts_of_a_kit_without_location_are_sourced() -> None:
    assert [each.location for each in exploded(line(1, 1, "SET", None), assembled=9)] == [None] * 3


def test_too_many_parts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.kit_lines.ORDER_LINES_MAX", 3)
    proposed = OrderPlaced(order_id="o", lines=(line(1, 1, "SET"), line(2, 1)))
    assert with_parts(proposed, find, lambda *_: 0) == OrderTooLong(
        order_id="o", lines=4, lines_max=3
    )


PARTIAL: dict[str, Any] = {"allocation": "partial", "backorder": True}
ANYWHERE: dict[str, Any] = {**PARTIAL, "sourcing": "fixed_order", "locations": ("X", "Y")}


def held(world: OrderWorld, order_id: str = "o") -> dict[int, int]:
    """Units that the order holds, by line."""
    found: dict[int, int] = {}
    for each in world.known(order_id).so_far().allotments.values():
        found[each.line] = found.get(each.line, 0) + each.held
    return {line: units for line, units in found.items() if units}


def test_of_an_order_sent_in_parts_only_whole_kits_are_promised() -> None:
    world = OrderWorld()
    world.receive(7)
    world.receive(2, "B")
    world.place("o", *exploded(line(1, 4, "SET"), line(2, 5)), **PARTIAL)
    assert held(world) == {3: 4, 4: 2, 2: 3}, "two kits, and what they leave of A"
    world.receive(9)
    world.serve()
    assert held(world) == {3: 4, 4: 2, 2: 5}, "B is what the other kits lack"
    world.receive(1, "B")
    world.serve("B")
    assert held(world) == {3: 6, 4: 3, 2: 5}, "a kit more, out of both stocks"
    promises_match(world)


def test_the_kits_of_an_order_that_is_sourced_are_whole_too() -> None:
    world = OrderWorld()
    world.receive(3, "A", "X")
    world.receive(2, "A", "Y")
    world.receive(9, "B", "Y")
    lines = exploded(line(1, 3, "SET", None), line(2, 1, "A", None))
    world.place("o", *lines, **ANYWHERE)
    assert held(world) == {3: 4, 4: 2, 2: 1}
    assert world.stock("A", "X").waiting == 2
    world.receive(1, "A", "Y")
    world.receive(1, "A", "X")
    world.allocate()
    assert held(world) == {3: 6, 4: 3, 2: 1}
    promises_match(world)


def test_no_kit_is_promised_when_a_part_of_it_is_missing() -> None:
    world = OrderWorld()
    world.receive(9)
    done = world.place("o", *exploded(line(1, 2, "SET")), allocation="partial")
    assert done == InsufficientStock(sku="B", location="X", requested=2, available=0, line=3)


def test_kits_that_wait_hold_back_nobody() -> None:
    world = OrderWorld()
    world.place("kits", *exploded(line(1, 2, "SET")), **PARTIAL)
    world.place("loose", line(1, 3), **PARTIAL)
    world.receive(5)
    world.serve()
    assert (held(world, "kits"), held(world, "loose")) == ({}, {1: 3})
    assert not isinstance(world.place("later", line(1, 2)), Refusal)


def test_what_a_short_pick_missed_of_a_kit_comes_before_further_kits() -> None:
    world = OrderWorld()
    world.receive(4)
    world.receive(2, "B")
    world.place("o", *exploded(line(1, 2, "SET")), **PARTIAL)
    world.list_picks("o", "p", "X")
    world.pick("o", "p", [units(2, 3), units(3, 2)])
    assert held(world) == {2: 3, 3: 2}
    world.receive(1)
    world.serve()
    assert held(world) == {2: 4, 3: 2}
    promises_match(world)


def test_a_kit_is_sent_when_its_parts_are() -> None:
    world = OrderWorld()
    world.receive(5)
    world.receive(9, "B")
    world.place("o", *exploded(line(1, 2, "SET")))
    world.ship("o", shipment_id="s")
    assert (world.stock("A").on_hand, world.stock("B").on_hand) == (1, 7)
    assert world.known().status == "shipped"
    world.deliver("o", "s")
    assert world.known().status == "delivered"
    promises_match(world)
