"""One snapshot of PostgreSQL: both versions of a read model, and both their checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from eventlog.log import LogReader
from eventlog.postgres.connections import Pool, borrowed
from replay.diff.cells import (
    CHARGES,
    DOCUMENTS,
    ITEMS,
    LOCATIONS,
    ORDERS,
    STOCK_LEVELS,
    Key,
    Pair,
    Place,
)
from replay.diff.sides import Parked, Positions, Sides, Streams, parked, positions, touched

PLACES: Final[Mapping[str, Sequence[Place]]] = {
    "stock_levels": (STOCK_LEVELS, ITEMS, LOCATIONS),
    "orders": (ORDERS, CHARGES),
    "documents": (DOCUMENTS,),
}
ROWS_PER_FETCH: Final = 2_000
# Rows of a ledger that the log does not know.
STRAY: Final = -1
# The log role's plans are made for look-ups; here whole tables are read.
SETTINGS: Final = """
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout TO '600s';
SET LOCAL enable_seqscan TO on; SET LOCAL enable_hashjoin TO on; SET LOCAL enable_mergejoin TO on;
SET LOCAL plan_cache_mode TO force_custom_plan
"""
COLUMNS: Final = """
SELECT attname, atttypid IN ('bigint'::regtype, 'numeric'::regtype)
  FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
 ORDER BY attnum
"""
DIGEST: Final = """
SELECT coalesce(shard, {stray}), count(*), sum(hashtextextended(line, 0)),
       sum(hashtextextended(line, 1)) {sums}
  FROM (SELECT ledger, row::text AS line {numbers} FROM {table} AS row OFFSET 0) AS digested
  LEFT JOIN ledgers USING (ledger) GROUP BY 1
"""
DIFFERING: Final = """
SELECT coalesce(shard, {stray}), to_jsonb(a), to_jsonb(b)
  FROM {older} AS a FULL JOIN {newer} AS b ON {joined}
  LEFT JOIN ledgers AS l ON l.ledger = coalesce(a.ledger, b.ledger)
 WHERE coalesce(shard, {stray}) = ANY (%s) AND a::text IS DISTINCT FROM b::text
"""
WANTED: Final = """
SELECT n, to_jsonb(a), hashtextextended(a::text, 0), hashtextextended(a::text, 1),
          to_jsonb(b), hashtextextended(b::text, 0), hashtextextended(b::text, 1)
  FROM unnest({arrays}) WITH ORDINALITY AS wanted ({names}, n)
  LEFT JOIN {older} AS a ON {of_older} LEFT JOIN {newer} AS b ON {of_newer}
