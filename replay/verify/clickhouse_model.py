"""The read model in ClickHouse (`movements`): compared row by row while the log is read, both in ledger order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from clickhouse_connect.driver.client import Client

from replay.verify.ledger import LedgerFold
from replay.verify.read_models import CatalogueEntry, ledger_positions, parked
from replay.verify.report import LawResult
from replay.verify.rows import EventRow
from replay.verify.stock import Deltas

PAGE_POSITIONS = 50_000
_COLUMNS = (
    "position", "tenant", "shard", "shard_position", "event_id", "type", "stream_version", "sku", "location",
    "occurred_at", "recorded_at", "on_hand_delta", "reserved_delta", "committed_delta", "picked_delta",
    "held_delta", "quantity", "order_id", "line", "reservation_id", "count_id", "reason", "document",
    "unit_price_micros", "currency",
)  # fmt: skip


def expected_row(row: EventRow, data: dict[str, Any], moved: Deltas) -> tuple[Any, ...]:
    return (
        row.position,
        row.tenant,
        row.shard,
        row.shard_position,
        row.event_id,
        row.type,
        row.version,
        data["sku"],
        data["location"],
        row.occurred_at,
        row.recorded_at,
        moved.on_hand,
        moved.reserved,
        moved.committed,
        0,
        moved.held,
        data.get("quantity", 0),
        data.get("order_id") or "",
        data.get("line") or 0,
        data.get("reservation_id") or "",
        data.get("count_id") or "",
        data.get("reason", ""),
        data.get("document", ""),
        data.get("unit_price_micros"),
        data.get("currency") or "",
    )


class MovementsCheck:
    """Holds one page of rows at a time. After the first difference in a ledger the rest of it is not compared:
    rows and events no longer stand side by side.
    """

    def __init__(
        self,
        client: Client,
        entry: CatalogueEntry,
        connection: psycopg.Connection,
        result: LawResult,
    ) -> None:
        self.name = entry.projection
        self.positions: Mapping[str, int] = ledger_positions(connection, entry)
        self.parked: Mapping[tuple[str, str], int] = parked(connection, entry)
        self._client = client
        self._table = entry.places["movements"]
        self._result = result
        self._ledger: str | None = None
        self._rows: Iterator[tuple[Any, ...]] = iter(())

    def park(self, row: EventRow, fold: LedgerFold) -> None:
        """Nothing to keep: from this event on, the stream's rows are absent."""

    def event(self, row: EventRow, data: dict[str, Any], moved: Deltas | None) -> None:
        if moved is None or not self._follows(row):
            return
        if row.ledger != self._ledger:
            self._ledger = row.ledger
            self._rows = self._pages(row.ledger)
        expected = expected_row(row, data, moved)
        found = next(self._rows, None)
        self._result.checked += 1
        if found != expected:
            self._explain(row, expected, found)
            self._rows = iter(())
            self._ledger = row.ledger
            self.positions = {**self.positions, row.ledger: 0}

    def _follows(self, row: EventRow) -> bool:
        if row.position > self.positions.get(row.ledger, 0):
            return False
        since = self.parked.get((row.ledger, row.stream))
        return since is None or row.position < since

    def _explain(
        self, row: EventRow, expected: tuple[Any, ...], found: tuple[Any, ...] | None
    ) -> None:
        where = f"table {self._table} in ClickHouse, row of {row.name}"
        if found is None or found[0] > row.position:
            self._result.differ(where=where, expected="a row", found="none: the row is missing")
        elif found[0] < row.position:
            self._result.differ(
                where=f"table {self._table} in ClickHouse, ledger {row.ledger}, position {found[0]}",
                expected="one row for each stock event",
                found="a row twice, or one that no event explains",
            )
        else:
            column, want, have = next(
                (column, want, have)
                for column, want, have in zip(_COLUMNS, expected, found, strict=True)
                if want != have
            )
            self._result.differ(where=f"{where}, {column}", expected=want, found=have)

    def _pages(self, ledger: str) -> Iterator[tuple[Any, ...]]:
        last = self.positions[ledger]
        for after in range(0, last, PAGE_POSITIONS):
            yield from self._client.query(
                f"SELECT {', '.join(_COLUMNS)} FROM {{table:Identifier}}"  # noqa: S608 - own columns
                " WHERE tenant = {tenant:String} AND ledger = {ledger:String}"
                " AND position > {after:Int64} AND position <= {upto:Int64} ORDER BY position",
                parameters={
                    "table": self._table,
                    "tenant": ledger.partition("/")[0],
                    "ledger": ledger,
                    "after": after,
                    "upto": min(after + PAGE_POSITIONS, last),
                },
            ).result_rows

    def compare(self, fold: LedgerFold) -> None:
        if self._ledger == fold.ledger and (extra := next(self._rows, None)) is not None:
            self._result.differ(
                where=f"table {self._table} in ClickHouse, ledger {fold.ledger}, position {extra[0]}",
                expected="no further row",
                found="a row twice, or one that no event explains",
            )

    def strays(self, heads: Mapping[str, int]) -> None:
        """`heads`: last position of each ledger, read after this check's rows."""
        counted = self._client.query(
            "SELECT ledger, max(position) FROM {table:Identifier} GROUP BY ledger ORDER BY ledger",
            parameters={"table": self._table},
        )
        for ledger, position in counted.result_rows:
            if position > heads.get(ledger, 0):
                self._result.differ(
                    where=f"table {self._table} in ClickHouse, ledger {ledger}, position {position}",
                    expected=f"no row beyond the log's last position {heads.get(ledger, 0)}",
                    found="a row that no event explains",
                )

    def end(self) -> None:
        """Rows of unknown ledgers are found by `strays`, which needs fresh heads."""
