"""Proof that other hashes of a shard stayed what they were, without stopping the server for it.

A shop has many hashes, so they are read page by page, each page in one step with its position. A
hash that differs between two readings is explained when the log has an event of its SKU in between,
or when a stream of it is parked (its retry moves no position); every other one must be equal.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files
from itertools import islice
from typing import Final, cast

import redis
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.streams import id_of, sku_and_location
from projections.availability.keys import ShardKeys
from projections.availability.shard_store import redis_outages
from replay.selective.outcome import Others

TECHNIQUE: Final = (
    "additive multiset hash: sums over the SHA-1 of every hash of the shard that was not selected,"
    " read in pages with their positions; hashes with events in between are counted apart"
)
PAGE: Final = 500
BITS: Final = 160
MOVED: Final = """
SELECT DISTINCT ledger, stream FROM events
 WHERE shard = %s AND shard_position > %s AND shard_position <= %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The hashes of a shard by key, and the positions they were read at."""

    digests: dict[str, str]
    lowest: int
    highest: int


class HashDigests:
    """Reads the digests of one shard's hashes."""

    def __init__(self, client: redis.Redis, keys: ShardKeys) -> None:
        self._client = client
        self._keys = keys
        text = files("replay.selective").joinpath("look.lua").read_text(encoding="utf-8")
        self._script = client.register_script(text)

    def read(self) -> Reading:
        """Raises `StoreUnavailableError`."""
        digests: dict[str, str] = {}
        positions: list[int] = []
        with redis_outages():
            names = self._client.sscan_iter(self._keys.keys, count=PAGE)
            while page := [cast("bytes", name) for name in islice(names, PAGE)]:
                position, *found = cast(
                    "list[bytes]", self._script(keys=[self._keys.checkpoint, *page], args=[])
                )
                positions.append(int(position or 0))
                digests |= {
                    name.decode(): each.decode()
                    for name, each in zip(page, found, strict=True)
                    if each
                }
        return Reading(
            digests=digests, lowest=min(positions, default=0), highest=max(positions, default=0)
        )

    def compare(
        self,
        connection: Connection[TupleRow],
        shard: int,
        before: Reading,
        after: Reading,
        *,
        selected: Collection[tuple[str, str]],
        parked: Collection[tuple[str, str]],
    ) -> Others:
        """The hashes of neither reading's `selected` SKUs; `parked` are streams."""
        span = (shard, before.lowest, after.highest)
        streams = {(row[0], row[1]) for row in connection.execute(MOVED, span)} | {*parked}
        chosen = {self._keys.hash_of(*sku) for sku in selected}
        moved = {self._keys.hash_of(ledger, _sku_of(stream)) for ledger, stream in streams} - chosen
        left_out = chosen | moved
        return Others(
            keys=len(after.digests.keys() - left_out),
            before=_sum(before.digests, left_out),
            after=_sum(after.digests, left_out),
            moved_on=len(moved & after.digests.keys()),
        )


def _sku_of(stream: str) -> str:
    if stream.partition("-")[0] == "stock":
        return sku_and_location(stream)[0]
    return id_of(stream)


def _sum(digests: dict[str, str], left_out: Collection[str]) -> str:
    total = sum(
        int(sha1(f"{key}={digest}".encode(), usedforsecurity=False).hexdigest(), 16)
        for key, digest in digests.items()
        if key not in left_out
    )
    return f"{total % 2**BITS:040x}"
