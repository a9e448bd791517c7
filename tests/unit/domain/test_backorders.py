"""Who is served with what when there is not enough for all."""

from typing import Any

import pytest

from domain.backorders import ORDERS_MAX
from domain.events import (
    BackorderClosed,
    OrderBackordered,
    OrderUnits,
    OrderUnitsAllocated,
    StockBackordered,
    StockCommitted,
)
from domain.promises import reserve
from domain.refusals import InsufficientStock
from domain.refusals_orders import NothingToAllocate
from tests.builders import minute
from tests.order_world import OrderWorld, kinds, line, promises_match, refused

PARTIAL: dict[str, Any] = {"allocation": "partial", "backorder": True}
WHOLE: dict[str, Any] = {"backorder": True}


@pytest.fixture
def world() -> OrderWorld:
    made = OrderWorld()
    made.receive(5)
    return made


def test_a_partial_order_gets_what_there_is_and_waits_for_the_rest(world: OrderWorld) -> None:
    done = world.place("o", line(1, 8), **PARTIAL)
    assert isinstance(done, list)
    assert done[1:] == [
        OrderUnitsAllocated(order_id="o", lines=(OrderUnits(line=1, location="X", quantity=5),)),
        OrderBackordered(order_id="o", lines=(OrderUnits(line=1, location="X", quantity=3),)),
        StockCommitted(sku="A", location="X", order_id="o", line=1, quantity=5),
        StockBackordered(sku="A", location="X", order_id="o", line=1, quantity=3),
    ]
    assert world.known().status == "partly_allocated"
    assert (world.stock().committed, world.stock().waiting) == (5, 3)


def test_a_partial_order_without_backorder_takes_what_there_is_and_waits_for_nothing(
    world: OrderWorld,
) -> None:
    world.place("o", line(1, 8), allocation="partial")
    assert (world.known().status, world.stock().waiting) == ("partly_allocated", 0)
    assert refused(world.place("p", line(1, 1), allocation="partial")) == "insufficient_stock"
    world.receive(3)
    assert kinds(world.allocate()) == ["OrderUnitsAllocated", "StockCommitted"]
    assert world.known().status == "allocated"


def test_an_order_that_wants_all_promises_nothing_while_it_waits(world: OrderWorld) -> None:
    world.receive(9, "B")
    world.place("o", line(1, 8), line(2, 2, "B"), **WHOLE)
    assert world.known().status == "backordered"
    assert (world.stock().committed, world.stock("B").committed) == (0, 0)
    assert (world.stock().waiting, world.stock("B").waiting) == (8, 2)
    assert world.stock().queue["order#o#1"].whole


def test_without_backorder_an_order_that_wants_all_is_refused(world: OrderWorld) -> None:
    assert world.place("o", line(1, 8)) == InsufficientStock(
        sku="A", location="X", requested=8, available=5, line=1
    )


def test_orders_that_cannot_be_served_do_not_hide_those_behind_them() -> None:
    """Each of the first wants more of B as well, of which there is none."""
    world = OrderWorld()
    for number in range(ORDERS_MAX + 1):
        world.place(f"w{number}", line(1, 1), line(2, 1, "B"), **WHOLE)
    world.place("behind", line(1, 2), **PARTIAL)
    world.receive(5)
    blocked = world.serve()
    assert isinstance(blocked, NothingToAllocate)
    assert blocked.after == f"w{ORDERS_MAX - 1}"
    world.serve(after=blocked.after)
    assert world.known("behind").status == "allocated"
    last = world.serve(after=f"w{ORDERS_MAX - 1}")
    assert isinstance(last, NothingToAllocate)
    assert last.after is None
    again = world.serve(after="behind")
    assert isinstance(again, NothingToAllocate)
    assert again.after == blocked.after, "behind one that waits no more: all of them"


def test_first_come_first_served(world: OrderWorld) -> None:
    for name, wanted in (("a", 7), ("b", 4), ("c", 2)):
        world.place(name, line(1, wanted), **PARTIAL)
    world.receive(5)
    done = world.serve()
    assert isinstance(done, list)
    assert [
        (event.order_id, event.quantity) for event in done if isinstance(event, StockCommitted)
    ] == [("a", 2), ("b", 3)]
    assert [event.quantity for event in done if isinstance(event, BackorderClosed)] == [2, 3]
    statuses = [world.known(name).status for name in "abc"]
    assert statuses == ["allocated", "partly_allocated", "backordered"]
    promises_match(world)


