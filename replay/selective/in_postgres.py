"""Rows of `stock_levels`, `orders`, `documents`: folded beside the projector, replaced under its
checkpoint.

All streams of a shard are one transaction. It locks the shard's checkpoint, folds what came since,
drops their rows and writes them as the projection itself does. Readers see the old rows or the new.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import Connection, Cursor, sql
from psycopg.rows import TupleRow

from domain.streams import kind_of, stock_stream
from eventlog.crash_points import crash_point
from eventlog.log import LogReader, RecordedEvent
from eventlog.outages import postgres_outages
from eventlog.postgres.connections import Pool
from eventlog.projection import EpochMismatchError
from projections.arrays import text_array
from projections.catalogue import ReadModel
from replay.selective.history import History, of_shards
from replay.selective.live import held
from replay.selective.outcome import Cells, Others, OthersChangedError, Outcome
from replay.selective.row_folds import DocumentTable, Fold, KeyTable
from replay.selective.selection import StreamKey

TECHNIQUE: Final = (
    "additive multiset hash: sums over the SHA-256 of every row of the shard, less those of the"
    " selected rows, before and after the write, in its transaction"
)
STANDING: Final = """
SELECT epoch, position FROM projection_checkpoints
 WHERE projection = %s AND version = %s AND shard = %s
"""
PARKED: Final = "SELECT ledger, stream FROM parked_streams WHERE projection = %s AND version = %s"
LEDGERS_OF_SHARD: Final = "SELECT ledger FROM ledgers WHERE shard = %s"
KEYS: Final = "unnest({arrays}) AS k (ledger, {key})"
ROWS: Final = "SELECT {names}, to_jsonb(t) FROM {table} AS t JOIN {keys} USING (ledger, {key})"
DELETE: Final = "DELETE FROM {table} AS t USING {keys} WHERE ({names}) = (k.ledger, {wanted})"
# The order of rows is nothing to a sum; two halves of 128 bits of each hash.
SUMS: Final = """
SELECT count(*), coalesce(sum(('x' || left(h, 16))::bit(64)::bigint), 0),
       coalesce(sum(('x' || right(h, 16))::bit(64)::bigint), 0)
  FROM (SELECT encode(sha256(convert_to(t::text, 'UTF8')), 'hex') AS h FROM {rows}) AS hashed
"""
OF_LEDGERS: Final = "{table} AS t WHERE t.ledger = ANY (%s)"
OF_KEYS: Final = "{table} AS t JOIN {keys} USING (ledger, {key})"
OF_SKU: Final = "SELECT location FROM {table} WHERE ledger = %s AND sku = %s"
DOCUMENTS_OF_SKU: Final = """
SELECT split_part(id, '@', 2) FROM {table}
 WHERE ledger = %s AND kind = 'stock' AND starts_with(id, %s || '@')
