"""The steps of a drill, each by the very functions that the commands and HTTP call."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from threading import Event
from typing import Final
from uuid import UUID

import clickhouse_connect

from eventlog.postgres.connections import borrowed
from ops.processes.projector import redis_client
from ops.replaying import Replaying, build_from
from ops.stack.errors import StackError
from projections.catalogue import active
from replay import planning
from replay.budget import Budget
from replay.diff.cells import Finding
from replay.diff.compare import Difference, compare, sides_of
from replay.diff.expectations import parse_all
from replay.records import replay

PROJECTIONS: Final = ("stock_levels", "availability", "movements")
SHOWN_SECONDS_MAX: Final = 60.0
POLL_SECONDS: Final = 0.1
SHOWN: Final = """
SELECT coalesce(sum(s.position - c.position), 0)
  FROM projection_checkpoints AS c JOIN projections AS p USING (projection, version)
  JOIN shards AS s USING (shard) WHERE p.state = 'active' AND p.projection = ANY (%s)
"""


class DrillError(StackError):
    """The drill did not come to its end; the sentence says what answers now, and what to do."""


def planned(around: Replaying, edition: str, projections: Sequence[str] = PROJECTIONS) -> UUID:
    """A replay that builds versions of this edition."""
    request = planning.Request(projections=projections, edition=edition, planted=True)
    found = planning.plan(around.pool, around.reader, request)
    return planning.start(around.pool, found, redis_prefix=around.stores.settings.redis_prefix)


def built(around: Replaying, replay_id: UUID) -> None:
    """Up to the head of the log."""
    build_from(
        around,
        replay_id,
        source="store",
        budget=Budget(cores=os.cpu_count() or 1),
        stop=Event(),
        observe=lambda _: None,
    )


def compared(
    around: Replaying,
    replay_id: UUID,
    rules: Sequence[str],
    each: Callable[[Finding], None] = lambda _: None,
) -> Difference:
    """`each` is told every cell that differs."""
    stores = around.stores
    with (
        closing(redis_client(stores)) as keys,
        closing(clickhouse_connect.get_client(dsn=stores.clickhouse_url)) as tables,
    ):
        with borrowed(around.pool) as connection:
            found = replay(connection, replay_id)
            sides = sides_of(connection, found, redis=keys, clickhouse=tables)
        return compare(around.pool, around.reader, found, sides, rules=parse_all(rules), each=each)


def editions(around: Replaying) -> dict[str, str]:
    """Projection -> the edition of the version that answers."""
    with borrowed(around.pool) as connection:
        found = active(connection)
    return {name: found[name].edition for name in PROJECTIONS}


def wait_until_shown(around: Replaying) -> None:
    """Until the versions that answer have caught up with the log. Raises `DrillError`."""
    deadline = time.monotonic() + SHOWN_SECONDS_MAX
    while True:
        with borrowed(around.pool) as connection:
            row = connection.execute(SHOWN, (list(PROJECTIONS),)).fetchone()
        if row is not None and row[0] == 0:
            return
        if time.monotonic() > deadline:
            raise DrillError(
                "the read models do not follow the log: see `backstock status`, then run the"
                " drill again"
            )
        time.sleep(POLL_SECONDS)
