"""Documents: what each stream of some kinds has come to. Two routes for each kind of one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response, Security

from api.answer_schemas import READ_PROBLEMS, Answered, Page
from api.authentication import READ
from api.document_schemas import JSON, of_list, of_one
from api.pages import LIMIT, Cursor, Limit
from api.problems import Problem
from api.read_routes.parked import missing, of_kind
from api.read_side import Ask, ReadSide
from api.requests import Authenticate
from domain.streams import StreamKind
from projections.queries import documents
from projections.queries.documents import Document

MODEL = "documents"
NAME_LENGTH_MAX = 200  # Two ids and what joins them.
Name = Annotated[str, Path(min_length=1, max_length=NAME_LENGTH_MAX)]
Status = Annotated[str | None, Query(max_length=100)]
Ref = Annotated[
    str | None,
    Query(
        max_length=300,
        description="Those that name it in `refs`, such as `sku:CHAIR-RED` or `order:o1`.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """`GET /v1/<path>` and `/v1/<path>/<id>`. `name`: of one, in operations; `words`: one, many."""

    path: str
    name: str
    words: tuple[str, str]
    tag: str

    @property
    def listing(self) -> str:
        """Of the operation that lists them."""
        return f"list_{self.path.replace('-', '_')}"


ROUTES: Mapping[StreamKind, Routes] = {
    "stock": Routes(
        path="stock-details",
        name="stock_details",
        words=("stock's holds, lots, queue and arrivals (its id is `sku@location`)", "stocks"),
        tag="stock",
    ),
    "item": Routes(
        path="item-details",
        name="item_details",
        words=("item with its units, parts and handling", "items"),
        tag="items",
    ),
    "location": Routes(
        path="location-details",
        name="location_details",
        words=("location and what it is a part of", "locations"),
        tag="items",
    ),
    "lot": Routes(
        path="lots",
        name="lot",
        words=("lot (its id is `sku@lot`)", "lots"),
        tag="lots",
    ),
    "serial": Routes(
        path="serials",
        name="serial",
        words=("serial and where it is (its id is `sku@serial`)", "serials"),
        tag="lots",
    ),
    "reservation": Routes(
        path="carts", name="cart", words=("cart, its lines and how it ended", "carts"), tag="stock"
    ),
    "crossing": Routes(
        path="crossings",
        name="crossings",
        words=("crossing to or from another ledger", "crossings"),
        tag="stock",
    ),
    "payment": Routes(
        path="payments",
        name="payment",
        words=("payment and what its provider reported", "payments"),
        tag="orders",
    ),
    "policy": Routes(
        path="policies",
        name="policy",
        words=("ledger's policy (its id is `ledger`)", "policies"),
        tag="ledger",
    ),
    "assembly": Routes(
        path="assemblies",
        name="assembly",
        words=("assembly: kits put together, or taken apart", "assemblies"),
        tag="stock",
    ),
    "count": Routes(
        path="counts",
        name="count",
        words=("count of many SKUs, line by line", "counts"),
        tag="stock",
    ),
    "purchase": Routes(
        path="purchases",
        name="purchase",
        words=("purchase, and what came of each line", "purchases"),
        tag="supply",
    ),
    "transfer": Routes(
        path="transfers",
        name="transfer",
        words=("transfer, and what arrived of each line", "transfers"),
        tag="supply",
    ),
}
"""By kind, in the order of the kinds."""


class DocumentAnswer(Answered):
    document: Document


class DocumentPage(Page):
    documents: list[Document]


def document_routes(reads: ReadSide, authenticate: Authenticate) -> APIRouter:
    """Out of `documents`."""
    router = APIRouter(prefix="/v1", responses=READ_PROBLEMS)
    asking = Security(reads.asking(authenticate, MODEL), scopes=[READ])
    for kind, routes in ROUTES.items():
        _add_list(router, reads, asking, kind, routes)
        _add_one(router, reads, asking, kind, routes)
    return router


def _add_list(
    router: APIRouter, reads: ReadSide, asking: object, kind: StreamKind, routes: Routes
) -> None:
    @router.get(
        f"/{routes.path}",
        operation_id=routes.listing,
        summary=f"Documents of {routes.words[1]}, the newest first",
        description="A page of them, of one status or with one reference if named.",
        tags=[routes.tag],
        response_model=DocumentPage,
        responses={200: of_list(kind)},
    )
    def list_documents(
        ask: Annotated[Ask, asking],
        *,
        status: Status = None,
        ref: Ref = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> Response:
        with reads.view(ask, cursor) as view:
            filters = {"status": status, "ref": ref}
            pages = view.pages(MODEL, routes.listing, filters)
            after = pages.after(cursor)
            found = documents.documents(
                view.connection,
                view.places(MODEL),
                ask.ledger,
                kind,
                status=status,
                ref=ref,
                after=int(after[0]) if after else None,
                limit=limit,
            )
            page = DocumentPage(
                as_of=view.as_of(MODEL),
                stale=view.stale(MODEL, of_kind(kind)),
                documents=found,
                next_cursor=pages.following(found, limit, lambda last: [last.opened_position]),
            )
        return Response(page.model_dump_json(), media_type=JSON)


def _add_one(
    router: APIRouter, reads: ReadSide, asking: object, kind: StreamKind, routes: Routes
) -> None:
    @router.get(
        f"/{routes.path}/{{name:path}}",
        operation_id=f"read_{routes.name}",
        summary=f"One {routes.words[0]}",
        description="All that its events have come to.",
        tags=[routes.tag],
        response_model=DocumentAnswer,
        responses={200: of_one(kind)},
    )
    def read_document(name: Name, ask: Annotated[Ask, asking]) -> Response:
        stream = f"{kind}-{name}"
        with reads.view(ask) as view:
            places = view.places(MODEL)
            found = documents.document(view.connection, places, ask.ledger, kind, name)
            if found is None:
                unknown = Problem("unknown_document", "There is no such document in this ledger.")
                raise missing(view, MODEL, stream, unknown)
            answer = DocumentAnswer(
                as_of=view.as_of(MODEL), stale=view.stale(MODEL, [stream]), document=found
            )
        return Response(answer.model_dump_json(), media_type=JSON)