"""
Table = KeyTable | DocumentTable
Sums = tuple[int, int, int]
Rows = dict[str, dict[tuple[str, ...], Cells]]


class ParkedMeanwhileError(Exception):
    """A stream of the chunk was parked after it was asked for: fold the others anew."""


def parked_streams(
    connection: Connection[TupleRow], projection: str, version: int
) -> set[tuple[str, str]]:
    """What the projector keeps back, by (ledger, stream)."""
    return {(row[0], row[1]) for row in connection.execute(PARKED, (projection, version))}


class PostgresKeys:
    """The keys of one version in PostgreSQL."""

    technique = TECHNIQUE
    atomic = "all selected keys of a shard, in one transaction"
    units = staticmethod(of_shards)

    def __init__(
        self,
        pool: Pool,
        reader: LogReader,
        model: ReadModel,
        make_fold: Callable[[], Fold],
        *,
        epoch: int,
    ) -> None:
        self._pool = pool
        self._reader = reader
        self._model = model
        self._make_fold = make_fold
        self._tables = make_fold().tables
        self.handles = make_fold().handles
        self._epoch = epoch

    def concerned(self, streams: Sequence[StreamKey]) -> list[StreamKey]:
        """Those of the streams that fold into rows here."""
        return [key for key in streams if kind_of(key.stream) in self._tables]

    def fold_apart(self, events: Iterable[RecordedEvent]) -> None:
        """Fold one stream for nothing. Raises `PoisonEventError`."""
        self._make_fold().take(events)

    def whole(
        self,
        streams: Sequence[StreamKey],  # noqa: ARG002 - as any store's keys
        outcome: Outcome,  # noqa: ARG002
        *,
        dry_run: bool,  # noqa: ARG002
    ) -> AbstractContextManager[None]:
        """Nothing: each unit is shown by its own commit."""
        return nullcontext()

    def strays(self, ledger: str, sku: str, shard: int) -> set[str]:  # noqa: ARG002 - as any
        """The stock streams that rows of a SKU stand for, events or none."""
        if "stock" not in self._tables:
            return set()
        table = self._tables["stock"]
        with postgres_outages(), self._pool.connection() as connection:
            named = OF_SKU if isinstance(table, KeyTable) else DOCUMENTS_OF_SKU
            rows = _execute(connection, named, table, (ledger, sku))
            return {stock_stream(sku, location) for (location,) in rows}

    def replace(
        self, shard: int, streams: Sequence[StreamKey], outcome: Outcome, *, dry_run: bool
    ) -> None:
        """Fold streams of one shard anew and replace their rows, all or nothing.

        Raises `PoisonEventError`, `ParkedMeanwhileError`, `KeysBusyError`, `OthersChangedError`,
        `NotActiveError`, `ReplayOpenError`, `EpochMismatchError`, `StoreUnavailableError`: nothing
        was changed then.
        """
        history, fold = History(self._reader, streams), self._make_fold()
        # Before anybody waits: the streams, then most of what came while they were read.
        for _ in range(2):
            with postgres_outages(), self._pool.connection() as connection:
                position = self._position(connection, shard)
            fold.take(history.up_to(position, fold.handles))
        with held(self._pool, self._model, [shard], dry_run=dry_run) as connection:
            replaced = self._replace(connection, shard, streams, fold, history)
            crash_point("selective.postgres.before_commit")
            if dry_run:
                raise psycopg.Rollback
        outcome.keys += len(streams)
        outcome.events += history.events
        replaced.tell(outcome)

    def _replace(
        self,
        connection: Connection[TupleRow],
        shard: int,
        streams: Sequence[StreamKey],
        fold: Fold,
        history: History,
    ) -> _Replaced:
        started = time.monotonic()
        position = self._position(connection, shard)
        wanted = {(key.ledger, key.stream) for key in streams}
        if wanted & parked_streams(connection, self._model.name, self._model.version):
            raise ParkedMeanwhileError
        fold.take(history.up_to(position, fold.handles))
        ledgers = [row[0] for row in connection.execute(LEDGERS_OF_SHARD, (shard,))]
        keys = self._by_table(streams)
        before, others_before = _look(connection, keys, ledgers)
        for table, doomed in keys.items():
            _execute(connection, DELETE, table, _columns(doomed))
        fold.write(connection)
        after, others_after = _look(connection, keys, ledgers)
        others = Others(keys=others_after[0], before=_hex(others_before), after=_hex(others_after))
        if not others.equal:
            raise OthersChangedError(self._model.name, f"shard {shard}, {others}")
        milliseconds = (time.monotonic() - started) * 1_000
        return _Replaced(keys, before, after, others, milliseconds)

    def _position(self, connection: Connection[TupleRow], shard: int) -> int:
        model = self._model
        row = connection.execute(STANDING, (model.name, model.version, shard)).fetchone()
        epoch, position = row or (self._epoch, 0)
        if epoch != self._epoch:
            what = f"{model.name} v{model.version}, shard {shard},"
            raise EpochMismatchError(what, epoch, self._epoch)
        return int(position)

    def _by_table(self, streams: Sequence[StreamKey]) -> dict[Table, list[tuple[str, ...]]]:
        found: dict[Table, list[tuple[str, ...]]] = {}
        for key in streams:
            table = self._tables[kind_of(key.stream)]
            found.setdefault(table, []).append((key.ledger, *table.key_of(key.stream)))
        return {table: sorted(keys) for table, keys in found.items()}


@dataclass(frozen=True, slots=True)
class _Replaced:
    keys: Mapping[Table, Sequence[tuple[str, ...]]]
    before: Rows
    after: Rows
    others: Others
    locked_ms: float

    def tell(self, outcome: Outcome) -> None:
        for table, keys in self.keys.items():
            before, after = self.before[table.name], self.after[table.name]
            for key in keys:
                outcome.compare(key[0], table.stream_of(key[1:]), before.get(key), after.get(key))
        outcome.others.append(self.others)
        outcome.locked_ms = max(outcome.locked_ms, self.locked_ms)


def _look(
    connection: Connection[TupleRow],
    keys: Mapping[Table, Sequence[tuple[str, ...]]],
    ledgers: Sequence[str],
) -> tuple[Rows, Sums]:
    """The selected rows, and the sums over all others of the shard."""
    rows: Rows = {}
    others = (0, 0, 0)
    for table, wanted in keys.items():
        columns = _columns(wanted)
        found = _execute(connection, ROWS, table, columns).fetchall()
        rows[table.name] = {tuple(row[:-1]): row[-1] for row in found}
        every = _sums(_execute(connection, SUMS, table, (list(ledgers),), OF_LEDGERS))
        selected = _sums(_execute(connection, SUMS, table, columns, OF_KEYS))
        count, high, low = (a - b for a, b in zip(every, selected, strict=True))
        others = (others[0] + count, others[1] + high, others[2] + low)
    return rows, others


def _execute(
    connection: Connection[TupleRow],
    statement: str,
    table: Table,
    values: Sequence[Any],
    rows: str = "",
) -> Cursor[TupleRow]:
    names = [sql.Identifier(name) for name in table.key]
    comma = sql.SQL(", ")
    key = comma.join(names)
    arrays = comma.join([sql.SQL("%s::text[]")] * (len(names) + 1))
    parts: dict[str, sql.Composable] = {
        "table": sql.Identifier(table.name),
        "key": key,
        "keys": sql.SQL(KEYS).format(arrays=arrays, key=key),
        "names": comma.join(sql.Identifier("t", name) for name in ("ledger", *table.key)),
        "wanted": comma.join(sql.Identifier("k", name) for name in table.key),
    }
    parts["rows"] = sql.SQL(rows).format(**parts)
    return connection.execute(sql.SQL(statement).format(**parts), values)


def _columns(keys: Sequence[tuple[str, ...]]) -> list[str]:
    return [text_array(column) for column in zip(*keys, strict=True)]


def _sums(cursor: Cursor[TupleRow]) -> Sums:
    count, high, low = cursor.fetchall()[0]
    return int(count), int(high), int(low)


def _hex(sums: Sums) -> str:
    return "".join(f"{part % 2**64:016x}" for part in sums[1:])
