"""A cart: one reservation of many lines, at several stocks, all of it or none.

`shelves` are the cart's stocks by stream name (`stock_streams`). Facts come in this order: the
cart's own, then stock by stock in line order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from domain.drafts import Drafts
from domain.events import (
    CartConverted,
    CartEvent,
    CartExpired,
    CartExtended,
    CartLine,
    CartReleased,
    CartReserved,
    ReservationExpired,
    ReservationExtended,
    ReservationReleased,
    StockEvent,
    StockReserved,
)
from domain.policy import Policy, too_long
from domain.promises import make_room, shortage
from domain.refusals import (
    InsufficientStock,
    Refusal,
    ReservationExists,
    ReservationExpiryPast,
    ReservationNotDue,
    UnknownItem,
    UnknownLocation,
)
from domain.refusals_reservations import (
    CartClosed,
    CartEnding,
    CartExists,
    NotExtended,
    UnknownCart,
)
from domain.shelf import Shelf
from domain.stock import Promise, Stock
from domain.streams import cart_stream, stock_stream
from domain.values import Fact, Facts, Occasion

Shelves = Mapping[str, Shelf]
LineRefusal = ReservationExists | InsufficientStock | UnknownItem | UnknownLocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Cart:
    """`ended` says how it ended; while it is None, what is left of it is held by its stocks."""

    reservation_id: str
    lines: tuple[CartLine, ...]
    expires_at: datetime
    ended: CartEnding | None = None
    order_id: str | None = None

    @property
    def stock_streams(self) -> tuple[str, ...]:
        return stock_streams(self.lines)


def evolve(
    cart: Cart | None,
    event: CartEvent,
    occurred_at: datetime,  # noqa: ARG001 - every aggregate evolves with the same arguments
) -> Cart | None:
    """The state after one more fact of its stream."""
    if isinstance(event, CartReserved):
        return Cart(
            reservation_id=event.reservation_id, lines=event.lines, expires_at=event.expires_at
        )
    if cart is None:
        return None
    match event:
        case CartExtended(expires_at=expires_at):
            return replace(cart, expires_at=expires_at)
        case CartReleased():
            return replace(cart, ended="released")
        case CartExpired():
            return replace(cart, ended="expired")
        case CartConverted(order_id=order_id):
            return replace(cart, ended="converted", order_id=order_id)


def stock_streams(lines: Iterable[CartLine]) -> tuple[str, ...]:
    """The stocks of lines, each once, in line order."""
    return tuple(dict.fromkeys(stock_stream(line.sku, line.location) for line in lines))


def reserve(
    cart: Cart | None,
    proposed: CartReserved,
    shelves: Shelves,
    occasion: Occasion,
    *,
    policy: Policy | None = None,
) -> Facts | Refusal:
    """Promise every line or none; lines of one stock are checked on their sum."""
    reservation_id, expires_at = proposed.reservation_id, proposed.expires_at
    if cart is not None:
        return CartExists(reservation_id=reservation_id)
    if expires_at <= occasion.occurred_at:
        return ReservationExpiryPast(reservation_id=reservation_id, expires_at=expires_at)
    if (held_too_long := too_long(policy, reservation_id, expires_at, occasion)) is not None:
        return held_too_long
    sums = _sums(proposed.lines)
    refusals = [
        refusal
        for stream, (line, quantity) in sums.items()
        if (refusal := _refused(shelves[stream], proposed, line, quantity, occasion.now))
    ]
    if refusals:
        return replace(refusals[0], also=tuple(refusals[1:])) if refusals[1:] else refusals[0]
    drafts = Drafts(shelves, occasion)
    for stream, (_, quantity) in sums.items():
        shelf, draft = shelves[stream], drafts.of(stream)
        make_room(draft, shelf, quantity, occasion.now)
        draft.note(
            StockReserved(
                sku=shelf.stock.sku,
                location=shelf.stock.location,
                reservation_id=reservation_id,
                quantity=quantity,
                expires_at=expires_at,
                backorder_limit=shelf.promise_limit,
            )
        )
    return drafts.facts(_fact(reservation_id, proposed, occasion))


def extend(
    cart: Cart | None,
    reservation_id: str,
    expires_at: datetime,
    shelves: Shelves,
    occasion: Occasion,
    *,
    policy: Policy | None = None,
) -> Facts | Refusal:
    """Hold all of it until a later instant; not once it is due, for parts of it may be gone."""
    cart_or_refusal = _holding(cart, reservation_id, occasion)
    if isinstance(cart_or_refusal, Refusal):
        return cart_or_refusal
    cart = cart_or_refusal
    if expires_at <= cart.expires_at:
        return NotExtended(
            reservation_id=reservation_id, expires_at=expires_at, holds_until=cart.expires_at
        )
    if (refusal := too_long(policy, reservation_id, expires_at, occasion)) is not None:
        return refusal

    def extended(stock: Stock, promise: Promise) -> StockEvent:
        return ReservationExtended(
            sku=stock.sku,
            location=stock.location,
            reservation_id=promise.id,
            expires_at=expires_at,
        )

    event = CartExtended(reservation_id=reservation_id, expires_at=expires_at)
    return _at_each_stock(cart, event, shelves, extended, occasion)


def release(
    cart: Cart | None, reservation_id: str, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """Give back what is left of it before it is due."""
    cart_or_refusal = _open(cart, reservation_id)
    if isinstance(cart_or_refusal, Refusal):
        return cart_or_refusal
    event = CartReleased(reservation_id=reservation_id)
    return _at_each_stock(cart_or_refusal, event, shelves, _released, occasion)


def expire(
    cart: Cart | None, reservation_id: str, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """Due is what the clock says, whatever time the command claims."""
    cart_or_refusal = _open(cart, reservation_id)
    if isinstance(cart_or_refusal, Refusal):
        return cart_or_refusal
    if cart_or_refusal.expires_at > occasion.now:
        return ReservationNotDue(
            reservation_id=reservation_id, expires_at=cart_or_refusal.expires_at
        )
    event = CartExpired(reservation_id=reservation_id)
    return _at_each_stock(cart_or_refusal, event, shelves, _expired, occasion)


def convert(
    cart: Cart | None, reservation_id: str, order_id: str, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """Make room for the order that takes its place: to be followed by the order's own facts, in the
    same command, decided on what these leave. Not once it is due, as above.
    """
    cart_or_refusal = _holding(cart, reservation_id, occasion)
    if isinstance(cart_or_refusal, Refusal):
        return cart_or_refusal
    event = CartConverted(reservation_id=reservation_id, order_id=order_id)
    return _at_each_stock(cart_or_refusal, event, shelves, _released, occasion)


def _open(cart: Cart | None, reservation_id: str) -> Cart | UnknownCart | CartClosed:
    if cart is None:
        return UnknownCart(reservation_id=reservation_id)
    if cart.ended is not None:
        return CartClosed(reservation_id=reservation_id, ended=cart.ended)
    return cart


def _holding(
    cart: Cart | None, reservation_id: str, occasion: Occasion
) -> Cart | UnknownCart | CartClosed:
    """The cart, if it is open and its time is not over, whether the clock has said so or not."""
    found = _open(cart, reservation_id)
    if isinstance(found, Cart) and found.expires_at <= occasion.now:
        return CartClosed(reservation_id=reservation_id, ended="expired")
    return found


def _sums(lines: Iterable[CartLine]) -> Mapping[str, tuple[int, int]]:
    """By stock: the number of its first line, and what all of its lines come to."""
    found: dict[str, tuple[int, int]] = {}
    for each in lines:
        stream = stock_stream(each.sku, each.location)
        first, units = found.get(stream, (each.line, 0))
        found[stream] = (first, units + each.quantity)
    return found


def _refused(
    shelf: Shelf, proposed: CartReserved, line: int, quantity: int, now: datetime
) -> LineRefusal | None:
    stock, reservation_id = shelf.stock, proposed.reservation_id
    if (unknown := shelf.unknown()) is not None:
        return replace(unknown, line=line)
    if stock.reservation(reservation_id) or reservation_id in stock.closed_reservations:
        return ReservationExists(
            reservation_id=reservation_id, sku=stock.sku, location=stock.location, line=line
        )
    short = shortage(shelf, quantity, now)
    return None if short is None else replace(short, line=line)


def _at_each_stock(
    cart: Cart,
    event: CartEvent,
    shelves: Shelves,
    event_of: Callable[[Stock, Promise], StockEvent],
    occasion: Occasion,
) -> Facts | Refusal:
    """The cart's fact, and one for what each stock still holds of it."""
    drafts = Drafts(shelves, occasion)
    for stream in cart.stock_streams:
        stock = shelves[stream].stock
        promise = stock.reservation(cart.reservation_id)
        if promise is not None:
            drafts.of(stream).note(event_of(stock, promise))
    return drafts.facts(_fact(cart.reservation_id, event, occasion))


def _released(stock: Stock, promise: Promise) -> StockEvent:
    return ReservationReleased(
        sku=stock.sku,
        location=stock.location,
        reservation_id=promise.id,
        quantity=promise.quantity,
    )


def _expired(stock: Stock, promise: Promise) -> StockEvent:
    return ReservationExpired(
        sku=stock.sku,
        location=stock.location,
        reservation_id=promise.id,
        quantity=promise.quantity,
    )


def _fact(reservation_id: str, event: CartEvent, occasion: Occasion) -> Fact:
    return Fact(
        stream=cart_stream(reservation_id),
        event=event,
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
    )
