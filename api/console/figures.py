"""What the console's pages show, read as the API reads: as one tenant, at one snapshot.

Methods block, and raise what `ReadSide` raises. A store beside PostgreSQL that cannot be asked
leaves its part out (None): the rest is still worth seeing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from api.answer_schemas import AsOf
from api.read_routes.read_models import ReadModelState, state_of
from api.read_side import Ask, ReadSide, View
from eventlog.projection import StoreUnavailableError
from projections.queries import analytics, movements, orders, standing, stock
from projections.queries.movements import Movement
from projections.queries.orders import Charge, Order
from projections.queries.stock import Item, Level, StockSummary, StockTotals

ROWS_MAX = 50
LATEST_MAX = 8
MOVEMENTS_OF_ITEM_MAX = 15
LOCATIONS_OF_ITEM_MAX = 1_000
STOCK, ORDERS, MOVEMENTS = "stock_levels", "orders", "movements"
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """Since midnight UTC, by when it was recorded. `units` are (in, out)."""

    as_of: AsOf
    events: int
    orders: int
    units: tuple[int, int] | None
    totals: StockTotals
    latest: Sequence[Movement] | None
    read_models: Sequence[ReadModelState]


@dataclass(frozen=True, slots=True, kw_only=True)
class StockFound:
    as_of: AsOf
    rows: Sequence[StockSummary]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFound:
    """`item` is None when there is none of this SKU."""

    as_of: AsOf
    item: Item | None
    levels: Sequence[Level]
    movements: Sequence[Movement] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersFound:
    as_of: AsOf
    rows: Sequence[Order]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFound:
    """`order` is None when there is none of this id."""

    as_of: AsOf
    order: Order | None
    charges: Sequence[Charge]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModelsFound:
    as_of: AsOf
    read_models: Sequence[ReadModelState]


class Figures:
    """One for all visitors; each call is for the tenant and ledger of its `Ask`."""

    def __init__(self, reads: ReadSide, *, clock: Callable[[], datetime]) -> None:
        self._reads = reads
        self._clock = clock

    def ledgers(self, ask: Ask) -> Sequence[str]:
        """The names of the tenant's ledgers."""
        with self._reads.view(ask) as view:
            return [each.partition("/")[2] for each in standing.ledgers(view.connection)]

    def today(self, ask: Ask) -> Today:
        midnight = self._clock().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        with self._reads.view(ask) as view:
            head = view.standing.position
            start = standing.position_before(view.connection, ask.ledger, head, midnight)
            places = view.places(ORDERS)
            return Today(
                as_of=view.as_of(STOCK),
                events=head - start,
                orders=orders.placed_since(view.connection, places, ask.ledger, start),
                units=_if_up(lambda: self._units(view, start)),
                totals=stock.totals(view.connection, view.places(STOCK), ask.ledger),
                latest=_if_up(lambda: self._movements(view, limit=LATEST_MAX)),
                read_models=_states(view),
            )

    def stock(self, ask: Ask, search: str) -> StockFound:
        with self._reads.view(ask) as view:
            rows = stock.summaries(
                view.connection,
                view.places(STOCK),
                ask.ledger,
                search=search or None,
                limit=ROWS_MAX,
            )
            return StockFound(as_of=view.as_of(STOCK), rows=rows)

    def item(self, ask: Ask, sku: str) -> ItemFound:
        with self._reads.view(ask) as view:
            places = view.places(STOCK)
            return ItemFound(
                as_of=view.as_of(STOCK),
                item=stock.item(view.connection, places, ask.ledger, sku),
                levels=stock.levels(
                    view.connection, places, ask.ledger, sku=sku, limit=LOCATIONS_OF_ITEM_MAX
                ),
                movements=_if_up(
                    lambda: self._movements(view, sku=sku, limit=MOVEMENTS_OF_ITEM_MAX)
                ),
            )

    def orders(self, ask: Ask, status: str | None) -> OrdersFound:
        with self._reads.view(ask) as view:
            rows = orders.orders(
                view.connection, view.places(ORDERS), ask.ledger, status=status, limit=ROWS_MAX
            )
            return OrdersFound(as_of=view.as_of(ORDERS), rows=rows)

    def order(self, ask: Ask, order_id: str) -> OrderFound:
        with self._reads.view(ask) as view:
            places = view.places(ORDERS)
            return OrderFound(
                as_of=view.as_of(ORDERS),
                order=orders.order(view.connection, places, ask.ledger, order_id),
                charges=orders.charges(view.connection, places, ask.ledger, order_id),
            )

    def read_models(self, ask: Ask) -> ReadModelsFound:
        with self._reads.view(ask) as view:
            return ReadModelsFound(as_of=view.as_of_log(), read_models=_states(view))

    def _units(self, view: View, start: int) -> tuple[int, int]:
        return analytics.units_since(
            self._reads.clickhouse.client(),
            view.places(MOVEMENTS),
            view.ask.ledger,
            up_to=view.model(MOVEMENTS).position,
            position=start,
        )

    def _movements(self, view: View, *, sku: str | None = None, limit: int) -> list[Movement]:
        return movements.movements(
            self._reads.clickhouse.client(),
            view.places(MOVEMENTS),
            view.ask.ledger,
            up_to=view.model(MOVEMENTS).position,
            sku=sku,
            limit=limit,
        )


def _states(view: View) -> list[ReadModelState]:
    return [state_of(view, each) for each in view.standing.models.values()]


def _if_up(ask: Callable[[], Found]) -> Found | None:
    try:
        return ask()
    except StoreUnavailableError:
        return None