def test_an_order_that_wants_all_waits_without_holding_back_others(world: OrderWorld) -> None:
    world.place("whole", line(1, 9), **WHOLE)
    world.place("part", line(1, 6), **PARTIAL)
    assert world.known("part").status == "partly_allocated"
    world.receive(3)
    world.serve()
    assert world.known("part").status == "allocated"
    assert world.known("whole").status == "backordered"
    world.receive(7)
    world.serve()
    assert world.known("whole").status == "allocated"
    assert list(world.stock().queue) == []


def test_an_order_that_wants_all_is_served_when_all_of_its_stocks_can(world: OrderWorld) -> None:
    world.place("o", line(1, 6), line(2, 2, "B"), **WHOLE)
    world.receive(1)
    assert world.serve() == NothingToAllocate(sku="A", location="X", waiting=6)
    world.receive(2, "B")
    assert kinds(world.serve("B")) == [
        "OrderUnitsAllocated",
        *("BackorderClosed", "StockCommitted"),
        *("BackorderClosed", "StockCommitted"),
    ]
    assert world.known().status == "allocated"
    promises_match(world)


def test_nobody_jumps_the_queue(world: OrderWorld) -> None:
    """Stock that arrived for those who wait is promised to nobody else before they are served."""
    world.place("first", line(1, 8), **PARTIAL)
    world.receive(3)
    assert refused(world.place("late", line(1, 1))) == "insufficient_stock"
    decided = reserve(world.shelf("A", "X"), "r", 1, minute(9), world.occasion())
    assert isinstance(decided, InsufficientStock)
    world.place("behind", line(1, 1), **PARTIAL)
    world.serve()
    assert (world.known("first").status, world.known("behind").status) == (
        "allocated",
        "backordered",
    )


def test_asking_again_for_what_waits_keeps_its_place(world: OrderWorld) -> None:
    world.place("a", line(1, 7), **PARTIAL)
    world.place("b", line(1, 1), **PARTIAL)
    assert refused(world.allocate("a")) == "insufficient_stock"
    world.receive(1)
    assert kinds(world.allocate("a")) == [
        "OrderUnitsAllocated",
        "BackorderClosed",
        "StockCommitted",
    ]
    assert [(each.order_id, each.quantity) for each in world.stock().queue.values()] == [
        ("a", 1),
        ("b", 1),
    ]
    promises_match(world)


def test_due_reservations_make_room_for_those_who_wait(world: OrderWorld) -> None:
    world.reserve("r", 4, until=10)
    world.place("o", line(1, 3), **WHOLE)
    assert world.known().status == "backordered"
    world.clock = 10
    assert "ReservationExpired" in kinds(world.serve())
    assert world.known().status == "allocated"


def test_a_backorder_limit_serves_the_queue_too() -> None:
    world = OrderWorld()
    world.receive(1)
    world.place("o", line(1, 4), **PARTIAL)
    world.items["A"] = OrderWorld(backorder_limit=2).shelf("A", "X").item  # type: ignore[assignment]
    world.serve()
    assert (world.stock().committed, world.stock().waiting) == (3, 1)


def test_two_lines_of_one_stock_share_what_there_is(world: OrderWorld) -> None:
    world.place("o", line(1, 3), line(2, 4), **PARTIAL)
    allotments = world.known().so_far().allotments
    told = [(each.committed, each.waiting) for each in allotments.values()]
    assert told == [(3, 0), (2, 2)]
    promises_match(world)


def test_a_queue_is_looked_at_as_far_as_one_command_reaches(
    monkeypatch: pytest.MonkeyPatch, world: OrderWorld
) -> None:
    monkeypatch.setattr("domain.backorders.ORDERS_MAX", 2)
    for name in "abc":
        world.place(name, line(1, 6), **PARTIAL)
    world.receive(20)
    world.serve()
    assert world.known("c").status == "backordered"
    world.serve()
    assert world.known("c").status == "allocated"


def test_nothing_waits_where_nobody_asked(world: OrderWorld) -> None:
    assert world.serve() == NothingToAllocate(sku="A", location="X", waiting=0)
