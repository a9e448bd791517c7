"""Kind `item`: all that is said of a SKU, its units, bill of materials and handling with it."""

from __future__ import annotations

from collections.abc import Iterator

from domain.item import Item, evolve
from projections.documents.kind import Kind, one_by_one


def _status(item: Item) -> str:
    return item.status


def _refs(item: Item) -> Iterator[str]:
    """Its own SKU, and those it is made of."""
    yield f"sku:{item.sku}"
    for component in item.components:
        yield f"component:{component.sku}"


ITEMS = Kind(
    name="item",
    types=(
        "item.registered.v1",
        "item.described.v1",
        "item.discontinued.v1",
        "item.unit_defined.v1",
        "item.kit_composed.v1",
        "item.handling_set.v1",
    ),
    state=Item,
    fold=one_by_one(evolve),
    status=_status,
    refs=_refs,
)
