"""The rows of `movements` in ClickHouse: compared one by one while the log is read, both in ledger
order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import clickhouse_connect
import psycopg
from clickhouse_connect.driver.client import Client

from replay.verify.catalogue import Entry, ShardMark, Streams
from replay.verify.details import TRACED
from replay.verify.ledger import LedgerFold
from replay.verify.report import LawResult
from replay.verify.rows import EventRow, LedgerRow, microseconds
from replay.verify.stock import (
    ADJUSTED,
    ADJUSTED_V1,
    COUNTED,
    EXTENDED,
    MOVES,
    RESTATED,
    STATED,
    Data,
    Move,
)

PAGE_POSITIONS = 20_000
# As the driver decodes them fastest: instants in microseconds since 1970, ids as their 16 bytes.
COLUMNS: Mapping[str, str] = {
    "position": "position",
    "shard": "shard",
    "shard_position": "shard_position",
    "event_id": "UUIDStringToNum(toString(event_id))",
    "type": "type",
    "stream_version": "stream_version",
    "sku": "sku",
    "location": "location",
    "occurred_at": "toUnixTimestamp64Micro(occurred_at)",
    "recorded_at": "toUnixTimestamp64Micro(recorded_at)",
    "on_hand_delta": "on_hand_delta",
    "reserved_delta": "reserved_delta",
    "committed_delta": "committed_delta",
    "picked_delta": "picked_delta",
    "held_delta": "held_delta",
    "shortfall": "shortfall",
    "quantity": "quantity",
    "order_id": "order_id",
    "line": "line",
    "reservation_id": "reservation_id",
    "count_id": "count_id",
    "reason": "reason",
    "document": "document",
    "unit_price_micros": "unit_price_micros",
    "currency": "currency",
}
PAGE = f"""
SELECT {", ".join(COLUMNS.values())} FROM {{table:Identifier}}
 WHERE tenant = {{tenant:String}} AND ledger = {{ledger:String}}
   AND position > {{after:UInt64}} AND position <= {{upto:UInt64}} ORDER BY position
"""  # noqa: S608 - the columns are named above
# Of a ledger with corrections: one of theirs takes the place of every row at its position.
BESIDE = """ {table:Identifier}
 WHERE tenant = {tenant:String} AND ledger = {ledger:String}
   AND position > {after:UInt64} AND position <= {upto:UInt64}
   AND correction IN {corrections:Array(UInt64)}
"""
CORRECTED_PAGE = f"""
SELECT {", ".join(COLUMNS.values())} FROM (
       SELECT {", ".join(COLUMNS)} FROM {{table:Identifier}}
        WHERE tenant = {{tenant:String}} AND ledger = {{ledger:String}}
          AND position > {{after:UInt64}} AND position <= {{upto:UInt64}}
          AND position NOT IN (SELECT position FROM {BESIDE.replace("table", "beside")})
        UNION ALL
       SELECT {", ".join(COLUMNS)} FROM (
              SELECT * FROM {BESIDE.replace("table", "beside")}
               ORDER BY position, correction DESC LIMIT 1 BY position)
        WHERE NOT is_tombstone)
 ORDER BY position
"""  # noqa: S608 - the columns are named above
# A row has corrections only since there are some.
CORRECTIONS = """
SELECT ledger, to_jsonb(told) -> 'corrections' FROM projection_ledgers AS told
 WHERE projection = %s AND version = %s
"""
LEDGERS = """
SELECT tenant, ledger, min(position) FROM {table:Identifier} GROUP BY tenant, ledger
"""
BEYOND = """
SELECT shard, argMax((ledger, position), shard_position), max(shard_position)
  FROM {table:Identifier} GROUP BY shard
"""
Row = tuple[Any, ...]
Corrections = Mapping[str, Sequence[int]]


def connect(url: str) -> Client:
    """A client whose queries need no session of their own."""
    return clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False)


def corrections_of(connection: psycopg.Connection, entry: Entry) -> Corrections:
    """Which corrections of its rows count, by ledger: those without any are left out."""
    told = connection.execute(CORRECTIONS, entry.key)
    return {ledger: numbers for ledger, numbers in told if numbers}


WITHOUT_FIGURE = (EXTENDED, TRACED)


def quantity_of(kind: str, data: Data) -> int:
    """The event's own figure, whatever it is called there."""
    if kind in WITHOUT_FIGURE:
        return 0
    if kind == COUNTED:
        name = "counted"
    elif kind == STATED:
        name = "uncovered"
    else:
        name = "delta" if kind in (ADJUSTED_V1, ADJUSTED, RESTATED) else "quantity"
    figure: int = data[name]
    return figure


def expected_row(row: EventRow, data: Data, moved: Move) -> Row:
    """In the order of COLUMNS."""
    on_hand, reserved, committed, picked, held = moved
    get = data.get
    return (
        row.position,
        row.shard,
        row.shard_position,
        row.event_id.bytes,
        row.type,
        row.version,
        data["sku"],
        data["location"],
        microseconds(row.occurred_at),
        microseconds(row.recorded_at),
        on_hand,
        reserved,
        committed,
        picked,
        held,
        get("uncovered"),
        get("quantity") or quantity_of(row.type, data),
        get("order_id") or "",
        get("line"),
        get("reservation_id") or "",
        get("count_id", ""),
        get("reason", ""),
        get("document", ""),
        get("unit_price_micros"),
        get("currency") or "",
    )


