"""Questions to ClickHouse that speak of two versions: digests by bucket, and the rows that differ.

Rows of `movements` never change, so both versions are read up to the lower of their positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from domain.streams import stock_stream
from projections.movements.inserts import clickhouse_outages
from projections.movements.schema import ITEMS, LOCATIONS, MOVEMENTS, corrections_table
from replay.diff.cells import Cells, Key, Pair, Place
from replay.diff.folds import DELTAS
from replay.diff.sides import Sides

# Shard positions of a bucket: where two buckets differ, so many rows are compared.
BUCKET: Final = 4_096
BUCKETS_PER_READ: Final = 16
Digested = tuple[int, tuple[int, int], Mapping[str, int]]
"""Rows, hashes, sums."""
COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "movements": MOVEMENTS,
    "items": ITEMS,
    "locations": LOCATIONS,
}

BUCKETS: Final = """
SELECT shard, intDiv(shard_position, {{size:UInt64}}) AS bucket, count(),
       sum(cityHash64(tuple({columns})) AS h), sum(h * h), {sums}
  FROM {table}
 WHERE shard_position <= arrayElement({{uppers:Array(UInt64)}}, shard + 1)
 GROUP BY shard, bucket
"""
ROWS: Final = """
SELECT 0 AS side, cityHash64(tuple({columns})) AS h, tuple({cells}) AS cells, {columns}
  FROM {older} {final}
UNION ALL
SELECT 1, cityHash64(tuple({columns})), tuple({cells}), {columns}
  FROM {newer} {final}
"""
# As `projections.movements.corrections` has it, for all ledgers at once.
CORRECTED: Final = """(
    SELECT {columns} FROM {{{side}:Identifier}}
     WHERE (ledger, position) NOT IN (
        SELECT ledger, position FROM {{{side}_corrections:Identifier}}
         WHERE (ledger, correction) IN {{{side}_shown:Array(Tuple(String, UInt64))}})
    UNION ALL
    SELECT {columns} FROM (
        SELECT * FROM {{{side}_corrections:Identifier}}
         WHERE (ledger, correction) IN {{{side}_shown:Array(Tuple(String, UInt64))}}
         ORDER BY ledger, position, correction DESC LIMIT 1 BY ledger, position)
     WHERE NOT is_tombstone
)"""
SIDES: Final = ("older", "newer")
Shown = tuple[list[tuple[str, int]], list[tuple[str, int]]]
"""Of each version: the (ledger, correction) pairs that readers see."""
DIFFERING: Final = """
SELECT ledger, position, countIf(side = 0), countIf(side = 1), anyIf(cells, side = 0),
       anyIf(cells, side = 1)
  FROM ({rows})
 WHERE shard = {{shard:UInt16}} AND shard_position <= {{upper:UInt64}}
   AND intDiv(shard_position, {{size:UInt64}}) IN {{buckets:Array(UInt64)}}
 GROUP BY ledger, position
HAVING countIf(side = 0) != 1 OR countIf(side = 1) != 1
    OR anyIf(h, side = 0) != anyIf(h, side = 1)
 ORDER BY ledger, position
"""
# Rows that differ stand alone; all others of a shard are counted together.
DIMENSIONS: Final = """
SELECT shard, if(differs, owner, '') AS ledger, if(differs, id, '') AS key,
       sum(n.1), sum(h.1), sum(h.1 * h.1), any(c.1), sum(n.2), sum(h.2), sum(h.2 * h.2), any(c.2)
  FROM (SELECT ledger AS owner, {key} AS id, any(shard) AS shard,
               (countIf(side = 0), countIf(side = 1)) AS n,
               (sumIf(h, side = 0), sumIf(h, side = 1)) AS h,
               (anyIf(cells, side = 0), anyIf(cells, side = 1)) AS c,
               n.1 != n.2 OR h.1 != h.2 AS differs
          FROM ({rows})
         WHERE {{all:Bool}} OR (ledger, {key}) IN {{keys:Array(Tuple(String, String))}}
         GROUP BY owner, id)
 GROUP BY shard, ledger, key
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DimensionRow:
    """A key of items or locations that differs, or (key None) all of a shard that do not."""

    shard: int
    key: Key | None
    digests: tuple[Digested, Digested]
    cells: tuple[Cells | None, Cells | None]


