"""Cells of read models in Postgres: read in the log's own snapshot, so nothing can come between."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from replay.verify import catalogue
from replay.verify.catalogue import Entry, Streams
from replay.verify.sampling.picking import Picked
from replay.verify.sampling.results import ModelTally
from replay.verify.sampling.stream_fold import NotFoldedError, StreamFolds
from replay.verify.shapes import SHAPES, Key, Shape

AFTER = sql.SQL("""
SELECT {columns} FROM {table} WHERE ledger = %s AND ({keys}) > ({key}) ORDER BY {keys} LIMIT 1
""")
BEFORE = sql.SQL("""
SELECT {columns} FROM {table} WHERE ledger = %s AND ({keys}) < ({key}) ORDER BY {descending} LIMIT 1
""")


class PostgresCells:
    """One version, in one snapshot."""

    def __init__(
        self, connection: psycopg.Connection, entry: Entry, folds: StreamFolds, tally: ModelTally
    ) -> None:
        self._connection = connection
        self._folds = folds
        self._tally = tally
        self._seen: set[Picked] = set()
        self._positions = catalogue.ledger_positions(connection, entry)
        self._parked: Streams = catalogue.parked(connection, entry)
        self._tables = {
            aggregate: (place, SHAPES[name])
            for name, place in entry.places.items()
            if name in SHAPES
            for aggregate in SHAPES[name].aggregates
        }

    def check(self, picked: Picked) -> None:
        """The stream's cell, and those beside it in the table, whoever has made them."""
        table, shape = self._tables.get(picked.aggregate, (None, None))
        if table is None or shape is None:
            return
        key = shape.key_of(picked.stream)
        self._cell(table, shape, picked, self._row(table, shape, picked.ledger, key))
        width = len(shape.keys)
        for query in (AFTER, BEFORE):
            beside = self._beside(query, table, shape, (picked.ledger, key))
            if beside is not None:
                neighbour = Picked(picked.ledger, shape.stream_of(beside[:width]))
                self._cell(table, shape, neighbour, beside[width:])

    def _cell(
        self, table: str, shape: Shape, picked: Picked, found: tuple[Any, ...] | None
    ) -> None:
        if picked in self._seen:
            return
        self._seen.add(picked)
        position = self._positions.get(picked.ledger, 0)
        park = self._parked.get(picked)
        if park is not None:
            if park.retrying:
                self._tally.skip("being retried")
                return
            position = min(position, park.position - 1)
        try:
            folded = self._folds.at(*picked, position)
        except NotFoldedError as error:
            self._tally.skip(error.reason)
            return
        key = shape.key_of(picked.stream)
        cell = shape.cells(folded.fold).get(key)
        expected = None if cell is None else (folded.fold.tenant, *shape.values(cell))
        where = f"table {table} in Postgres, ledger {picked.ledger}, {shape.shown(key)}"
        if expected is not None and found is not None and expected != found:
            named = zip(("tenant", *shape.columns), expected, found, strict=True)
            column, want, have = next(each for each in named if each[1] != each[2])
            where, expected, found = f"{where}, {column}", want, have
        self._tally.compare(*picked, f"{where}, at position {position}", expected, found)

    def _row(self, table: str, shape: Shape, ledger: str, key: Key) -> tuple[Any, ...] | None:
        values = key if isinstance(key, tuple) else (key,)
        same = sql.SQL(" AND ").join(
            sql.SQL("{} = %s").format(sql.Identifier(column)) for column in shape.keys
        )
        query = sql.SQL("SELECT {} FROM {} WHERE ledger = %s AND {}").format(
            _columns("tenant", *shape.columns), sql.Identifier(table), same
        )
        return self._connection.execute(query, (ledger, *values)).fetchone()

    def _beside(
        self, query: sql.SQL, table: str, shape: Shape, cell: tuple[str, Key]
    ) -> tuple[Any, ...] | None:
        ledger, key = cell
        values = key if isinstance(key, tuple) else (key,)
        statement = query.format(
            columns=_columns(*shape.keys, "tenant", *shape.columns),
            table=sql.Identifier(table),
            keys=_columns(*shape.keys),
            key=sql.SQL(", ").join([sql.Placeholder()] * len(values)),
            descending=sql.SQL(", ").join(
                sql.SQL("{} DESC").format(sql.Identifier(column)) for column in shape.keys
            ),
        )
        return self._connection.execute(statement, (ledger, *values)).fetchone()


def _columns(*names: str) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
