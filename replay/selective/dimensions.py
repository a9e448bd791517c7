"""Items and locations in ClickHouse: rows that replace one another by position.

A row whose position is too high beats every true one that is added, so nothing is added: the
shard's rows are copied without the wrong ones, and the partition is replaced in one step, while the
checkpoint is locked and no range is claimed. Partitions are small: a row an item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Event
from typing import Any, Final

import psycopg
from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client

from domain.streams import id_of, kind_of
from eventlog.crash_points import crash_point
from eventlog.log import LogReader, RecordedEvent
from eventlog.postgres.connections import Pool
from eventlog.projection import EpochMismatchError, StoreUnavailableError
from projections.catalogue import ReadModel
from projections.item_facts import ITEM_STORED, LOCATION_STORED
from projections.movements.claims import Claims
from projections.movements.dimensions import item_rows, location_rows
from projections.movements.inserts import clickhouse_outages, insert_block
from projections.movements.schema import Table, row_counts, tables
from projections.postgres import Checkpoints
from replay.selective.history import History
from replay.selective.live import check_standing
from replay.selective.outcome import KeysBusyError, Others, OthersChangedError, Outcome
from replay.selective.row_sums import in_hex, sums
from replay.selective.selection import StreamKey

ATTEMPTS_MAX: Final = 100
PAUSE_SECONDS: Final = 0.05
FOUND: Final = """
SELECT {values} FROM {{table:Identifier}} FINAL
 WHERE shard = {{shard:UInt16}} AND concat(ledger, '|', {key}) IN {{keys:Array(String)}}
"""
OTHERS: Final = """
FROM {{table:Identifier}} FINAL
 WHERE shard = {{shard:UInt16}} AND concat(ledger, '|', {key}) NOT IN {{keys:Array(String)}}
