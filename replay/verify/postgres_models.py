"""The read models in Postgres: tables read in the log's own snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

import psycopg
from psycopg import sql

from replay.verify.catalogue import Entry, Streams
from replay.verify.ledger import LedgerFold
from replay.verify.report import LawResult
from replay.verify.rows import PAGE_ROWS, EventRow
from replay.verify.shapes import SHAPES, Key, Shape, Values


class Table:
    """One table of a read model."""

    def __init__(self, connection: psycopg.Connection, name: str, shape: Shape) -> None:
        self._connection = connection
        self._table = sql.Identifier(name)
        self._name = f"table {name} in Postgres"
        self._shape = shape
        self._stopped: dict[Key, Values | None] = {}

    def row_position(self, ledger: str, stream: str) -> int:
        """Of the row that shows the stream; 0 without one."""
        key = self._shape.key_of(stream)
        if key is None:
            return 0
        values = (ledger, *(key if isinstance(key, tuple) else (key,)))
        same = sql.SQL(" AND ").join(
            sql.SQL("{} = %s").format(sql.Identifier(column)) for column in self._shape.keys
        )
        query = sql.SQL("SELECT position FROM {} WHERE ledger = %s AND {}")
        row = self._connection.execute(query.format(self._table, same), values).fetchone()
        return 0 if row is None else int(row[0])

    def stop(self, row: EventRow, fold: LedgerFold) -> None:
        """Keep what the stream's cell must go on showing."""
        key = self._shape.key_of(row.stream)
        if key is not None:
            cell = self._shape.cells(fold).get(key)
            self._stopped[key] = None if cell is None else self._shape.values(cell)

    def compare(self, fold: LedgerFold, law: LawResult) -> None:
        cells, values, stopped = self._shape.cells(fold), self._shape.values, self._stopped
        seen: set[Key] = set()
        for key, tenant, found in self._rows(fold.ledger):
            law.checked += 1
            seen.add(key)
            cell = cells.get(key)
            expected = None if cell is None else values(cell)
            if key in stopped:
                expected = stopped[key]
            if expected is None:
                nobody = "no row: no event explains one"
                law.differ(where=self._where(fold, key), expected=nobody, found=found)
            elif found != expected or tenant != fold.tenant:
                self._unlike(law, fold, key, (fold.tenant, *expected), (tenant, *found))
        for key in cells.keys() - seen:
            if stopped.get(key, ()) is not None:
                lost = "none: the row is missing"
                law.differ(where=self._where(fold, key), expected="a row", found=lost)
        self._stopped = {}

    def strays(self, ledgers: list[str], law: LawResult) -> None:
        """Rows of ledgers that there are not."""
        law.checked += 1
        query = sql.SQL("SELECT ledger FROM {} WHERE ledger <> ALL(%s) LIMIT 1")
        row = self._connection.execute(query.format(self._table), (ledgers,)).fetchone()
        if row is not None:
            law.differ(
                where=f"{self._name}, ledger {row[0]}", expected="no row", found="an unknown ledger"
            )

    def _rows(self, ledger: str) -> Iterator[tuple[Key, str, Values]]:
        """Key, tenant and values of each row."""
        shape = self._shape
        columns = map(sql.Identifier, (*shape.keys, "tenant", *shape.columns))
        query = sql.SQL("SELECT {} FROM {} WHERE ledger = %s")
        width = len(shape.keys)
        key_of = itemgetter(*range(width))
        with self._connection.cursor(name="verify_table") as cursor:
            cursor.itersize = PAGE_ROWS
            cursor.execute(query.format(sql.SQL(", ").join(columns), self._table), (ledger,))
            for row in cursor:
                yield key_of(row), row[width], row[width + 1 :]

    def _unlike(
        self, law: LawResult, fold: LedgerFold, key: Key, expected: Values, found: Values
    ) -> None:
        named = zip(("tenant", *self._shape.columns), expected, found, strict=True)
        column, want, have = next(each for each in named if each[1] != each[2])
        where = f"{self._where(fold, key)}, {column}"
        law.differ(where=where, expected=want, found=have)

    def _where(self, fold: LedgerFold, key: Key) -> str:
        return f"{self._name}, ledger {fold.ledger}, {self._shape.shown(key)}"


@dataclass(slots=True, kw_only=True)
class PostgresModel:
    """A `ReadModel` whose tables stand in the log's own database."""

    name: str
    law: LawResult
    positions: Mapping[str, int]
    tables: list[Table]
    _stops: dict[str, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        connection: psycopg.Connection,
        entry: Entry,
        positions: Mapping[str, int],
        parked: Streams,
        law: LawResult,
    ) -> PostgresModel:
        tables = []
        for name, place in entry.places.items():
            if name in SHAPES:
                tables.append(Table(connection, place, SHAPES[name]))
            else:
                law.differ(
                    where=f"{entry.name}, {place}", expected="a fold to compare with", found="none"
                )
        model = cls(name=entry.name, law=law, positions=positions, tables=tables)
        for (ledger, stream), park in parked.items():
            first = park.position
            if park.retrying:  # its row tells how far the retry has come
                rows = (table.row_position(ledger, stream) for table in tables)
                first = max(first, max(rows, default=0) + 1)
            model._stops.setdefault(ledger, {})[stream] = first
        return model

    def position(self, ledger: str) -> int:
        return self.positions.get(ledger, 0)

    def stops(self, ledger: str) -> Mapping[str, int]:
        return self._stops.get(ledger, {})

    def stop(self, row: EventRow, fold: LedgerFold) -> None:
        for table in self.tables:
            table.stop(row, fold)

    def compare(self, fold: LedgerFold) -> None:
        for table in self.tables:
            table.compare(fold, self.law)

    def end(self, ledgers: list[str]) -> None:
        """Every ledger was compared."""
        for table in self.tables:
            table.strays(ledgers, self.law)
