"""What leaves in how many shipments, arrives, comes back, and what an order's end restores."""

import pytest

from domain.events import (
    BackorderClosed,
    OrderShipped,
    PickedShipped,
    ShippedLine,
    StockShipped,
    StockUnpicked,
)
from domain.refusals import ExceedsCommitted, NothingToShip, OrderState, Refusal, UnknownOrderLine
from domain.refusals_orders import (
    ExceedsReturnable,
    ShipmentClosed,
    ShipmentExists,
    UnknownParcel,
    UnknownShipment,
)
from tests.order_world import OrderWorld, kinds, line, promises_match, refused, seen, units


@pytest.fixture
def world() -> OrderWorld:
    made = OrderWorld()
    made.receive(10)
    made.receive(10, "B")
    return made


def shipped(number: int, quantity: int, place: str | None = None) -> ShippedLine:
    return ShippedLine(line=number, quantity=quantity, location=place)


def picked(world: OrderWorld, order_id: str = "o") -> None:
    world.place(order_id, line(1, 4), line(2, 3, "B"))
    world.list_picks(order_id, "p")
    world.pick(order_id, "p")


def test_a_shipment_with_an_id_can_be_followed(world: OrderWorld) -> None:
    world.place("o", line(1, 4))
    done = world.ship("o", shipment_id="s", carrier="Post", tracking="T1")
    assert isinstance(done, list)
    assert done[0] == OrderShipped(
        order_id="o",
        lines=(shipped(1, 4),),
        shipment_id="s",
        carrier="Post",
        tracking="T1",
    )
    assert isinstance(done[1], StockShipped)
    assert world.known().status == "shipped"
    world.deliver("o", "s")
    assert world.known().status == "delivered"
    assert world.deliver("o", "s") == ShipmentClosed(
        order_id="o", shipment_id="s", status="delivered"
    )


def test_picked_units_leave_as_picked(world: OrderWorld) -> None:
    picked(world)
    done = world.ship("o", shipped(1, 4), shipment_id="s")
    assert isinstance(done, list)
    assert done[1] == PickedShipped(
        sku="A",
        location="X",
        quantity=4,
        order_id="o",
        line=1,
        shipment_id="s",
        unit_price_micros=0,
        currency="XXX",
    )
    assert (world.stock().on_hand, world.stock().picked) == (6, 0)
    promises_match(world)


def test_a_parcel_leaves_whole_and_once(world: OrderWorld) -> None:
    picked(world)
    world.pack("o", "box", lines=[units(1, 3)])
    assert kinds(world.ship("o", parcels=("box",), shipment_id="s")) == [
        "OrderShipped",
        "PickedShipped",
    ]
    assert world.known().so_far().parcels["box"].shipment_id == "s"
    assert world.ship("o", parcels=("box",)) == UnknownParcel(order_id="o", parcel_id="box")
    promises_match(world)


def test_packed_units_leave_with_their_parcel_only(world: OrderWorld) -> None:
    picked(world)
    world.pack("o", "box", lines=[units(1, 3)])
    assert world.ship("o", shipped(1, 2)) == ExceedsCommitted(
        order_id="o", line=1, requested=2, committed=1
    )


def test_units_on_an_open_pick_list_leave_when_they_are_picked(world: OrderWorld) -> None:
    world.place("o", line(1, 4))
    world.list_picks("o", "p", lines=[units(1, 3)])
    assert world.ship("o", shipped(1, 2)) == ExceedsCommitted(
        order_id="o", line=1, requested=2, committed=1
    )
    world.ship("o", shipped(1, 1))
    assert refused(world.ship("o")) == "nothing_to_ship"
    promises_match(world)


def test_everything_that_can_leave_leaves_together(world: OrderWorld) -> None:
    world.place("o", line(1, 4), line(2, 3, "B"))
    world.list_picks("o", "p", lines=[units(1, 3)])
    world.pick("o", "p")
    world.pack("o", "box", lines=[units(1, 2)])
    assert kinds(world.ship("o")) == [
        "OrderShipped",
        *("PickedShipped", "StockShipped"),
        "StockShipped",
    ]
    assert world.known().status == "shipped"
    promises_match(world)


