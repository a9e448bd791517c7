"""Every cell of `stock_levels` and `movements` that the independent fold finds wrong, by name.

`verify` tells the first difference; who repairs a read model wants to know all that are to change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import psycopg
from clickhouse_connect.driver.client import Client
from psycopg import sql

from replay.verify import catalogue, clickhouse_model, rows
from replay.verify.catalogue import Entry
from replay.verify.clickhouse_model import COLUMNS, PAGE, PAGE_POSITIONS, expected_row
from replay.verify.ledger import KNOWN_TYPES, LedgerFold
from replay.verify.run import Addresses
from replay.verify.shapes import SHAPES
from replay.verify.stock import MOVES

ROW = "row"
"""The field of a row that is missing, or that should not be there."""
LEVELS, MOVEMENTS = "stock_levels", "movements"
_data = msgspec.json.Decoder().decode


class WrongCell(NamedTuple):
    """`names`: SKU and location; of a movement its ledger position before them."""

    place: str
    ledger: str
    names: tuple[str | int, ...]
    field: str


def wrong_cells(addresses: Addresses) -> set[WrongCell]:
    """Of the active versions, each where it stands. Reads only; memory grows with the wrong ones
    and with the keys of one ledger. Raises the drivers' errors.
    """
    found: set[WrongCell] = set()
    client = clickhouse_model.connect(addresses.clickhouse_url)
    try:
        with psycopg.connect(addresses.postgres_dsn) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            entries = {entry.projection: entry for entry in catalogue.fed(connection)}
            for ledger in rows.ledgers(connection):
                found |= _Ledger(connection, client, entries, ledger.ledger).wrong()
    finally:
        client.close()
    return found


class _Ledger:
    """One ledger's walk."""

    def __init__(
        self,
        connection: psycopg.Connection,
        client: Client,
        entries: Mapping[str, Entry],
        ledger: str,
    ) -> None:
        self._connection = connection
        self._client = client
        self._ledger = ledger
        self._tables = {
            LEVELS: entries[LEVELS].places[LEVELS],
            MOVEMENTS: entries[MOVEMENTS].places[MOVEMENTS],
        }
        self._reached = {
            name: catalogue.ledger_positions(connection, entries[name]).get(ledger, 0)
            for name in (LEVELS, MOVEMENTS)
        }
        self._fold = LedgerFold(ledger)
        self._found: set[WrongCell] = set()

    def wrong(self) -> set[WrongCell]:
        stored = self._movements(self._reached[MOVEMENTS])
        shown = next(stored, None)
        for row in rows.events(self._connection, self._ledger):
            if row.position > max(self._reached.values()):
                break
            if row.type in MOVES:
                data = _data(row.data)
                _, moved = self._fold.stock(row, data)
                if row.position <= self._reached[MOVEMENTS]:
                    while shown is not None and shown[0] < row.position:
                        shown = next(stored, None)
                    self._movement(expected_row(row, data, moved), shown)
            elif row.type in KNOWN_TYPES:
                self._fold.other(row, _data(row.data))
            if row.position == self._reached[LEVELS]:
                self._levels()
        return self._found

    def _movement(self, expected: Sequence[Any], shown: Sequence[Any] | None) -> None:
        cells = dict(zip(COLUMNS, expected, strict=True))
        names = (cells["position"], cells["sku"], cells["location"])
        if shown is None or shown[0] != expected[0]:
            self._note(MOVEMENTS, names, ROW)
            return
        for column, want, have in zip(COLUMNS, expected, shown, strict=True):
            if want != have:
                self._note(MOVEMENTS, names, column)

    def _levels(self) -> None:
        shape = SHAPES[LEVELS]
        left = dict(shape.cells(self._fold))
        columns = map(sql.Identifier, (*shape.keys, *shape.columns))
        query = sql.SQL("SELECT {} FROM {} WHERE ledger = %s").format(
            sql.SQL(", ").join(columns), sql.Identifier(self._tables[LEVELS])
        )
        for sku, location, *found in self._connection.execute(query, (self._ledger,)):
            stock = left.pop((sku, location), None)
            if stock is None:
                self._note(LEVELS, (sku, location), ROW)
                continue
            for column, want, have in zip(shape.columns, shape.values(stock), found, strict=True):
                if want != have:
                    self._note(LEVELS, (sku, location), column)
        for names in left:
            self._note(LEVELS, names, ROW)

    def _movements(self, last: int) -> Iterator[Sequence[Any]]:
        for after in range(0, last, PAGE_POSITIONS):
            values = {
                "table": self._tables[MOVEMENTS],
                "tenant": self._ledger.partition("/")[0],
                "ledger": self._ledger,
                "after": after,
                "upto": min(after + PAGE_POSITIONS, last),
            }
            yield from zip(*self._client.query(PAGE, values).result_columns, strict=True)

    def _note(self, place: str, names: tuple[str | int, ...], field: str) -> None:
        self._found.add(WrongCell(place, self._ledger, names, field))