"""
Hashes = tuple[int, int]
NOTHING: Final[Hashes] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One place in both versions. `numbers`: the columns that are summed."""

    place: Place
    older: sql.Identifier
    newer: sql.Identifier
    columns: tuple[str, ...]
    numbers: tuple[str, ...]

    @property
    def key(self) -> tuple[str, ...]:
        return ("ledger", *self.place.columns)

    def pair(self, key: Key, position: int, older: Any, newer: Any) -> Pair:  # noqa: ANN401 - jsonb
        return Pair(key=key, position=position, older=self._cells(older), newer=self._cells(newer))

    def sums(self, row: Mapping[str, Any]) -> dict[str, int]:
        return {name: int(row[name]) for name in self.numbers}

    def _cells(self, row: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if row is None:
            return None
        return {name: value for name, value in row.items() if name not in self.key}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one version holds of one key: its row, and the row's hashes."""

    row: Mapping[str, Any] | None
    hashes: Hashes


class Snapshot:
    """What one snapshot shows. `touched`: by shard, the streams that only one version has
    folded to where the other one is.
    """

    def __init__(self, connection: Connection[TupleRow], sides: Sides, reader: LogReader) -> None:
        self._connection = connection
        self.positions: Positions = positions(connection, sides)
        self.parked: Parked = parked(connection, sides)
        self.touched: Mapping[int, Streams] = {
            shard: touched(reader, sides, shard, place) for shard, place in self.positions.items()
        }
        self.unsettled: Streams = frozenset().union(*self.touched.values())

    def position(self, shard: int) -> int:
        """Where every key of the shard that is not touched stands in both versions."""
        return min(self.positions.get(shard, (0, 0)))

    def digests(
        self, table: Table, name: sql.Identifier
    ) -> Iterator[tuple[int, int, Hashes, dict[str, int]]]:
        """(shard, rows, hashes, sums) of one version's table."""
        numbers = [sql.Identifier(each) for each in table.numbers]
        statement = sql.SQL(DIGEST).format(
            stray=STRAY,
            table=name,
            numbers=sql.SQL("").join(sql.SQL(", {}").format(each) for each in numbers),
            sums=sql.SQL("").join(sql.SQL(", sum({})").format(each) for each in numbers),
        )
        for shard, rows, low, high, *sums in self._connection.execute(statement):
            found = dict(zip(table.numbers, map(int, sums), strict=True))
            yield shard, rows, (int(low), int(high)), found

    def differing(self, table: Table, shards: Sequence[int]) -> Iterator[tuple[int, Key, Any, Any]]:
        """(shard, key, older row, newer row) where the rows differ."""
        statement = sql.SQL(DIFFERING).format(
            stray=STRAY, older=table.older, newer=table.newer, joined=_joined(table.key, "a", "b")
        )
        with self._connection.cursor("differing") as cursor:
            cursor.itersize = ROWS_PER_FETCH
            for shard, older, newer in cursor.execute(statement, (list(shards),)):
                row = older or newer
                ids = [row[name] for name in table.place.columns]
                yield shard, table.place.key(row["ledger"], *ids), older, newer

    def rows(self, table: Table, keys: Sequence[Key]) -> Iterator[tuple[Key, Side, Side]]:
        """Both versions' rows of these keys."""
        if not keys:
            return
        names = table.key
        statement = sql.SQL(WANTED).format(
            arrays=sql.SQL(", ").join([sql.SQL("%s::text[]")] * len(names)),
            names=sql.SQL(", ").join(map(sql.Identifier, names)),
            older=table.older,
            newer=table.newer,
            of_older=_joined(names, "a", "wanted"),
            of_newer=_joined(names, "b", "wanted"),
        )
        columns = zip(*((key.ledger, *(str(v) for _, v in key.names)) for key in keys), strict=True)
        for number, *found in self._connection.execute(statement, [list(each) for each in columns]):
            older, newer = (
                Side(row=row, hashes=NOTHING if row is None else (low, high))
                for row, low, high in (found[:3], found[3:])
            )
            yield keys[number - 1], older, newer


def tables(connection: Connection[Any], sides: Sides) -> list[Table]:
    """The tables of a read model in PostgreSQL, as they are there."""
    found = []
    for place in PLACES[sides.name]:
        columns = connection.execute(COLUMNS, (sides.older.places[place.name],)).fetchall()
        numbers = [name for name, is_number in columns if is_number and "position" not in name]
        nullable = {"latitude_microdegrees", "longitude_microdegrees"}
        found.append(
            Table(
                place=place,
                older=sql.Identifier(sides.older.places[place.name]),
                newer=sql.Identifier(sides.newer.places[place.name]),
                columns=tuple(name for name, _ in columns),
                numbers=tuple(name for name in numbers if name not in nullable),
            )
        )
    return found


@contextmanager
def snapshot(pool: Pool, sides: Sides, reader: LogReader) -> Iterator[Snapshot]:
    """Raises `LogUnavailableError`, `VersionsApartError`."""
    with borrowed(pool) as connection, connection.transaction():
        connection.execute(SETTINGS)
        yield Snapshot(connection, sides, reader)


def _joined(names: Sequence[str], left: str, right: str) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(left, name), sql.Identifier(right, name))
        for name in names
    )
