"""Whether a table of ClickHouse has each event once: the log's ids against the table's.

Ranges of shard positions are compared by one hash on either side; only a range that differs is
read, id by id. Rows up to a checkpoint are there before it is written, so it is read first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from clickhouse_connect.driver.client import Client

from replay.verify import catalogue
from replay.verify.catalogue import Entry, Streams
from replay.verify.report import LawResult
from replay.verify.stock import MOVES

RANGE_POSITIONS = 2_000
# Asked for at once: bounds the memory of either server.
WINDOW_POSITIONS = 200_000
# A table that is rebuilt meanwhile is compared anew, so many times.
ATTEMPTS_MAX = 3
LOG_HASHES = """
SELECT ((shard_position - 1) / %(range)s)::bigint, count(*),
       encode(sha256(convert_to(string_agg(
           shard_position::text || ':' || event_id::text, ',' ORDER BY shard_position), 'UTF8')),
           'hex')
  FROM events
 WHERE shard = %(shard)s AND shard_position > %(after)s AND shard_position <= %(upto)s
   AND type = ANY(%(types)s)
 GROUP BY 1
"""
TABLE_HASHES = """
SELECT intDiv(shard_position - 1, {range:UInt64}) AS part, count(),
       lower(hex(SHA256(arrayStringConcat(arrayMap(
           each -> concat(toString(each.1), ':', toString(each.2)),
           arraySort(groupArray((shard_position, event_id)))), ','))))
  FROM {table:Identifier}
 WHERE shard = {shard:UInt16}
   AND shard_position > {after:UInt64} AND shard_position <= {upto:UInt64}
 GROUP BY part
"""
LOG_IDS = """
SELECT shard_position, event_id::text, ledger, stream, ledger_position, type FROM events
 WHERE shard = %(shard)s AND shard_position > %(after)s AND shard_position <= %(upto)s
   AND type = ANY(%(types)s)
"""
TABLE_IDS = """
SELECT shard_position, toString(event_id), ledger, position FROM {table:Identifier}
 WHERE shard = {shard:UInt16}
   AND shard_position > {after:UInt64} AND shard_position <= {upto:UInt64}
"""
Hashes = dict[int, tuple[int, str]]
"""Number of a range to how many events it has, and their hash."""
Values = Mapping[str, Any]


class AppliedIds:
    """One version of `movements`. `connection` sees what is committed at each statement."""

    def __init__(
        self, connection: psycopg.Connection, client: Client, entry: Entry, law: LawResult
    ) -> None:
        self._connection = connection
        self._client = client
        self._entry = entry
        self._table = entry.places["movements"]
        self._law = law

    def check(self) -> None:
        """Every shard up to its checkpoint. Raises the drivers' errors."""
        for shard in catalogue.checkpoints(self._connection, self._entry):
            self._shard(shard)

    def _shard(self, shard: int) -> None:
        seen: list[tuple[str, str, str]] | None = None
        for _ in range(ATTEMPTS_MAX):
            upto = self._position(shard)
            # After the position: what was passed over by then was parked before.
            parked = catalogue.parked(self._connection, self._entry)
            found = list(self._differences(shard, upto, parked))
            # It may have lost everything meanwhile, and be back already: a look is not enough.
            if self._position(shard) >= upto and (not found or found == seen):
                break
            seen = found
        else:
            raise RebuildingError(self._entry.name, shard)
        for where, expected, told in found:
            self._law.differ(where=where, expected=expected, found=told)

    def _position(self, shard: int) -> int:
        marks = catalogue.checkpoints(self._connection, self._entry)
        return marks[shard].position if shard in marks else 0

    def _differences(
        self, shard: int, upto: int, parked: Streams
    ) -> Iterator[tuple[str, str, str]]:
        for after in range(0, upto, WINDOW_POSITIONS):
            values = self._values(shard, after, min(after + WINDOW_POSITIONS, upto))
            in_log, in_table = self._log_hashes(values), self._table_hashes(values)
            self._law.checked += sum(count for count, _ in in_log.values())
            for part in sorted(in_log.keys() | in_table.keys()):
                if in_log.get(part) != in_table.get(part):
                    first = part * RANGE_POSITIONS
                    last = min(first + RANGE_POSITIONS, upto)
                    yield from self._by_id(self._values(shard, first, last), parked)

    def _by_id(self, values: Values, parked: Streams) -> Iterator[tuple[str, str, str]]:
        """Where, what is expected, what is found, of each id that is not there just once."""
        log = {
            (position, event_id): (ledger, stream, ledger_position, kind)
            for position, event_id, ledger, stream, ledger_position, kind in (
                self._connection.execute(LOG_IDS, values)
            )
        }
        rows: Any = self._client.query(TABLE_IDS, dict(values)).result_rows
        counted = Counter((position, event_id) for position, event_id, *_ in rows)
        table = f"table {self._table} in ClickHouse"
        for key, (ledger, stream, ledger_position, kind) in sorted(log.items()):
            park = parked.get((ledger, stream))
            kept_back = park is not None and ledger_position >= park.position
            if counted[key] > 1 or (counted[key] == 0 and not kept_back):
                where = f"{table}, event {ledger_position} of ledger {ledger} ({kind}, {stream})"
                times = counted[key]
                found = f"{times} rows of {key[1]}" if times else "none: it is missing"
                yield where, "applied once", found
        for position, event_id, ledger, ledger_position in sorted(rows):
            if (position, event_id) not in log:
                where = f"{table}, ledger {ledger}, position {ledger_position}, event {event_id}"
                yield where, "an event of the log", f"none at position {position} of the shard"

    def _log_hashes(self, values: Values) -> Hashes:
        rows = self._connection.execute(LOG_HASHES, values)
        return {part: (count, found) for part, count, found in rows}

    def _table_hashes(self, values: Values) -> Hashes:
        rows = self._client.query(TABLE_HASHES, dict(values)).result_rows
        return {part: (count, found) for part, count, found in rows}

    def _values(self, shard: int, after: int, upto: int) -> Values:
        return {
            "table": self._table,
            "shard": shard,
            "after": after,
            "upto": upto,
            "range": RANGE_POSITIONS,
            "types": list(MOVES),
        }


class RebuildingError(LookupError):
    """A read model lost what it had while it was looked at, time and again."""

    def __init__(self, name: str, shard: int) -> None:
        super().__init__(
            f"{name} is being rebuilt, shard {shard} went back {ATTEMPTS_MAX} times while it was"
            " compared: verify again when it has caught up"
        )
        self.name = name
        self.shard = shard