"""
Rows = dict[str, tuple[object, ...]]
"""By `ledger|key`."""


class _Dimension:
    """One of the two tables: how its rows come about and are called."""

    def __init__(
        self, table: Table, key: str, rows: Callable[[Sequence[RecordedEvent]], Sequence[Any]]
    ) -> None:
        self.table = table
        self.key = key
        self._rows = rows
        self._ledger, self._name = (list(table.columns).index(each) for each in ("ledger", key))

    def expected(self, events: Sequence[RecordedEvent]) -> Rows:
        return self._by_key(self._rows(events))

    def found(self, client: Client, shard: int, keys: Sequence[str]) -> Rows:
        values = ", ".join(
            f"toUnixTimestamp64Micro({name})" if kind.startswith("DateTime64") else name
            for name, kind in self.table.columns.items()
        )
        given = {"table": self.table.name, "shard": shard, "keys": list(keys)}
        statement = FOUND.format(values=values, key=self.key)
        with clickhouse_outages():
            return self._by_key(client.query(statement, given).result_rows)

    def others(self, client: Client, table: str, shard: int, keys: Sequence[str]) -> Sequence[int]:
        given = {"table": table, "shard": shard, "keys": list(keys)}
        statement = sums(self.table.columns) + OTHERS.format(key=self.key)
        with clickhouse_outages():
            found: Sequence[int] = client.query(statement, given).result_rows[0]
        return found

    def _by_key(self, rows: Sequence[Sequence[object]]) -> Rows:
        return {f"{row[self._ledger]}|{row[self._name]}": tuple(row) for row in rows}


class DimensionKeys:
    """The items and locations of one version in ClickHouse."""

    def __init__(
        self, client: Client, pool: Pool, reader: LogReader, model: ReadModel, *, epoch: int
    ) -> None:
        self._client = client
        self._reader = reader
        self._model = model
        self._epoch = epoch
        self._checkpoints = Checkpoints(pool, model.name, model.version, epoch=epoch)
        self._claims = Claims(self._checkpoints, row_counts(model.version))
        _, items, locations = tables(model.version)
        self._dimensions: Mapping[str, _Dimension] = {
            "item": _Dimension(items, "sku", lambda events: item_rows(events, reader)),
            "location": _Dimension(locations, "location", location_rows),
        }

    def replace(
        self, shard: int, streams: Sequence[StreamKey], outcome: Outcome, *, dry_run: bool
    ) -> None:
        """Put the rows of these streams right, those of one table at once.

        Raises `PoisonEventError`, `KeysBusyError`, `OthersChangedError`, `StoreUnavailableError`.
        """
        for kind, dimension in self._dimensions.items():
            wanted = [key for key in streams if kind_of(key.stream) == kind]
            if wanted:
                self._replace(shard, wanted, dimension, outcome, dry_run=dry_run)

    def _replace(
        self,
        shard: int,
        streams: Sequence[StreamKey],
        dimension: _Dimension,
        outcome: Outcome,
        *,
        dry_run: bool,
    ) -> None:
        history = History(self._reader, streams)
        keys = [f"{key.ledger}|{id_of(key.stream)}" for key in streams]
        outcome.keys += len(streams)
        handles = ITEM_STORED | LOCATION_STORED
        events = list(history.up_to(self._checkpoints.read(shard).position, handles))
        outcome.events += history.events
        if dimension.expected(events) == dimension.found(self._client, shard, keys):
            return
        for _ in range(ATTEMPTS_MAX):
            try:
                with self._checkpoints.transaction() as connection:
                    state = self._claims.read(connection, shard)
                    if state.epoch != self._epoch:
                        what = f"{self._model.name} v{self._model.version}, shard {shard},"
                        raise EpochMismatchError(what, state.epoch, self._epoch)
                    if not dry_run:
                        check_standing(connection, self._model)
                    if state.claimed_to is None:
                        events += history.up_to(state.position, handles)
                        expected = dimension.expected(events)
                        found = dimension.found(self._client, shard, keys)
                        if expected != found and not dry_run:
                            others = self._exchange(shard, keys, dimension, expected)
                            outcome.others.append(others)
                        _tell(outcome, dimension.table, found, expected)
                        return
            except StoreUnavailableError as error:
                if not isinstance(error.cause, psycopg.errors.LockNotAvailable):
                    raise
            # A range is being inserted: rows of it may be there already.
            Event().wait(PAUSE_SECONDS)
        why = "a range is claimed and not finished; is its projector running?"
        raise KeysBusyError(self._model.name, shard, why)

    def _exchange(
        self, shard: int, keys: Sequence[str], dimension: _Dimension, expected: Rows
    ) -> Others:
        """The partition with the expected rows in place of those of `keys`."""
        table = dimension.table
        scratch = replace(table, name=f"{table.name}_correcting_{shard}")
        into, old = quote_identifier(scratch.name), quote_identifier(table.name)
        rest = OTHERS.format(key=dimension.key)
        given = {"table": table.name, "shard": shard, "keys": list(keys)}
        with clickhouse_outages():
            self._client.command(f"DROP TABLE IF EXISTS {into} SYNC")
            self._client.command(f"CREATE TABLE {into} AS {old}")
            self._client.command(f"INSERT INTO {into} SELECT * {rest}", given)
        insert_block(self._client, scratch, list(expected.values()), "corrected")
        before = dimension.others(self._client, table.name, shard, keys)
        after = dimension.others(self._client, scratch.name, shard, keys)
        others = Others(keys=after[0], before=in_hex(before), after=in_hex(after))
        if not others.equal:
            raise OthersChangedError(self._model.name, f"table {table.name}, {others}")
        crash_point("selective.dimensions.before_exchange")
        with clickhouse_outages():
            self._client.command(f"ALTER TABLE {old} REPLACE PARTITION {shard:d} FROM {into}")
            crash_point("selective.dimensions.after_exchange")
            self._client.command(f"DROP TABLE IF EXISTS {into} SYNC")
        return others


def _tell(outcome: Outcome, table: Table, found: Rows, expected: Rows) -> None:
    for key in sorted(found.keys() | expected.keys()):
        ledger, _, name = key.partition("|")
        before, after = (
            None if row is None else dict(zip(table.columns, row, strict=True))
            for row in (found.get(key), expected.get(key))
        )
        outcome.compare(ledger, f"{table.place}/{name}", before, after)
