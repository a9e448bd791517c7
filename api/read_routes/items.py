"""Items and locations: what is kept, and where."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Security

from api.answer_schemas import READ_PROBLEMS, Answered, Page
from api.authentication import READ
from api.pages import LIMIT, Cursor, Limit
from api.problems import Problem
from api.read_routes.parked import missing, of_kind
from api.read_side import Ask, ReadSide
from api.requests import Authenticate
from domain.streams import item_stream
from domain.values import ID_PATTERN
from projections.queries import stock
from projections.queries.stock import Item, Location

MODEL = "stock_levels"
Sku = Annotated[str, Path(pattern=ID_PATTERN, description="The item's code.")]
Search = Annotated[
    str | None,
    Query(min_length=1, max_length=100, description="A SKU's beginning, or words of the name."),
]


class ItemAnswer(Answered):
    item: Item


class ItemPage(Page):
    items: list[Item]


class LocationPage(Page):
    locations: list[Location]


def item_routes(reads: ReadSide, authenticate: Authenticate) -> APIRouter:
    """Out of `stock_levels`."""
    router = APIRouter(prefix="/v1", tags=["items"], responses=READ_PROBLEMS)
    asking = Security(reads.asking(authenticate, MODEL), scopes=[READ])
    _add_items(router, reads, asking)
    _add_locations(router, reads, asking)
    return router


def _add_items(router: APIRouter, reads: ReadSide, asking: object) -> None:
    @router.get("/items", operation_id="list_items", summary="Items by SKU")
    def list_items(
        ask: Annotated[Ask, asking],
        *,
        search: Search = None,
        category: Annotated[str | None, Query(max_length=500)] = None,
        status: Literal["active", "discontinued"] | None = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> ItemPage:
        """A page of items, found by SKU or name, in the order of their SKUs."""
        with reads.view(ask, cursor) as view:
            filters = {"search": search, "category": category, "status": status}
            pages = view.pages(MODEL, "list_items", filters)
            after = pages.after(cursor)
            found = stock.items(
                view.connection,
                view.places(MODEL),
                ask.ledger,
                search=search,
                category=category,
                status=status,
                after=str(after[0]) if after else None,
                limit=limit,
            )
            return ItemPage(
                as_of=view.as_of(MODEL),
                stale=view.stale(MODEL, of_kind("item")),
                items=found,
                next_cursor=pages.following(found, limit, lambda last: [last.sku]),
            )

    @router.get("/items/{sku:path}", operation_id="read_item", summary="One item")
    def read_item(sku: Sku, ask: Annotated[Ask, asking]) -> ItemAnswer:
        """What is said about an item."""
        with reads.view(ask) as view:
            found = stock.item(view.connection, view.places(MODEL), ask.ledger, sku)
            if found is None:
                raise missing(view, MODEL, item_stream(sku), unknown_item())
            stale = view.stale(MODEL, [item_stream(sku)])
            return ItemAnswer(as_of=view.as_of(MODEL), stale=stale, item=found)


def _add_locations(router: APIRouter, reads: ReadSide, asking: object) -> None:
    @router.get("/locations", operation_id="list_locations", summary="Locations by id")
    def list_locations(
        ask: Annotated[Ask, asking], cursor: Cursor = None, limit: Limit = LIMIT
    ) -> LocationPage:
        """A page of the places where stock can be."""
        with reads.view(ask, cursor) as view:
            pages = view.pages(MODEL, "list_locations", {})
            after = pages.after(cursor)
            found = stock.locations(
                view.connection,
                view.places(MODEL),
                ask.ledger,
                after=str(after[0]) if after else None,
                limit=limit,
            )
            return LocationPage(
                as_of=view.as_of(MODEL),
                stale=view.stale(MODEL, of_kind("location")),
                locations=found,
                next_cursor=pages.following(found, limit, lambda last: [last.location]),
            )


def unknown_item() -> Problem:
    """The same whether it is nobody's or another tenant's."""
    return Problem("unknown_item", "There is no such item in this ledger.")
