"""A stock: one SKU at one location. Its state, and what it must know of its past. How facts move
it is in `moving_stock`.

Facts arrive in log order, but happened at their own `occurred_at`. The state knows the last counts
and the latest instant at which on hand moved; whatever is dated before that needs `StockHistory`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from domain.construction import made_often
from domain.events import HoldKind, PromiseKind
from domain.refusals import Ending
from domain.streams import stock_stream

COUNTS_KEPT = 16  # Facts dated before more counts than this are rare enough to read the stream for.
CLOSED_KEPT = 512  # Closed reservations that are remembered: an older id may be taken once more.


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Units promised to a reservation (with `expires_at`) or to an order's line (with `line`), of
    which `picked` were taken from the shelf.
    """

    kind: PromiseKind
    id: str
    line: int | None = None
    quantity: int
    picked: int = 0
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A count as it stands after its restatements."""

    count_id: str
    occurred_at: datetime
    counted: int
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Units kept back under one hold, of one lot where one is named."""

    hold_id: str
    kind: HoldKind
    quantity: int
    lot: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Units of an order line that wait for stock to arrive; they promise nothing. `whole`,
    `of_kits`: see `StockBackordered`.
    """

    order_id: str
    line: int
    quantity: int
    whole: bool = False
    of_kits: bool = False

    @property
    def holds_back(self) -> bool:
        """Whether nobody behind it is promised what it waits for."""
        return not (self.whole or self.of_kits)


@dataclass(frozen=True, slots=True, kw_only=True)
class LotUnits:
    """Units of one lot (or one serial) here. `arrived_at`: when its first unit did. `picked_for`:
    for which order lines its picked units are, under `promise_key`; `held_by`: by which holds its
    held units are kept, but for damaged ones, which need none.
    """

    lot: str
    on_hand: int = 0
    picked: int = 0
    held: int = 0
    arrived_at: datetime
    expires_on: date | None = None
    picked_for: dict[str, int] = field(default_factory=dict)
    held_by: dict[str, int] = field(default_factory=dict)

    @property
    def free(self) -> int:
        """Units that are there, neither held nor picked for somebody."""
        return max(0, self.on_hand - self.picked - self.held)

    @property
    def sendable(self) -> int:
        """Units that are there and not held, picked ones too. Units may be held while they are
        picked: then these are what must not leave.
        """
        return max(0, self.on_hand - self.held)

    def expired(self, today: date) -> bool:
        """`expires_on` is the last day on which its units are good."""
        return self.expires_on is not None and self.expires_on < today


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """`promises` are the open ones, oldest first, under `promise_key`. `counts` are the latest
    COUNTS_KEPT by `occurred_at`; older ones were forgotten up to `counts_forgotten_until`.
    `no_expiry_before` is a lower bound: no open reservation is due before it. None: never.
    `queue` are the orders that wait, in the order they are served, under `promise_key`; `lots` are
    those with units here. `held` may exceed the `holds`: damaged units that came back need none.
    """

    sku: str
    location: str
    version: int = 0
    on_hand: int = 0
    reserved: int = 0
    committed: int = 0
    picked: int = 0
    held: int = 0
    incoming: int = 0
    in_transit: int = 0
    waiting: int = 0
    backorder_allowance: int = 0
    uncovered_stated: int = 0
    promises: dict[str, Promise] = field(default_factory=dict)
    closed_reservations: dict[str, Ending] = field(default_factory=dict)
    no_expiry_before: datetime | None = None
    counts: tuple[Count, ...] = ()
    counts_forgotten_until: datetime | None = None
    last_moved_at: datetime | None = None
    holds: dict[str, Hold] = field(default_factory=dict)
    queue: dict[str, Waiting] = field(default_factory=dict)
    lots: dict[str, LotUnits] = field(default_factory=dict)

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
        """What a promise may be shipped from: neither what is held, which leaves by a write-off,
        nor what is picked for somebody.
        """
        return max(0, self.on_hand - self.held - self.picked)

    @property
    def damaged(self) -> int:
        """Units held under no hold of their own: what came back damaged, or was found so."""
        return self.held - sum(hold.quantity for hold in self.holds.values())

    @property
    def held_back(self) -> int:
        """Units that orders which take what there is wait for: nobody else is promised those."""
        return sum(each.quantity for each in self.queue.values() if each.holds_back)

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
