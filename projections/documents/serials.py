"""Kind `serial`: where one single unit is, or what it left for."""

from __future__ import annotations

from collections.abc import Iterator

from domain.serial import Serial, evolve
from projections.documents.kind import Kind, one_by_one


def _status(serial: Serial) -> str:
    return "left" if serial.location is None else "in_place"


def _refs(serial: Serial) -> Iterator[str]:
    """Itself, its SKU, where it is, of which stock, and the order it last came from or left for."""
    yield f"sku:{serial.sku}"
    yield f"serial:{serial.sku}/{serial.serial}"
    if serial.location is not None:
        yield f"location:{serial.location}"
        yield f"stock:{serial.sku}@{serial.location}"
    if serial.order_id is not None:
        yield f"order:{serial.order_id}"


SERIALS = Kind(
    name="serial",
    types=("serial.placed.v1", "serial.left.v1"),
    state=Serial,
    fold=one_by_one(evolve),
    status=_status,
    refs=_refs,
)
