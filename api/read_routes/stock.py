"""Stock levels: every quantity by SKU and location."""

from typing import Annotated

from fastapi import APIRouter, Query, Security

from api.answer_schemas import READ_PROBLEMS, Answered, Page
from api.authentication import READ
from api.pages import LIMIT, Cursor, Limit
from api.read_routes.items import MODEL, Sku, unknown_item
from api.read_routes.parked import missing, of_stock
from api.read_side import Ask, ReadSide
from api.requests import Authenticate
from domain.streams import item_stream
from domain.values import ID_PATTERN
from projections.queries import stock
from projections.queries.stock import Level, StockTotals

LOCATIONS_OF_A_SKU_MAX = 10_000


class StockPage(Page):
    levels: list[Level]


class StockOfItem(Answered):
    """One SKU at each location that has ever had it; the sums are over all of them."""

    sku: str
    on_hand: int
    available: int
    levels: list[Level]


class StockSums(Answered):
    totals: StockTotals


def stock_routes(reads: ReadSide, authenticate: Authenticate) -> APIRouter:
    """Out of `stock_levels`."""
    router = APIRouter(prefix="/v1", tags=["stock"], responses=READ_PROBLEMS)
    asking = Security(reads.asking(authenticate, MODEL), scopes=[READ])

    @router.get("/stock", operation_id="list_stock", summary="Stock by SKU and location")
    def list_stock(
        ask: Annotated[Ask, asking],
        location: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> StockPage:
        """A page of levels, of all locations or of one."""
        with reads.view(ask, cursor) as view:
            pages = view.pages(MODEL, "list_stock", {"location": location})
            after = pages.after(cursor)
            found = stock.levels(
                view.connection,
                view.places(MODEL),
                ask.ledger,
                location=location,
                after=(str(after[0]), str(after[1])) if after else None,
                limit=limit,
            )
            return StockPage(
                as_of=view.as_of(MODEL),
                stale=view.stale(MODEL, of_stock(location=location)),
                levels=found,
                next_cursor=pages.following(found, limit, lambda last: [last.sku, last.location]),
            )

    @router.get("/stock-totals", operation_id="read_stock_totals", summary="Sums of all stock")
    def read_stock_totals(ask: Annotated[Ask, asking]) -> StockSums:
        """How many items, units and shortfalls there are in the ledger."""
        with reads.view(ask) as view:
            totals = stock.totals(view.connection, view.places(MODEL), ask.ledger)
            return StockSums(as_of=view.as_of(MODEL), stale=view.stale(MODEL, None), totals=totals)

    @router.get("/stock/{sku:path}", operation_id="read_stock", summary="Stock of one item")
    def read_stock(sku: Sku, ask: Annotated[Ask, asking]) -> StockOfItem:
        """An item's quantities at every location."""
        with reads.view(ask) as view:
            places = view.places(MODEL)
            found = stock.levels(
                view.connection, places, ask.ledger, sku=sku, limit=LOCATIONS_OF_A_SKU_MAX
            )
            stale = view.stale(MODEL, of_stock(sku=sku))
            nothing = not found and not stale
            if nothing and stock.item(view.connection, places, ask.ledger, sku) is None:
                raise missing(view, MODEL, item_stream(sku), unknown_item())
            return StockOfItem(
                as_of=view.as_of(MODEL),
                stale=stale,
                sku=sku,
                on_hand=sum(each.on_hand for each in found),
                available=sum(each.available for each in found),
                levels=found,
            )

    return router
