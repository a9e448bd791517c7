"""The first pass: what must have been on the shelves before the file begins.

The file has no goods receipts. The opening of a SKU is the least that keeps it from ever going
below zero, over its rows in the order in which they will be sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ops.importers.online_retail.invoices import in_sending_order, invoices
from ops.importers.online_retail.rows import CLASSES, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    sku: str
    name: str
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """`classes`: rows by class. `starts_at`: the first row's instant, at which openings are
    received.
    """

    rows: int
    classes: dict[str, int]
    invoices_sold: int
    openings: tuple[Opening, ...]
    net_units: dict[str, int]
    starts_at: datetime | None


def survey(rows: Iterable[Row]) -> Survey:
    """Reads every row once. Keeps a few numbers per SKU, nothing per row."""
    classes: Counter[str] = Counter(dict.fromkeys(CLASSES, 0))
    level: Counter[str] = Counter()
    lowest: Counter[str] = Counter()
    names: dict[str, str] = {}
    sold: set[str] = set()
    starts_at: datetime | None = None
    for invoice in invoices(rows):
        starts_at = starts_at or invoice[0].occurred_at
        for row in in_sending_order(invoice):
            classes[row.kind] += 1
            if row.kind == "sale":
                sold.add(row.invoice)
            if row.kind == "not_stock":
                continue
            if row.description and not names.get(row.sku):
                names[row.sku] = row.description
            names.setdefault(row.sku, "")
            # Signed in the file: returns are negative and come in, write-offs negative and go out.
            level[row.sku] += row.quantity if row.kind in ("found", "write_off") else -row.quantity
            lowest[row.sku] = min(lowest[row.sku], level[row.sku])
    return Survey(
        rows=classes.total(),
        classes=dict(classes),
        invoices_sold=len(sold),
        openings=tuple(
            Opening(sku=sku, name=name or sku, units=-lowest[sku])
            for sku, name in sorted(names.items())
        ),
        net_units={sku: level[sku] for sku in names},
        starts_at=starts_at,
    )
