"""Kind `purchase`: what is bought, and what became of each line."""

from __future__ import annotations

from collections.abc import Iterator

from domain.purchase import Purchase, evolve
from projections.documents.kind import Kind, one_by_one


def status(purchase: Purchase) -> str:
    """How far it has come."""
    return purchase.status


def refs(purchase: Purchase) -> Iterator[str]:
    """Where it comes to, from whom, and the SKUs of its lines."""
    yield f"location:{purchase.location}"
    if purchase.supplier is not None:
        yield f"supplier:{purchase.supplier}"
    for line in purchase.lines:
        yield f"sku:{line.sku}"


PURCHASES = Kind(
    name="purchase",
    types=(
        "purchase.placed.v1",
        "purchase.approved.v1",
        "purchase.changed.v1",
        "purchase.received.v1",
        "purchase.closed.v1",
        "purchase.cancelled.v1",
    ),
    state=Purchase,
    fold=one_by_one(evolve),
    status=status,
    refs=refs,
)
