"""The clock: what is due happens by an event at its time, and by no reader.

What is open under one reservation id is an instance: a cart, whose time is one, and reservations of
single stocks, each with its own. Each has a task at the instant it expires; what ends it before, or
puts it off, cancels that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from commands.processes.process import Happened, Instance, Reaction, Sent, Task, said_again
from domain.cart import stock_streams
from domain.events import (
    CartConverted,
    CartExpired,
    CartExtended,
    CartReleased,
    CartReserved,
    ReservationExpired,
    ReservationExtended,
    ReservationReleased,
    StockReserved,
    StockShipped,
)
from domain.refusals import ReservationNotDue
from domain.streams import id_of, kind_of, sku_and_location

SHIPPED: Final = "stock.shipped.v1"
# Most shipments end no reservation: seen by their bytes.
MARK_OF_RESERVATION: Final = b'"reservation_id"'


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenUnits:
    """What a reservation still holds at one stock."""

    quantity: int
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCart:
    """`stocks` (streams) hold units for it: these are the cart's to expire, not their own."""

    expires_at: datetime
    stocks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenReservation:
    """What is open under one id. `stocks`, by stream, are those that are part of no cart."""

    cart: OpenCart | None = None
    stocks: Mapping[str, OpenUnits] = field(default_factory=dict)


NOTHING: Final = OpenReservation()
Answer = Reaction[OpenReservation]


class Clock:
    """The `ProcessManager` of everything that expires."""

    name = "clock"
    handles = frozenset(
        {
            "stock.reserved.v1",
            "stock.reservation_extended.v1",
            "stock.reservation_released.v1",
            "stock.reservation_expired.v1",
            SHIPPED,
            "cart.reserved.v1",
            "cart.extended.v1",
            "cart.released.v1",
            "cart.expired.v1",
            "cart.converted.v1",
        }
    )
    state_type = OpenReservation

    def may_concern(self, type_name: str, data: bytes) -> bool:
        return type_name != SHIPPED or MARK_OF_RESERVATION in data

    def instances(self, happened: Happened) -> Iterable[Instance]:
        reservation_id = getattr(happened.event, "reservation_id", None)
        if reservation_id is None:
            return ()
        return (Instance(ledger=happened.ledger, id=reservation_id),)

    def react(
        self, happened: Happened, instance: Instance, state: OpenReservation | None
    ) -> Answer:
        before = state or NOTHING
        if kind_of(happened.stream) == "reservation":
            return _of_cart(happened, instance, before)
        if before.cart is not None and happened.stream in before.cart.stocks:
            return Reaction(state=state)
        return _of_stock(happened, instance, before)

    def answered(self, sent: Sent, instance: Instance, state: OpenReservation | None) -> Answer:
        """Refused is what ended meanwhile, or was extended: then another task has its new time."""
        del instance
        if state is None:
            return Reaction(state=None)
        due_at = sent.not_due_before(ReservationNotDue.code, "expires_at")
        return Reaction(state=state, tasks=said_again(sent, due_at))


def _of_cart(happened: Happened, instance: Instance, before: OpenReservation) -> Answer:
    known = before.cart
    match happened.event:
        case CartReserved(lines=lines, expires_at=expires_at):
            cart = OpenCart(expires_at=expires_at, stocks=stock_streams(lines))
        case CartExtended(expires_at=expires_at) if known is not None:
            cart = replace(known, expires_at=expires_at)
        case CartReleased() | CartExpired() | CartConverted() if known is not None:
            ended = (_cart_task(instance, known.expires_at),)
            return Reaction(state=_left(replace(before, cart=None)), cancelled=ended)
        case _:
            return Reaction(state=_left(before))
    return Reaction(
        state=replace(before, cart=cart),
        tasks=(_cart_expiry(happened, instance, cart.expires_at),),
        cancelled=() if known is None else (_cart_task(instance, known.expires_at),),
    )


def _of_stock(happened: Happened, instance: Instance, before: OpenReservation) -> Answer:
    stocks = dict(before.stocks)
    known = stocks.pop(happened.stream, None)
    ended = () if known is None else (_task(happened, instance, known.expires_at),)
    match happened.event:
        case StockReserved(quantity=quantity, expires_at=expires_at):
            units = quantity + (0 if known is None else known.quantity)
            after = OpenUnits(quantity=units, expires_at=expires_at)
        case ReservationExtended(expires_at=expires_at) if known is not None:
            after = replace(known, expires_at=expires_at)
        case (
            ReservationReleased(quantity=quantity)
            | ReservationExpired(quantity=quantity)
            | StockShipped(quantity=quantity)
        ) if known is not None:
            if known.quantity <= quantity:
                return Reaction(state=_left(replace(before, stocks=stocks)), cancelled=ended)
            stocks[happened.stream] = replace(known, quantity=known.quantity - quantity)
            return Reaction(state=replace(before, stocks=stocks))
        case _:
            return Reaction(state=_left(before))
    stocks[happened.stream] = after
    return Reaction(
        state=replace(before, stocks=stocks),
        tasks=(_expiry(happened, instance, after.expires_at),),
        cancelled=ended,
    )


def _left(state: OpenReservation) -> OpenReservation | None:
    return None if state == NOTHING else state


def _cart_task(instance: Instance, due_at: datetime) -> str:
    """With its instant, as each of these ids: what is put off is another task."""
    return f"expire/{instance.id}/{_written(due_at)}"


def _task(happened: Happened, instance: Instance, due_at: datetime) -> str:
    return f"expire/{id_of(happened.stream)}/{instance.id}/{_written(due_at)}"


def _cart_expiry(happened: Happened, instance: Instance, due_at: datetime) -> Task:
    return Task(
        id=_cart_task(instance, due_at),
        due_at=due_at,
        command={
            "type": "expire_cart",
            "ledger": happened.ledger_name,
            "reservation_id": instance.id,
            "occurred_at": due_at,
        },
    )


def _expiry(happened: Happened, instance: Instance, due_at: datetime) -> Task:
    sku, location = sku_and_location(happened.stream)
    return Task(
        id=_task(happened, instance, due_at),
        due_at=due_at,
        command={
            "type": "expire_reservation",
            "ledger": happened.ledger_name,
            "sku": sku,
            "location": location,
            "reservation_id": instance.id,
            "occurred_at": due_at,
        },
    )


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()
