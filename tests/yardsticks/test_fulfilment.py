"""What is done twice, taken back, counted meanwhile or left unfinished: each unit is where it was
said to be.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain import promises
from domain.events import (
    ArrivalClosed,
    CommitmentReleased,
    PurchaseClosed,
    ShippedLine,
    StockArrived,
    StockCommitted,
    StockReturned,
    TransferCancelled,
)
from domain.refusals import Refusal
from domain.refusals_orders import ShipmentClosed
from domain.shelf import Shelf
from domain.stock_facts import count
from tests.builders import (
    counted,
    happened,
    lost_reservation,
    occasion,
    received,
    reserved,
    shelf,
    shortfall,
)
from tests.order_world import Done, OrderWorld, line, promises_match, seen, units
from tests.supply import HALL, PO, SHOP, SKUS, TR, Decided, Supply, came, ordered, some, wanted
from tests.supply import units as missing

A = SKUS[0]
Step = Callable[[OrderWorld], Done]
SupplyStep = Callable[[Supply], Decided]

# Each may be done now; what went before it in the list has been done.
ORDER_STEPS: list[tuple[str, Step]] = [
    ("reserve", lambda world: world.reserve("r", 2)),
    ("release", lambda world: world.done(promises.release(world.stock(), "r", world.occasion()))),
    ("place", lambda world: world.place("o", line(1, 4), line(2, 3, "B"), allocate=False)),
    ("allocate", lambda world: world.allocate("o")),
    ("list", lambda world: world.list_picks("o", "p")),
    ("pick", lambda world: world.pick("o", "p")),
    ("pack", lambda world: world.pack("o", "box", lines=[units(1, 2)])),
    ("ship a parcel", lambda world: world.ship("o", parcels=("box",), shipment_id="s")),
    ("deliver", lambda world: world.deliver("o", "s")),
    ("ask back", lambda world: world.ask_back("o", "back", units(1, 1))),
    ("inspect", lambda world: world.inspect("o", "back", seen(1, 1, "damage"))),
    ("ship", lambda world: world.ship("o", ShippedLine(line=1, quantity=1), shipment_id="t")),
    ("cancel a shipment", lambda world: world.unship("o", "t")),
    ("close", lambda world: world.close("o")),
    ("place another", lambda world: world.place("x", line(1, 4))),
    ("cancel", lambda world: world.cancel("x")),
]
SUPPLY_STEPS: list[tuple[str, SupplyStep]] = [
    ("place a purchase", lambda supply: supply.place(ordered(1, 10))),
    ("approve it", lambda supply: supply.approve()),
    ("receive", lambda supply: supply.receive("d1", came(1, 4))),
    ("close it", lambda supply: supply.close()),
    ("place a transfer", lambda supply: supply.plan(wanted(1, 3))),
    ("dispatch it", lambda supply: supply.dispatch()),
    ("arrive", lambda supply: supply.arrive("r1", some(1, 1))),
    ("return the rest", lambda supply: supply.close_transfer("returned")),
]


@pytest.mark.parametrize("number", range(len(ORDER_STEPS)), ids=[name for name, _ in ORDER_STEPS])
def test_a_transition_of_an_order_twice_does_not_move_twice(number: int) -> None:
    world = OrderWorld()
    world.receive(10)
    world.receive(10, "B")
    for _, step in ORDER_STEPS[: number + 1]:
        assert not isinstance(step(world), Refusal)
    before = dict(world.states)
    again = ORDER_STEPS[number][1](world)
    assert isinstance(again, Refusal), again
    assert world.states == before
    promises_match(world)


@pytest.mark.parametrize("number", range(len(SUPPLY_STEPS)), ids=[name for name, _ in SUPPLY_STEPS])
def test_a_transition_of_supply_twice_does_not_move_twice(number: int) -> None:
    supply = Supply()
    for _, step in SUPPLY_STEPS[: number + 1]:
        supply.record(step(supply))
    assert isinstance(SUPPLY_STEPS[number][1](supply), Refusal)


def test_a_cancelled_fulfilment_restores_both_quantities() -> None:
    world = OrderWorld()
    world.receive(10)
    world.receive(10, "B")
    world.place("o", line(1, 4), line(2, 3, "B"))
    before = world.quantities()
    world.ship("o", shipment_id="s")
    done = world.unship("o", "s")
    assert isinstance(done, list)
    assert (
        StockReturned(sku="A", location="X", quantity=4, order_id="o", reason="shipment cancelled")
        in done
    )
    assert StockCommitted(sku="A", location="X", order_id="o", line=1, quantity=4) in done
    assert world.quantities() == before
    assert world.known().status == "allocated"
    promises_match(world)
    assert world.unship("o", "s") == ShipmentClosed(
        order_id="o", shipment_id="s", status="cancelled"
    )
    assert world.quantities() == before


def test_a_cancelled_transfer_restores_both_quantities() -> None:
    supply = Supply()
    supply.stock_up(A, HALL, 20)
    supply.record(supply.plan(wanted(1, 8)))
    supply.record(supply.dispatch())
    assert supply.record(supply.cancel_transfer()) == [
        TransferCancelled(transfer_id=TR, returned=(missing(1, 8),)),
        StockArrived(sku=A, location=HALL, quantity=8, transfer_id=TR, line=1, origin=SHOP),
        ArrivalClosed(
            sku=A,
            location=SHOP,
            source="transfer",
            source_id=TR,
            line=1,
            quantity=8,
            outcome="returned",
        ),
    ]
    hall, shop = supply.stock(A, HALL), supply.stock(A, SHOP)
    assert (hall.on_hand, shop.in_transit, shop.on_hand) == (20, 0, 0)


@pytest.mark.parametrize(
    ("known", "uncovered"),
    [
        (shelf(received(5), reserved("r", 5)), 2),
        (shelf(received(5), reserved("r", 4)), 1),
        (shelf(received(5), reserved("r", 3)), 0),
    ],
    ids=["less than is reserved", "one less", "as many"],
)
def test_a_count_while_units_are_reserved_stands_and_states_what_it_leaves_uncovered(
    known: Shelf, uncovered: int
) -> None:
    stated = [shortfall(uncovered, lost_reservation("r", uncovered))] if uncovered else []
    assert happened(count(known, "c", 3, occasion())) == [counted("c", 3, expected=5), *stated]


def test_closing_partly_delivered_work_releases_the_rest() -> None:
    world = OrderWorld()
    world.receive(10)
    world.receive(10, "B")
    world.place("o", line(1, 4), line(2, 3, "B"))
    world.list_picks("o", "p")
    world.pick("o", "p")
    world.ship("o", ShippedLine(line=1, quantity=1), shipment_id="s")
    world.deliver("o", "s")
    done = world.close()
    assert isinstance(done, list)
    assert CommitmentReleased(sku="A", location="X", order_id="o", line=1, quantity=3) in done
    assert world.known().status == "closed"
    stock = world.stock()
    assert (stock.on_hand, stock.committed, stock.picked, stock.available) == (9, 0, 0, 9)
    promises_match(world)


def test_closing_a_partly_delivered_purchase_expects_no_more() -> None:
    supply = Supply()
    supply.record(supply.place(ordered(1, 10)))
    supply.record(supply.approve())
    supply.record(supply.receive("d1", came(1, 7)))
    assert supply.record(supply.close())[0] == PurchaseClosed(
        purchase_id=PO, short=(missing(1, 3),)
    )
    stock = supply.stock(A, HALL)
    assert (stock.on_hand, stock.incoming) == (7, 0)
