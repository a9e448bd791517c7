"""Orders: placed, allocated, shipped and cancelled, each over all of their stocks or not at all."""

from dataclasses import replace

import pytest

from domain.consignments import EVERYTHING, Consignment
from domain.events import (
    CommitmentReleased,
    Event,
    OrderAllocated,
    OrderCancelled,
    OrderLine,
    OrderShipped,
    ShippedLine,
    StockCommitted,
)
from domain.order import Order
from domain.order_endings import cancel
from domain.ordering import allocate, place, stock_streams
from domain.promises import reserve
from domain.refusals import (
    DuplicateLine,
    ExceedsCommitted,
    InsufficientStock,
    NothingToShip,
    OrderExists,
    OrderState,
    OrderStatus,
    Refusal,
    UnknownItem,
    UnknownLocation,
    UnknownOrder,
    UnknownOrderLine,
)
from domain.shipping import ship
from domain.stock_facts import accept_return, adjust, receive
from tests.builders import (
    NEVER,
    PLACE,
    SKU,
    World,
    adjusted,
    committed,
    expired,
    lost_order,
    minute,
    occasion,
    parcel,
    placed,
    shipped_line,
    shortfall,
    uncommitted,
    wanted,
)


def world(units: int = 10, *, elsewhere: int = 0, backorder_limit: int = 0) -> World:
    made = World(backorder_limit=backorder_limit)
    made.record(receive(made.shelf(), units, occasion()))
    if elsewhere:
        made.record(receive(made.shelf("B"), elsewhere, occasion()))
    return made


def ordered(made: World, *lines: OrderLine, allocate_lines: bool = True) -> list[Event]:
    return made.record(
        place(
            None,
            placed("o", *lines),
            made.shelves(PLACE, "B"),
            occasion(),
            allocate_lines=allocate_lines,
        )
    )


def insufficient(
    requested: int, available: int, *, line: int, place: str = PLACE
) -> InsufficientStock:
    return InsufficientStock(
        sku=SKU, location=place, requested=requested, available=available, line=line
    )


def test_placing_allocates_every_line() -> None:
    made = world(elsewhere=5)
    events = ordered(made, wanted(1, 2), wanted(2, 5, place="B"), wanted(3, 1))
    assert events == [
        placed("o", wanted(1, 2), wanted(2, 5, place="B"), wanted(3, 1)),
        OrderAllocated(order_id="o"),
        committed("o", 2, line=1),
        committed("o", 1, line=3),
        StockCommitted(sku=SKU, location="B", order_id="o", line=2, quantity=5),
    ]
    order = made.order("o")
    assert order is not None
    assert order.status == "allocated"
    assert order.stock_streams == ("stock-A-1@WH", "stock-A-1@B")


def test_placing_without_allocating_holds_nothing() -> None:
    made = world()
    assert ordered(made, wanted(1, 99), allocate_lines=False) == [placed("o", wanted(1, 99))]
    assert made.stock().committed == 0


def test_two_lines_of_one_stock_are_checked_on_their_sum() -> None:
    made = world(5)
    lines = (wanted(7, 3), wanted(8, 3))
    decided = place(None, placed("o", *lines), made.shelves(), occasion())
    assert decided == insufficient(6, available=5, line=7)


def test_every_line_that_is_short_is_named_and_no_line_is_committed() -> None:
    made = world(5, elsewhere=1)
    lines = (wanted(1, 6), wanted(2, 2, place="B"), wanted(3, 1, place="C"))
    decided = place(None, placed("o", *lines), made.shelves(PLACE, "B", "C"), occasion())
    assert decided == replace(
        insufficient(6, available=5, line=1),
        also=(
            insufficient(2, available=1, line=2, place="B"),
            insufficient(1, available=0, line=3, place="C"),
        ),
    )


def test_an_order_is_refused_by_what_comes_first() -> None:
    made = world(5)
    bad = placed("o", wanted(1, 1, place="B"), wanted(1, 9), wanted(2, 9), wanted(2, 1))
    shelves = made.shelves(PLACE, "B")
    shelves["stock-A-1@B"] = replace(shelves["stock-A-1@B"], item=None)
    shelves["stock-A-1@WH"] = replace(shelves["stock-A-1@WH"], location=None)
    known = Order(order_id="o", status="placed", lines=())
    assert place(known, bad, shelves, occasion()) == OrderExists(order_id="o")
    assert place(None, bad, shelves, occasion()) == DuplicateLine(
        order_id="o", line=1, also=(DuplicateLine(order_id="o", line=2),)
    )
    bad = replace(bad, lines=bad.lines[:1] + bad.lines[2:3])
    assert place(None, bad, shelves, occasion(), allocate_lines=False) == UnknownItem(
        sku=SKU, line=1, also=(UnknownLocation(location=PLACE, line=2),)
    )
    decided = place(None, bad, made.shelves(PLACE, "B"), occasion())
    assert decided == replace(
        insufficient(1, available=0, line=1, place="B"),
        also=(insufficient(9, available=5, line=2),),
    )


