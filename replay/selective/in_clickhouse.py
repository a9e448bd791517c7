"""Rows of `movements`: compared with the streams, corrected beside them, shown by one write.

Plain rows stay as they are. What is wrong gets rows under a new number in the table of corrections,
chunk after chunk; then PostgreSQL's rows of the ledgers name the number, all in one transaction.
Whoever dies before that has changed nothing that anybody sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from domain.streams import kind_of, sku_and_location, stock_stream
from eventlog.crash_points import crash_point
from eventlog.log import LogReader, RecordedEvent
from eventlog.postgres.connections import Pool, borrowed
from eventlog.projection import EpochMismatchError
from projections.catalogue import ReadModel
from projections.editions import edition
from projections.item_facts import ITEM_STORED, LOCATION_STORED, item_changes, locations
from projections.movements.corrections import (
    CORRECTIONS_MAX,
    OF_LEDGER,
    PLAIN,
    corrected,
    next_number,
    show,
    with_corrections,
)
from projections.movements.fold import Row, movement_rows
from projections.movements.inserts import clickhouse_outages, insert_block
from projections.movements.schema import MOVEMENTS, corrections, corrections_table, prepare
from projections.stock_facts import STOCK_TYPES
from replay.selective.dimensions import DimensionKeys
from replay.selective.history import History, chunks, of_shards
from replay.selective.live import held
from replay.selective.outcome import Others, OthersChangedError, Outcome
from replay.selective.row_sums import in_hex, sums
from replay.selective.selection import SelectionError, StreamKey

TECHNIQUE: Final = (
    "additive multiset hash: sums of cityHash64 and xxh3 over every other row of the ledger at"
    " its position, read without and with the correction"
)
STANDING: Final = """
SELECT c.epoch, c.position, l.ledger, l.position, l.corrections
  FROM projection_checkpoints AS c
  LEFT JOIN ledgers AS g ON g.shard = c.shard AND g.ledger = ANY (%(ledgers)s)
  LEFT JOIN projection_ledgers AS l
    ON (l.projection, l.version, l.ledger) = (c.projection, c.version, g.ledger)
 WHERE c.projection = %(projection)s AND c.version = %(version)s AND c.shard = %(shard)s
"""
# Instants as rows are made: in microseconds since 1970.
VALUES: Final = ", ".join(
    f"toUnixTimestamp64Micro({name})" if kind.startswith("DateTime64") else name
    for name, kind in MOVEMENTS.items()
)
FOUND: Final = f"""
SELECT {VALUES} FROM {PLAIN} WHERE {OF_LEDGER} AND sku IN {{skus:Array(String)}} ORDER BY position
"""  # noqa: S608 - constants
LOCATIONS: Final = f"""
SELECT DISTINCT location FROM {PLAIN} WHERE {OF_LEDGER} AND sku = {{sku:String}}
"""  # noqa: S608 - constants
SUMS: Final = f"""
{sums(MOVEMENTS)}
  FROM {PLAIN}
 WHERE {OF_LEDGER} AND position NOT IN (
       SELECT position FROM {{beside:Identifier}}
        WHERE tenant = {{tenant:String}} AND ledger = {{ledger:String}}
          AND correction = {{number:UInt64}})