def test_an_order_leaves_in_several_shipments(world: OrderWorld) -> None:
    world.place("o", line(1, 4), line(2, 3, "B"))
    world.ship("o", shipped(1, 4), shipment_id="s1")
    world.ship("o", shipped(2, 2), shipment_id="s2")
    assert world.known().status == "partly_shipped"
    assert world.ship("o", shipped(2, 1), shipment_id="s2") == ShipmentExists(
        order_id="o", shipment_id="s2"
    )
    world.ship("o", shipment_id="s3")
    for name in ("s1", "s2", "s3"):
        assert world.known().status == "shipped"
        world.deliver("o", name)
    assert world.known().status == "delivered"


@pytest.mark.parametrize(
    ("lines", "refusal"),
    [
        ([shipped(9, 1)], UnknownOrderLine(order_id="o", line=9)),
        ([shipped(1, 5)], ExceedsCommitted(order_id="o", line=1, requested=5, committed=4)),
        (
            [shipped(1, 1, "Y")],
            ExceedsCommitted(order_id="o", line=1, requested=1, committed=0),
        ),
    ],
)
@pytest.mark.parametrize("with_progress", [False, True])
def test_more_than_a_line_has_there_is_not_shipped(
    world: OrderWorld, lines: list[ShippedLine], refusal: Refusal, *, with_progress: bool
) -> None:
    world.place("o", line(1, 4))
    if with_progress:
        world.list_picks("o", "p")
        world.pick("o", "p")
    assert world.ship("o", *lines) == refusal


def test_what_is_in_a_return_does_not_come_back_twice(world: OrderWorld) -> None:
    world.place("o", line(1, 4))
    world.ship("o", shipped(1, 3), shipment_id="s")
    world.ask_back("o", "r", units(1, 2))
    world.inspect("o", "r", seen(1, 1, "restock"), seen(1, 1, "refuse"))
    before = world.quantities()
    assert world.unship("o", "s") == ExceedsReturnable(
        order_id="o", line=1, requested=3, returnable=2
    )
    assert world.quantities() == before
    world.ship("o", shipped(1, 1), shipment_id="t")
    assert isinstance(world.unship("o", "s"), list)


def test_a_cancelled_shipment_is_committed_again_whatever_else_the_order_lacks(
    world: OrderWorld,
) -> None:
    world.place("o", line(1, 4), line(2, 3, "B"))
    world.ship("o", shipped(1, 4), shipment_id="s")
    world.list_picks("o", "p")
    world.pick("o", "p", [units(2, 1)])
    world.receive(1, "B")
    world.unship("o", "s")
    assert world.stock().committed == 4
    assert world.stock("B").committed == 0
    promises_match(world)


def test_a_cancelled_shipment_is_committed_again_where_it_left_and_waiting_units_keep_their_place(
    world: OrderWorld,
) -> None:
    world.receive(2, place="Y")
    lines, places = line(1, 14, place=None), ("X", "Y")
    world.place(
        "o",
        lines,
        sourcing="highest_stock",
        locations=places,
        allocation="partial",
        backorder=True,
    )
    world.place("later", line(1, 1), backorder=True)
    before, queue = world.quantities(), world.stock().queue
    world.ship("o", shipment_id="s")
    world.receive(20, place="Y")
    world.unship("o", "s")
    after = world.quantities()
    assert after["stock-A@X"] == before["stock-A@X"] == (10, 10, 0, 3, 0)
    assert after["stock-A@Y"] == (22, 2, 0, 0, 20)
    assert world.stock().queue == queue
    promises_match(world)


def test_a_shipment_that_nobody_names_takes_nobody_s_name(world: OrderWorld) -> None:
    picked(world)
    world.ship("o", shipped(1, 1), shipment_id="shipment-2")
    world.ship("o", shipped(1, 1))
    world.ship("o", shipped(1, 1))
    assert list(world.known().so_far().shipments) == ["shipment-2", "shipment-3", "shipment-4"]


