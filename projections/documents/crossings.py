"""Kind `crossing`: what one ledger knows of units that go to another one, or come from there."""

from __future__ import annotations

from collections.abc import Iterator

from domain.crossing import Crossing, evolve
from projections.documents.kind import Kind, one_by_one


def _status(crossing: Crossing) -> str:
    return crossing.status


def _refs(crossing: Crossing) -> Iterator[str]:
    """Its SKUs, the location at its end here, and the other ledger."""
    yield f"ledger:{crossing.other_ledger}"
    yield f"location:{crossing.location}"
    for line in crossing.lines:
        yield f"sku:{line.sku}"


CROSSINGS = Kind(
    name="crossing",
    types=(
        "crossing.dispatched.v1",
        "crossing.handed_over.v1",
        "crossing.returned.v1",
        "crossing.arrived.v1",
    ),
    state=Crossing,
    fold=one_by_one(evolve),
    status=_status,
    refs=_refs,
)
