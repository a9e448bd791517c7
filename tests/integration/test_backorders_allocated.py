"""Orders that wait are allocated by themselves when units come, in turn, whoever dies meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from domain.backorders import ORDERS_MAX
from eventlog.codec import decode
from eventlog.crash_points import CRASH_EXIT_CODE
from tests.command_side import WriteSide, shelf, write_side
from tests.managers_side import in_a_process, managing
from tests.parts import Database


def waiting_order(name: str, quantity: int) -> dict[str, Any]:
    return {
        "type": "place_order",
        "key": name,
        "order_id": name,
        "lines": [{"line": 1, **shelf(), "quantity": quantity}],
        "backorder": True,
        "allocation": "partial",
    }


def receive(key: str, quantity: int) -> dict[str, Any]:
    return {"type": "receive_stock", "key": key, **shelf(), "quantity": quantity}


async def three_orders(side: WriteSide) -> None:
    await side.stock_up(1)
    await side.send(type="ship_stock", key="gone", **shelf(), quantity=1)
    answers = await side.send_all(*(waiting_order(f"o{n}", 3) for n in range(3)))
    assert {answer.outcome for answer in answers} == {"accepted"}, answers


def committed(side: WriteSide) -> dict[str, int]:
    found: dict[str, int] = {}
    for event in side.events():
        if event.type == "stock.committed.v1":
            fact: Any = decode(event.type, event.data)
            found[fact.order_id] = found.get(fact.order_id, 0) + fact.quantity
    return found


async def test_units_that_come_are_allocated_to_those_who_wait_longest(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await three_orders(side)
        await managers.settle()
        assert committed(side) == {}
        await side.send(**receive("r1", 4))
        assert await managers.settle() >= 1
        assert committed(side) == {"o0": 3, "o1": 1}
        await side.send_all(receive("r2", 3), receive("r3", 9))
        await managers.settle()
        assert committed(side) == {"o0": 3, "o1": 3, "o2": 3}
        assert managers.states("backorders") == []


async def test_whoever_can_be_served_is_however_many_before_cannot(
    postgres_database: Database,
) -> None:
    """Some wait for another item as well, some for more than comes: the process goes past them."""
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(1)
        await side.stock_up(1, sku="B")
        for sku in (shelf()["sku"], "B"):
            gone = {**shelf(), "sku": sku, "key": f"gone {sku}"}
            await side.send(type="ship_stock", quantity=1, **gone)
        also_b = {"line": 2, **shelf(), "sku": "B", "quantity": 1}
        both = [
            {**each, "allocation": "all", "lines": [*each["lines"], also_b]}
            for each in (waiting_order(f"both{n}", 1) for n in range(ORDERS_MAX + 1))
        ]
        many = [{**waiting_order(f"many{n}", 90), "allocation": "all"} for n in range(ORDERS_MAX)]
        few = [waiting_order(f"few{n}", 1) for n in range(12)]
        answers = await side.send_all(*both, *many, *few)
        assert {answer.outcome for answer in answers} == {"accepted"}
        await side.send(**receive("r", 10))
        await managers.settle()
        assert committed(side) == {f"few{n}": 1 for n in range(10)}


async def test_what_a_reservation_gives_back_is_allocated_too(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(2)
        cart = {
            "type": "reserve_cart",
            "key": "c",
            "reservation_id": "c",
            "lines": [{"line": 1, **shelf(), "quantity": 2}],
            "expires_at": "2100-01-01T00:00:00Z",
        }
        await side.send(**cart)
        await side.send(**waiting_order("o", 2))
        await managers.settle()
        assert committed(side) == {}
        await side.send(type="release_cart", key="x", reservation_id="c")
        await managers.settle()
        assert committed(side) == {"o": 2}


@pytest.mark.parametrize(
    "point", ["processes.before_commit", "processes.after_submit", "processes.before_mark"]
)
async def test_killed_between_two_steps_each_order_is_allocated_once(
    postgres_database: Database, point: str
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side:
        await three_orders(side)
        await side.send(**receive("r1", 20))
        code, said = in_a_process(dsn, BACKSTOCK_CRASH_AT=point)
        assert code == CRASH_EXIT_CODE, said
        code, said = in_a_process(dsn)
        assert code == 0, said
        assert committed(side) == {"o0": 3, "o1": 3, "o2": 3}
