"""Slows a replay down while others suffer: live projections that lag, a database that is slow."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import Any, Final

from eventlog.postgres.connections import Pool, borrowed
from replay.budget import Budget

LOOK_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 0.25
# It never stands still for good: after so long it takes one more range, then looks again.
PAUSE_SECONDS_MAX: Final = 30.0
# How long ago the oldest event was recorded that a version has not applied whose feeder is alive:
# nobody is helped by waiting for one that is not.
LAG = """
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - event.recorded_at)), 0)::float8
  FROM projections AS fed
  JOIN projection_checkpoints AS mark USING (projection, version)
  JOIN shards AS head ON head.shard = mark.shard AND head.position > mark.position
  JOIN LATERAL (
       SELECT recorded_at FROM events
        WHERE events.shard = mark.shard AND events.shard_position = mark.position + 1
       ) AS event ON true
 WHERE fed.state IN ('active', 'kept')
   AND mark.lease_owner IS NOT NULL AND mark.lease_until > clock_timestamp()
"""


class Pacer:
    """Ask `wait` before each range. Used by one thread."""

    def __init__(
        self,
        pool: Pool,
        budget: Budget,
        stop: Event,
        *,
        told: Callable[[str], Any],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._pool = pool
        self._budget = budget
        self._stop = stop
        self._told = told
        self._clock = clock
        self._looked_at = -LOOK_SECONDS

    def wait(self, check: Callable[[], None]) -> None:
        """Until nobody suffers, or PAUSE_SECONDS_MAX; `check` is called meanwhile and may raise.

        Looks at most every LOOK_SECONDS.
        """
        began = self._clock()
        if began - self._looked_at < LOOK_SECONDS:
            return
        waited = False
        while why := self._suffering():
            waited = True
            self._told(why)
            if self._clock() - began > PAUSE_SECONDS_MAX or self._stop.wait(PAUSE_SECONDS):
                break
            check()
        self._looked_at = self._clock()
        if waited:
            self._told("")

    def _suffering(self) -> str:
        asked_at = self._clock()
        with borrowed(self._pool) as connection:
            lag = connection.execute(LAG).fetchall()[0][0]
        took = self._clock() - asked_at
        if lag > self._budget.live_lag_seconds:
            return f"waits: a live projection is {lag:.1f} s behind"
        if took > self._budget.latency_seconds:
            return f"waits: PostgreSQL took {took:.2f} s for one look"
        return ""
