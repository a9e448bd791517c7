"""Two versions of `movements`, compared bucket by bucket, and row by row where buckets differ."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from eventlog.log import LogReader
from eventlog.postgres.connections import Pool, borrowed
from projections.movements.schema import MOVEMENTS
from replay.diff.cells import ITEMS, LOCATIONS, Apart, Cells, Key, Pair, Place
from replay.diff.clickhouse_rows import COLUMNS, ClickHouseRows, DimensionRow, Shown
from replay.diff.explaining import Explainer, explain_all, explain_apart
from replay.diff.sides import (
    ROUND_PAUSE_SECONDS,
    ROUNDS_MAX,
    Parked,
    Positions,
    Sides,
    Sleep,
    VersionsApartError,
    parked,
    positions,
    wait_until_near,
)
from replay.diff.tally import Tally

# Ledger, position and the key's own columns name a row, and are no cells of it.
KEY_COLUMNS: Final = 2
LEDGERS: Final = """
SELECT ledger, min(position) FROM projection_ledgers
 WHERE projection = %s AND version = ANY (%s) GROUP BY ledger HAVING count(*) = 2
"""

CORRECTIONS: Final = """
SELECT version, ledger, unnest(corrections) FROM projection_ledgers
 WHERE projection = %s AND version = ANY (%s) AND corrections <> '{}'
"""
SHARD_POSITION: Final = """
SELECT shard_position FROM events WHERE ledger = %s AND ledger_position = %s
"""


class MovementsComparison:
    """Compares `movements`. Raises `LogUnavailableError`, `StoreUnavailableError`,
    `VersionsApartError`.
    """

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
        del reader  # what lies between the versions is left out, not settled
        self._pool = pool
        self._sides = sides
        self._explainer = explainer
        self._tally = tally
        self._sleep = sleep
        self._check = check
        self._rows = ClickHouseRows(sides, self._shown())

    def compare(self) -> None:
        """Fill the tally."""
        wait_until_near(self._sides, self._positions, sleep=self._sleep)
        begun = self._positions()
        kept_back = self._parked()
        explain_all(self._explainer, self._tally, self._movements(begun), kept_back)
        for place in (ITEMS, LOCATIONS):
            self._dimension(place, kept_back)
        ended = self._positions()
        if any(min(ended[shard]) < min(place) for shard, place in begun.items()):
            raise VersionsApartError(self._sides.name, "one of them began again meanwhile")

    def _movements(self, begun: Positions) -> Iterator[Pair]:
        uppers = {shard: min(place) for shard, place in begun.items()}
        for shard, upper in uppers.items():
            self._tally.compared_at(shard, upper)
        limits = [uppers.get(shard, 0) for shard in range(max(uppers) + 1)]
        older, newer = (self._rows.buckets(version, limits) for version in (0, 1))
        suspects: dict[int, list[int]] = {}
        for shard, bucket in sorted(older.keys() | newer.keys()):
            found = (older.get((shard, bucket)), newer.get((shard, bucket)))
            for digests, each in zip(self._tally.digests, found, strict=True):
                if each is not None:
                    digests["movements", shard].add(*each)
            rows = max(each[0] for each in found if each is not None)
            self._tally.cells += rows * (len(MOVEMENTS) - KEY_COLUMNS)
            if found[0] is None or found[1] is None or found[0][:2] != found[1][:2]:
                suspects.setdefault(shard, []).append(bucket)
        for shard, buckets in suspects.items():
            self._check()
            yield from self._rows.differing(shard, buckets, uppers[shard])

    def _dimension(self, place: Place, kept_back: Parked) -> None:
        """A row replaces older ones of its key, so one beyond the lower position is read again."""
        keys: Sequence[Key] | None = None
        for _ in range(ROUNDS_MAX):
            self._check()
            lower, places = self._ledgers(), self._positions()
            left: dict[Key, DimensionRow] = {}
            pairs = []
            for row in self._rows.dimensions(place, keys):
                if row.key is not None and _is_beyond(row.cells, lower.get(row.key.ledger, 0)):
                    left[row.key] = row
                    continue
                self._count(place, row)
                if row.key is not None:
                    position = min(places[row.shard])
                    older, newer = row.cells
                    pairs.append(Pair(key=row.key, position=position, older=older, newer=newer))
            explain_all(self._explainer, self._tally, pairs, kept_back)
            keys = list(left)
            if not keys:
                return
            self._sleep(ROUND_PAUSE_SECONDS)
        apart = [self._apart(key, row, places[row.shard]) for key, row in left.items()]
        explain_apart(self._explainer, self._tally, apart, kept_back)

    def _apart(self, key: Key, row: DimensionRow, place: tuple[int, int]) -> Apart:
        """Each version's row, where it stood: at its checkpoint, or already beyond at the event
        that made it.
        """
        at = []
        with borrowed(self._pool) as connection:
            for cells, position in zip(row.cells, place, strict=True):
                own = 0 if cells is None else cells["position"]
                found = connection.execute(SHARD_POSITION, (key.ledger, own)).fetchone()
                at.append(position if found is None else max(position, found[0]))
        older, newer = row.cells
        return Apart(key=key, positions=(at[0], at[1]), older=older, newer=newer)

    def _count(self, place: Place, row: DimensionRow) -> None:
        cells = len(COLUMNS[place.name]) - KEY_COLUMNS
        self._tally.cells += cells * max(rows for rows, _, _ in row.digests)
        for digests, each in zip(self._tally.digests, row.digests, strict=True):
            digests[place.name, row.shard].add(*each)

    def _positions(self) -> Positions:
        with borrowed(self._pool) as connection:
            return positions(connection, self._sides)

    def _ledgers(self) -> Mapping[str, int]:
        """The ledger position that both versions have reached."""
        versions = [model.version for model in self._sides.both]
        with borrowed(self._pool) as connection:
            return dict(connection.execute(LEDGERS, (self._sides.name, versions)).fetchall())

    def _shown(self) -> Shown:
        versions = [model.version for model in self._sides.both]
        found: Shown = ([], [])
        with borrowed(self._pool) as connection:
            rows = connection.execute(CORRECTIONS, (self._sides.name, versions)).fetchall()
        for version, ledger, number in rows:
            found[versions.index(version)].append((ledger, number))
        return found

    def _parked(self) -> Parked:
        with borrowed(self._pool) as connection:
            return parked(connection, self._sides)


def _is_beyond(cells: tuple[Cells | None, Cells | None], lower: int) -> bool:
    return any(found is not None and found["position"] > lower for found in cells)