def test_a_delivered_or_unknown_shipment_is_not_cancelled(world: OrderWorld) -> None:
    world.place("o", line(1, 4))
    assert world.unship("o", "s") == UnknownShipment(order_id="o", shipment_id="s")
    world.ship("o", shipment_id="s")
    world.deliver("o", "s")
    assert refused(world.unship("o", "s")) == "shipment_closed"


@pytest.mark.parametrize("stage", ["placed", "allocated", "listed", "picked", "packed", "waiting"])
def test_cancelling_at_any_stage_restores_exactly(world: OrderWorld, stage: str) -> None:
    before = world.quantities()
    match stage:
        case "placed":
            world.place("o", line(1, 4), allocate=False)
        case "waiting":
            world.place("o", line(1, 40), allocation="partial", backorder=True)
        case _:
            world.place("o", line(1, 4), line(2, 3, "B"))
    if stage in {"listed", "picked", "packed"}:
        world.list_picks("o", "p")
    if stage in {"picked", "packed"}:
        world.pick("o", "p")
    if stage == "packed":
        world.pack("o", "box", lines=[units(1, 2)])
    done = world.cancel()
    assert isinstance(done, list)
    assert world.quantities() == before
    if stage in {"picked", "packed"}:
        assert StockUnpicked(sku="A", location="X", order_id="o", line=1, quantity=4) in done
    if stage == "waiting":
        assert (
            BackorderClosed(
                sku="A", location="X", order_id="o", line=1, quantity=30, outcome="cancelled"
            )
            in done
        )
    assert world.cancel() == OrderState(order_id="o", status="cancelled", wanted="cancelled")
    assert world.quantities() == before
    promises_match(world)


def test_only_an_order_of_which_a_part_was_shipped_is_closed(world: OrderWorld) -> None:
    world.place("o", line(1, 4))
    assert world.close() == OrderState(order_id="o", status="allocated", wanted="closed")


def test_nothing_to_ship_is_said(world: OrderWorld) -> None:
    world.place("o", line(1, 15), line(2, 1, "B"), allocation="partial")
    world.ship("o")
    assert world.ship("o") == NothingToShip(order_id="o")


def test_what_came_back_is_inspected_before_it_is_stock(world: OrderWorld) -> None:
    world.place("o", line(1, 4))
    world.ship("o")
    assert kinds(world.ask_back("o", "r", units(1, 3))) == ["ReturnRequested"]
    assert world.stock().on_hand == 6
    done = world.inspect("o", "r", seen(1, 1, "restock"), seen(1, 1, "damage"))
    assert kinds(done) == ["ReturnInspected", "StockReturned", "StockReturned"]
    assert (world.stock().on_hand, world.stock().held) == (8, 1)
    assert kinds(world.inspect("o", "r", seen(1, 1, "refuse"))) == ["ReturnInspected"]
    assert refused(world.inspect("o", "r", seen(1, 1, "restock"))) == "exceeds_returnable"


def test_no_more_comes_back_than_was_shipped(world: OrderWorld) -> None:
    world.place("o", line(1, 4), line(2, 1, "B"))
    assert refused(world.ask_back("o", "r", units(1, 1))) == "order_state"
    world.ship("o", shipped(1, 3))
    assert refused(world.ask_back("o", "r", units(1, 4))) == "exceeds_returnable"
    world.ask_back("o", "r", units(1, 2))
    assert refused(world.ask_back("o", "r", units(1, 1))) == "return_exists"
    assert refused(world.ask_back("o", "s", units(1, 2))) == "exceeds_returnable"
    world.inspect("o", "r", seen(1, 2, "refuse"))
    assert kinds(world.ask_back("o", "s", units(1, 2))) == ["ReturnRequested"]
    assert refused(world.ask_back("o", "t", units(7, 1))) == "unknown_order_line"
    assert refused(world.inspect("o", "x", seen(1, 1, "restock"))) == "unknown_return"
