"""A kit is sold out of its parts, or as it lies there assembled."""

from dataclasses import replace

import pytest

from domain.events import Component, OrderLine, OrderPlaced
from domain.item import Item
from domain.kit_lines import with_parts
from domain.refusals_orders import OrderTooLong
from tests.builders import item
from tests.order_world import OrderWorld, line, promises_match

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