"""  # noqa: S608 - constants
LEDGER, POSITION, SKU, LOCATION = (
    list(MOVEMENTS).index(name) for name in ("ledger", "position", "sku", "location")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerStanding:
    """How far a ledger is shown, and by which corrections."""

    position: int = 0
    shown: Sequence[int] = ()


@dataclass(slots=True)
class Correction:
    """What one run writes: its number, its blocks so far, the ledgers it changes, their shards."""

    number: int = 0
    blocks: int = 0
    ledgers: dict[str, LedgerStanding] = field(default_factory=dict)
    shards: set[int] = field(default_factory=set)


class ClickHouseKeys:
    """The keys of one version in ClickHouse."""

    technique = TECHNIQUE
    atomic = "movements of all selected keys at once; items, then locations, of a shard at once"
    handles = STOCK_TYPES | ITEM_STORED | LOCATION_STORED

    def __init__(
        self, client: Client, pool: Pool, reader: LogReader, model: ReadModel, *, epoch: int
    ) -> None:
        self._client = client
        self._pool = pool
        self._reader = reader
        self._model = model
        self._epoch = epoch
        self._rules = edition(model.edition).rules
        self._table = corrections(model.version)
        self._correction = Correction()
        self._dimensions = DimensionKeys(client, pool, reader, model, epoch=epoch)

    @staticmethod
    def concerned(streams: Sequence[StreamKey]) -> list[StreamKey]:
        """Those of the streams that have rows here."""
        return [key for key in streams if kind_of(key.stream) in {"stock", "item", "location"}]

    @staticmethod
    def units(streams: Sequence[StreamKey]) -> Iterator[list[StreamKey]]:
        """Rows of movements in chunks, as they are shown together in the end."""
        stocks = [key for key in streams if kind_of(key.stream) == "stock"]
        yield from of_shards([key for key in streams if kind_of(key.stream) != "stock"])
        yield from chunks(stocks)

    def fold_apart(self, events: Iterable[RecordedEvent]) -> None:
        """Fold one stream for nothing. Raises `PoisonEventError`."""
        found = list(events)
        movement_rows([event for event in found if event.type in STOCK_TYPES], self._rules)
        item_changes([event for event in found if event.type in ITEM_STORED])
        locations([event for event in found if event.type in LOCATION_STORED])

    def strays(self, ledger: str, sku: str, shard: int) -> set[str]:
        """The stock streams that rows of a SKU stand for, events or none."""
        _, standings = self._standing(shard, [ledger])
        found = self._query(LOCATIONS, ledger, standings[ledger], {"sku": sku})
        return {stock_stream(sku, location) for (location,) in found}

    @contextmanager
    def whole(
        self,
        streams: Sequence[StreamKey],  # noqa: ARG002 - as any store's keys
        outcome: Outcome,
        *,
        dry_run: bool,  # noqa: ARG002
    ) -> Iterator[None]:
        """Show the correction at the end, when it has rows and other rows stay what they were."""
        self._correction = Correction()
        with clickhouse_outages():
            prepare(self._client, self._model.version)
        yield
        correction = self._correction
        if not correction.ledgers:
            return
        for ledger, standing in sorted(correction.ledgers.items()):
            others = self._others(ledger, standing)
            outcome.others.append(others)
            if not others.equal:
                raise OthersChangedError(self._model.name, f"ledger {ledger}, {others}")
        crash_point("selective.movements.before_shown")
        with held(self._pool, self._model, correction.shards, dry_run=False) as connection:
            show(connection, self._model.version, correction.number, sorted(correction.ledgers))
        crash_point("selective.movements.after_shown")

    def replace(
        self, shard: int, streams: Sequence[StreamKey], outcome: Outcome, *, dry_run: bool
    ) -> None:
        """Correct the rows of some streams of one shard; those of movements are shown later.

        Raises `PoisonEventError`, `EpochMismatchError`, `KeysBusyError`, `StoreUnavailableError`.
        """
        stocks = [key for key in streams if kind_of(key.stream) == "stock"]
        others = [key for key in streams if kind_of(key.stream) != "stock"]
        if others:
            self._dimensions.replace(shard, others, outcome, dry_run=dry_run)
        if stocks:
            self._replace_movements(shard, stocks, outcome, dry_run=dry_run)

    def _replace_movements(
        self, shard: int, streams: Sequence[StreamKey], outcome: Outcome, *, dry_run: bool
    ) -> None:
        position, standings = self._standing(shard, sorted({key.ledger for key in streams}))
        history = History(self._reader, streams)
        events = history.up_to(position, STOCK_TYPES)
        expected: dict[str, dict[int, Row]] = {ledger: {} for ledger in standings}
        for row in movement_rows(events, self._rules):
            expected[str(row[LEDGER])][_number(row[POSITION])] = row
        wrong: list[tuple[object, ...]] = []
        for ledger, rows in expected.items():
            names = [sku_and_location(key.stream) for key in streams if key.ledger == ledger]
            standing = standings[ledger]
            found = self._found(ledger, standing, names)
            changed = self._changes(ledger, rows, found, outcome)
            if changed and not dry_run:
                wrong += [(*row, self._begun(), gone) for row, gone in changed]
                self._enter(shard, ledger, standing)
        if wrong:
            self._insert(wrong)
        outcome.keys += len(streams)
        outcome.events += history.events

    def _changes(
        self,
        ledger: str,
        expected: Mapping[int, Row],
        found: Mapping[int, Sequence[Row]],
        outcome: Outcome,
    ) -> list[tuple[Row, bool]]:
        """Rows that must take the place of what is found; True: a tombstone."""
        changed: list[tuple[Row, bool]] = []
        for position in sorted(expected.keys() | found.keys()):
            rows = found.get(position, ())
            right = expected.get(position) or self._row_at(ledger, position)
            if list(rows) == [right]:
                continue
            shown = right or rows[0]
            name = f"{stock_stream(str(shown[SKU]), str(shown[LOCATION]))}#{position}"
            before = _cells(rows[0], len(rows)) if rows else None
            after = None if right is None else _cells(right, 1)
            outcome.compare(ledger, name, before, after)
            changed.append((shown, right is None))
        return changed

    def _row_at(self, ledger: str, position: int) -> Row | None:
        """The row of the event at a position that shows a SKU which is not its own."""
        events = self._reader.read_ledger(ledger, position - 1, 1)
        rows = movement_rows(events, self._rules)
        return rows[0] if rows else None

    def _found(
        self, ledger: str, standing: LedgerStanding, names: Sequence[tuple[str, str]]
    ) -> dict[int, list[Row]]:
        wanted = {*names}
        skus = sorted({sku for sku, _ in names})
        found: dict[int, list[Row]] = {}
        for row in self._query(FOUND, ledger, standing, {"skus": skus}):
            if (row[SKU], row[LOCATION]) in wanted:
                found.setdefault(_number(row[POSITION]), []).append(row)
        return found

    def _others(self, ledger: str, standing: LedgerStanding) -> Others:
        number = self._correction.number
        values = {"number": number, "beside": corrections_table(self._model.places["movements"])}
        later = LedgerStanding(position=standing.position, shown=[*standing.shown, number])
        (before,) = self._query(SUMS, ledger, standing, values)
        (after,) = self._query(SUMS, ledger, later, values)
        return Others(keys=after[0], before=in_hex(before), after=in_hex(after))

    def _begun(self) -> int:
        """This run's number, taken when there is something to correct."""
        if not self._correction.number:
            with borrowed(self._pool) as connection:
                self._correction.number = next_number(connection)
        return self._correction.number

    def _enter(self, shard: int, ledger: str, standing: LedgerStanding) -> None:
        if len(standing.shown) >= CORRECTIONS_MAX:
            raise SelectionError(
                f"ledger {ledger} has {CORRECTIONS_MAX} corrections in ClickHouse already: build"
                " movements anew by `backstock replay plan movements`; nothing was changed there"
            )
        self._correction.ledgers.setdefault(ledger, standing)
        self._correction.shards.add(shard)

    def _insert(self, rows: Sequence[tuple[object, ...]]) -> None:
        correction = self._correction
        correction.blocks += 1
        block = f"{correction.number}:{correction.blocks}"
        insert_block(self._client, self._table, rows, f"{self._table.name}:{block}")
        crash_point("selective.movements.after_rows")

    def _standing(
        self, shard: int, ledgers: Sequence[str]
    ) -> tuple[int, dict[str, LedgerStanding]]:
        """The shard's checkpoint and these ledgers' standings, of one instant."""
        values = {
            "projection": self._model.name,
            "version": self._model.version,
            "shard": shard,
            "ledgers": list(ledgers),
        }
        with borrowed(self._pool) as connection:
            rows = connection.execute(STANDING, values).fetchall()
        at = 0
        standings = {ledger: LedgerStanding() for ledger in ledgers}
        for epoch, position, ledger, reached, shown in rows:
            at = position
            if epoch != self._epoch:
                what = f"{self._model.name} v{self._model.version}, shard {shard},"
                raise EpochMismatchError(what, epoch, self._epoch)
            if ledger is not None:
                standings[ledger] = LedgerStanding(position=reached, shown=shown)
        return at, standings

    def _query(
        self, statement: str, ledger: str, standing: LedgerStanding, values: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        places = with_corrections(self._model.places, standing.shown)
        statement, tables = corrected(statement, places)
        given = {
            "tenant": ledger.partition("/")[0],
            "ledger": ledger,
            "up_to": standing.position,
            **tables,
            **values,
        }
        with clickhouse_outages():
            return [tuple(row) for row in self._client.query(statement, given).result_rows]


def _cells(row: Row, rows: int) -> dict[str, Any]:
    cells = {
        name: value if isinstance(value, int | str | None) else str(value)
        for name, value in zip(MOVEMENTS, row, strict=True)
    }
    return cells if rows == 1 else {**cells, "rows": rows}


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
