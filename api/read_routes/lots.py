"""Lots and serials: where their units are, and the trail of how they came and went."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Security
from pydantic import Field

from api.answer_schemas import READ_PROBLEMS, Page
from api.authentication import READ
from api.pages import LIMIT, Cursor, Limit
from api.problems import Problem
from api.read_side import Ask, ReadSide, View
from api.requests import Authenticate
from domain.facts.traces import TraceCause
from domain.values import ID_PATTERN
from projections.queries.lots import Holder, LotQueries, Sent, Standing, TrailStep

LotId = Annotated[
    str,
    Path(
        pattern=f"{ID_PATTERN[:-1]}@{ID_PATTERN[1:]}",
        description="The SKU, `@`, and the lot or serial: `MILK@L-2026-09`.",
    ),
]


class Trail(Page):
    """What happened to units of a lot (or to a serial), the latest first."""

    lot_id: str
    steps: list[TrailStep]


class RecallReport(Page):
    """Everything a recall has to reach. The shipments are a page, the latest first."""

    lot_id: str
    recall_id: str | None = Field(description="The recall that is open, null when none is.")
    holders: list[Holder] = Field(description="Every location that has units of it.")
    in_transit: list[Sent]
    gone: list[Sent] = Field(description="Lost on their way, or in another ledger of yours now.")
    moved: dict[str, int] = Field(
        description="By how many units each cause moved what is on hand, all locations together.",
        examples=[{"received": 40, "returned": 1, "shipped": -12}],
    )
    shipments: list[TrailStep] = Field(description="Each parcel's share, with its order line.")


def lot_routes(reads: ReadSide, authenticate: Authenticate) -> APIRouter:
    """Straight out of the log, like the answers of commands."""
    router = APIRouter(prefix="/v1", tags=["lots"], responses=READ_PROBLEMS)
    asking = Security(reads.asking_log(authenticate), scopes=[READ])
    _add_trails(router, reads, asking)
    _add_recall_reports(router, reads, asking)
    return router


def _add_trails(router: APIRouter, reads: ReadSide, asking: Any) -> None:  # noqa: ANN401 - FastAPI's
    @router.get(
        "/lot-trails/{lot_id:path}",
        operation_id="read_lot_trail",
        summary="How a lot or serial came and went",
    )
    def read_lot_trail(
        lot_id: LotId,
        ask: Annotated[Ask, asking],
        *,
        cause: TraceCause | None = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> Trail:
        """Each fact that moved its on hand, picked or held, of one cause if named."""
        with reads.view(ask, cursor) as view:
            asked, _ = _lot(view, lot_id)
            pages = view.log_pages("read_lot_trail", {"lot_id": lot_id, "cause": cause})
            after = pages.after(cursor)
            found = asked.steps(cause=cause, after=int(after[0]) if after else None, limit=limit)
            return Trail(
                as_of=view.as_of_log(),
                stale=[],
                lot_id=lot_id,
                steps=found,
                next_cursor=pages.following(found, limit, lambda last: [last.position]),
            )


def _add_recall_reports(router: APIRouter, reads: ReadSide, asking: Any) -> None:  # noqa: ANN401 - as above
    @router.get(
        "/recall-reports/{lot_id:path}",
        operation_id="read_recall_report",
        summary="Every holder and every shipment of a lot",
    )
    def read_recall_report(
        lot_id: LotId,
        ask: Annotated[Ask, asking],
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> RecallReport:
        """Whether the lot is recalled or not."""
        with reads.view(ask, cursor) as view:
            asked, standing = _lot(view, lot_id)
            pages = view.log_pages("read_recall_report", {"lot_id": lot_id})
            after = pages.after(cursor)
            sent = asked.sent()
            found = asked.steps(
                cause="shipped", after=int(after[0]) if after else None, limit=limit
            )
            return RecallReport(
                as_of=view.as_of_log(),
                stale=[],
                lot_id=lot_id,
                recall_id=standing.recall_id,
                holders=asked.holders(),
                in_transit=[each for each in sent if each.outcome == "in_transit"],
                gone=[each for each in sent if each.outcome != "in_transit"],
                moved=dict(asked.sums()),
                shipments=found,
                next_cursor=pages.following(found, limit, lambda last: [last.position]),
            )


def _lot(view: View, lot_id: str) -> tuple[LotQueries, Standing]:
    sku, _, lot = lot_id.partition("@")
    queries = LotQueries(view.connection, view.ask.ledger, sku, lot)
    standing = queries.standing()
    if standing is None:
        raise Problem("unknown_lot", "There is no such lot or serial in this ledger.")
    return queries, standing