class ClickHouseRows:
    """The tables of two versions. Raises `StoreUnavailableError`."""

    def __init__(self, sides: Sides, shown: Shown) -> None:
        assert sides.clickhouse is not None, "movements are compared where they are kept"
        self._client: Client = sides.clickhouse
        self._sides = sides
        self._shown = shown

    def buckets(self, version: int, uppers: Sequence[int]) -> dict[tuple[int, int], Digested]:
        """(shard, bucket) -> digest of a version's movements, up to a position by shard."""
        statement = BUCKETS.format(
            columns=", ".join(MOVEMENTS),
            sums=", ".join(f"sum({name})" for name in DELTAS),
            table=self._relation(version, "movements"),
        )
        values = self._tables("movements") | {"size": BUCKET, "uppers": list(uppers)}
        found: dict[tuple[int, int], Digested] = {}
        for shard, bucket, rows, low, high, *sums in self._query(statement, values):
            found[shard, bucket] = (rows, (low, high), dict(zip(DELTAS, sums, strict=True)))
        return found

    def differing(self, shard: int, buckets: Sequence[int], upper: int) -> Iterator[Pair]:
        """The movements that differ in some buckets of a shard."""
        for first in range(0, len(buckets), BUCKETS_PER_READ):
            values = self._tables("movements") | {
                "shard": shard,
                "upper": upper,
                "size": BUCKET,
                "buckets": list(buckets[first : first + BUCKETS_PER_READ]),
            }
            statement = DIFFERING.format(rows=self._rows("movements", final=""))
            for ledger, position, before, after, older, newer in self._query(statement, values):
                cells = [
                    _cells("movements", found) | {"rows": count} if count else None
                    for count, found in ((before, older), (after, newer))
                ]
                known = cells[0] or cells[1]
                assert known is not None
                sku, location = known["sku"], known["location"]
                key = Key(
                    place="movements",
                    ledger=ledger,
                    stream=stock_stream(sku, location),
                    names=(("position", position), ("sku", sku), ("location", location)),
                )
                yield Pair(key=key, position=upper, older=cells[0], newer=cells[1])

    def dimensions(self, place: Place, keys: Sequence[Key] | None) -> Iterator[DimensionRow]:
        """All rows of items or locations (or those of `keys`) as one query sees them."""
        statement = DIMENSIONS.format(
            key=place.columns[0], rows=self._rows(place.name, final="FINAL")
        )
        values = self._tables(place.name) | {
            "all": keys is None,
            "keys": [(key.ledger, str(key.names[0][1])) for key in keys or ()],
        }
        for shard, ledger, name, *found in self._query(statement, values):
            yield DimensionRow(
                shard=shard,
                key=place.key(ledger, name) if ledger else None,
                digests=(_digested(found[:3]), _digested(found[4:7])),
                cells=(
                    _cells(place.name, found[3]) if found[0] else None,
                    _cells(place.name, found[7]) if found[4] else None,
                ),
            )

    def _tables(self, place: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for side, model, shown in zip(SIDES, self._sides.both, self._shown, strict=True):
            found[side] = model.places[place]
            if shown and place == "movements":
                found[f"{side}_corrections"] = corrections_table(model.places[place])
                found[f"{side}_shown"] = list(shown)
        return found

    def _relation(self, version: int, place: str) -> str:
        """What readers see of a version's table."""
        side = SIDES[version]
        if place == "movements" and self._shown[version]:
            return CORRECTED.format(side=side, columns=", ".join(MOVEMENTS))
        return f"{{{side}:Identifier}}"

    def _rows(self, place: str, *, final: str) -> str:
        columns = COLUMNS[place]
        return ROWS.format(
            columns=", ".join(columns),
            cells=", ".join(_shown(name, kind) for name, kind in columns.items()),
            older=self._relation(0, place),
            newer=self._relation(1, place),
            final=final,
        )

    def _query(self, statement: str, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        with clickhouse_outages():
            return self._client.query(statement, dict(values)).result_rows


def _shown(name: str, kind: str) -> str:
    """A column as JSON can hold it: ids as text, instants in µs since 1970."""
    if kind == "UUID":
        return f"toString({name})"
    return f"toUnixTimestamp64Micro({name})" if kind.startswith("DateTime64") else name


def _digested(values: Sequence[int]) -> Digested:
    rows, low, high = values
    return rows, (low, high), {}


def _cells(place: str, values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(COLUMNS[place], values, strict=True))
