"""Which read models are active, where they stand, and which streams they stopped following.

All of it is read inside the caller's transaction, so that rows and position are of one snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

Store = Literal["postgres", "redis", "clickhouse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModel:
    """The active version of a projection. `places`: logical name -> table or key prefix."""

    projection: str
    version: int
    store: Store
    places: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A read model's place in one ledger: the last position it shows and when that was recorded.

    Position 0 and no instant before its first event.
    """

    position: int = 0
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The ledger's own last position; None as instant while it has no event."""

    position: int
    recorded_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedCell:
    """A stream whose cells stand still since `position`, and why."""

    stream: str
    position: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Seconds from an append to its apply in the slowest read model, over `appends` appends."""

    appends: int
    p50_seconds: float | None
    p99_seconds: float | None
    max_seconds: float | None
    unapplied: int


ACTIVE = "SELECT projection, version, store, places FROM projections WHERE state = 'active'"
STANDING = """
SELECT position, recorded_at FROM projection_ledgers
 WHERE projection = %s AND version = %s AND ledger = %s
"""
HEAD = """
SELECT position, CASE WHEN position > 0 THEN recorded_at END AS recorded_at
  FROM ledgers WHERE ledger = %s
"""
PARKED = """
SELECT stream, position, error FROM parked_streams
 WHERE projection = %s AND version = %s AND ledger = %s ORDER BY parked_at
"""
# An append is one recorded_at; a batch covers it when it ends at or after the append's last event.
LAG = """
WITH appends AS (
    SELECT shard, recorded_at, max(shard_position) AS position
      FROM events
     WHERE ledger = %(ledger)s AND ledger_position > %(after)s AND ledger_position <= %(until)s
     GROUP BY shard, recorded_at
), applied AS (
    SELECT a.recorded_at,
           max(extract(epoch FROM first.applied_at - a.recorded_at)) AS seconds,
           bool_or(first.applied_at IS NULL) AS unapplied
      FROM appends a
     CROSS JOIN (SELECT projection, version FROM projections WHERE state = 'active') p
      LEFT JOIN LATERAL (
           SELECT l.applied_at FROM projection_applies l
            WHERE l.projection = p.projection AND l.version = p.version
              AND l.shard = a.shard AND l.position >= a.position
            ORDER BY l.position LIMIT 1
      ) first ON true
     GROUP BY a.recorded_at
)
SELECT count(*) AS appends,
       (percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds))::float8 AS p50_seconds,
       (percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds))::float8 AS p99_seconds,
       max(seconds)::float8 AS max_seconds,
       count(*) FILTER (WHERE unapplied) AS unapplied
  FROM applied
"""


def active(connection: Connection[TupleRow]) -> Mapping[str, ReadModel]:
    """The active read models by projection."""
    with connection.cursor(row_factory=class_row(ReadModel)) as cursor:
        return {model.projection: model for model in cursor.execute(ACTIVE)}


def standing(connection: Connection[TupleRow], model: ReadModel, ledger: str) -> Standing:
    """Where a read model stands in a ledger."""
    with connection.cursor(row_factory=class_row(Standing)) as cursor:
        found = cursor.execute(STANDING, (model.projection, model.version, ledger)).fetchone()
    return found or Standing()


def head(connection: Connection[TupleRow], ledger: str) -> Head | None:
    """The ledger's head; None when this tenant has no such ledger."""
    with connection.cursor(row_factory=class_row(Head)) as cursor:
        return cursor.execute(HEAD, (ledger,)).fetchone()


def parked(connection: Connection[TupleRow], model: ReadModel, ledger: str) -> Sequence[ParkedCell]:
    """The streams that the read model stopped following in a ledger, oldest first."""
    with connection.cursor(row_factory=class_row(ParkedCell)) as cursor:
        return cursor.execute(PARKED, (model.projection, model.version, ledger)).fetchall()


def lag(connection: Connection[TupleRow], ledger: str, *, after: int, until: int) -> Lag:
    """The lag of the appends with ledger positions in (after, until]."""
    with connection.cursor(row_factory=class_row(Lag)) as cursor:
        values = {"ledger": ledger, "after": after, "until": until}
        return cursor.execute(LAG, values).fetchall()[0]
