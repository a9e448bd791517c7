"""Two versions of `availability`, compared page by page."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from eventlog.log import LogReader
from eventlog.postgres.connections import Pool, borrowed
from replay.diff.explaining import Explainer, explain_all, explain_apart
from replay.diff.redis_pages import PAGE_KEYS, Page, ShardPages, Sku
from replay.diff.sides import (
    ROUND_PAUSE_SECONDS,
    ROUNDS_MAX,
    Parked,
    Positions,
    Sides,
    Sleep,
    parked,
    positions,
    wait_until_near,
)
from replay.diff.tally import Tally

HASHES: Final = "hashes"
"""The place that the digests speak of: fields of all hashes of a shard."""


class AvailabilityComparison:
    """Compares `availability`. Raises `LogUnavailableError`, `StoreUnavailableError`,
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
        self._pool = pool
        self._reader = reader
        self._sides = sides
        self._explainer = explainer
        self._tally = tally
        self._sleep = sleep
        self._check = check

    def compare(self) -> None:
        """Fill the tally."""
        wait_until_near(self._sides, self._positions, sleep=self._sleep)
        for shard in sorted(self._positions()):
            pages = ShardPages(self._sides, self._reader, shard)
            pending: list[Sku] = []
            skus = pages.skus()
            while some := list(islice(skus, PAGE_KEYS)):
                pending += self._page(pages, some)
            self._settle(pages, pending)

    def _settle(self, pages: ShardPages, pending: Sequence[Sku]) -> None:
        """Read the unsettled SKUs again until each was seen at one position."""
        for _ in range(ROUNDS_MAX):
            if not pending:
                return
            left: list[Sku] = []
            for first in range(0, len(pending), PAGE_KEYS):
                left += self._page(pages, pending[first : first + PAGE_KEYS])
            pending = left
            if pending:
                self._sleep(ROUND_PAUSE_SECONDS)
        for first in range(0, len(pending), PAGE_KEYS):
            self._page(pages, pending[first : first + PAGE_KEYS], is_last=True)

    def _page(
        self, pages: ShardPages, skus: Sequence[Sku], *, is_last: bool = False
    ) -> Sequence[Sku]:
        """Compare those of the SKUs that are settled; the others, which are held against the log
        when they are read for the last time.
        """
        self._check()
        kept_back = self._parked()
        page = pages.page(skus, is_last=is_last)
        self._count(page)
        explain_all(self._explainer, self._tally, page.pairs, kept_back)
        if is_last:
            explain_apart(self._explainer, self._tally, page.apart, kept_back)
        return page.unsettled

    def _count(self, page: Page) -> None:
        self._tally.compared_at(page.shard, page.position)
        for digests, (rows, units, low, high) in zip(
            self._tally.digests, page.digests, strict=True
        ):
            digests[HASHES, page.shard].add(rows, (low, high), {"available": units})
        self._tally.cells += max(digest[0] for digest in page.digests)

    def _positions(self) -> Positions:
        with borrowed(self._pool) as connection:
            return positions(connection, self._sides)

    def _parked(self) -> Parked:
        with borrowed(self._pool) as connection:
            return parked(connection, self._sides)
