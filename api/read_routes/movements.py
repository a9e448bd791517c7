"""Everything that happened to stock, one row per event."""

from dataclasses import asdict, dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Security
from pydantic import AwareDatetime

from api.answer_schemas import READ_PROBLEMS, Page
from api.authentication import READ
from api.pages import LIMIT, Cursor, Limit
from api.read_routes.parked import of_stock
from api.read_side import Ask, ReadSide
from api.requests import Authenticate
from domain.values import ID_PATTERN
from projections.queries import movements
from projections.queries.balances import with_balances
from projections.queries.movements import Movement

MODEL = "movements"
Id = Annotated[str | None, Query(pattern=ID_PATTERN)]
EventType = Annotated[
    str | None, Query(alias="type", pattern=r"^[a-z_.0-9]{1,64}$", examples=["stock.shipped.v1"])
]
From = Annotated[AwareDatetime | None, Query(description="That occurred at or after this instant.")]
Until = Annotated[AwareDatetime | None, Query(description="That occurred before this instant.")]
Balances = Annotated[
    bool, Query(description="Each with what its stock was `before` and `after` it, by position.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementFilters:
    """Which movements: those that meet all that is given; and how much is said of each."""

    sku: Id = None
    location: Id = None
    order_id: Id = None
    type_name: EventType = None
    occurred_from: From = None
    occurred_until: Until = None
    balances: Balances = False

    def texts(self) -> dict[str, str | int | None]:
        """What a cursor has to remember of them."""
        return {name: value and str(value) for name, value in asdict(self).items()}


class MovementPage(Page):
    movements: list[Movement]


def movement_routes(reads: ReadSide, authenticate: Authenticate) -> APIRouter:
    """Out of `movements`, in ClickHouse."""
    router = APIRouter(prefix="/v1/movements", tags=["movements"], responses=READ_PROBLEMS)
    asking = Security(reads.asking(authenticate, MODEL), scopes=[READ])

    @router.get("", operation_id="list_movements", summary="Movements, the latest first")
    def list_movements(
        ask: Annotated[Ask, asking],
        filters: Annotated[MovementFilters, Depends()],
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> MovementPage:
        """A page in the order of recording. Rows that arrive meanwhile come before the first."""
        with reads.view(ask, cursor) as view:
            pages = view.pages(MODEL, "list_movements", filters.texts())
            after = pages.after(cursor)
            client, places = reads.clickhouse.client(), view.places(MODEL)
            found = movements.movements(
                client,
                places,
                ask.ledger,
                up_to=view.model(MODEL).position,
                sku=filters.sku,
                location=filters.location,
                order_id=filters.order_id,
                type_name=filters.type_name,
                occurred_from=filters.occurred_from,
                occurred_until=filters.occurred_until,
                after=int(after[0]) if after else None,
                limit=limit,
            )
            if filters.balances:
                found = with_balances(client, places, ask.ledger, found)
            return MovementPage(
                as_of=view.as_of(MODEL),
                stale=view.stale(MODEL, of_stock(sku=filters.sku, location=filters.location)),
                movements=found,
                next_cursor=pages.following(found, limit, lambda last: [last.position]),
            )

    return router
