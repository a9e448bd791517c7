"""Kind `transfer`: units sent from one location to another, and what became of each line."""

from __future__ import annotations

from collections.abc import Iterator

from domain.transfer import Transfer, evolve
from projections.documents.kind import Kind, one_by_one


def status(transfer: Transfer) -> str:
    """How far it has come."""
    return transfer.status


def refs(transfer: Transfer) -> Iterator[str]:
    """Both its ends, the SKUs of its lines, and the lots in transit."""
    yield f"location:{transfer.origin}"
    yield f"location:{transfer.destination}"
    for line in transfer.lines:
        yield f"sku:{line.sku}"
        for lot in line.lots:
            yield f"lot:{line.sku}/{lot.lot}"


TRANSFERS = Kind(
    name="transfer",
    types=(
        "transfer.placed.v1",
        "transfer.dispatched.v1",
        "transfer.received.v1",
        "transfer.closed.v1",
        "transfer.cancelled.v1",
    ),
    state=Transfer,
    fold=one_by_one(evolve),
    status=status,
    refs=refs,
)
