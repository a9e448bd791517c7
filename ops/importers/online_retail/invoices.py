"""Rows grouped by invoice, and the commands that an invoice becomes (decision 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from ops.importers.online_retail.rows import Row

CURRENCY = "GBP"
ORDER_LINES_MAX = 2_000
REASON_CHARS_MAX = 200

Body = dict[str, Any]


def invoices(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Neighbouring rows of one invoice. An invoice that comes back later in the file is a further
    group.
    """
    for _, group in groupby(rows, key=lambda row: row.invoice):
        yield list(group)


def in_sending_order(invoice: list[Row]) -> list[Row]:
    """What is no sale goes first, in file order; the sale lines follow, as one order."""
    return [r for r in invoice if r.kind != "sale"] + [r for r in invoice if r.kind == "sale"]


class Commands:
    """Turns invoices into command bodies. Keys come from source, invoice and ordinal, so that the
    same row always bears the same key.
    """

    def __init__(self, *, source: str, ledger: str, location: str) -> None:
        self._source = source
        self._ledger = ledger
        self._location = location
        self._ordered: set[str] = set()

    def of_invoice(self, invoice: list[Row]) -> Iterator[Body]:
        sales: list[Row] = []
        for row in in_sending_order(invoice):
            if row.kind == "sale":
                sales.append(row)
            else:
                yield self._single(row)
        for start in range(0, len(sales), ORDER_LINES_MAX):
            part = sales[start : start + ORDER_LINES_MAX]
            invoice_no = part[0].invoice
            order_id = invoice_no if invoice_no not in self._ordered else addition_id(part[0])
            self._ordered.add(invoice_no)
            yield self.order(order_id, part)

    def order(self, order_id: str, sales: list[Row]) -> Body:
        """One order placed and shipped at once; its lines are numbered by the rows' ordinals."""
        first = sales[0]
        placed: Body = {
            **self._common(f"{first.invoice}:{first.ordinal}", first),
            "type": "place_order",
            "order_id": order_id,
            "currency": CURRENCY,
            "ship": True,
            "lines": [
                {
                    "line": row.ordinal,
                    "sku": row.sku,
                    "location": self._location,
                    "quantity": row.quantity,
                    "unit_price_micros": row.unit_price_micros,
                }
                for row in sales
            ],
        }
        if first.customer:
            placed["customer"] = first.customer
        return placed

    def opening(self, sku: str, units: int, top_up: int, occurred_at: str) -> Body:
        return {
            "key": self.opening_key(sku, top_up),
            "ledger": self._ledger,
            "occurred_at": occurred_at,
            "type": "receive_stock",
            "sku": sku,
            "location": self._location,
            "quantity": units,
            "document": f"{self._source}:opening",
        }

    def opening_key(self, sku: str, top_up: int) -> str:
        return f"{self._source}:opening:{sku}:{top_up}"

    def item(self, sku: str, name: str, occurred_at: str) -> Body:
        return {
            "key": f"{self._source}:item:{sku}",
            "ledger": self._ledger,
            "occurred_at": occurred_at,
            "type": "register_item",
            "sku": sku,
            "name": name,
        }

    def location(self, occurred_at: str) -> Body:
        return {
            "key": f"{self._source}:location:{self._location}",
            "ledger": self._ledger,
            "occurred_at": occurred_at,
            "type": "register_location",
            "location": self._location,
            "name": self._location,
        }

    def _single(self, row: Row) -> Body:
        body = self._common(f"{row.invoice}:{row.ordinal}", row)
        if row.kind == "not_stock":
            return body | {
                "type": "record_charge",
                "charge_id": f"{row.invoice}:{row.ordinal}",
                "code": row.sku,
                "description": row.description,
                "quantity": row.quantity,
                "unit_price_micros": row.unit_price_micros,
                "currency": CURRENCY,
            }
        body |= {"sku": row.sku, "location": self._location}
        if row.kind == "return":
            return body | {
                "type": "return_stock",
                "quantity": -row.quantity,
                "to": "stock",
                "reason": "cancellation or return",
            }
        reason = row.description[:REASON_CHARS_MAX] or (
            "found" if row.quantity > 0 else "written off"
        )
        return body | {"type": "adjust_stock", "delta": row.quantity, "reason": reason}

    def _common(self, name: str, row: Row) -> Body:
        return {
            "key": f"{self._source}:{name}",
            "ledger": self._ledger,
            "occurred_at": row.occurred_at.isoformat(),
        }


def events_of(body: Body) -> int:
    """How many events a command becomes (decision 6)."""
    return 3 + 2 * len(body["lines"]) if body["type"] == "place_order" else 1


def addition_id(first: Row) -> str:
    """Rows that an invoice grew by later, or that come back later in the file, are an order of
    their own.
    """
    return f"{first.invoice}.{first.ordinal}"