def test_an_order_is_allocated_once() -> None:
    made = world(5)
    ordered(made, wanted(1, 5), allocate_lines=False)
    shelves = made.shelves()
    assert allocate(None, "o", shelves, occasion()) == UnknownOrder(order_id="o")
    events = made.record(allocate(made.order("o"), "o", shelves, occasion()))
    assert events == [OrderAllocated(order_id="o"), committed("o", 5)]
    again = allocate(made.order("o"), "o", made.shelves(), occasion())
    assert again == OrderState(order_id="o", status="allocated", wanted="allocated")


def test_an_order_that_was_short_is_allocated_when_goods_came_in() -> None:
    made = world(5)
    ordered(made, wanted(1, 6), allocate_lines=False)
    assert allocate(made.order("o"), "o", made.shelves(), occasion()) == insufficient(
        6, available=5, line=1
    )
    made.record(receive(made.shelf(), 1, occasion()))
    made.record(allocate(made.order("o"), "o", made.shelves(), occasion()))
    assert made.stock().available == 0


def test_due_reservations_make_room_for_an_order() -> None:
    made = world(5)
    made.record(reserve(made.shelf(), "r", 2, minute(10), occasion()))
    lines = (wanted(1, 3), wanted(2, 2))
    decided = place(None, placed("o", *lines), made.shelves(), occasion(9))
    assert decided == insufficient(5, available=3, line=1)
    events = made.record(place(None, placed("o", *lines), made.shelves(), occasion(10)))
    assert events[2:] == [expired("r", 2), committed("o", 3, line=1), committed("o", 2, line=2)]


def test_an_order_ships_in_parts_until_nothing_is_left() -> None:
    made = world()
    ordered(made, wanted(1, 4), wanted(2, 3))
    assert status_after(made, [parcel(2, 3)]) == "partly_shipped"
    assert status_after(made, [parcel(1, 1)]) == "partly_shipped"
    assert (made.stock().on_hand, made.stock().committed) == (6, 3)
    assert status_after(made, None) == "shipped"
    assert (made.stock().on_hand, made.stock().committed) == (3, 0)


def status_after(made: World, lines: list[ShippedLine] | None) -> OrderStatus:
    made.record(
        ship(made.order("o"), "o", Consignment(lines=lines), made.shelves(PLACE, "B"), occasion())
    )
    order = made.order("o")
    assert order is not None
    return order.status


def test_shipping_tells_the_order_and_each_stock() -> None:
    made = world()
    ordered(made, wanted(1, 4), wanted(2, 3))
    events = made.record(ship(made.order("o"), "o", EVERYTHING, made.shelves(), occasion()))
    assert events == [
        OrderShipped(order_id="o", lines=(parcel(1, 4), parcel(2, 3))),
        shipped_line("o", 4, line=1),
        shipped_line("o", 3, line=2),
    ]


@pytest.mark.parametrize(
    ("lines", "refusal"),
    [
        ([], NothingToShip(order_id="o")),
        (
            [parcel(1, 9), parcel(1, 1), parcel(9, 1)],
            DuplicateLine(order_id="o", line=1),
        ),
        (
            [parcel(9, 1), parcel(1, 5)],
            UnknownOrderLine(
                order_id="o",
                line=9,
                also=(ExceedsCommitted(order_id="o", line=1, requested=5, committed=4),),
            ),
        ),
        (
            [parcel(1, 3), parcel(2, 3)],
            InsufficientStock(sku=SKU, location=PLACE, requested=6, available=5, line=1),
        ),
    ],
)
def test_a_shipment_is_refused_by_what_comes_first(
    lines: list[ShippedLine], refusal: Refusal
) -> None:
    made = world()
    ordered(made, wanted(1, 4), wanted(2, 3))
    made.record(adjust(made.shelf(), -5, "lost", occasion()))
    assert (
        ship(made.order("o"), "o", Consignment(lines=lines), made.shelves(), occasion()) == refusal
    )


def test_more_than_what_is_left_of_a_line_is_not_shipped() -> None:
    made = world()
    ordered(made, wanted(1, 4))
    status_after(made, [parcel(1, 3)])
    decided = ship(
        made.order("o"), "o", Consignment(lines=[parcel(1, 2)]), made.shelves(), occasion()
    )
    assert decided == ExceedsCommitted(order_id="o", line=1, requested=2, committed=1)


