"""Where a ledger stands: its head, and how far each read model has followed it.

All of it is read inside the caller's transaction, so that rows and position are of one snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from projections.catalogue import ReadModel
from projections.movements.corrections import with_corrections

# One statement, so that head, marks and the oldest event not shown are of one instant. That event
# is the next behind the mark, in these words: under row-level security an index is only asked for
# what cannot tell of a row by failing, such as > and CASE; with coalesce, or + 1, every event of
# the ledger would be read.
STANDING = """
    SELECT l.position, l.recorded_at, g.generation, g.careful_until > clock_timestamp(),
        p.projection, p.version, p.store, p.state, p.places, p.edition,
        coalesce(m.position, 0), m.recorded_at, m.corrections,
        (SELECT e.recorded_at FROM events AS e
         WHERE e.ledger = l.ledger
           AND e.ledger_position > CASE WHEN m.position IS NULL THEN 0 ELSE m.position END
         ORDER BY e.ledger_position LIMIT 1),
        (SELECT count(*) FROM parked_streams AS s
         WHERE (s.projection, s.version, s.ledger) = (p.projection, p.version, l.ledger))
    FROM ledgers AS l
    CROSS JOIN read_generation AS g
    LEFT JOIN projections AS p ON p.state IN ('active', 'kept')
    LEFT JOIN projection_ledgers AS m
        ON (m.projection, m.version, m.ledger) = (p.projection, p.version, l.ledger)
    WHERE l.ledger = %s
    ORDER BY p.projection, p.version
"""
PARKED = """
    SELECT stream, position FROM parked_streams
    WHERE (projection, version, ledger) = (%s, %s, %s)
    ORDER BY position, stream LIMIT 1000
"""
LEDGERS = "SELECT ledger FROM ledgers ORDER BY ledger"
NEXT = "SELECT recorded_at FROM events WHERE ledger = %s AND ledger_position = %s"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a read model that keeps its own position says: 0 and no instant before any event."""

    position: int = 0
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStanding:
    """One read model of one ledger.

    `waiting_since`: when the oldest event that it does not show was recorded; None without one.
    """

    model: ReadModel
    position: int
    recorded_at: datetime | None
    waiting_since: datetime | None
    parked_streams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerStanding:
    """A ledger's head (`recorded_at` None: empty) and its read models.

    `models` are the active ones by name, `kept` those that were active and are still fed, by name
    and version: a list that was begun on one of them ends on it. `generation` goes up when other
    versions become the active ones. `is_careful`: that is about to happen, so ask each time.
    """

    position: int
    recorded_at: datetime | None
    generation: int
    is_careful: bool
    models: Mapping[str, ModelStanding]
    kept: Mapping[tuple[str, int], ModelStanding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Seconds from an append to its apply in the slowest read model, over `appends` appends."""

    appends: int
    p50_seconds: float | None
    p99_seconds: float | None
    max_seconds: float | None
    unapplied: int


def ledger_standing(connection: Connection[Any], ledger: str) -> LedgerStanding | None:
    """None when the tenant of this transaction has no such ledger."""
    rows = connection.execute(STANDING, (ledger,), prepare=True).fetchall()
    if not rows:
        return None
    position, recorded_at, generation, is_careful = rows[0][:4]
    found = [_model(row[4:]) for row in rows if row[4] is not None]
    return LedgerStanding(
        position=position,
        recorded_at=recorded_at if position else None,
        generation=generation,
        is_careful=is_careful,
        models={each.model.name: each for each in found if each.model.state == "active"},
        kept={
            (each.model.name, each.model.version): each
            for each in found
            if each.model.state == "kept"
        },
    )


def _model(row: tuple[Any, ...]) -> ModelStanding:
    (name, version, store, state, places, edition, position, recorded_at, corrections) = row[:9]
    waiting_since, parked = row[9:]
    places = with_corrections(places, corrections or ())
    model = ReadModel(
        name=name, version=version, store=store, state=state, places=places, edition=edition
    )
    return ModelStanding(
        model=model,
        position=position,
        recorded_at=recorded_at,
        waiting_since=waiting_since,
        parked_streams=parked,
    )


def parked_since(
    connection: Connection[Any], standing: ModelStanding, ledger: str
) -> Mapping[str, int]:
    """The ledger position at which each parked stream stopped; its cells are as of before that."""
    if not standing.parked_streams:
        return {}
    values = (standing.model.name, standing.model.version, ledger)
    return dict(connection.execute(PARKED, values).fetchall())


def next_recorded_at(connection: Connection[Any], ledger: str, position: int) -> datetime | None:
    """When the event after this position was recorded; None at the head."""
    row = connection.execute(NEXT, (ledger, position + 1)).fetchone()
    return None if row is None else row[0]


def lag(connection: Connection[Any], ledger: str, *, after: int, until: int) -> Lag:
    """The lag of the appends with ledger positions in (after, until]."""
    with connection.cursor(row_factory=class_row(Lag)) as cursor:
        values = {"ledger": ledger, "after": after, "until": until}
        return cursor.execute(LAG, values).fetchall()[0]


def ledgers(connection: Connection[Any]) -> list[str]:
    """The tenant's ledgers, by id."""
    return [row[0] for row in connection.execute(LEDGERS)]


def position_before(connection: Connection[Any], ledger: str, head: int, instant: datetime) -> int:
    """The last position that was recorded before an instant; 0 when none was."""
    # recorded_at never runs backwards in a ledger, so some twenty look-ups by key find it.
    before, after = 0, head + 1
    while after - before > 1:
        middle = (before + after) // 2
        recorded_at = next_recorded_at(connection, ledger, middle - 1)
        if recorded_at is not None and recorded_at < instant:
            before = middle
        else:
            after = middle
    return before
