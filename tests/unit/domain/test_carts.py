"""Carts and longer reservations: all of it or nothing, on the sums, and each once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pytest

from domain import cart, promises
from domain.cart import Cart
from domain.events import (
    CartExtended,
    CartLine,
    CartReleased,
    CartReserved,
    ReservationExpired,
    ReservationExtended,
    ReservationReleased,
    StockReceived,
    StockReserved,
)
from domain.policy import Policy
from domain.refusals import (
    InsufficientStock,
    Refusal,
    ReservationClosed,
    ReservationExpiryPast,
    ReservationNotDue,
    UnknownItem,
)
from domain.refusals_reservations import (
    CartClosed,
    CartExists,
    NotExtended,
    ReservationTooLong,
    UnknownCart,
)
from domain.shelf import Shelf
from domain.values import Facts
from tests.builders import PLACE, SKU, item, location, minute, occasion, received, reserved, stock

SOON, LATER = minute(60), minute(120)
OTHER = "MUG"


def line(number: int, quantity: int, *, sku: str = SKU) -> CartLine:
    return CartLine(line=number, sku=sku, location=PLACE, quantity=quantity)


def shelves(**on_hand: int) -> dict[str, Shelf]:
    """Stocks by SKU with so many units each."""
    found = {}
    for sku, units in on_hand.items():
        known = StockReceived(sku=sku, location=PLACE, quantity=units) if units else None
        held = stock(*filter(None, (known,)), sku=sku)
        found[held.stream] = Shelf(stock=held, item=item(sku), location=location())
    return found


def reserve(
    *lines: CartLine,
    at: Mapping[str, Shelf],
    known: Cart | None = None,
    expires_at: datetime = SOON,
    policy: Policy | None = None,
) -> Facts | Refusal:
    proposed = CartReserved(reservation_id="c", lines=lines, expires_at=expires_at)
    return cart.reserve(known, proposed, at, occasion(), policy=policy)


def facts(decided: Facts | Refusal) -> list[object]:
    assert not isinstance(decided, Refusal), decided.sentence()
    return [fact.event for fact in decided]


def after(decided: Facts | Refusal, before: Mapping[str, Shelf]) -> tuple[Cart, dict[str, Shelf]]:
    """The cart and its stocks once these facts hold."""
    assert not isinstance(decided, Refusal), decided.sentence()
    found: Cart | None = None
    shelves = dict(before)
    for fact in decided:
        if fact.stream in shelves:
            if fact.after is not None:
                shelf = shelves[fact.stream]
                shelves[fact.stream] = Shelf(
                    stock=fact.after,  # type: ignore[arg-type] # a stock's state
                    item=shelf.item,
                    location=shelf.location,
                )
        else:
            found = cart.evolve(found, fact.event, fact.occurred_at)  # type: ignore[arg-type]
    assert found is not None
    return found, shelves


def test_a_cart_is_one_fact_and_one_reservation_at_each_of_its_stocks() -> None:
    lines = (line(1, 2), line(2, 3, sku=OTHER), line(3, 1))
    told = facts(reserve(*lines, at=shelves(**{SKU: 10, OTHER: 10})))
    assert told == [
        CartReserved(reservation_id="c", lines=lines, expires_at=SOON),
        StockReserved(sku=SKU, location=PLACE, reservation_id="c", quantity=3, expires_at=SOON),
        StockReserved(sku=OTHER, location=PLACE, reservation_id="c", quantity=3, expires_at=SOON),
    ]


def test_two_lines_of_one_stock_are_checked_on_their_sum() -> None:
    refused = reserve(line(1, 3), line(2, 3), at=shelves(**{SKU: 5}))
    assert refused == InsufficientStock(sku=SKU, location=PLACE, requested=6, available=5, line=1)


def test_one_line_that_is_short_keeps_the_whole_cart_from_being_reserved() -> None:
    lines = (line(1, 1), line(2, 9, sku=OTHER), line(3, 2, sku="HAT"))
    refused = reserve(*lines, at=shelves(**{SKU: 5, OTHER: 5, "HAT": 0}))
    assert isinstance(refused, InsufficientStock)
    assert (refused.line, [each.fields()["line"] for each in refused.also]) == (2, [3])


def test_a_cart_at_an_unknown_item_names_the_line() -> None:
    at = shelves(**{SKU: 5})
    (stream,) = at
    unknown = Shelf(stock=at[stream].stock, item=None, location=location())
    assert reserve(line(7, 1), at={stream: unknown}) == UnknownItem(sku=SKU, line=7)


@pytest.mark.parametrize(
    ("known", "expires_at", "policy", "refusal"),
    [
        (True, SOON, None, CartExists),
        (False, minute(-1), None, ReservationExpiryPast),
        (False, SOON, Policy(reservation_seconds_max=60), ReservationTooLong),
    ],
)
def test_a_cart_is_refused_whole(
    known: bool, expires_at: datetime, policy: Policy | None, refusal: type[Refusal]
) -> None:
    cart_before = Cart(reservation_id="c", lines=(), expires_at=SOON) if known else None
    decided = reserve(
        line(1, 1),
        at=shelves(**{SKU: 5}),
        known=cart_before,
        expires_at=expires_at,
        policy=policy,
    )
    assert isinstance(decided, refusal)


def open_cart(units: int = 4) -> tuple[Cart, dict[str, Shelf]]:
    at = shelves(**{SKU: 10, OTHER: 10})
    return after(reserve(line(1, units), line(2, 1, sku=OTHER), at=at), at)


def test_an_extended_cart_holds_longer_at_each_of_its_stocks() -> None:
    known, at = open_cart()
    told = facts(cart.extend(known, "c", LATER, at, occasion()))
    assert told[0] == CartExtended(reservation_id="c", expires_at=LATER)
    assert [type(each) for each in told[1:]] == [ReservationExtended] * 2
    assert isinstance(cart.extend(known, "c", SOON, at, occasion()), NotExtended)


def test_what_is_left_of_a_cart_is_released_or_expires_once() -> None:
    known, at = open_cart()
    told = facts(cart.release(known, "c", at, occasion()))
    assert told == [
        CartReleased(reservation_id="c"),
        ReservationReleased(sku=SKU, location=PLACE, reservation_id="c", quantity=4),
        ReservationReleased(sku=OTHER, location=PLACE, reservation_id="c", quantity=1),
    ]
    released = Cart(reservation_id="c", lines=known.lines, expires_at=SOON, ended="released")
    for decided in (
        cart.release(released, "c", at, occasion()),
        cart.expire(released, "c", at, occasion()),
        cart.extend(released, "c", LATER, at, occasion()),
        cart.convert(released, "c", "o", at, occasion()),
    ):
        assert decided == CartClosed(reservation_id="c", ended="released")


def test_a_cart_expires_only_when_it_is_due() -> None:
    known, at = open_cart()
    assert cart.expire(known, "c", at, occasion()) == ReservationNotDue(
        reservation_id="c", expires_at=SOON
    )
    told = facts(cart.expire(known, "c", at, occasion(now=60)))
    assert [type(each) for each in told[1:]] == [ReservationExpired] * 2


def test_a_cart_that_is_due_is_neither_extended_nor_converted() -> None:
    """Another's command may have taken what it held at one of its stocks."""
    known, at = open_cart()
    expired = CartClosed(reservation_id="c", ended="expired")
    due = occasion(now=60)
    assert cart.extend(known, "c", LATER, at, due) == expired
    assert cart.convert(known, "c", "o", at, due) == expired


def test_a_cart_nobody_reserved_is_unknown() -> None:
    assert cart.release(None, "c", {}, occasion()) == UnknownCart(reservation_id="c")


def test_a_single_reservation_is_extended_to_a_later_instant_only() -> None:
    held = stock(received(5), reserved("r", 2, until=60))
    told = facts(promises.extend(held, "r", LATER, occasion()))
    assert told == [
        ReservationExtended(sku=SKU, location=PLACE, reservation_id="r", expires_at=LATER)
    ]
    assert isinstance(promises.extend(held, "r", SOON, occasion()), NotExtended)
    limited = Policy(reservation_seconds_max=60)
    decided = promises.extend(held, "r", LATER, occasion(), policy=limited)
    assert isinstance(decided, ReservationTooLong)
    late = occasion(now=180)
    assert promises.extend(held, "r", LATER, late) == ReservationClosed(
        reservation_id="r", ended="expired"
    )
