"""The item and location dimensions of `movements` in ClickHouse.

The engine may drop an older row of an item as soon as there is a newer one, so they are read before
the log's snapshot, and each row is compared where it says it stands itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clickhouse_connect.driver.client import Client

from replay.verify.catalogue import Entry, Streams
from replay.verify.ledger import ITEM_TYPES, Described, LedgerFold
from replay.verify.report import LawResult
from replay.verify.rows import EventRow, microseconds
from replay.verify.shapes import ITEM, LOCATION
from replay.verify.stock import Data, Move

MADE_OF = {"item": ITEM_TYPES, "location": ("location.registered.v1",)}
Cells = Callable[[LedgerFold], Mapping[str, Described]]


@dataclass(slots=True, kw_only=True)
class Dimension:
    """A `Follower`. `positions`: the read model's own, of before the rows were read, so that what
    they cover must be there. `met` are rows that stand where an event of theirs stands.
    """

    table: str
    key: str
    aggregate: str
    columns: Mapping[str, Any]
    cells: Cells
    law: LawResult
    positions: Mapping[str, int]
    parked: Streams
    rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    _due: dict[str, int] = field(default_factory=dict)
    _met: set[str] = field(default_factory=set)

    def read(self, client: Client) -> None:
        columns = (self.key, "tenant", "ledger", "shard", *self.columns, "position")
        if self.aggregate == "item":
            columns += ("status",)
        names = ", ".join((*columns, "toUnixTimestamp64Micro(recorded_at) AS recorded_us"))
        query = f"SELECT {names} FROM {{table:Identifier}} FINAL"  # noqa: S608 - named here
        for row in client.query(query, {"table": self.table}).named_results():
            self.rows.setdefault(row["ledger"], {})[row[self.key]] = dict(row)

    def event(self, row: EventRow, data: Data, moved: Move, fold: LedgerFold) -> None:  # noqa: ARG002 - as any follower
        if row.type not in MADE_OF[self.aggregate]:
            return
        name = data[self.key]
        park = self.parked.get((row.ledger, row.stream))
        if row.position <= self.positions.get(row.ledger, 0) and (
            park is None or row.position < park.position
        ):
            self._due[name] = row.position
        found = self.rows.get(row.ledger, {}).get(name)
        if found is not None and found["position"] == row.position:
            self._met.add(name)
            self._compare(row, self.cells(fold)[name], found)

    def end(self, fold: LedgerFold) -> None:
        rows = self.rows.pop(fold.ledger, {})
        for name, row in rows.items():
            self.law.checked += 1
            if name not in self._met or row["position"] < self._due.get(name, 0):
                self._differ(
                    fold.ledger,
                    name,
                    f"a row as of position {self._due.get(name, 'none')}",
                    f"one as of {row['position']}",
                )
        for name in self._due.keys() - rows.keys():
            self._differ(fold.ledger, name, "a row", "none: the row is missing")
        self._due, self._met = {}, set()

    def strays(self) -> None:
        """Every ledger was folded: what is left belongs to none."""
        for ledger, rows in self.rows.items():
            self._differ(ledger, next(iter(rows)), "no row", "a row of an unknown ledger")

    def _compare(self, row: EventRow, cell: Described, found: Mapping[str, Any]) -> None:
        expected: dict[str, Any] = {
            "tenant": row.tenant,
            "shard": row.shard,
            **self.columns,
            **cell.fields,
            "recorded_us": microseconds(row.recorded_at),
        }
        if self.aggregate == "item":
            expected |= {"status": cell.status, "gtin": expected["gtin"] or ""}
        for column, want in expected.items():
            self.law.checked += 1
            if found[column] != want:
                self._differ(row.ledger, f"{found[self.key]}, {column}", want, found[column])

    def _differ(self, ledger: str, name: str, expected: object, found: object) -> None:
        self.law.differ(
            where=f"table {self.table} in ClickHouse, ledger {ledger}, {name}",
            expected=expected,
            found=found,
        )


def dimensions(
    entry: Entry, positions: Mapping[str, int], parked: Streams, law: LawResult
) -> list[Dimension]:
    """Items and locations of a version of `movements`."""
    shapes: tuple[tuple[str, str, str, Mapping[str, Any], Cells], ...] = (
        ("items", "sku", "item", ITEM, lambda fold: fold.items),
        ("locations", "location", "location", LOCATION, lambda fold: fold.locations),
    )
    return [
        Dimension(
            table=entry.places[place],
            key=key,
            aggregate=aggregate,
            columns=columns,
            cells=cells,
            law=law,
            positions=positions,
            parked=parked,
        )
        for place, key, aggregate, columns, cells in shapes
    ]
