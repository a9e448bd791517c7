"""Decisions on promises of stock: made only of what is there (or may be backordered), kept or ended
once.
"""

from __future__ import annotations

from datetime import datetime

from domain.events import (
    ReservationExpired,
    ReservationExtended,
    ReservationReleased,
    StockReserved,
    StockShipped,
)
from domain.lot_units import expired_units
from domain.named_units import UNNAMED, NamedUnits
from domain.policy import Policy, too_long
from domain.refusals import (
    ExceedsReserved,
    InsufficientStock,
    Refusal,
    ReservationClosed,
    ReservationExists,
    ReservationExpiryPast,
    ReservationNotDue,
    UnknownReservation,
)
from domain.refusals_reservations import NotExtended
from domain.shelf import Shelf, StockDraft
from domain.stock import Promise, Stock
from domain.values import Facts, Occasion, day_of


def reserve(
    shelf: Shelf,
    reservation_id: str,
    quantity: int,
    expires_at: datetime,
    occasion: Occasion,
    *,
    policy: Policy | None = None,
) -> Facts | Refusal:
    """Promise units until `expires_at`, which must be after the occasion."""
    stock = shelf.stock
    if (unknown := shelf.unknown()) is not None:
        return unknown
    if stock.reservation(reservation_id) or reservation_id in stock.closed_reservations:
        return ReservationExists(
            reservation_id=reservation_id, sku=stock.sku, location=stock.location
        )
    if expires_at <= occasion.occurred_at:
        return ReservationExpiryPast(reservation_id=reservation_id, expires_at=expires_at)
    if (refusal := too_long(policy, reservation_id, expires_at, occasion)) is not None:
        return refusal
    if (short := shortage(shelf, quantity, occasion.now)) is not None:
        return short
    draft = StockDraft(shelf, occasion)
    make_room(draft, shelf, quantity, occasion.now)
    draft.note(
        StockReserved(
            sku=stock.sku,
            location=stock.location,
            reservation_id=reservation_id,
            quantity=quantity,
            expires_at=expires_at,
            backorder_limit=shelf.promise_limit,
        )
    )
    return draft.facts()


def extend(
    stock: Stock,
    reservation_id: str,
    expires_at: datetime,
    occasion: Occasion,
    *,
    policy: Policy | None = None,
) -> Facts | Refusal:
    """Hold what is left of an open reservation until a later instant; not once it is due."""
    promise = _open_reservation(stock, reservation_id)
    if isinstance(promise, Refusal):
        return promise
    holds_until = promise.expires_at
    if holds_until is not None and holds_until <= occasion.now:
        return ReservationClosed(reservation_id=reservation_id, ended="expired")
    if holds_until is not None and expires_at <= holds_until:
        return NotExtended(
            reservation_id=reservation_id, expires_at=expires_at, holds_until=holds_until
        )
    if (refusal := too_long(policy, reservation_id, expires_at, occasion)) is not None:
        return refusal
    draft = StockDraft(Shelf(stock=stock, item=None, location=None), occasion)
    draft.note(
        ReservationExtended(
            sku=stock.sku,
            location=stock.location,
            reservation_id=reservation_id,
            expires_at=expires_at,
        )
    )
    return draft.facts()


def release(stock: Stock, reservation_id: str, occasion: Occasion) -> Facts | Refusal:
    """End an open reservation before it is due; all that is left of it becomes available."""
    promise = _open_reservation(stock, reservation_id)
    if isinstance(promise, Refusal):
        return promise
    draft = StockDraft(Shelf(stock=stock, item=None, location=None), occasion)
    draft.note(
        ReservationReleased(
            sku=stock.sku,
            location=stock.location,
            reservation_id=reservation_id,
            quantity=promise.quantity,
        )
    )
    return draft.facts()


