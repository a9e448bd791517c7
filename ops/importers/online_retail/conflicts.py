"""A key that was used for another body: the file has grown there, or a row was altered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.client import ApiError, Client, StoredAnswer
from ops.importers.online_retail.invoices import Body, Commands, addition_id
from ops.importers.online_retail.rows import Row

_NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A row that differs from what was imported before. `line` is the file's; None: no row of it.

    A command that stands for no row (an opening) is named by its key in the place of an invoice.
    """

    line: int | None
    invoice: str
    ordinal: int | None
    detail: str


class Reconciler:
    def __init__(self, client: Client, commands: Commands, ledger: str) -> None:
        self._client = client
        self._commands = commands
        self._ledger = ledger

    def received(self, stored: StoredAnswer) -> int:
        """Units of an opening receipt that was accepted before; 0 when it was refused."""
        result: Any = stored.answer.get("result") or {}
        return int(result.get("quantity", 0)) if stored.outcome == "accepted" else 0

    def explain(
        self, body: Body, rows: Sequence[Row], position: int | None
    ) -> tuple[list[Conflict], list[Body]]:
        """The altered rows behind a conflict, and the order that holds the rows added since."""
        if body["type"] != "place_order":
            detail = "differs from what was imported under its key"
            row = _row_of_key(body["key"], rows)
            if row is None:
                none = Conflict(line=None, invoice=body["key"], ordinal=None, detail=detail)
                return [none], []
            return [_altered(row, detail)], []
        lines = {line["line"]: line for line in body["lines"]}
        sales = {row.ordinal: row for row in rows if _is_line_of(row, body, lines)}
        stored = self._order_lines(body["order_id"], position)
        conflicts = [
            _altered(sales[number], _difference(stored[number], lines[number]))
            for number in lines
            if number in stored and _difference(stored[number], lines[number])
        ]
        first = next(iter(sales.values()))
        conflicts += [
            Conflict(line=None, invoice=first.invoice, ordinal=number, detail="is no longer there")
            for number in stored
            if number not in lines
        ]
        added = [row for number, row in sales.items() if number not in stored]
        if not added and not conflicts:
            conflicts = [_altered(first, "the invoice's customer or date differs")]
        return conflicts, [self._commands.order(addition_id(added[0]), added)] if added else []

    def _order_lines(self, order_id: str, position: int | None) -> dict[int, dict[str, Any]]:
        try:
            found: Any = self._client.order(order_id, ledger=self._ledger, min_position=position)
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return {}
            raise
        return {int(line["line"]): line for line in found["order"]["lines"]}


def _is_line_of(row: Row, body: Body, lines: dict[int, Any]) -> bool:
    source_and_invoice = body["key"].rpartition(":")[0]
    return row.ordinal in lines and source_and_invoice.endswith(f":{row.invoice}")


def _difference(stored: dict[str, Any], line: dict[str, Any]) -> str:
    differing = [
        f"{name} {stored[name]!r} was imported, the file has {line[name]!r}"
        for name in ("sku", "location", "quantity", "unit_price_micros")
        if stored[name] != line[name]
    ]
    return "; ".join(differing)


def _row_of_key(key: str, rows: Sequence[Row]) -> Row | None:
    return next((row for row in rows if key.endswith(f":{row.invoice}:{row.ordinal}")), None)


def _altered(row: Row, detail: str) -> Conflict:
    return Conflict(line=row.line, invoice=row.invoice, ordinal=row.ordinal, detail=detail)
