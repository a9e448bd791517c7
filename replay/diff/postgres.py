"""Two versions in PostgreSQL: both tables and both checkpoints are read at one snapshot.

A key that events between the two checkpoints touch is unsettled; it is read again, at a later
snapshot, until no event between touches it. So each key is compared at one position of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from eventlog.log import LogReader
from eventlog.postgres.connections import Pool, borrowed
from eventlog.shards import shard_of
from replay.diff.cells import Apart, Key
from replay.diff.explaining import Explainer, explain_all, explain_apart
from replay.diff.sides import (
    ROUND_PAUSE_SECONDS,
    ROUNDS_MAX,
    Sides,
    Sleep,
    positions,
    wait_until_near,
)
from replay.diff.snapshot import Side, Snapshot, Table, snapshot, tables
from replay.diff.tally import Tally


class PostgresComparison:
    """Compares one read model. Raises `LogUnavailableError`, `VersionsApartError`."""

    def __init__(
        self,
        pool: Pool,
        reader: LogReader,
        sides: Sides,
        explainer: Explainer,
        tally: Tally,
        *,
        sleep: Sleep = time.sleep,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._pool = pool
        self._reader = reader
        self._sides = sides
        self._explainer = explainer
        self._tally = tally
        self._sleep = sleep
        self._check = check
        self._shards = 0
        self._tables: list[Table] = []

    def compare(self) -> None:
        """Fill the tally."""
        wait_until_near(self._sides, self._positions, sleep=self._sleep)
        with borrowed(self._pool) as connection:
            self._tables = tables(connection, self._sides)
        pending: dict[int, list[Key]] = {}
        with snapshot(self._pool, self._sides, self._reader) as found:
            self._shards = len(found.positions)
            for number, table in enumerate(self._tables):
                self._check()
                pending[number] = self._unsettled(found, table)
                self._settled(found, table, pending[number])
            for shard in found.positions:
                self._tally.compared_at(shard, found.position(shard))
        self._settle(pending)

    def _positions(self) -> dict[int, tuple[int, int]]:
        with borrowed(self._pool) as connection:
            return dict(positions(connection, self._sides))

    @staticmethod
    def _unsettled(found: Snapshot, table: Table) -> list[Key]:
        keys = (table.place.key_of(*stream) for stream in sorted(found.unsettled))
        return [key for key in keys if key is not None]

    def _settled(self, found: Snapshot, table: Table, unsettled: Sequence[Key]) -> None:
        """Digest the table but for its unsettled keys, and look into the shards that differ."""
        digests = self._tally.digests
        for version, name in enumerate((table.older, table.newer)):
            for shard, rows, hashes, sums in found.digests(table, name):
                digests[version][table.place.name, shard].add(rows, hashes, sums)
        for key, *sides in found.rows(table, unsettled):
            self._count(table, key, sides, sign=-1)
        shards = {
            shard
            for name, shard in digests[0].keys() | digests[1].keys()
            if name == table.place.name
        }
        cells = len(table.columns) - len(table.key)
        suspects = []
        for shard in sorted(shards):
            older, newer = (each[table.place.name, shard] for each in digests)
            self._tally.cells += cells * max(older.rows, newer.rows)
            if not older.same(newer):
                suspects.append(shard)
        if suspects:
            left = frozenset(unsettled)
            pairs = (
                table.pair(key, found.position(shard), older, newer)
                for shard, key, older, newer in found.differing(table, suspects)
                if key not in left
            )
            explain_all(self._explainer, self._tally, pairs, found.parked)

    def _settle(self, pending: dict[int, list[Key]]) -> None:
        """Read the unsettled keys again until each was seen at one position."""
        for _ in range(ROUNDS_MAX):
            if not any(pending.values()):
                return
            self._check()
            with snapshot(self._pool, self._sides, self._reader) as found:
                for number, table in enumerate(self._tables):
                    pending[number] = self._again(found, table, pending[number])
            if any(pending.values()):
                self._sleep(ROUND_PAUSE_SECONDS)
        with snapshot(self._pool, self._sides, self._reader) as found:
            for number, table in enumerate(self._tables):
                self._hold_against_log(found, table, pending[number])

    def _hold_against_log(self, found: Snapshot, table: Table, keys: Sequence[Key]) -> None:
        apart = []
        for key, *sides in found.rows(table, keys):
            shard = shard_of(key.ledger, self._shards)
            older, newer = (side.row for side in sides)
            pair = table.pair(key, found.position(shard), older, newer)
            place = found.positions[shard]
            apart.append(Apart(key=key, positions=place, older=pair.older, newer=pair.newer))
            self._tally.compared_at(shard, pair.position)
            self._tally.cells += len(table.columns) - len(table.key)
        explain_apart(self._explainer, self._tally, apart, found.parked)

    def _again(self, found: Snapshot, table: Table, keys: Sequence[Key]) -> list[Key]:
        """Compare those of the keys that are settled now; the others."""
        left: list[Key] = []
        ready: list[Key] = []
        for key in keys:
            is_left = (key.ledger, key.stream) in found.unsettled
            (left if is_left else ready).append(key)
        pairs = []
        for key, *sides in found.rows(table, ready):
            self._count(table, key, sides, sign=1)
            if any(side.row is not None for side in sides):
                self._tally.cells += len(table.columns) - len(table.key)
            shard = shard_of(key.ledger, self._shards)
            self._tally.compared_at(shard, found.position(shard))
            if sides[0].row != sides[1].row:
                older, newer = (side.row for side in sides)
                pairs.append(table.pair(key, found.position(shard), older, newer))
        explain_all(self._explainer, self._tally, pairs, found.parked)
        return left

    def _count(self, table: Table, key: Key, sides: Sequence[Side], *, sign: int) -> None:
        """Count a key's rows in (1) or out (-1)."""
        shard = shard_of(key.ledger, self._shards)
        for digests, side in zip(self._tally.digests, sides, strict=True):
            if side.row is not None:
                low, high = side.hashes
                sums = {name: sign * units for name, units in table.sums(side.row).items()}
                digest = digests[table.place.name, shard]
                digest.add(sign, (sign * low, sign * high), sums)
