"""Many want the same units at once, in several ways: nobody gets what another has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest

from domain.events import Component, OrderPlaced
from domain.kit_lines import with_parts
from domain.refusals import InsufficientStock
from domain.refusals_lots import SerialInPlace
from domain.stock_facts import accept_return, adjust, count, receive
from tests.builders import PLACE, SKU, item
from tests.command_side import WriteSide, location, shelf, told, write_side
from tests.order_world import OrderWorld, line
from tests.parts import Database
from tests.tracked_goods import on, phones, serials

FAR_OFF = "2100-01-01T00:00:00Z"
KINDS = ("reserve_stock", "reserve_cart", "place_order", "ship_stock")


@asynccontextmanager
async def two_writers(dsn: str) -> AsyncIterator[tuple[WriteSide, WriteSide]]:
    async with write_side(dsn) as one, write_side(dsn) as other:
        yield one, other


def wanting(kind: str, number: int, sku: str) -> dict[str, Any]:
    """A command of this kind that wants one unit."""
    name = f"{kind}-{number}"
    one = {**shelf(sku), "quantity": 1}
    command: dict[str, Any] = {"type": kind, "key": name}
    match kind:
        case "reserve_stock":
            return command | one | {"reservation_id": name, "expires_at": FAR_OFF}
        case "reserve_cart":
            lines = {"lines": [{"line": 1, **one}]}
            return command | lines | {"reservation_id": name, "expires_at": FAR_OFF}
        case "place_order":
            return command | {"order_id": name, "lines": [{"line": 1, **one}]}
        case _:
            return command | one


@pytest.mark.parametrize("kind", KINDS)
async def test_twenty_parallel_reserves_of_ten_units_take_just_ten(
    postgres_database: Database, kind: str
) -> None:
    async with two_writers(postgres_database.log) as writers:
        await writers[0].stock_up(10)
        wanted = [wanting(kind, number, "85123A") for number in range(20)]
        answers = await asyncio.gather(
            *(writers[n % 2].send(**command) for n, command in enumerate(wanted))
        )
        refused = [told(answer)["refusal"] for answer in answers if answer.outcome == "refused"]
        assert sum(answer.outcome == "accepted" for answer in answers) == 10
        assert [each["code"] for each in refused] == ["insufficient_stock"] * 10
        assert {each["available"] for each in refused} == {0}


async def test_the_last_unit_is_sold_once_however_they_check_out(
    postgres_database: Database,
) -> None:
    """Reserved, put into carts, ordered, taken: one of all of them gets it."""
    async with two_writers(postgres_database.log) as writers:
        await writers[0].stock_up(1)
        wanted = [wanting(KINDS[n % 4], n, "85123A") for n in range(40)]
        answers = await asyncio.gather(
            *(writers[n // 4 % 2].send(**command) for n, command in enumerate(wanted))
        )
        assert sum(answer.outcome == "accepted" for answer in answers) == 1
        last = await writers[0].send(**wanting("ship_stock", 99, "85123A"))
        assert last.code == "insufficient_stock"


async def test_each_of_a_hundred_orders_at_once_has_its_allocation(
    postgres_database: Database,
) -> None:
    async with two_writers(postgres_database.log) as writers:
        await writers[0].stock_up(1_000)
        orders = [wanting("place_order", number, "85123A") for number in range(100)]
        answers = await asyncio.gather(
            *(writers[n % 2].send(**order) for n, order in enumerate(orders))
        )
        assert {answer.outcome for answer in answers} == {"accepted"}
        committed = [
            orjson.loads(event.data)["order_id"]
            for event in writers[0].events()
            if event.type == "stock.committed.v1"
        ]
        assert sorted(committed) == sorted(order["order_id"] for order in orders)


def test_bundle_lines_that_share_stock_are_checked_on_their_sum() -> None:
    bundle = (Component(sku="A", quantity=2), Component(sku="B", quantity=1))
    wanted = OrderPlaced(order_id="o", lines=(line(1, 2, "SET"), line(2, 2)))
    made_of = replace(item("SET"), components=bundle)
    proposed = with_parts(wanted, lambda sku: made_of if sku == "SET" else item(sku), lambda *_: 0)
    assert isinstance(proposed, OrderPlaced)
    world = OrderWorld()
    world.receive(5)
    world.receive(9, "B")
    short = InsufficientStock(sku="A", location="X", requested=6, available=5, line=3)
    assert world.place("o", *proposed.lines) == short
    assert world.stock("A").available == 5
    assert world.stock("B").available == 9
    world.receive(1)
    assert isinstance(world.place("o", *proposed.lines), list)
    assert world.stock("A").available == 0


@pytest.mark.parametrize("place", [PLACE, "SHOP"])
def test_the_same_serial_twice_is_refused_wherever_it_comes(place: str) -> None:
    goods = phones("S1")
    refusal = SerialInPlace(sku=SKU, serial="S1", location=PLACE)
    shelf = goods.shelf(place)
    assert receive(shelf, 2, on(1), units=serials("S2", "S1")) == refusal
    assert adjust(shelf, 1, "found", on(1), units=serials("S1")) == refusal
    assert accept_return(shelf, 1, on(1), units=serials("S1")) == refusal
    counted = count(shelf, "c", 1, on(1), units=serials("S1"))
    assert (counted == refusal) == (place == "SHOP")


async def test_the_same_serial_twice_at_once_is_placed_once_and_picked_once(
    postgres_database: Database,
) -> None:
    names = [f"S{number}" for number in range(20)]
    async with two_writers(postgres_database.log) as (one, other):
        await one.send_all(
            {"type": "register_item", "key": "i", "sku": "P", "name": "P", "tracking": "serial"},
            location("hall"),
            location("shop"),
        )
        received = {"type": "receive_stock", "sku": "P", "quantity": 1}
        answers = await asyncio.gather(
            *(
                side.send(**received, key=f"{place} {name}", location=place, serials=[name])
                for side, place in ((one, "hall"), (other, "shop"))
                for name in names
            )
        )
        assert sum(answer.outcome == "accepted" for answer in answers) == 20
        placed = [event.stream for event in one.events() if event.type == "serial.placed.v1"]
        assert sorted(placed) == sorted({f"serial-P@{name}" for name in names})

        await one.send(**received, key="in", location="hall", serials=["WANTED"])
        await one.send(**received, key="more", location="hall", serials=["OTHER"])
        order = {"type": "place_order", "lines": [{"line": 1, **shelf("P", "hall"), "quantity": 1}]}
        for name in ("o1", "o2"):
            await one.send(**order, key=name, order_id=name)
            listed = {"type": "create_pick_list", "order_id": name, "pick_id": "p"}
            answer = await one.send(**listed, key=f"list {name}", location="hall")
            assert answer.outcome == "accepted", answer.body
        pick = {
            "type": "pick_order",
            "pick_id": "p",
            "lines": [{"line": 1, "quantity": 1, "serials": ["WANTED"]}],
        }
        picked = await asyncio.gather(
            one.send(**pick, key="pick o1", order_id="o1"),
            other.send(**pick, key="pick o2", order_id="o2"),
        )
        assert sorted(answer.outcome for answer in picked) == ["accepted", "refused"]
