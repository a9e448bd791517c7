"""The store's own numbers, for its operator: positions and lags over all tenants.

Holds the log role's connections, because no tenant may see these numbers; what leaves this module
is numbers only, and only `/metrics` is given it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from psycopg import Connection
from psycopg.rows import TupleRow

from eventlog.log import LogUnavailableError
from eventlog.postgres.connections import Pool, borrowed
from projections.catalogue import active
from projections.feedable import active_not_fed

SHARDS = """
    SELECT s.shard, s.position, coalesce(r.position, 0), e.recorded_at
    FROM shards AS s
    LEFT JOIN relay_cursors AS r ON r.shard = s.shard
    LEFT JOIN events AS e
        ON e.shard = s.shard AND e.shard_position = coalesce(r.position, 0) + 1
    ORDER BY s.shard
"""
PROJECTIONS = """
    SELECT p.projection, p.version, c.shard, c.position, s.position, e.recorded_at
    FROM projections AS p
    JOIN projection_checkpoints AS c ON (c.projection, c.version) = (p.projection, p.version)
    JOIN shards AS s ON s.shard = c.shard
    LEFT JOIN events AS e ON e.shard = c.shard AND e.shard_position = c.position + 1
    WHERE p.state IN ('active', 'building')
    ORDER BY p.projection, p.version, c.shard
"""
WAITING = """
    SELECT p.projection, p.version,
        (SELECT count(*) FROM parked_streams AS s
         WHERE (s.projection, s.version) = (p.projection, p.version)),
        (SELECT count(*) FROM dead_letters AS d
         WHERE (d.projection, d.version) = (p.projection, p.version))
    FROM (SELECT projection, version FROM projections WHERE state IN ('active', 'building')
          UNION ALL SELECT 'processes', 1) AS p
"""
PROCESSES = """
    SELECT substr(c.projection, length('process.') + 1), c.shard, c.position, s.position,
        e.recorded_at
    FROM projection_checkpoints AS c
    JOIN shards AS s ON s.shard = c.shard
    LEFT JOIN events AS e ON e.shard = c.shard AND e.shard_position = c.position + 1
    WHERE c.projection LIKE 'process.%'
    ORDER BY c.projection, c.shard
"""
TASKS = """
    SELECT process, count(*), count(*) FILTER (WHERE send_at <= %(now)s),
        min(send_at) FILTER (WHERE send_at <= %(now)s)
    FROM process_tasks WHERE done_at IS NULL GROUP BY process ORDER BY process
"""
BY_SHARD = ("shard",)
BY_PROJECTION = ("projection", "version")


class StoreFigures:
    """A collector for a Prometheus registry: reads the store at each scrape."""

    def __init__(self, log_pool: Pool, *, clock: Callable[[], datetime]) -> None:
        self._pool = log_pool
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """The figures; while the store is out of reach, only that it is."""
        up = GaugeMetricFamily("eventstore_up", "Whether the event store could be asked just now.")
        try:
            with borrowed(self._pool) as connection:
                found = [*self._shards(connection), *self._projections(connection)]
                found += [*_waiting(connection), _not_fed(connection)]
                found += [*self._processes(connection)]
        except LogUnavailableError:
            up.add_metric((), 0)
            yield up
            return
        up.add_metric((), 1)
        yield up
        yield from found

    def _shards(self, connection: Connection[TupleRow]) -> Iterator[Metric]:
        position = GaugeMetricFamily(
            "eventstore_position", "Last event of the shard.", labels=BY_SHARD
        )
        pending = GaugeMetricFamily(
            "outbox_pending", "Events of the shard that Kafka does not have yet.", labels=BY_SHARD
        )
        age = GaugeMetricFamily(
            "outbox_oldest_age_seconds",
            "For how long the oldest of them has waited.",
            labels=BY_SHARD,
        )
        for shard, last, relayed, oldest in connection.execute(SHARDS):
            position.add_metric((str(shard),), last)
            pending.add_metric((str(shard),), max(0, last - relayed))
            age.add_metric((str(shard),), self._age(oldest))
        yield from (position, pending, age)

    def _projections(self, connection: Connection[TupleRow]) -> Iterator[Metric]:
        labels = (*BY_PROJECTION, "shard")
        position = GaugeMetricFamily(
            "projection_position",
            "Last event of the shard that the projection shows.",
            labels=labels,
        )
        events = GaugeMetricFamily(
            "projection_lag_events",
            "Events of the shard that it does not show yet.",
            labels=labels,
        )
        seconds = GaugeMetricFamily(
            "projection_lag_seconds",
            "For how long the oldest of them has waited.",
            labels=labels,
        )
        for projection, version, shard, shown, last, oldest in connection.execute(PROJECTIONS):
            where = (projection, str(version), str(shard))
            position.add_metric(where, shown)
            events.add_metric(where, max(0, last - shown))
            seconds.add_metric(where, self._age(oldest))
        yield from (position, events, seconds)

    def _processes(self, connection: Connection[TupleRow]) -> Iterator[Metric]:
        labels = ("process", "shard")
        events = GaugeMetricFamily(
            "process_lag_events",
            "Events of the shard that the process manager has not seen yet.",
            labels=labels,
        )
        seconds = GaugeMetricFamily(
            "process_lag_seconds", "For how long the oldest of them has waited.", labels=labels
        )
        for process, shard, seen, last, oldest in connection.execute(PROCESSES):
            where = (process, str(shard))
            events.add_metric(where, max(0, last - seen))
            seconds.add_metric(where, self._age(oldest))
        waiting = GaugeMetricFamily(
            "process_tasks_waiting", "Commands that it has yet to send.", labels=("process",)
        )
        due = GaugeMetricFamily(
            "process_tasks_due", "Those of them whose time has come.", labels=("process",)
        )
        late = GaugeMetricFamily(
            "process_tasks_late_seconds",
            "For how long the oldest of these has waited.",
            labels=("process",),
        )
        for process, tasks, come, oldest in connection.execute(TASKS, {"now": self._clock()}):
            waiting.add_metric((process,), tasks)
            due.add_metric((process,), come)
            late.add_metric((process,), self._age(oldest))
        yield from (events, seconds, waiting, due, late)

    def _age(self, oldest: datetime | None) -> float:
        return 0.0 if oldest is None else max(0.0, (self._clock() - oldest).total_seconds())


def _waiting(connection: Connection[TupleRow]) -> Iterator[Metric]:
    parked = GaugeMetricFamily(
        "parked_streams",
        "Streams the projection could not follow: see `backstock deadletters`.",
        labels=BY_PROJECTION,
    )
    letters = GaugeMetricFamily(
        "dead_letters", "Events that wait because their stream is parked.", labels=BY_PROJECTION
    )
    for projection, version, streams, events in connection.execute(WAITING):
        parked.add_metric((projection, str(version)), streams)
        letters.add_metric((projection, str(version)), events)
    yield from (parked, letters)


def _not_fed(connection: Connection[TupleRow]) -> Metric:
    refused = GaugeMetricFamily(
        "projection_not_fed",
        "1 when it was built with other code than this release's: see `backstock status`.",
        labels=BY_PROJECTION,
    )
    why = active_not_fed(connection)
    for model in active(connection).values():
        is_refused = (model.name, model.version) in why
        refused.add_metric((model.name, str(model.version)), float(is_refused))
    return refused
