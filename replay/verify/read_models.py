"""Law 6: each read model, read at one snapshot with its own checkpoint, against the fold at that position.

Read models are found through the catalogue table: the active version and its table or key names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import psycopg

from replay.verify.ledger import LedgerFold
from replay.verify.report import LawResult
from replay.verify.rows import EventRow
from replay.verify.stock import Deltas

Cell = dict[str, Any]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """`places`: logical name -> table name or key prefix of the active version."""

    projection: str
    version: int
    places: Mapping[str, str]


class ReadModelCheck(Protocol):
    """One read model as it was read. `positions` are its own, by ledger; `parked` names the streams that it
    stopped following, with the position of the event it could not apply.
    """

    name: str
    positions: Mapping[str, int]
    parked: Mapping[tuple[str, str], int]

    def park(self, row: EventRow, fold: LedgerFold) -> None:
        """Called before the event at which a stream was parked is folded."""

    def event(self, row: EventRow, data: dict[str, Any], moved: Deltas | None) -> None:
        """Called after each event up to the read model's position was folded, in order."""

    def compare(self, fold: LedgerFold) -> None:
        """Called once per ledger, when the fold stands at the read model's position."""

    def end(self) -> None:
        """Called when every ledger was compared: what is left belongs to none."""


@dataclass(slots=True, kw_only=True)
class Table:
    """Cells of one table or key space, as found, beside what a fold makes of them.

    `cells` names only the columns it speaks of; `stream_of` tells which stream a cell is the fold of.
    """

    name: str
    cells: Callable[[LedgerFold], Mapping[Key, Cell]]
    stream_of: Callable[[Key], str]
    found: dict[str, dict[Key, Cell]] = field(default_factory=dict)
    _frozen: dict[str, dict[str, dict[Key, Cell]]] = field(default_factory=dict)

    def park(self, row: EventRow, fold: LedgerFold) -> None:
        kept = {k: c for k, c in self.cells(fold).items() if self.stream_of(k) == row.stream}
        self._frozen.setdefault(row.ledger, {})[row.stream] = kept

    def compare(self, result: LawResult, fold: LedgerFold) -> None:
        expected = dict(self.cells(fold))
        for stream, kept in self._frozen.get(fold.ledger, {}).items():
            expected = {k: c for k, c in expected.items() if self.stream_of(k) != stream} | kept
        found = self.found.pop(fold.ledger, {})
        for key, cell in expected.items():
            where = f"{self.name}, ledger {fold.ledger}, {' '.join(key)}"
            row = found.pop(key, None)
            if row is None:
                result.differ(where=where, expected=cell, found="nothing: the cell is missing")
                continue
            for column, value in cell.items():
                result.expect(where=f"{where}, {column}", expected=value, found=row.get(column))
        for key, row in found.items():
            result.differ(
                where=f"{self.name}, ledger {fold.ledger}, {' '.join(key)}",
                expected="no cell: no event explains one",
                found=row,
            )

    def end(self, result: LawResult) -> None:
        for ledger, rows in self.found.items():
            if rows:
                result.differ(
                    where=f"{self.name}, ledger {ledger}",
                    expected="no cell: the read model has no position in this ledger",
                    found=f"{len(rows)} cells",
                )


@dataclass(slots=True, kw_only=True)
class TablesCheck:
    """A read model whose cells fit in memory: compared at its position, all at once."""

    name: str
    result: LawResult
    positions: Mapping[str, int]
    parked: Mapping[tuple[str, str], int]
    tables: Iterable[Table]

    def park(self, row: EventRow, fold: LedgerFold) -> None:
        for table in self.tables:
            table.park(row, fold)

    def event(self, row: EventRow, data: dict[str, Any], moved: Deltas | None) -> None:
        """Nothing to do: the fold is compared whole."""

    def compare(self, fold: LedgerFold) -> None:
        for table in self.tables:
            table.compare(self.result, fold)

    def end(self) -> None:
        for table in self.tables:
            table.end(self.result)


def catalogue(connection: psycopg.Connection) -> list[CatalogueEntry]:
    rows = connection.execute(
        "SELECT projection, version, places FROM projections WHERE state = 'active' ORDER BY projection"
    )
    return [CatalogueEntry(projection=p, version=v, places=places) for p, v, places in rows]


def parked(connection: psycopg.Connection, entry: CatalogueEntry) -> dict[tuple[str, str], int]:
    rows = connection.execute(
        "SELECT ledger, stream, position FROM parked_streams WHERE projection = %s AND version = %s",
        (entry.projection, entry.version),
    )
    return {(ledger, stream): position for ledger, stream, position in rows}


def ledger_positions(connection: psycopg.Connection, entry: CatalogueEntry) -> dict[str, int]:
    rows = connection.execute(
        "SELECT ledger, position FROM projection_ledgers WHERE projection = %s AND version = %s",
        (entry.projection, entry.version),
    )
    return dict(rows.fetchall())
