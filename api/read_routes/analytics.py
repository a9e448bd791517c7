"""Sums over movements. Days are UTC days of when things occurred."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Security

from api.answer_schemas import READ_PROBLEMS, Answered, Page
from api.authentication import READ
from api.pages import LIMIT, Cursor, Limit
from api.problems import FieldError, invalid
from api.read_routes.movements import MODEL
from api.read_side import Ask, ReadSide
from api.requests import Authenticate
from domain.values import ID_PATTERN
from projections.queries import analytics
from projections.queries.analytics import DailyUnits, StockAtLastPrice, TopMover

DAYS_MAX = 3_700
First = Annotated[date, Query(description="The first day.", examples=["2011-01-01"])]
Last = Annotated[date, Query(description="The last day.", examples=["2011-12-31"])]
Id = Annotated[str | None, Query(pattern=ID_PATTERN)]


class DailyUnitsAnswer(Answered):
    days: list[DailyUnits]


class TopMoversAnswer(Answered):
    movers: list[TopMover]


class StockAtLastPricePage(Page):
    """A row holds until the next one of its SKU and location."""

    rows: list[StockAtLastPrice]


def analytics_routes(reads: ReadSide, authenticate: Authenticate) -> APIRouter:
    """Out of `movements`, in ClickHouse."""
    router = APIRouter(prefix="/v1/analytics", tags=["analytics"], responses=READ_PROBLEMS)
    asking = Security(reads.asking(authenticate, MODEL), scopes=[READ])
    _add_sums(router, reads, asking)
    _add_stock_at_last_price(router, reads, asking)
    return router


def _add_sums(router: APIRouter, reads: ReadSide, asking: object) -> None:
    @router.get("/daily-units", operation_id="read_daily_units", summary="Units in and out a day")
    def read_daily_units(
        ask: Annotated[Ask, asking],
        first: First,
        last: Last,
        *,
        sku: Id = None,
        location: Id = None,
    ) -> DailyUnitsAnswer:
        """For each day with movements: units that came in and went out."""
        _check(first, last)
        with reads.view(ask) as view:
            days = analytics.daily_units(
                reads.clickhouse.client(),
                view.places(MODEL),
                ask.ledger,
                up_to=view.model(MODEL).position,
                first=first,
                last=last,
                sku=sku or "",
                location=location or "",
            )
            stale = view.stale(MODEL, None)
            return DailyUnitsAnswer(as_of=view.as_of(MODEL), stale=stale, days=days)

    @router.get("/top-movers", operation_id="read_top_movers", summary="Most shipped items")
    def read_top_movers(
        ask: Annotated[Ask, asking], first: First, last: Last, limit: Limit = 10
    ) -> TopMoversAnswer:
        """The items of which most units were shipped."""
        _check(first, last)
        with reads.view(ask) as view:
            movers = analytics.top_movers(
                reads.clickhouse.client(),
                view.places(MODEL),
                ask.ledger,
                up_to=view.model(MODEL).position,
                first=first,
                last=last,
                limit=limit,
            )
            stale = view.stale(MODEL, None)
            return TopMoversAnswer(as_of=view.as_of(MODEL), stale=stale, movers=movers)


def _add_stock_at_last_price(router: APIRouter, reads: ReadSide, asking: object) -> None:
    @router.get(
        "/stock-at-last-price",
        operation_id="list_stock_at_last_price",
        summary="Stock over time, at the last selling price",
    )
    def list_stock_at_last_price(
        ask: Annotated[Ask, asking],
        first: First,
        last: Last,
        *,
        sku: Id = None,
        location: Id = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> StockAtLastPricePage:
        """By SKU and location: units at the end of each day on which they changed, and those units
        at the price of the SKU's latest shipment up to then. Not a valuation at cost.
        """
        _check(first, last)
        filters = {"first": str(first), "last": str(last), "sku": sku, "location": location}
        with reads.view(ask) as view:
            pages = view.pages(MODEL, "list_stock_at_last_price", filters)
            after = pages.after(cursor)
            found = analytics.stock_at_last_price(
                reads.clickhouse.client(),
                view.places(MODEL),
                ask.ledger,
                up_to=view.model(MODEL).position,
                first=first,
                last=last,
                sku=sku or "",
                location=location or "",
                after=_key(after),
                limit=limit,
            )
            return StockAtLastPricePage(
                as_of=view.as_of(MODEL),
                stale=view.stale(MODEL, None),
                rows=found,
                next_cursor=pages.following(
                    found, limit, lambda row: [row.sku, row.location, row.day.isoformat()]
                ),
            )


def _key(after: list[str | int] | None) -> tuple[str, str, date] | None:
    if after is None:
        return None
    sku, location, day = map(str, after)
    return sku, location, date.fromisoformat(day)


def _check(first: date, last: date) -> None:
    if not 0 <= (last - first).days < DAYS_MAX:
        detail = f"name a day from first on, at most {DAYS_MAX} days in all"
        error = FieldError(pointer="query/last", detail=detail)
        raise invalid("The range of days is wrong.", error)
