"""How far behind the log each read model is."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Security
from pydantic import BaseModel, Field

from api.answer_schemas import READ_PROBLEMS, AsOf
from api.authentication import READ
from api.problems import FieldError, invalid
from api.read_side import Ask, ReadSide, View
from api.requests import Authenticate
from projections.queries.standing import Lag, ModelStanding, lag

LAG_EVENTS_MAX = 2_000_000


class ReadModelState(BaseModel):
    """A read model beside the ledger's head."""

    read_model: str
    version: int
    store: Literal["postgres", "redis", "clickhouse"]
    position: int
    recorded_at: datetime | None
    lag_events: int = Field(description="Events of the ledger that it does not show yet.")
    age_seconds: float = Field(description="For how long the oldest of them has waited.")
    parked_streams: int = Field(description="Streams it could not follow.")


class ReadModelStates(BaseModel):
    """`as_of` is the log itself."""

    as_of: AsOf
    read_models: list[ReadModelState]


class LagAnswer(BaseModel):
    """From an append's recorded_at until the slowest read model had committed it."""

    as_of: AsOf
    lag: Lag


def read_model_routes(reads: ReadSide, authenticate: Authenticate) -> APIRouter:
    """About the read models themselves."""
    router = APIRouter(prefix="/v1/read-models", tags=["read models"], responses=READ_PROBLEMS)
    asking = Security(reads.asking(authenticate), scopes=[READ])

    @router.get("", operation_id="list_read_models", summary="Position and lag of each")
    def list_read_models(ask: Annotated[Ask, asking]) -> ReadModelStates:
        """Where each read model stands; with `min_position`, once all of them are there."""
        with reads.view(ask) as view:
            return ReadModelStates(
                as_of=view.as_of_log(),
                read_models=[state_of(view, each) for each in view.standing.models.values()],
            )

    @router.get("/lag", operation_id="read_lag", summary="How long appends took to show")
    def read_lag(
        ask: Annotated[Ask, asking],
        after: Annotated[int, Query(ge=0, description="Appends after this position …")],
        until: Annotated[int | None, Query(ge=0, description="… up to this one.")] = None,
    ) -> LagAnswer:
        """Over the appends in a range of positions: when every read model had each of them."""
        with reads.view(ask) as view:
            last = view.standing.position if until is None else until
            if last - after > LAG_EVENTS_MAX:
                detail = f"ask for at most {LAG_EVENTS_MAX} events at once"
                raise invalid(
                    "The range is too wide.", FieldError(pointer="query/after", detail=detail)
                )
            found = lag(view.connection, ask.ledger, after=after, until=last)
            return LagAnswer(as_of=view.as_of_log(), lag=found)

    return router


def state_of(view: View, standing: ModelStanding) -> ReadModelState:
    """One read model beside the head of its view."""
    return ReadModelState(
        read_model=standing.model.name,
        version=standing.model.version,
        store=standing.model.store,
        position=standing.position,
        recorded_at=standing.recorded_at,
        lag_events=max(0, view.standing.position - standing.position),
        age_seconds=view.age_seconds(standing.waiting_since),
        parked_streams=standing.parked_streams,
    )
