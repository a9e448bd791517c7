"""Orders and their charges."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Security

from api.answer_schemas import READ_PROBLEMS, Answered, Page
from api.authentication import READ
from api.pages import LIMIT, Cursor, Limit
from api.problems import Problem
from api.read_side import Ask, ReadSide
from api.requests import Authenticate
from domain.refusals import OrderStatus
from domain.streams import charge_stream, order_stream
from domain.values import ID_PATTERN
from projections.queries import orders
from projections.queries.orders import Charge, Order

MODEL = "orders"
OrderId = Annotated[str, Path(pattern=ID_PATTERN)]
Customer = Annotated[
    str | None, Query(max_length=200, description="The customer's subject id, `sub_…`.")
]


class OrderAnswer(Answered):
    order: Order
    charges: list[Charge]


class OrderPage(Page):
    orders: list[Order]


def order_routes(reads: ReadSide, authenticate: Authenticate) -> APIRouter:
    """Out of `orders`."""
    router = APIRouter(prefix="/v1/orders", tags=["orders"], responses=READ_PROBLEMS)
    asking = Security(reads.asking(authenticate, MODEL), scopes=[READ])

    @router.get("", operation_id="list_orders", summary="Orders, the newest first")
    def list_orders(
        ask: Annotated[Ask, asking],
        *,
        status: OrderStatus | None = None,
        customer: Customer = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> OrderPage:
        """A page of orders, of one status or customer if named."""
        with reads.view(ask, cursor) as view:
            pages = view.pages(MODEL, "list_orders", {"status": status, "customer": customer})
            after = pages.after(cursor)
            found = orders.orders(
                view.connection,
                view.places(MODEL),
                ask.ledger,
                status=status,
                customer=customer,
                after=int(after[0]) if after else None,
                limit=limit,
            )
            return OrderPage(
                as_of=view.as_of(MODEL),
                stale=view.stale(MODEL, [order_stream(each.order_id) for each in found]),
                orders=found,
                next_cursor=pages.following(found, limit, lambda last: [last.placed_position]),
            )

    @router.get("/{order_id:path}", operation_id="read_order", summary="One order")
    def read_order(order_id: OrderId, ask: Annotated[Ask, asking]) -> OrderAnswer:
        """An order with its lines, what is shipped of them, its charges, and in `progress` what
        else happened to it: where its units are committed, picked or wait, and its pick lists,
        parcels, shipments and returns.
        """
        with reads.view(ask) as view:
            places = view.places(MODEL)
            found = orders.order(view.connection, places, ask.ledger, order_id)
            if found is None:
                raise Problem("unknown_order", "There is no such order in this ledger.")
            charges = orders.charges(view.connection, places, ask.ledger, order_id)
            streams = [order_stream(order_id), *(charge_stream(each.charge_id) for each in charges)]
            return OrderAnswer(
                as_of=view.as_of(MODEL),
                stale=view.stale(MODEL, streams),
                order=found,
                charges=charges,
            )

    return router