def expire(stock: Stock, reservation_id: str, occasion: Occasion) -> Facts | Refusal:
    """Due is what the clock says, whatever time the command claims."""
    promise = _open_reservation(stock, reservation_id)
    if isinstance(promise, Refusal):
        return promise
    if promise.expires_at is not None and promise.expires_at > occasion.now:
        return ReservationNotDue(reservation_id=reservation_id, expires_at=promise.expires_at)
    draft = StockDraft(Shelf(stock=stock, item=None, location=None), occasion)
    draft.note(_expired(stock, promise))
    return draft.facts()


def ship(
    shelf: Shelf,
    quantity: int,
    occasion: Occasion,
    *,
    reservation_id: str | None = None,
    unit_price_micros: int | None = None,
    currency: str | None = None,
    units: NamedUnits = UNNAMED,
) -> Facts | Refusal:
    """Against a reservation, as far as it reaches, or straight from what nobody was promised.
    `units`: which lots (or serials), otherwise chosen by the item's removal order.

    Raises HistoryNeededError as `stock_facts` does.
    """
    stock = shelf.stock
    if (unknown := shelf.unknown()) is not None:
        return unknown
    available = stock.available
    if reservation_id is not None:
        promise = _open_reservation(stock, reservation_id)
        if isinstance(promise, Refusal):
            return promise
        if quantity > promise.quantity:
            return ExceedsReserved(
                reservation_id=reservation_id, requested=quantity, reserved=promise.quantity
            )
        available = stock.shippable
    if quantity > available:
        return _insufficient(stock, quantity, available)
    draft = StockDraft(shelf, occasion)
    draft.move(
        StockShipped(
            sku=stock.sku,
            location=stock.location,
            quantity=quantity,
            reservation_id=reservation_id,
            unit_price_micros=unit_price_micros,
            currency=currency,
        ),
        units=units,
    )
    return draft.facts()


def shortage(shelf: Shelf, quantity: int, now: datetime) -> InsufficientStock | None:
    """Whether so many units cannot be promised, even if everything due were expired. Orders that
    wait here and take what there is come first.
    """
    stock = shelf.stock
    room = room_at(shelf, now)
    if stock.waiting:
        room -= stock.held_back
    if quantity <= room:
        return None
    room += sum(promise.quantity for promise in due_reservations(stock, now))
    return None if quantity <= room else _insufficient(stock, quantity, room)


def make_room(draft: StockDraft, shelf: Shelf, quantity: int, now: datetime) -> None:
    """Expire what is due, if the units could not be promised otherwise."""
    if quantity > room_at(shelf, now):
        for promise in due_reservations(shelf.stock, now):
            draft.note(_expired(shelf.stock, promise), occurred_at=promise.expires_at)


def room_at(shelf: Shelf, now: datetime) -> int:
    """What may be promised as things stand: not what has expired, even if nobody has held it."""
    room = shelf.stock.available + shelf.promise_limit
    lots = shelf.stock.lots
    return room - expired_units(lots.values(), day_of(now)) if lots else room


def due_reservations(stock: Stock, now: datetime) -> list[Promise]:
    """Open reservations with `expires_at` up to `now`, oldest promise first."""
    if stock.no_expiry_before is None or stock.no_expiry_before > now:
        return []
    return [
        promise
        for promise in stock.promises.values()
        if promise.expires_at is not None and promise.expires_at <= now
    ]


def _open_reservation(
    stock: Stock, reservation_id: str
) -> Promise | UnknownReservation | ReservationClosed:
    promise = stock.reservation(reservation_id)
    if promise is not None:
        return promise
    ended = stock.closed_reservations.get(reservation_id)
    if ended is not None:
        return ReservationClosed(reservation_id=reservation_id, ended=ended)
    return UnknownReservation(reservation_id=reservation_id, sku=stock.sku, location=stock.location)


def _expired(stock: Stock, promise: Promise) -> ReservationExpired:
    return ReservationExpired(
        sku=stock.sku,
        location=stock.location,
        reservation_id=promise.id,
        quantity=promise.quantity,
    )


def _insufficient(stock: Stock, requested: int, available: int) -> InsufficientStock:
    return InsufficientStock(
        sku=stock.sku,
        location=stock.location,
        requested=requested,
        available=max(0, available),
    )