class Movements:
    """A `Follower`. After the first difference in a ledger the rest of it is let be: rows and
    events no longer stand side by side. Rows of parked streams may be there: a retry puts them in.
    """

    def __init__(
        self,
        client: Client,
        entry: Entry,
        positions: Mapping[str, int],
        parked: Streams,
        law: LawResult,
        *,
        corrections: Corrections,
    ) -> None:
        self._corrections = corrections
        self._client = client
        self._table = entry.places["movements"]
        self._positions = positions
        self._parked = {key: park.position for key, park in parked.items()}
        self._law = law
        self._ledger: str | None = None
        self._last = 0
        self._rows: Iterator[Row] = iter(())
        self._found: Row | None = None
        self._lost = False

    def event(self, row: EventRow, data: Data, moved: Move, fold: LedgerFold) -> None:
        if self._ledger != fold.ledger:
            self._begin(fold.ledger)
        if row.position > self._last or self._lost or row.type not in MOVES:
            return
        self._law.checked += 1
        found = self._found
        expected = expected_row(row, data, moved)
        if found == expected:
            self._found = next(self._rows, None)
        elif found is None or found[0] != row.position:
            if not self._may_lack(row):
                self._explain(row, found)
        else:
            self._unlike(row, expected, found)

    def end(self, fold: LedgerFold) -> None:
        if self._ledger == fold.ledger and not self._lost and self._found is not None:
            self._surplus(self._found)
        self._ledger = None

    def _begin(self, ledger: str) -> None:
        self._ledger = ledger
        self._last = self._positions.get(ledger, 0)
        self._rows = self._pages(ledger, self._last)
        self._found = next(self._rows, None)
        self._lost = False

    def _pages(self, ledger: str, last: int) -> Iterator[Row]:
        for after in range(0, last, PAGE_POSITIONS):
            values = {
                "table": self._table,
                "tenant": ledger.partition("/")[0],
                "ledger": ledger,
                "after": after,
                "upto": min(after + PAGE_POSITIONS, last),
                "beside": f"{self._table}_corrections",
                "corrections": self._corrections.get(ledger, ()),
            }
            page = CORRECTED_PAGE if ledger in self._corrections else PAGE
            yield from zip(*self._client.query(page, values).result_columns, strict=True)

    def _may_lack(self, row: EventRow) -> bool:
        since = self._parked.get((row.ledger, row.stream))
        return since is not None and row.position >= since

    def _explain(self, row: EventRow, found: Row | None) -> None:
        if found is not None and found[0] < row.position:
            self._surplus(found)
            return
        self._lost = True
        self._law.differ(
            where=f"table {self._table} in ClickHouse, row of {row.name}",
            expected="a row",
            found="none: the row is missing",
        )

    def _unlike(self, row: EventRow, expected: Row, found: Row) -> None:
        self._lost = True
        named = zip(COLUMNS, expected, found, strict=True)
        column, want, have = next(each for each in named if each[1] != each[2])
        self._law.differ(
            where=f"table {self._table} in ClickHouse, row of {row.name}, {column}",
            expected=want,
            found=have,
        )

    def _surplus(self, found: Row) -> None:
        self._lost = True
        position, kind, sku, location = found[0], found[4], found[6], found[7]
        self._law.differ(
            where=f"table {self._table} in ClickHouse, ledger {self._ledger}, position {position}"
            f" ({kind}, {sku} at {location})",
            expected="one row for each stock event, and no other",
            found="a row twice, or one that no event explains",
        )

    def strays(self, ledgers: Sequence[LedgerRow]) -> None:
        """Rows that no ledger's walk has met."""
        known = {(ledger.tenant, ledger.ledger) for ledger in ledgers}
        for tenant, ledger, position in self._query(LEDGERS):
            self._law.checked += 1
            if (tenant, ledger) not in known:
                self._law.differ(
                    where=f"table {self._table} in ClickHouse, tenant {tenant}, ledger {ledger},"
                    f" position {position}",
                    expected="a tenant's ledger of this log",
                    found="a row that no event explains",
                )

    def furthest(self) -> dict[int, tuple[int, str]]:
        """By shard: the highest shard position, and the name of its row."""
        found = {}
        for shard, (ledger, position), highest in self._query(BEYOND):
            name = f"ledger {ledger}, position {position}"
            found[shard] = (highest, f"table {self._table} in ClickHouse, {name}")
        return found

    def beyond(
        self, furthest: Mapping[int, tuple[int, str]], claims: Mapping[int, ShardMark]
    ) -> None:
        """`claims`: read after `furthest`, so that nothing can be beyond them."""
        for shard, (highest, where) in furthest.items():
            self._law.checked += 1
            mark = claims.get(shard, ShardMark(0, 0))
            claimed = max(mark.position, mark.claimed_to or 0)
            if highest > claimed:
                self._law.differ(
                    where=where,
                    expected=f"no row beyond what is claimed of shard {shard}, {claimed}",
                    found=f"a row of shard position {highest}",
                )

    def _query(self, query: str) -> Any:  # noqa: ANN401 - the driver's rows
        return self._client.query(query, {"table": self._table}).result_rows
