"""From the shelf into a parcel: lists, picks, short picks."""

import pytest

from domain.events import (
    CommitmentReleased,
    LineQuantity,
    OrderPacked,
    OrderPicked,
    PickedLine,
    PickListCreated,
    StockBackordered,
    StockHeld,
    StockPicked,
)
from domain.refusals import (
    DuplicateLine,
    InsufficientStock,
    OrderState,
    Refusal,
    UnknownOrder,
    UnknownOrderLine,
)
from domain.refusals_orders import (
    ExceedsListed,
    NothingToPick,
    ParcelExists,
    PaymentMissing,
    PaymentNotAwaited,
    PickListClosed,
    PickListExists,
    UnknownPickList,
)
from tests.commands_as_rows import judged, rows_of_facts
from tests.order_world import OrderWorld, kinds, line, promises_match, refused, units


@pytest.fixture
def world() -> OrderWorld:
    made = OrderWorld()
    made.receive(10)
    made.receive(10, "B")
    made.place("o", line(1, 4), line(2, 3, "B"))
    return made


def test_a_pick_list_names_everything_committed_there(world: OrderWorld) -> None:
    assert world.list_picks("o", "p") == [
        PickListCreated(order_id="o", pick_id="p", location="X", lines=(units(1, 4), units(2, 3)))
    ]
    assert refused(world.list_picks("o", "q")) == "nothing_to_pick"


def test_a_list_of_some_leaves_the_rest_to_the_next(world: OrderWorld) -> None:
    world.list_picks("o", "p", lines=[units(1, 3)])
    done = world.list_picks("o", "q")
    assert done == [
        PickListCreated(order_id="o", pick_id="q", location="X", lines=(units(1, 1), units(2, 3)))
    ]


def test_picking_takes_committed_units_from_the_shelf(world: OrderWorld) -> None:
    world.list_picks("o", "p")
    before = world.stock()
    done = world.pick("o", "p")
    assert not isinstance(done, Refusal)
    assert done[0] == OrderPicked(
        order_id="o",
        pick_id="p",
        location="X",
        lines=(PickedLine(line=1, quantity=4), PickedLine(line=2, quantity=3)),
    )
    assert done[1] == StockPicked(
        sku="A", location="X", order_id="o", line=1, quantity=4, pick_id="p"
    )
    after = world.stock()
    assert (after.on_hand, after.committed, after.picked) == (10, 0, 4)
    assert after.available == before.available
    assert world.known().status == "allocated"
    promises_match(world)


def test_a_list_is_picked_once(world: OrderWorld) -> None:
    world.list_picks("o", "p")
    world.pick("o", "p")
    before = world.quantities()
    again = world.pick("o", "p")
    assert again == PickListClosed(order_id="o", pick_id="p", status="picked")
    assert world.quantities() == before


def test_what_a_short_pick_misses_is_held_and_not_promised_again(world: OrderWorld) -> None:
    world.list_picks("o", "p", lines=[units(1, 4)])
    done = world.pick("o", "p", [units(1, 3)])
    assert not isinstance(done, Refusal)
    assert CommitmentReleased(sku="A", location="X", order_id="o", line=1, quantity=1) in done
    held = next(event for event in done if isinstance(event, StockHeld))
    assert (held.kind, held.quantity, held.reason_code) == ("missing", 1, "short-pick")
    stock = world.stock()
    assert (stock.on_hand, stock.committed, stock.picked, stock.held) == (10, 0, 3, 1)
    assert stock.available == 6
    assert world.known().status == "partly_allocated"
    assert kinds(world.allocate()) == ["OrderUnitsAllocated", "StockCommitted"]
    assert world.known().status == "allocated"
    promises_match(world)


def test_an_order_that_may_wait_waits_for_what_a_short_pick_missed() -> None:
    world = OrderWorld()
    world.receive(4)
    world.place("o", line(1, 4), backorder=True)
    world.list_picks("o", "p")
    done = world.pick("o", "p", [units(1, 1)])
    assert isinstance(done, list)
    waits = StockBackordered(sku="A", location="X", order_id="o", line=1, quantity=3, whole=True)
    assert done.index(waits) < kinds(done).index("CommitmentReleased")
    assert refused(world.serve()) == "nothing_to_allocate"
    world.receive(3)
    world.serve()
    assert world.known().status == "allocated"
    promises_match(world)


def test_no_more_is_picked_than_is_known_to_be_there(world: OrderWorld) -> None:
    world.list_picks("o", "p")
    world.count(2)
    before = world.quantities()
    assert world.pick("o", "p") == InsufficientStock(
        sku="A", location="X", requested=4, available=2, line=1
    )
    assert world.quantities() == before


