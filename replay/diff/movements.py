"""Two versions of `movements`, compared bucket by bucket, and row by row where buckets differ."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from eventlog.log import LogReader
from eventlog.postgres.connections import Pool, borrowed
from projections.movements.schema import MOVEMENTS
from replay.diff.cells import ITEMS, LOCATIONS, Cells, Key, Pair, Place
from replay.diff.clickhouse_rows import COLUMNS, ClickHouseRows, DimensionRow
from replay.diff.explaining import Explainer, explain_all
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
    ) -> None:
        del reader  # what lies between the versions is left out, not settled
        self._pool = pool
        self._sides = sides
        self._explainer = explainer
        self._tally = tally
        self._sleep = sleep
        self._rows = ClickHouseRows(sides)

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
            yield from self._rows.differing(shard, buckets, uppers[shard])

    def _dimension(self, place: Place, kept_back: Parked) -> None:
        """A row replaces older ones of its key, so one beyond the lower position is read again."""
        keys: Sequence[Key] | None = None
        for _ in range(ROUNDS_MAX):
            lower = self._ledgers()
            left: list[Key] = []
            pairs = []
            for row in self._rows.dimensions(place, keys):
                if row.key is not None and _is_beyond(row.cells, lower.get(row.key.ledger, 0)):
                    left.append(row.key)
                    continue
                self._count(place, row)
                if row.key is not None:
                    position = min(self._positions().get(row.shard, (0, 0)))
                    older, newer = row.cells
                    pairs.append(Pair(key=row.key, position=position, older=older, newer=newer))
            explain_all(self._explainer, self._tally, pairs, kept_back)
            keys = left
            if not keys:
                return
            self._sleep(ROUND_PAUSE_SECONDS)
        for key in keys or ():
            self._tally.unsettled(key)

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

    def _parked(self) -> Parked:
        with borrowed(self._pool) as connection:
            return parked(connection, self._sides)


def _is_beyond(cells: tuple[Cells | None, Cells | None], lower: int) -> bool:
    return any(found is not None and found["position"] > lower for found in cells)
