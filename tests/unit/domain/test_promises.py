"""Reservations: made of what is there, due by the clock, ended once."""

from dataclasses import replace

import pytest

from domain.events import Event
from domain.moving_stock import fold
from domain.promises import due_reservations, expire, release, reserve, ship
from domain.refusals import (
    ExceedsReserved,
    InsufficientStock,
    Refusal,
    ReservationClosed,
    ReservationExists,
    ReservationExpiryPast,
    ReservationNotDue,
    UnknownItem,
    UnknownLocation,
    UnknownReservation,
)
from domain.shelf import Shelf
from domain.stock import CLOSED_KEPT
from domain.values import Facts
from tests.builders import (
    NEVER,
    PLACE,
    SKU,
    adjusted,
    at,
    committed,
    dated,
    expired,
    happened,
    minute,
    occasion,
    received,
    released,
    reserved,
    returned,
    shelf,
    shipped,
    shortfall,
    stock,
)

LATER = minute(NEVER)
FIVE = shelf(received(5))
HELD = shelf(received(5), reserved("r", 3, until=10))
CLOSED = shelf(received(5), reserved("r", 3), released("r", 3))
NEITHER = replace(FIVE, item=None, location=None)
NO_LOCATION = replace(FIVE, location=None)


def refused(requested: int, available: int) -> InsufficientStock:
    return InsufficientStock(sku=SKU, location=PLACE, requested=requested, available=available)


@pytest.mark.parametrize(
    ("decided", "refusal"),
    [
        (reserve(NEITHER, "r", 1, LATER, occasion()), UnknownItem(sku=SKU)),
        (reserve(NO_LOCATION, "r", 1, LATER, occasion()), UnknownLocation(location=PLACE)),
        (
            reserve(HELD, "r", 9, minute(0), occasion()),
            ReservationExists(reservation_id="r", sku=SKU, location=PLACE),
        ),
        (
            reserve(CLOSED, "r", 9, minute(0), occasion()),
            ReservationExists(reservation_id="r", sku=SKU, location=PLACE),
        ),
        (
            reserve(FIVE, "r", 9, minute(7), occasion(7)),
            ReservationExpiryPast(reservation_id="r", expires_at=minute(7)),
        ),
        (reserve(FIVE, "r", 6, LATER, occasion()), refused(6, available=5)),
        (reserve(HELD, "s", 3, LATER, occasion(9)), refused(3, available=2)),
        (reserve(HELD, "s", 6, LATER, occasion(10)), refused(6, available=5)),
        (ship(NEITHER, 1, occasion(), reservation_id="x"), UnknownItem(sku=SKU)),
        (ship(NO_LOCATION, 1, occasion(), reservation_id="x"), UnknownLocation(location=PLACE)),
        (
            ship(HELD, 9, occasion(), reservation_id="x"),
            UnknownReservation(reservation_id="x", sku=SKU, location=PLACE),
        ),
        (
            ship(CLOSED, 9, occasion(), reservation_id="r"),
            ReservationClosed(reservation_id="r", ended="released"),
        ),
        (
            ship(HELD, 4, occasion(), reservation_id="r"),
            ExceedsReserved(reservation_id="r", requested=4, reserved=3),
        ),
        (
            ship(
                shelf(received(5), reserved("r", 3), adjusted(-3)),
                3,
                occasion(),
                reservation_id="r",
            ),
            refused(3, available=2),
        ),
        (ship(HELD, 3, occasion()), refused(3, available=2)),
        (
            release(HELD.stock, "x", occasion()),
            UnknownReservation(reservation_id="x", sku=SKU, location=PLACE),
        ),
        (
            release(CLOSED.stock, "r", occasion()),
            ReservationClosed(reservation_id="r", ended="released"),
        ),
        (
            expire(HELD.stock, "x", occasion(10)),
            UnknownReservation(reservation_id="x", sku=SKU, location=PLACE),
        ),
        (
            expire(CLOSED.stock, "r", occasion(10)),
            ReservationClosed(reservation_id="r", ended="released"),
        ),
        (
            expire(HELD.stock, "r", occasion(20, now=9)),
            ReservationNotDue(reservation_id="r", expires_at=minute(10)),
        ),
    ],
)
def test_a_promise_is_refused_by_what_comes_first(
    decided: Facts | Refusal, refusal: Refusal
) -> None:
    assert decided == refusal


@pytest.mark.parametrize(
    ("decided", "events"),
    [
        (reserve(FIVE, "r", 5, LATER, occasion()), [reserved("r", 5)]),
        (release(HELD.stock, "r", occasion(20)), [released("r", 3)]),
        (expire(HELD.stock, "r", occasion(0, now=10)), [expired("r", 3)]),
        (ship(HELD, 2, occasion()), [shipped(2)]),
        (ship(HELD, 3, occasion(20), reservation_id="r"), [shipped(3, reservation="r")]),
        (ship(HELD, 1, occasion(), reservation_id="r"), [shipped(1, reservation="r")]),
    ],
    ids=[
        "the last unit is reserved",
        "a due reservation is released",
        "a reservation expires when the clock says so",
        "what nobody was promised is shipped",
        "a due reservation that has not expired is shipped",
        "a part of a reservation is shipped",
    ],
)
def test_a_promise_is_made_kept_or_ended(decided: Facts | Refusal, events: list[Event]) -> None:
    assert happened(decided) == events


