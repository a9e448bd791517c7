"""Kind `stock`: who holds units of a SKU at a location back, waits for them, or sends them there.

Made from what happens beside receiving, promising and sending alone: those are many, and
`stock_levels` has what they come to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from domain import moving_stock
from domain.events import StockEvent, StockTraced
from domain.stock import Hold, LotUnits, Stock, Waiting, promise_key
from projections.documents.kind import Kind, Told


@dataclass(frozen=True, slots=True, kw_only=True)
class StockDetails:
    """`queue`: orders that wait here, in the order they are served. `lots`: those with units here,
    the longest there first; serials, of which there may be any number, are documents themselves.
    """

    sku: str
    location: str
    incoming: int = 0
    in_transit: int = 0
    waiting: int = 0
    holds: tuple[Hold, ...] = ()
    queue: tuple[Waiting, ...] = ()
    lots: tuple[LotUnits, ...] = ()


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
    )


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
