"""Where each role stands: what `backstock status` shows beside its process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

from ops.stores import Stores
from projections.feedable import active_not_fed

READ_MODELS = """
SELECT c.projection, sum(c.position), sum(s.position - c.position),
       greatest(0, max(extract(epoch FROM clock_timestamp() - e.recorded_at)))
  FROM projection_checkpoints c
  JOIN projections p USING (projection, version)
  JOIN shards s USING (shard)
  LEFT JOIN events e ON e.shard = c.shard AND e.shard_position = c.position + 1
 WHERE p.state = 'active'
 GROUP BY c.projection
"""
RELAY = """
SELECT coalesce(sum(r.position), 0), sum(s.position - coalesce(r.position, 0))
  FROM shards s LEFT JOIN relay_cursors r USING (shard)
"""
# The one that is furthest behind counts.
PROCESSES = """
SELECT coalesce(sum(done), 0), coalesce(sum(behind), 0), greatest(0, max(seconds))
  FROM (SELECT min(c.position) AS done, max(s.position - c.position) AS behind,
               max(extract(epoch FROM clock_timestamp() - e.recorded_at)) AS seconds
          FROM projection_checkpoints c
          JOIN shards s USING (shard)
          LEFT JOIN events e ON e.shard = c.shard AND e.shard_position = c.position + 1
         WHERE c.projection LIKE 'process.%'
         GROUP BY c.shard) AS of_shard
"""
TASKS = """
SELECT count(*), count(*) FILTER (WHERE send_at <= clock_timestamp())
  FROM process_tasks WHERE done_at IS NULL
"""


def standing(stores: Stores) -> Mapping[str, Mapping[str, Any]]:
    """By role: `position` (events done over all shards), `lag` in events, `lag_seconds`: for how
    long the oldest event that is not applied yet has waited, 0 when there is none; `not_fed`: why
    the code that is here must not feed the active version, when that is so. Process managers have
    `tasks` that wait, of which `due` have come to their time.

    Nothing while PostgreSQL is out of reach: its own state says so already.
    """
    try:
        return standing_in(stores.log_dsn)
    except psycopg.OperationalError:
        return {}


def standing_in(log_dsn: str) -> Mapping[str, Mapping[str, Any]]:
    """As `standing`. Raises psycopg.OperationalError."""
    with psycopg.connect(log_dsn) as connection:
        processes = _processes(connection)
        done, behind = connection.execute(RELAY).fetchall()[0]
        head = connection.execute("SELECT coalesce(sum(position), 0) FROM shards").fetchall()[0][0]
        found: dict[str, dict[str, Any]] = {
            "api": {"position": int(head)},
            "relay": {"position": int(done), "lag": int(behind)},
            "processes": processes,
        }
        for projection, position, lag, seconds in connection.execute(READ_MODELS):
            found[projection] = {
                "position": int(position),
                "lag": int(lag),
                "lag_seconds": round(float(seconds or 0), 3),
            }
        for (projection, version), why in active_not_fed(connection).items():
            told = found.setdefault(projection, {})
            told["not_fed"] = f"{projection} v{version} is not fed: {why}"
    return found


def _processes(connection: psycopg.Connection) -> dict[str, Any]:
    done, behind, seconds = connection.execute(PROCESSES).fetchall()[0]
    tasks, due = connection.execute(TASKS).fetchall()[0]
    return {
        "position": int(done),
        "lag": int(behind),
        "lag_seconds": round(float(seconds or 0), 3),
        "tasks": tasks,
        "due": due,
    }