@pytest.mark.parametrize(("counted", "taken", "held"), [(0, 0, 0), (3, 2, 1), (3, 3, 0), (5, 1, 3)])
def test_only_units_that_should_be_there_are_held_as_missing(
    world: OrderWorld, counted: int, taken: int, held: int
) -> None:
    world.list_picks("o", "p", lines=[units(1, 4)])
    world.count(counted)
    world.pick("o", "p", [units(1, taken)])
    stock = world.stock()
    assert (stock.on_hand, stock.committed, stock.picked, stock.held) == (counted, 0, taken, held)
    assert stock.uncovered_stated == 0
    shelf_laws = judged(rows_of_facts(world.commands))["no_oversell"]
    assert shelf_laws.difference is None


def test_a_line_of_the_list_that_is_not_named_was_not_found(world: OrderWorld) -> None:
    world.list_picks("o", "p")
    world.pick("o", "p", [units(1, 4)])
    assert (world.stock("B").picked, world.stock("B").held) == (0, 3)


def test_a_cancelled_list_frees_its_units_for_another(world: OrderWorld) -> None:
    world.list_picks("o", "p")
    world.drop_list("o", "p")
    assert world.pick("o", "p") == PickListClosed(order_id="o", pick_id="p", status="cancelled")
    assert kinds(world.list_picks("o", "q")) == ["PickListCreated"]


def test_picked_units_go_into_parcels_once(world: OrderWorld) -> None:
    world.list_picks("o", "p")
    world.pick("o", "p")
    world.pack("o", "box", lines=[units(1, 3)])
    assert world.pack("o", "crate") == [
        OrderPacked(order_id="o", parcel_id="crate", location="X", lines=(units(1, 1), units(2, 3)))
    ]
    assert world.pack("o", "bag") == NothingToPick(order_id="o", location="X")
    assert world.stock().picked == 4
    promises_match(world)


@pytest.mark.parametrize(
    ("pick_id", "lines", "refusal"),
    [
        ("none", None, UnknownPickList(order_id="o", pick_id="none")),
        ("p", [units(1, 1), units(1, 1)], DuplicateLine(order_id="o", line=1)),
        ("p", [units(9, 1)], UnknownOrderLine(order_id="o", line=9)),
        (
            "p",
            [units(1, 5), units(2, 4)],
            ExceedsListed(
                order_id="o",
                line=1,
                requested=5,
                listed=4,
                also=(ExceedsListed(order_id="o", line=2, requested=4, listed=3),),
            ),
        ),
    ],
)
def test_a_pick_that_does_not_fit_its_list_is_refused(
    world: OrderWorld, pick_id: str, lines: list[LineQuantity] | None, refusal: Refusal
) -> None:
    world.list_picks("o", "p")
    assert world.pick("o", pick_id, lines) == refusal


def test_lists_and_parcels_have_names_of_their_own(world: OrderWorld) -> None:
    world.list_picks("o", "p", lines=[units(1, 1)])
    assert world.list_picks("o", "p") == PickListExists(order_id="o", pick_id="p")
    world.pick("o", "p")
    world.pack("o", "box")
    assert world.pack("o", "box") == ParcelExists(order_id="o", parcel_id="box")


def test_more_than_is_loose_is_not_packed(world: OrderWorld) -> None:
    world.list_picks("o", "p")
    world.pick("o", "p")
    assert world.pack("o", "box", lines=[units(1, 5)]) == ExceedsListed(
        order_id="o", line=1, requested=5, listed=4
    )


def test_nothing_is_picked_for_an_order_that_holds_nothing(world: OrderWorld) -> None:
    assert world.list_picks("x", "p") == UnknownOrder(order_id="x")
    world.cancel()
    assert world.list_picks("o", "p") == OrderState(
        order_id="o", status="cancelled", wanted="picked"
    )


def test_an_order_that_waits_for_payment_is_not_picked_or_shipped() -> None:
    world = OrderWorld()
    world.receive(5)
    world.place("o", line(1, 5), payment="required")
    assert world.known().status == "allocated"
    assert world.list_picks("o", "p") == PaymentMissing(order_id="o")
    assert world.ship("o") == PaymentMissing(order_id="o")
    assert kinds(world.pay()) == ["OrderPaid"]
    assert world.pay() == PaymentNotAwaited(order_id="o")
    assert kinds(world.list_picks("o", "p")) == ["PickListCreated"]
    assert world.known().status == "allocated"


def test_an_order_without_payment_terms_takes_no_payment(world: OrderWorld) -> None:
    assert world.pay() == PaymentNotAwaited(order_id="o")
    world.cancel()
    assert world.pay() == OrderState(order_id="o", status="cancelled", wanted="paid")
