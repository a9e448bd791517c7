"""One round: random cells of every fed version, each compared exactly where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from random import Random

import msgspec
import psycopg
from psycopg.types.json import set_json_loads

from replay.verify import catalogue, clickhouse_model
from replay.verify.catalogue import Entry
from replay.verify.redis_pages import SECONDS_MAX
from replay.verify.run import Addresses
from replay.verify.sampling.clickhouse_cells import ClickHouseCells
from replay.verify.sampling.picking import Picked, pick
from replay.verify.sampling.postgres_cells import PostgresCells
from replay.verify.sampling.redis_cells import RedisCells, client_of
from replay.verify.sampling.results import ModelTally, Round
from replay.verify.sampling.stream_fold import StreamFolds

# Cells that were found wrong are looked at in every round until they are right again.
WATCHED_MAX = 200


class Sampler:
    """Reads only. `dice` decides what is looked at; `streams` how many random events a round."""

    def __init__(self, addresses: Addresses, dice: Random, *, streams: int) -> None:
        self._addresses = addresses
        self._dice = dice
        self._streams = streams
        self._watched: frozenset[Picked] = frozenset()

    def round(self) -> Round:
        """Raises the drivers' errors; LookupError for a database that is no store."""
        with psycopg.connect(self._addresses.postgres_dsn, autocommit=True) as connection:
            done = self._round(connection)
        wrong = [Picked(cell.ledger, cell.stream) for cell in done.wrong]
        self._watched = frozenset(wrong[:WATCHED_MAX])
        return done

    def _round(self, connection: psycopg.Connection) -> Round:
        store = catalogue.identity(connection)
        everything = catalogue.fed(connection, catalogue.EVERY_FED)
        older = catalogue.by_older_code(everything)
        entries = [entry for entry in everything if entry.key not in older]
        tallies = {entry.key: ModelTally(entry=entry) for entry in entries}
        picked = pick(connection, self._dice, self._streams, self._watched)
        with (
            closing(client_of(self._addresses.redis_url, SECONDS_MAX)) as redis_client,
            closing(clickhouse_model.connect(self._addresses.clickhouse_url)) as rows_client,
        ):
            hashes = [
                RedisCells(client=redis_client, entry=entry, store=store, tally=tallies[entry.key])
                for entry in _of_store(entries, "redis")
            ]
            for cells in hashes:
                cells.read(picked, self._dice, self._streams // 2)
            sums = [
                ClickHouseCells(
                    client=rows_client,
                    connection=connection,
                    entry=entry,
                    tally=tallies[entry.key],
                )
                for entry in _of_store(entries, "clickhouse")
            ]
            for each in sums:
                each.read(picked)
            with _snapshot(self._addresses.postgres_dsn) as log:
                folds = StreamFolds(log)
                for entry in _of_store(entries, "postgres"):
                    table = PostgresCells(log, entry, folds, tallies[entry.key])
                    for stream in picked:
                        table.check(stream)
                for cells in hashes:
                    cells.check(log, folds)
                for each in sums:
                    each.check(folds)
        return Round(tallies=list(tallies.values()))


def _of_store(entries: list[Entry], store: str) -> list[Entry]:
    return [entry for entry in entries if entry.store == store]


@contextmanager
def _snapshot(dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(dsn) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        set_json_loads(msgspec.json.decode, connection)
        connection.execute("SET TIME ZONE 'UTC'")
        yield connection
