"""A reservation ends by becoming an order: its units are the order's before anybody else's."""

from domain.events import ReservationReleased, StockCommitted
from domain.refusals import ReservationClosed, UnknownReservation
from tests.order_world import OrderWorld, kinds, line, promises_match, refused


def test_a_reservation_becomes_an_order_in_one_command() -> None:
    world = OrderWorld()
    world.receive(5)
    world.reserve("r", 5)
    assert refused(world.place("p", line(1, 1))) == "insufficient_stock"
    done = world.place("o", line(1, 5), reservation_id="r")
    assert isinstance(done, list)
    assert done[-2:] == [
        ReservationReleased(sku="A", location="X", reservation_id="r", quantity=5),
        StockCommitted(sku="A", location="X", order_id="o", line=1, quantity=5),
    ]
    assert (world.stock().reserved, world.stock().committed) == (0, 5)
    promises_match(world)


def test_what_the_order_does_not_want_is_available_again() -> None:
    world = OrderWorld()
    world.receive(5)
    world.reserve("r", 5)
    world.place("o", line(1, 3), reservation_id="r")
    assert world.stock().available == 2


def test_what_the_order_wants_beyond_it_must_be_there() -> None:
    world = OrderWorld()
    world.receive(5)
    world.reserve("r", 4)
    before = world.quantities()
    assert refused(world.place("o", line(1, 6), reservation_id="r")) == "insufficient_stock"
    assert world.quantities() == before
    assert world.stock().reservation("r") is not None


def test_its_units_go_to_no_order_that_waits() -> None:
    world = OrderWorld()
    world.receive(5)
    world.reserve("r", 5)
    world.place("waits", line(1, 5), allocation="partial", backorder=True)
    assert "StockCommitted" in kinds(world.place("o", line(1, 5), reservation_id="r"))
    assert world.known("waits").status == "backordered"


def test_a_reservation_becomes_one_order() -> None:
    world = OrderWorld()
    world.receive(9)
    world.reserve("r", 2)
    world.place("o", line(1, 2), reservation_id="r")
    assert world.place("p", line(1, 2), reservation_id="r") == ReservationClosed(
        reservation_id="r", ended="released"
    )


def test_a_reservation_that_is_due_or_unknown_becomes_none() -> None:
    world = OrderWorld()
    world.receive(9)
    world.reserve("r", 2, until=10)
    assert world.place("o", line(1, 2), reservation_id="x") == UnknownReservation(
        reservation_id="x", sku="A", location="X"
    )
    world.clock = 10
    assert world.place("o", line(1, 2), reservation_id="r") == ReservationClosed(
        reservation_id="r", ended="expired"
    )
