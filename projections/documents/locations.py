"""Kind `location`: a place, and the place it is a part of."""

from __future__ import annotations

from collections.abc import Iterator

from domain.location import Location, evolve
from projections.documents.kind import Kind, one_by_one


def _status(_: Location) -> str:
    return "active"


def _refs(location: Location) -> Iterator[str]:
    """Itself and its parent."""
    yield f"location:{location.location}"
    if location.parent is not None:
        yield f"parent:{location.parent}"


LOCATIONS = Kind(
    name="location",
    types=("location.registered.v1", "location.nested.v1"),
    state=Location,
    fold=one_by_one(evolve),
    status=_status,
    refs=_refs,
)