def test_what_is_backordered_cannot_be_shipped_before_it_is_there() -> None:
    made = world(2, backorder_limit=5)
    ordered(made, wanted(1, 7))
    decided = ship(made.order("o"), "o", EVERYTHING, made.shelves(), occasion())
    assert decided == insufficient(7, available=2, line=1)
    assert status_after(made, [parcel(1, 2)]) == "partly_shipped"


@pytest.mark.parametrize("status", ["placed", "shipped", "cancelled"])
def test_only_an_allocated_order_ships(status: OrderStatus) -> None:
    order = Order(order_id="o", status=status, lines=())
    assert ship(order, "o", EVERYTHING, {}, occasion()) == OrderState(
        order_id="o", status=status, wanted="shipped"
    )
    assert ship(None, "o", EVERYTHING, {}, occasion()) == UnknownOrder(order_id="o")


@pytest.mark.parametrize("status", ["shipped", "cancelled"])
def test_an_order_that_is_over_is_not_cancelled(status: OrderStatus) -> None:
    order = Order(order_id="o", status=status, lines=())
    assert cancel(order, "o", "", {}, occasion()) == OrderState(
        order_id="o", status=status, wanted="cancelled"
    )
    assert cancel(None, "o", "", {}, occasion()) == UnknownOrder(order_id="o")


@pytest.mark.parametrize("status", ["allocated", "partly_shipped", "shipped", "cancelled"])
def test_only_a_placed_order_is_allocated(status: OrderStatus) -> None:
    order = Order(order_id="o", status=status, lines=())
    assert allocate(order, "o", {}, occasion()) == OrderState(
        order_id="o", status=status, wanted="allocated"
    )


def test_cancelling_gives_back_exactly_what_was_held() -> None:
    made = world(elsewhere=5)
    made.record(reserve(made.shelf(), "r", 2, minute(NEVER), occasion()))
    before = (made.stock().available, made.stock("B").available)
    ordered(made, wanted(1, 4), wanted(2, 5, place="B"))
    shelves = made.shelves(PLACE, "B")
    events = made.record(cancel(made.order("o"), "o", "changed mind", shelves, occasion()))
    assert events == [
        OrderCancelled(order_id="o", reason="changed mind"),
        uncommitted("o", 4),
        CommitmentReleased(sku=SKU, location="B", order_id="o", line=2, quantity=5),
    ]
    assert (made.stock().available, made.stock("B").available) == before


def test_cancelling_after_a_part_was_shipped_gives_back_the_rest() -> None:
    made = world()
    ordered(made, wanted(1, 4), wanted(2, 3))
    status_after(made, [parcel(1, 1), parcel(2, 3)])
    events = made.record(cancel(made.order("o"), "o", "", made.shelves(), occasion()))
    assert events == [OrderCancelled(order_id="o"), uncommitted("o", 3)]
    assert (made.stock().on_hand, made.stock().committed) == (6, 0)
    order = made.order("o")
    assert order is not None
    assert order.status == "cancelled"


def test_cancelling_what_was_only_placed_touches_no_stock() -> None:
    made = world()
    ordered(made, wanted(1, 4), allocate_lines=False)
    events = made.record(cancel(made.order("o"), "o", "", {}, occasion()))
    assert events == [OrderCancelled(order_id="o")]


def test_a_loss_under_an_order_names_its_lines_and_cancelling_closes_the_shortfall() -> None:
    made = world(5)
    ordered(made, wanted(1, 3), wanted(2, 2))
    events = made.record(adjust(made.shelf(), -3, "lost", occasion()))
    assert events == [
        adjusted(-3, "lost"),
        shortfall(3, lost_order("o", 2, line=2), lost_order("o", 1, line=1)),
    ]
    events = made.record(cancel(made.order("o"), "o", "", made.shelves(), occasion()))
    assert events == [
        OrderCancelled(order_id="o"),
        uncommitted("o", 3, line=1),
        uncommitted("o", 2, line=2),
        shortfall(0),
    ]


def test_the_stocks_of_proposed_lines_come_once_each_in_line_order() -> None:
    lines = (wanted(1, 1, place="B"), wanted(2, 1), wanted(3, 1, place="B"))
    assert stock_streams(lines) == ("stock-A-1@B", "stock-A-1@WH")


def test_an_order_is_not_shipped_from_what_is_held() -> None:
    made = world()
    ordered(made, wanted(1, 5))
    made.record(adjust(made.shelf(), -7, "lost", occasion()))
    made.record(accept_return(made.shelf(), 3, occasion(), to="damaged"))
    decided = ship(made.order("o"), "o", EVERYTHING, made.shelves(), occasion())
    assert decided == insufficient(5, available=3, line=1)
    made.record(adjust(made.shelf(), -3, "scrapped", occasion(), condition="damaged"))
    parcels = [parcel(1, 3)]
    assert made.record(
        ship(made.order("o"), "o", Consignment(lines=parcels), made.shelves(), occasion())
    )