def test_what_is_left_of_a_partly_shipped_reservation_stays_reserved() -> None:
    known = stock(received(5), reserved("r", 3), shipped(1, reservation="r"))
    assert (known.on_hand, known.reserved, known.available) == (4, 2, 2)
    assert happened(release(known, "r", occasion())) == [released("r", 2)]


def test_a_fully_shipped_reservation_is_closed() -> None:
    known = stock(received(5), reserved("r", 3), shipped(3, reservation="r"))
    assert release(known, "r", occasion()) == ReservationClosed(reservation_id="r", ended="shipped")


@pytest.mark.parametrize(
    ("known", "requested", "expires"),
    [
        (shelf(received(5), reserved("r", 3, until=10)), 2, []),
        (shelf(received(5), reserved("r", 3, until=10)), 3, ["r"]),
        (shelf(received(5), reserved("r", 3, until=10), reserved("s", 1, until=5)), 2, ["r", "s"]),
        (shelf(received(5), reserved("r", 3, until=10), reserved("s", 1, until=11)), 4, ["r"]),
    ],
    ids=[
        "none while there is room",
        "the due one for want of room",
        "all that are due",
        "none that is not due yet",
    ],
)
def test_what_is_due_is_expired_when_a_promise_needs_its_room(
    known: Shelf, requested: int, expires: list[str]
) -> None:
    decided = reserve(known, "new", requested, LATER, occasion(10))
    held = {"r": 3, "s": 1}
    expiries = [expired(reservation_id, held[reservation_id]) for reservation_id in expires]
    assert happened(decided) == [*expiries, reserved("new", requested)]


def test_an_expiry_in_passing_is_dated_when_it_was_due() -> None:
    decided = reserve(HELD, "new", 5, LATER, occasion(15))
    assert not isinstance(decided, Refusal)
    assert [fact.occurred_at for fact in decided] == [minute(10), minute(15)]


def test_nothing_is_looked_for_before_the_first_expiry() -> None:
    known = stock(received(5), reserved("r", 1, until=10), reserved("s", 1, until=5))
    assert known.no_expiry_before == minute(5)
    assert due_reservations(known, minute(4)) == []
    assert [promise.id for promise in due_reservations(known, minute(5))] == ["s"]
    assert [promise.id for promise in due_reservations(known, minute(10))] == ["r", "s"]


def test_backorder_reaches_to_the_limit_and_is_written_into_the_promise() -> None:
    known = shelf(received(5), backorder_limit=2)
    assert happened(reserve(known, "r", 7, LATER, occasion())) == [
        reserved("r", 7, backorder_limit=2)
    ]
    assert reserve(known, "r", 8, LATER, occasion()) == refused(8, available=7)


def test_a_discontinued_item_is_promised_from_what_is_left_only() -> None:
    known = shelf(received(5), backorder_limit=2, discontinued_at=0)
    assert happened(reserve(known, "r", 5, LATER, occasion(1))) == [reserved("r", 5)]
    assert reserve(known, "r", 6, LATER, occasion(1)) == refused(6, available=5)
    assert happened(ship(known, 5, occasion(1))) == [shipped(5)]


def test_damaged_goods_and_commitments_are_not_available() -> None:
    known = shelf(received(5), returned(4, "damaged"), committed("o", 2))
    assert ship(known, 4, occasion()) == refused(4, available=3)
    assert reserve(known, "r", 4, LATER, occasion()) == refused(4, available=3)


def test_what_is_less_than_nothing_is_reported_as_nothing() -> None:
    known = shelf(received(5), reserved("r", 5), adjusted(-3), shortfall(3))
    assert ship(known, 1, occasion()) == refused(1, available=0)
    assert reserve(known, "s", 1, LATER, occasion()) == refused(1, available=0)


@pytest.mark.parametrize("ago", [0, CLOSED_KEPT - 1])
def test_a_closed_reservation_is_remembered_for_a_bounded_while(ago: int) -> None:
    facts = [received(1)]
    known = stock(*facts)
    for number in range(CLOSED_KEPT + 1):
        name = f"r-{number}"
        known = fold(known, dated((reserved(name, 1), released(name, 1))))
    assert len(known.closed_reservations) == CLOSED_KEPT
    remembered = f"r-{CLOSED_KEPT - ago}"
    assert isinstance(release(known, remembered, occasion()), ReservationClosed)
    assert isinstance(release(known, "r-0", occasion()), UnknownReservation)


def test_a_reservation_may_begin_in_the_past_and_be_due_at_once() -> None:
    known = shelf(at(0, received(5)))
    assert happened(reserve(known, "r", 1, minute(5), occasion(1, now=9))) == [
        reserved("r", 1, until=5)
    ]


def test_what_is_held_is_shipped_to_nobody() -> None:
    known = shelf(received(5), reserved("r", 5), adjusted(-3), returned(3, "damaged"))
    assert ship(known, 3, occasion(), reservation_id="r") == refused(3, available=2)
    assert happened(ship(known, 2, occasion(), reservation_id="r"))[0] == shipped(
        2, reservation="r"
    )


def test_the_room_to_ship_is_never_told_as_less_than_none() -> None:
    known = shelf(received(3), reserved("r", 3), returned(2, "damaged"), adjusted(-4))
    assert ship(known, 1, occasion(), reservation_id="r") == refused(1, available=0)
