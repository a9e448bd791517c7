"""The two versions that are compared, where they stand, and what lies between the two places."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import redis
from clickhouse_connect.driver.client import Client
from psycopg import Connection

from eventlog.log import LogReader
from projections.catalogue import ReadModel
from projections.editions import EDITIONS, Edition, UnknownEditionError

# Events that only one of two versions has folded; with more, one is not following but catching up.
GAP_EVENTS_MAX: Final = 50_000
GAP_PAGE: Final = 5_000
MEET_SECONDS_MAX: Final = 60.0
MEET_PAUSE_SECONDS: Final = 0.1
# How often, and how long apart, the keys of the gap are read again. A key that every event is about
# may never be met at one position; it is then held against the log itself.
ROUNDS_MAX: Final = 40
ROUND_PAUSE_SECONDS: Final = 0.05

Positions = Mapping[int, tuple[int, int]]
"""Shard -> the shard positions of the older and of the newer version."""
Streams = frozenset[tuple[str, str]]
"""(ledger, stream)"""
Sleep = Callable[[float], None]

CHECKPOINTS: Final = """
SELECT shard, a.position, b.position, a.epoch, b.epoch
  FROM projection_checkpoints AS a JOIN projection_checkpoints AS b USING (projection, shard)
 WHERE projection = %s AND a.version = %s AND b.version = %s
"""
PARKED: Final = """
SELECT ledger, stream, version, position FROM parked_streams
 WHERE projection = %s AND version = ANY (%s)
"""


class VersionsApartError(Exception):
    """The two versions cannot be compared, as one is far behind the other or starts again."""

    def __init__(self, projection: str, why: str) -> None:
        super().__init__(
            f"the two versions of {projection} cannot be compared: {why}; let both be fed"
            " (`backstock status` shows the lag), then compare again"
        )
        self.projection = projection
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The two versions of one read model. `redis`, `clickhouse`: clients, for those kept there."""

    older: ReadModel
    newer: ReadModel
    redis: redis.Redis | None = None
    clickhouse: Client | None = None
    editions: Mapping[str, Edition] = field(default_factory=lambda: EDITIONS)

    @property
    def name(self) -> str:
        return self.older.name

    @property
    def both(self) -> tuple[ReadModel, ReadModel]:
        return self.older, self.newer

    def edition(self, model: ReadModel) -> Edition:
        """Raises `UnknownEditionError`."""
        found = self.editions.get(model.edition)
        if found is None:
            raise UnknownEditionError(model.edition)
        return found


def positions(connection: Connection[Any], sides: Sides) -> Positions:
    """As the connection's snapshot has them. Raises `VersionsApartError` for two histories."""
    versions = (sides.name, sides.older.version, sides.newer.version)
    found = {}
    for shard, older, newer, older_epoch, newer_epoch in connection.execute(CHECKPOINTS, versions):
        if older_epoch != newer_epoch:
            why = f"in shard {shard} they fold two epochs of the store"
            raise VersionsApartError(sides.name, why)
        found[shard] = (older, newer)
    if not found:
        raise VersionsApartError(sides.name, "one of them has no checkpoints")
    return found


Parked = Mapping[tuple[str, str], tuple[int | None, int | None]]
"""(ledger, stream) -> the ledger position from which on the older, the newer version keeps it
back."""


def parked(connection: Connection[Any], sides: Sides) -> Parked:
    """As the connection's snapshot has them."""
    found: dict[tuple[str, str], list[int | None]] = {}
    versions = [model.version for model in sides.both]
    for ledger, stream, version, position in connection.execute(PARKED, (sides.name, versions)):
        pair = found.setdefault((ledger, stream), [None, None])
        pair[versions.index(version)] = position
    return {key: (pair[0], pair[1]) for key, pair in found.items()}


def gap_events(found: Positions) -> int:
    """How many events only one of the two has folded."""
    return sum(abs(older - newer) for older, newer in found.values())


def wait_until_near(
    sides: Sides, read: Callable[[], Positions], *, sleep: Sleep = time.sleep
) -> None:
    """Until few events lie between the two. Raises `VersionsApartError` when they stay apart."""
    waited = 0.0
    while (apart := gap_events(read())) > GAP_EVENTS_MAX:
        if waited >= MEET_SECONDS_MAX:
            raise VersionsApartError(sides.name, f"{apart:,} events lie between them")
        sleep(MEET_PAUSE_SECONDS)
        waited += MEET_PAUSE_SECONDS


def touched(reader: LogReader, sides: Sides, shard: int, place: tuple[int, int]) -> Streams:
    """The streams of the events between two positions of a shard: what may differ there for no
    other reason. Raises `VersionsApartError` when they are too many.
    """
    after, last = min(place), max(place)
    if last - after > GAP_EVENTS_MAX:
        why = f"{last - after:,} events lie between them in shard {shard}"
        raise VersionsApartError(sides.name, why)
    found: set[tuple[str, str]] = set()
    while after < last:
        page = reader.read_shard(shard, after, min(GAP_PAGE, last - after))
        if not page:
            raise VersionsApartError(sides.name, f"shard {shard} of the log ends at {after}")
        found |= {(event.ledger, event.stream) for event in page}
        after += len(page)
    return frozenset(found)
