"""Kind `payment`: what its provider reported, added up."""

from __future__ import annotations

from collections.abc import Iterator

from domain.payment import Payment, evolve
from projections.documents.kind import Kind, one_by_one


def _status(payment: Payment) -> str:
    return payment.status


def _refs(payment: Payment) -> Iterator[str]:
    """The order it pays for."""
    if payment.order_id is not None:
        yield f"order:{payment.order_id}"


PAYMENTS = Kind(
    name="payment",
    types=(
        "payment.authorised.v1",
        "payment.captured.v1",
        "payment.failed.v1",
        "payment.refunded.v1",
        "payment.refund_due.v1",
        "payment.timed_out.v1",
    ),
    state=Payment,
    fold=one_by_one(evolve),
    status=_status,
    refs=_refs,
)
