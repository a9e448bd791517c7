"""How facts move a stock: the one place that says what each of them does to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar, assert_never

from domain.counts_known import restated, with_count
from domain.events import (
    ArrivalClosed,
    ArrivalExpected,
    BackorderClosed,
    CommitmentReleased,
    CountRestated,
    DiscrepancyFound,
    HoldReleased,
    PickedShipped,
    ReservationExpired,
    ReservationExtended,
    ReservationReleased,
    ShortfallStated,
    StockAdjusted,
    StockArrived,
    StockBackordered,
    StockCommitted,
    StockConsumed,
    StockCounted,
    StockDispatched,
    StockEvent,
    StockHeld,
    StockMovedIn,
    StockMovedOut,
    StockPicked,
    StockProduced,
    StockReceived,
    StockReserved,
    StockReturned,
    StockShipped,
    StockTraced,
    StockUnpicked,
    StockWrittenOff,
)
from domain.lot_units import trace
from domain.refusals import Ending
from domain.stock import CLOSED_KEPT, Count, Hold, Promise, Stock, promise_key
from domain.stock_queue import wait

Kept = TypeVar("Kept")


def evolve(stock: Stock, event: StockEvent, occurred_at: datetime) -> Stock:
    """The state after one more fact of its stream. Never refuses a recorded fact."""
    moving = MovingStock(stock)
    moving.apply(event, occurred_at)
    return moving.at_rest()


def fold(stock: Stock, events: Iterable[tuple[StockEvent, datetime]]) -> Stock:
    """`evolve` over many events with their `occurred_at`, copying once, not once per event."""
    moving = MovingStock(stock)
    for event, occurred_at in events:
        moving.apply(event, occurred_at)
    return moving.at_rest()


class MovingStock:
    """A stock while facts are being applied to it.

    Shares the state's maps until the first fact that changes one, so the state it began with stays.
    """

    __slots__ = (
        "_began_with",
        "_owned",
        "backorder_allowance",
        "closed_reservations",
        "committed",
        "counts",
        "counts_forgotten_until",
        "held",
        "holds",
        "in_transit",
        "incoming",
        "last_moved_at",
        "lots",
        "no_expiry_before",
        "on_hand",
        "picked",
        "promises",
        "queue",
        "reserved",
        "uncovered_stated",
        "version",
        "waiting",
    )

    def __init__(self, stock: Stock) -> None:
        self._began_with = stock
        self._owned: set[str] = set()
        self.version = stock.version
        self.on_hand = stock.on_hand
        self.reserved = stock.reserved
        self.committed = stock.committed
        self.picked = stock.picked
        self.held = stock.held
        self.incoming = stock.incoming
        self.in_transit = stock.in_transit
        self.waiting = stock.waiting
        self.backorder_allowance = stock.backorder_allowance
        self.uncovered_stated = stock.uncovered_stated
        self.promises = stock.promises
        self.closed_reservations = stock.closed_reservations
        self.no_expiry_before = stock.no_expiry_before
        self.counts = stock.counts
        self.counts_forgotten_until = stock.counts_forgotten_until
        self.last_moved_at = stock.last_moved_at
        self.holds = stock.holds
        self.queue = stock.queue
        self.lots = stock.lots

    @property
    def promised(self) -> int:
        return self.reserved + self.committed + self.picked + self.held

    @property
    def available(self) -> int:
        return self.on_hand - self.promised

    @property
    def uncovered(self) -> int:
        return max(0, self.promised - self.on_hand - self.backorder_allowance)

    def at_rest(self) -> Stock:
        self._owned.clear()
        return Stock(
            sku=self._began_with.sku,
            location=self._began_with.location,
            version=self.version,
            on_hand=self.on_hand,
            reserved=self.reserved,
            committed=self.committed,
            picked=self.picked,
            held=self.held,
            incoming=self.incoming,
            in_transit=self.in_transit,
            waiting=self.waiting,
            backorder_allowance=self.backorder_allowance,
            uncovered_stated=self.uncovered_stated,
            promises=self.promises,
            closed_reservations=self.closed_reservations,
            no_expiry_before=self.no_expiry_before,
            counts=self.counts,
            counts_forgotten_until=self.counts_forgotten_until,
            last_moved_at=self.last_moved_at,
            holds=self.holds,
            queue=self.queue,
            lots=self.lots,
        )

    def apply(self, event: StockEvent, occurred_at: datetime) -> None:
        self.version += 1
        match event:
            case StockCommitted(order_id=order_id, line=line, quantity=quantity):
                self.committed += quantity
                self._promise(
                    Promise(kind="order", id=order_id, line=line, quantity=quantity), event
                )
            case StockShipped():
                self._move(-event.quantity, occurred_at)
                self._keep_promise(event)
            case StockReceived(quantity=quantity) | DiscrepancyFound(quantity=quantity):
                self._move(quantity, occurred_at)
            case StockAdjusted(delta=delta):
                self._move(delta, occurred_at)
                if event.condition == "damaged":
                    self.held += delta
            case StockReserved():
                self._reserve(event)
            case ReservationReleased(reservation_id=promise_id, quantity=quantity):
                self._unreserve(promise_id, quantity, "released")
            case ReservationExpired(reservation_id=promise_id, quantity=quantity):
                self._unreserve(promise_id, quantity, "expired")
            case CommitmentReleased(order_id=order_id, line=line, quantity=quantity):
                self.committed -= quantity
                self._lessen(promise_key("order", order_id, line), quantity)
            case StockReturned(quantity=quantity):
                self._move(quantity, occurred_at)
                if event.to == "damaged":
                    self.held += quantity
            case StockCounted():
                self._move(event.counted - event.expected, occurred_at)
                self._remember(event, occurred_at)
            case CountRestated():
                self._move(event.delta, occurred_at)
                self.counts = restated(self.counts, event)
            case ShortfallStated(uncovered=uncovered):
                self.uncovered_stated = uncovered
            case StockPicked() | StockUnpicked() | PickedShipped():
                self._pick(event, occurred_at)
            case StockHeld() | HoldReleased() | StockWrittenOff():
                self._hold(event, occurred_at)
            case (
                StockMovedIn(quantity=quantity)
                | StockArrived(quantity=quantity)
                | StockProduced(quantity=quantity)
            ):
                self._move(quantity, occurred_at)
            case (
                StockMovedOut(quantity=quantity)
                | StockDispatched(quantity=quantity)
                | StockConsumed(quantity=quantity)
            ):
                self._move(-quantity, occurred_at)
            case _:
                self._beside(event, occurred_at)

    def _beside(
        self,
        event: (
            ArrivalExpected
            | ArrivalClosed
            | StockBackordered
            | BackorderClosed
            | ReservationExtended
            | StockTraced
        ),
        occurred_at: datetime,
    ) -> None:
        """What moves nothing that is there or promised."""
        match event:
            case ArrivalExpected(quantity=quantity):
                self._expect(event, quantity)
            case ArrivalClosed(quantity=quantity):
                self._expect(event, -quantity)
            case StockBackordered(quantity=quantity):
                self._wait(event, quantity)
            case BackorderClosed(quantity=quantity):
                self._wait(event, -quantity)
            case ReservationExtended(reservation_id=reservation_id, expires_at=expires_at):
                self._extend(promise_key("reservation", reservation_id), expires_at)
            case StockTraced():
                trace(self._own("lots", self.lots), event, occurred_at)
            case _:
                assert_never(event)

    def _own(self, name: str, shared: dict[str, Kept]) -> dict[str, Kept]:
        """A map of this stock's own, copied from the one it began with on its first change."""
        if name not in self._owned:
            self._owned.add(name)
            shared = shared.copy()
            setattr(self, name, shared)
        return shared

    def _move(self, delta: int, occurred_at: datetime) -> None:
        self.on_hand += delta
        if self.last_moved_at is None or self.last_moved_at < occurred_at:
            self.last_moved_at = occurred_at

    def _promise(self, promise: Promise, accepted: StockReserved | StockCommitted) -> None:
        """Units added to a promise that is open keep its place."""
        key = promise_key(promise.kind, promise.id, promise.line)
        promises = self._own("promises", self.promises)
        known = promises.get(key)
        if known is not None:
            units = known.quantity + promise.quantity
            promise = replace(promise, quantity=units, picked=known.picked)
        promises[key] = promise
        self.backorder_allowance = accepted.backorder_limit

    def _reserve(self, event: StockReserved) -> None:
        self._may_expire(event.expires_at)
        self.reserved += event.quantity
        promise = Promise(
            kind="reservation",
            id=event.reservation_id,
            quantity=event.quantity,
            expires_at=event.expires_at,
        )
        self._promise(promise, event)

    def _may_expire(self, expires_at: datetime) -> None:
        earliest = self.no_expiry_before
        if earliest is None or expires_at < earliest:
            self.no_expiry_before = expires_at

    def _extend(self, key: str, expires_at: datetime) -> None:
        promises = self._own("promises", self.promises)
        if key in promises:
            promises[key] = replace(promises[key], expires_at=expires_at)
            self._may_expire(expires_at)

    def _unreserve(self, reservation_id: str, quantity: int, ending: Ending) -> None:
        self.reserved -= quantity
        if not self.reserved:
            self.no_expiry_before = None
        if self._lessen(promise_key("reservation", reservation_id), quantity):
            closed = self._own("closed_reservations", self.closed_reservations)
            closed.pop(reservation_id, None)
            closed[reservation_id] = ending
            if len(closed) > CLOSED_KEPT:
                del closed[next(iter(closed))]

    def _keep_promise(self, event: StockShipped) -> None:
        if event.order_id is not None:
            self.committed -= event.quantity
            self._lessen(promise_key("order", event.order_id, event.line), event.quantity)
        elif event.reservation_id is not None:
            self._unreserve(event.reservation_id, event.quantity, "shipped")

    def _lessen(self, key: str, quantity: int, *, picked: int = 0) -> bool:
        """Take units off a promise; whether nothing of it is left."""
        promises = self._own("promises", self.promises)
        promise = promises.get(key)
        if promise is not None and promise.quantity > quantity:
            promises[key] = Promise(
                kind=promise.kind,
                id=promise.id,
                line=promise.line,
                quantity=promise.quantity - quantity,
                picked=promise.picked - picked,
                expires_at=promise.expires_at,
            )
            return False
        promises.pop(key, None)
        return True

    def _pick(
        self, event: StockPicked | StockUnpicked | PickedShipped, occurred_at: datetime
    ) -> None:
        key = promise_key("order", event.order_id, event.line)
        if isinstance(event, PickedShipped):
            self._move(-event.quantity, occurred_at)
            self.picked -= event.quantity
            self._lessen(key, event.quantity, picked=event.quantity)
            return
        units = event.quantity if isinstance(event, StockPicked) else -event.quantity
        self.committed -= units
        self.picked += units
        promises = self._own("promises", self.promises)
        if key in promises:
            promises[key] = replace(promises[key], picked=promises[key].picked + units)

    def _hold(
        self, event: StockHeld | HoldReleased | StockWrittenOff, occurred_at: datetime
    ) -> None:
        hold_id, units = event.hold_id, event.quantity
        if isinstance(event, StockWrittenOff):
            self._move(-units, occurred_at)
        if hold_id is None:
            return
        holds = self._own("holds", self.holds)
        known = holds.get(hold_id)
        if isinstance(event, StockHeld):
            self.held += units
            before = 0 if known is None else known.quantity
            holds[hold_id] = Hold(
                hold_id=hold_id, kind=event.kind, quantity=before + units, lot=event.lot
            )
            return
        self.held -= units
        if known is not None and known.quantity > units:
            holds[hold_id] = replace(known, quantity=known.quantity - units)
        else:
            holds.pop(hold_id, None)

    def _expect(self, event: ArrivalExpected | ArrivalClosed, units: int) -> None:
        if event.source == "purchase":
            self.incoming += units
        else:
            self.in_transit += units

    def _wait(self, event: StockBackordered | BackorderClosed, units: int) -> None:
        self.waiting += units
        wait(self._own("queue", self.queue), event, units)

    def _remember(self, event: StockCounted, occurred_at: datetime) -> None:
        count = Count(
            count_id=event.count_id,
            occurred_at=occurred_at,
            counted=event.counted,
            expected=event.expected,
        )
        self.counts, forgotten = with_count(self.counts, count)
        until = self.counts_forgotten_until
        if forgotten is not None and (until is None or until < forgotten):
            self.counts_forgotten_until = forgotten
