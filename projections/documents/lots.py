"""Kind `lot`: when it expires, where it ever was, and whether it is recalled."""

from __future__ import annotations

from collections.abc import Iterator

from domain.lot import Lot, evolve
from projections.documents.kind import Kind, one_by_one


def _status(lot: Lot) -> str:
    return "active" if lot.recall_id is None else "recalled"


def _refs(lot: Lot) -> Iterator[str]:
    """Itself, its SKU, each location it ever came to, and the recall that is open."""
    yield f"sku:{lot.sku}"
    yield f"lot:{lot.sku}/{lot.lot}"
    for location in lot.locations:
        yield f"location:{location}"
    if lot.recall_id is not None:
        yield f"recall:{lot.recall_id}"


LOTS = Kind(
    name="lot",
    types=(
        "lot.registered.v1",
        "lot.located.v1",
        "lot.expiry_changed.v1",
        "lot.recalled.v1",
        "lot.recall_ended.v1",
    ),
    state=Lot,
    fold=one_by_one(evolve),
    status=_status,
    refs=_refs,
)
