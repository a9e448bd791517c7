"""Every kind of document, by the kind of its stream."""

from __future__ import annotations

from collections.abc import Mapping

from replay.verify.documents import (
    assembly,
    cart,
    count,
    crossing,
    item,
    location,
    lot,
    payment,
    policy,
    purchase,
    serial,
    stock,
    transfer,
)
from replay.verify.documents.fold import DocumentKind

KINDS: Mapping[str, DocumentKind] = {
    "stock": stock.KIND,
    "item": item.KIND,
    "location": location.KIND,
    "lot": lot.KIND,
    "serial": serial.KIND,
    "reservation": cart.KIND,
    "crossing": crossing.KIND,
    "payment": payment.KIND,
    "policy": policy.KIND,
    "assembly": assembly.KIND,
    "count": count.KIND,
    "purchase": purchase.KIND,
    "transfer": transfer.KIND,
}
KIND_OF: Mapping[str, str] = {stored: name for name, kind in KINDS.items() for stored in kind.types}
"""By stored type."""
