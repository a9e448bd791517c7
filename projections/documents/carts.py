"""Kind `reservation`: a cart, which is one reservation of many lines, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator

from domain.cart import Cart, evolve
from projections.documents.kind import Kind, one_by_one


def status(cart: Cart) -> str:
    """`open`, or how it ended."""
    return cart.ended or "open"


def refs(cart: Cart) -> Iterator[str]:
    """Its SKUs and locations, and the order it became."""
    for line in cart.lines:
        yield f"sku:{line.sku}"
        yield f"location:{line.location}"
    if cart.order_id is not None:
        yield f"order:{cart.order_id}"


CARTS = Kind(
    name="reservation",
    types=(
        "cart.reserved.v1",
        "cart.extended.v1",
        "cart.released.v1",
        "cart.expired.v1",
        "cart.converted.v1",
    ),
    state=Cart,
    fold=one_by_one(evolve),
    status=status,
    refs=refs,
)
