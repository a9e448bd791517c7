"""What a shop asks thousands of times a second: how many can be sold now."""

from typing import Annotated

from fastapi import APIRouter, Query, Security
from pydantic import BaseModel, Field, StringConstraints

from api.answer_schemas import READ_PROBLEMS, Answered, AsOf
from api.authentication import READ
from api.read_routes.items import Sku, unknown_item
from api.read_side import Ask, ReadSide
from api.requests import Authenticate
from domain.streams import item_stream, stock_stream
from domain.values import ID_PATTERN
from projections.queries.availability import Available

MODEL = "availability"
SKUS_MAX = 500
Skus = Annotated[
    list[Annotated[str, StringConstraints(pattern=ID_PATTERN)]],
    Query(alias="sku", min_length=1, max_length=SKUS_MAX, description="One or more of it."),
]


class AvailableUnits(BaseModel):
    """Units of a SKU that are promised to nobody."""

    sku: str
    status: str | None = Field(description="active, discontinued; null: never registered.")
    available: int = Field(description="Over all locations.")
    available_to_promise: int = Field(description="That, less the item's safety stock.")
    safety_stock: int
    backorder_limit: int
    locations: dict[str, int] = Field(description="Available units by location.")


class AvailabilityAnswer(Answered):
    availability: AvailableUnits


class AvailabilityAnswers(Answered):
    """One for each SKU, in the order asked for."""

    availability: list[AvailableUnits]


def availability_routes(reads: ReadSide, authenticate: Authenticate) -> APIRouter:
    """Out of `availability`, in Redis."""
    router = APIRouter(prefix="/v1/availability", tags=["stock"], responses=READ_PROBLEMS)
    asking = Security(reads.asking(authenticate, MODEL), scopes=[READ])

    @router.get("", operation_id="list_availability", summary="Availability of many items")
    def list_availability(ask: Annotated[Ask, asking], skus: Skus) -> AvailabilityAnswers:
        """Up to 500 SKUs at one instant."""
        answered, found = _answered(reads, ask, skus)
        return AvailabilityAnswers(
            as_of=answered.as_of,
            stale=answered.stale,
            availability=[_units(each) for each in found],
        )

    @router.get("/{sku:path}", operation_id="read_availability", summary="Availability of an item")
    def read_availability(sku: Sku, ask: Annotated[Ask, asking]) -> AvailabilityAnswer:
        """One SKU, by location and in sum."""
        answered, (found,) = _answered(reads, ask, [sku])
        if found.status is None and not found.locations:
            raise unknown_item()
        return AvailabilityAnswer(
            as_of=answered.as_of, stale=answered.stale, availability=_units(found)
        )

    return router


def _answered(reads: ReadSide, ask: Ask, skus: list[str]) -> tuple[Answered, list[Available]]:
    recent = reads.recent_standing(ask)
    model = recent.standing.models.get(MODEL)
    if model is not None and not model.parked_streams:
        prefix = model.model.places["availability"]
        found_at, found = reads.availability.available(prefix, ask.ledger, skus)
        if found_at.position >= max(recent.standing.position, ask.min_position):
            as_of = AsOf(
                ledger=ask.ledger_name,
                position=found_at.position,
                recorded_at=found_at.recorded_at,
                # What has come since that head was read may be missing: for no longer than this.
                age_seconds=round(recent.age_seconds, 3),
                read_model=MODEL,
                version=model.model.version,
                generation=recent.standing.generation,
            )
            return Answered(as_of=as_of, stale=[]), found
    return _looked_at_closely(reads, ask, skus)


def _looked_at_closely(
    reads: ReadSide, ask: Ask, skus: list[str]
) -> tuple[Answered, list[Available]]:
    with reads.view(ask) as view:
        prefix = view.places(MODEL)["availability"]
        found_at, found = reads.availability.available(prefix, ask.ledger, skus)
        streams = [
            stream
            for each in found
            for stream in (
                item_stream(each.sku),
                *(stock_stream(each.sku, location) for location in each.locations),
            )
        ]
        as_of = view.as_of_other_store(MODEL, found_at.position, found_at.recorded_at)
        return Answered(as_of=as_of, stale=view.stale(MODEL, streams)), found


def _units(found: Available) -> AvailableUnits:
    return AvailableUnits(
        sku=found.sku,
        status=found.status,
        available=found.units,
        available_to_promise=found.to_promise,
        safety_stock=found.safety_stock,
        backorder_limit=found.backorder_limit,
        locations=dict(found.locations),
    )
