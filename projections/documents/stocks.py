"""Kind `stock`: who holds units of a SKU at a location back, waits for them, or sends them there.

Made from what happens beside receiving, promising and sending alone: those are many, and
`stock_levels` has what they come to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from domain import moving_stock
from domain.events import ArrivalClosed, ArrivalExpected, ArrivalSource, StockEvent, StockTraced
from domain.stock import Hold, LotUnits, Stock, Waiting, promise_key
from projections.documents.kind import Kind, Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What is still expected here of one line of a purchase or a transfer, and on which day."""

    source: ArrivalSource
    source_id: str
    line: int
    quantity: int
    expected_on: date | None = None

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.source, self.source_id, self.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class StockDetails:
    """`queue`: orders that wait here, in the order they are served. `lots`: those with units here,
    the longest there first; serials, of which there may be any number, are documents themselves.
    `arrivals` name the units that are incoming or in transit.
    """

    sku: str
    location: str
    incoming: int = 0
    in_transit: int = 0
    waiting: int = 0
    holds: tuple[Hold, ...] = ()
    queue: tuple[Waiting, ...] = ()
    lots: tuple[LotUnits, ...] = ()
    arrivals: tuple[Arrival, ...] = ()


def _fold(details: StockDetails | None, name: str, told: Told) -> StockDetails:
    sku, _, location = name.partition("@")
    known = details or StockDetails(sku=sku, location=location)
    stock = Stock(
        sku=sku,
        location=location,
        incoming=known.incoming,
        in_transit=known.in_transit,
        waiting=known.waiting,
        holds={hold.hold_id: hold for hold in known.holds},
        queue={promise_key("order", each.order_id, each.line): each for each in known.queue},
        lots={units.lot: units for units in known.lots},
    )
    events = (
        (cast("StockEvent", event), occurred_at)
        for event, occurred_at in told
        if not (isinstance(event, StockTraced) and event.serials)
    )
    stock = moving_stock.fold(stock, events)
    return StockDetails(
        sku=sku,
        location=location,
        incoming=stock.incoming,
        in_transit=stock.in_transit,
        waiting=stock.waiting,
        holds=tuple(stock.holds.values()),
        queue=tuple(stock.queue.values()),
        lots=tuple(stock.lots.values()),
        arrivals=_expected(known.arrivals, told),
    )


def _expected(known: Iterable[Arrival], told: Told) -> tuple[Arrival, ...]:
    """The day is the one that was told last."""
    found = {arrival.key: arrival for arrival in known}
    for event, _ in told:
        if isinstance(event, ArrivalExpected | ArrivalClosed):
            came = Arrival(
                source=event.source, source_id=event.source_id, line=event.line, quantity=0
            )
            before = found.get(came.key, came)
            if isinstance(event, ArrivalExpected):
                units, expected_on = before.quantity + event.quantity, event.expected_on
            else:
                units, expected_on = before.quantity - event.quantity, before.expected_on
            found[came.key] = replace(before, quantity=units, expected_on=expected_on)
            if units <= 0:
                del found[came.key]
    return tuple(found.values())


def _status(details: StockDetails) -> str:
    """`open` while anything is held, waited for, on its way or traced by lots."""
    on_its_way = details.incoming or details.in_transit
    return "open" if on_its_way or details.holds or details.queue or details.lots else "empty"


def _refs(details: StockDetails) -> Iterator[str]:
    yield f"sku:{details.sku}"
    yield f"location:{details.location}"
    for hold in details.holds:
        yield f"hold:{hold.hold_id}"
    for each in details.queue:
        yield f"order:{each.order_id}"
    for units in details.lots:
        yield f"lot:{details.sku}/{units.lot}"


STOCKS = Kind(
    name="stock",
    types=(
        "stock.held.v1",
        "stock.hold_released.v1",
        "stock.written_off.v1",
        "stock.arrival_expected.v1",
        "stock.arrival_closed.v1",
        "stock.backordered.v1",
        "stock.backorder_closed.v1",
        "stock.traced.v1",
    ),
    state=StockDetails,
    fold=_fold,
    status=_status,
    refs=_refs,
)
