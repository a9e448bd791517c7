"""Kind `count`: a count of many SKUs, line by line. Until a line is posted nothing here says what
was expected.
"""

from __future__ import annotations

from collections.abc import Iterator

from domain.cycle_count import CycleCount, evolve
from projections.documents.kind import Kind, one_by_one


def status(count: CycleCount) -> str:
    """How far it has come."""
    return count.status


def refs(count: CycleCount) -> Iterator[str]:
    """Its location; of a plan the SKUs and categories."""
    yield f"location:{count.location}"
    for sku in count.skus[:SKUS_FOUND_BY]:
        yield f"sku:{sku}"
    for category in count.categories:
        yield f"category:{category}"


SKUS_FOUND_BY = 1_000  # A count of more is found by its location.
COUNTS = Kind(
    name="count",
    types=(
        "count.planned.v1",
        "count.entered.v1",
        "count.recount_asked.v1",
        "count.posted.v1",
        "count.submitted.v1",
        "count.cancelled.v1",
    ),
    state=CycleCount,
    fold=one_by_one(evolve),
    status=status,
    refs=refs,
)
