"""A stock: one SKU at one location. Its state, how facts move it, and what it must know of its
past.

Facts arrive in log order, but happened at their own `occurred_at`. The state knows the last counts
and the latest instant at which on hand moved; whatever is dated before that needs `StockHistory`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from domain.construction import made_often
from domain.events import (
    CommitmentReleased,
    CountRestated,
    DiscrepancyFound,
    PromiseKind,
    ReservationExpired,
    ReservationReleased,
    ShortfallStated,
    StockAdjusted,
    StockCommitted,
    StockCounted,
    StockEvent,
    StockReceived,
    StockReserved,
    StockReturned,
    StockShipped,
)
from domain.refusals import Ending
from domain.streams import stock_stream

COUNTS_KEPT = 16  # Facts dated before more counts than this are rare enough to read the stream for.
CLOSED_KEPT = 512  # Closed reservations that are remembered: an older id may be taken once more.


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Units promised to a reservation (with `expires_at`) or to an order's line (with `line`)."""

    kind: PromiseKind
    id: str
    line: int | None = None
    quantity: int
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A count as it stands after its restatements."""

    count_id: str
    occurred_at: datetime
    counted: int
    expected: int


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """`promises` are the open ones, oldest first, under `promise_key`. `counts` are the latest
    COUNTS_KEPT by `occurred_at`; older ones were forgotten up to `counts_forgotten_until`.
    `no_expiry_before` is a lower bound: no open reservation is due before it. None: never.
    """

    sku: str
    location: str
    version: int = 0
    on_hand: int = 0
    reserved: int = 0
    committed: int = 0
    picked: int = 0
    held: int = 0
    backorder_allowance: int = 0
    uncovered_stated: int = 0
    promises: dict[str, Promise] = field(default_factory=dict)
    closed_reservations: dict[str, Ending] = field(default_factory=dict)
    no_expiry_before: datetime | None = None
    counts: tuple[Count, ...] = ()
    counts_forgotten_until: datetime | None = None
    last_moved_at: datetime | None = None

    @property
    def stream(self) -> str:
        return stock_stream(self.sku, self.location)

    @property
    def promised(self) -> int:
        return self.reserved + self.committed + self.picked + self.held

    @property
    def available(self) -> int:
        """May be negative: down to the backorder allowance by promises, further by facts."""
        return self.on_hand - self.promised

    @property
    def shippable(self) -> int:
        """What a promise may be shipped from: damaged goods leave by a write-off."""
        return max(0, self.on_hand - self.held)

    @property
    def uncovered(self) -> int:
        """Promised units that neither on hand nor the accepted backorder covers."""
        return max(0, self.promised - self.on_hand - self.backorder_allowance)

    def reservation(self, reservation_id: str) -> Promise | None:
        return self.promises.get(promise_key("reservation", reservation_id))

    def commitment(self, order_id: str, line: int) -> Promise | None:
        return self.promises.get(promise_key("order", order_id, line))

    def needs_history(self, occurred_at: datetime) -> bool:
        """Whether a receipt, adjustment, return or shipment dated so needs `StockHistory` to be
        decided.
        """
        forgotten = self.counts_forgotten_until
        return forgotten is not None and occurred_at < forgotten

    def count_needs_history(self, occurred_at: datetime) -> bool:
        """Whether a count dated so needs `StockHistory` to know what was expected then."""
        return self.last_moved_at is not None and occurred_at < self.last_moved_at


def promise_key(kind: PromiseKind, promise_id: str, line: int | None = None) -> str:
    """`#` is in no id, so no two promises share a key."""
    return f"{kind}#{promise_id}" if line is None else f"{kind}#{promise_id}#{line}"


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
    """A stock while facts are being applied to it: the one place that says what each fact does.

    Shares the state's maps until the first fact that changes one, so the state it began with stays.
    """

    __slots__ = (
        "_began_with",
        "_owns_closed",
        "_owns_promises",
        "backorder_allowance",
        "closed_reservations",
        "committed",
        "counts",
        "counts_forgotten_until",
        "held",
        "last_moved_at",
        "no_expiry_before",
        "on_hand",
        "promises",
        "reserved",
        "uncovered_stated",
        "version",
    )

    def __init__(self, stock: Stock) -> None:
        self._began_with = stock
        self._owns_closed = self._owns_promises = False
        self.version = stock.version
        self.on_hand = stock.on_hand
        self.reserved = stock.reserved
        self.committed = stock.committed
        self.held = stock.held
        self.backorder_allowance = stock.backorder_allowance
        self.uncovered_stated = stock.uncovered_stated
        self.promises = stock.promises
        self.closed_reservations = stock.closed_reservations
        self.no_expiry_before = stock.no_expiry_before
        self.counts = stock.counts
        self.counts_forgotten_until = stock.counts_forgotten_until
        self.last_moved_at = stock.last_moved_at

    @property
    def promised(self) -> int:
        return self.reserved + self.committed + self._began_with.picked + self.held

    @property
    def uncovered(self) -> int:
        return max(0, self.promised - self.on_hand - self.backorder_allowance)

    def at_rest(self) -> Stock:
        self._owns_closed = self._owns_promises = False
        return Stock(
            sku=self._began_with.sku,
            location=self._began_with.location,
            version=self.version,
            on_hand=self.on_hand,
            reserved=self.reserved,
            committed=self.committed,
            picked=self._began_with.picked,
            held=self.held,
            backorder_allowance=self.backorder_allowance,
            uncovered_stated=self.uncovered_stated,
            promises=self.promises,
            closed_reservations=self.closed_reservations,
            no_expiry_before=self.no_expiry_before,
            counts=self.counts,
            counts_forgotten_until=self.counts_forgotten_until,
            last_moved_at=self.last_moved_at,
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
                self._restate(event)
            case ShortfallStated(uncovered=uncovered):
                self.uncovered_stated = uncovered
            case _:
                assert_never(event)

    def _move(self, delta: int, occurred_at: datetime) -> None:
        self.on_hand += delta
        if self.last_moved_at is None or self.last_moved_at < occurred_at:
            self.last_moved_at = occurred_at

    def _own_promises(self) -> dict[str, Promise]:
        if not self._owns_promises:
            self.promises = self.promises.copy()
            self._owns_promises = True
        return self.promises

    def _own_closed(self) -> dict[str, Ending]:
        if not self._owns_closed:
            self.closed_reservations = self.closed_reservations.copy()
            self._owns_closed = True
        return self.closed_reservations

    def _promise(self, promise: Promise, accepted: StockReserved | StockCommitted) -> None:
        key = promise_key(promise.kind, promise.id, promise.line)
        self._own_promises()[key] = promise
        self.backorder_allowance = accepted.backorder_limit

    def _reserve(self, event: StockReserved) -> None:
        earliest = self.no_expiry_before
        if earliest is None or event.expires_at < earliest:
            self.no_expiry_before = event.expires_at
        self.reserved += event.quantity
        promise = Promise(
            kind="reservation",
            id=event.reservation_id,
            quantity=event.quantity,
            expires_at=event.expires_at,
        )
        self._promise(promise, event)

    def _unreserve(self, reservation_id: str, quantity: int, ending: Ending) -> None:
        self.reserved -= quantity
        if not self.reserved:
            self.no_expiry_before = None
        if self._lessen(promise_key("reservation", reservation_id), quantity):
            closed = self._own_closed()
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

    def _lessen(self, key: str, quantity: int) -> bool:
        """Take units off a promise; whether nothing of it is left."""
        promises = self._own_promises()
        promise = promises.get(key)
        if promise is not None and promise.quantity > quantity:
            promises[key] = Promise(
                kind=promise.kind,
                id=promise.id,
                line=promise.line,
                quantity=promise.quantity - quantity,
                expires_at=promise.expires_at,
            )
            return False
        promises.pop(key, None)
        return True

    def _remember(self, event: StockCounted, occurred_at: datetime) -> None:
        place = len(self.counts)
        while place and self.counts[place - 1].occurred_at > occurred_at:
            place -= 1
        count = Count(
            count_id=event.count_id,
            occurred_at=occurred_at,
            counted=event.counted,
            expected=event.expected,
        )
        counts = (*self.counts[:place], count, *self.counts[place:])
        if len(counts) > COUNTS_KEPT:
            forgotten, *kept = counts
            until = self.counts_forgotten_until
            if until is None or until < forgotten.occurred_at:
                self.counts_forgotten_until = forgotten.occurred_at
            counts = tuple(kept)
        self.counts = counts

    def _restate(self, event: CountRestated) -> None:
        self.counts = tuple(
            Count(
                count_id=count.count_id,
                occurred_at=count.occurred_at,
                counted=count.counted,
                expected=event.expected,
            )
            if count.count_id == event.count_id
            else count
            for count in self.counts
        )
