"""Versions that nobody needs any more: no longer fed, then dropped, in every store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import structlog
from psycopg import Connection, errors
from psycopg.rows import TupleRow

from eventlog.crash_points import crash_point
from eventlog.postgres.connections import Pool, borrowed
from projections.catalogue import ReadModel, State, versions
from projections.versions import drop_version, move_version
from replay import records

log = structlog.get_logger(__name__)

RETIRABLE: Final[tuple[records.State, ...]] = ("promoted", "rolled_back", "retired")
DISMISSED: Final[tuple[State, ...]] = ("building", "following", "kept", "retired")
# A projector notices within seconds; the lease of one that died runs out in ten.
LET_GO_SECONDS_MAX: Final = 60.0
LOOK_SECONDS: Final = 0.25
# Answers that were begun on a version end on it.
READERS_SECONDS: Final = 2.0
DROP_ATTEMPTS_MAX: Final = 10
FEEDERS: Final = """
SELECT DISTINCT lease_owner FROM projection_checkpoints
 WHERE projection = %s AND version = %s AND lease_owner IS NOT NULL
   AND lease_until > clock_timestamp()
"""
# What drop_version takes away last tells whether it was done.
IS_THERE: Final = """
SELECT EXISTS (SELECT FROM projection_checkpoints WHERE projection = %s AND version = %s)
"""


class StillFedError(Exception):
    """A process goes on feeding a version that was retired."""

    def __init__(self, model: ReadModel, owners: Sequence[str]) -> None:
        super().__init__(
            f"{model.name} v{model.version} is still fed by {', '.join(owners)}: stop that process,"
            " then run this again"
        )
        self.projection = model.name
        self.version = model.version
        self.owners = tuple(owners)


def retire(
    pool: Pool,
    replay_id: UUID,
    *,
    drop: Callable[[ReadModel], None],
    sleep: Callable[[float], None],
) -> list[ReadModel]:
    """Drop the replay's versions that do not answer, and let another replay begin; what is gone.

    There is no way back from here. `drop` removes what a version has outside PostgreSQL, and is
    repeatable. Repeatable itself, after a crash at any line. Raises `UnknownReplayError`,
    `ReplayStateError`, `StillFedError`.
    """
    with pool.connection() as connection, connection.transaction():
        before = records.replay(connection, replay_id)
        records.move(connection, replay_id, wanted=RETIRABLE, to="retired")
        doomed = _doomed(connection, before)
        for model in doomed:
            move_version(connection, model.name, model.version, wanted=DISMISSED, to="retired")
    crash_point("retire.moved")
    drop_retired(pool, doomed, drop=drop, sleep=sleep)
    with pool.connection() as connection, connection.transaction():
        records.close(connection, replay_id)
    return doomed


def _doomed(connection: Connection[TupleRow], replay: records.Replay) -> list[ReadModel]:
    """What does not answer; once retired, only what was found so then, as others may be kept."""
    found = []
    for target in replay.targets:
        known = versions(connection, target.projection)
        found += [known[target.from_version], known[target.to_version]]
    if replay.state == "retired":
        return [each for each in found if each.state == "retired"]
    return [each for each in found if each.state != "active"]


def drop_retired(
    pool: Pool,
    models: Sequence[ReadModel],
    *,
    drop: Callable[[ReadModel], None],
    sleep: Callable[[float], None],
) -> None:
    """Wait until nobody feeds or reads these retired versions, then drop them. Repeatable."""
    left = [model for model in models if _is_there(pool, model)]
    if not left:
        return
    for model in left:
        _wait_for_feeders(pool, model, sleep)
    crash_point("retire.let_go")
    sleep(READERS_SECONDS)
    for model in left:
        drop(model)
        crash_point("retire.dropped_outside")
        _drop_tables(pool, model, sleep)
        log.info("version dropped", read_model=model.name, version=model.version)


def _is_there(pool: Pool, model: ReadModel) -> bool:
    with borrowed(pool) as connection:
        row = connection.execute(IS_THERE, (model.name, model.version)).fetchone()
    return row is not None and bool(row[0])


def _wait_for_feeders(pool: Pool, model: ReadModel, sleep: Callable[[float], None]) -> None:
    waited = 0.0
    while True:
        with borrowed(pool) as connection:
            rows = connection.execute(FEEDERS, (model.name, model.version)).fetchall()
        if not rows:
            return
        if waited >= LET_GO_SECONDS_MAX:
            raise StillFedError(model, sorted(row[0] for row in rows))
        sleep(LOOK_SECONDS)
        waited += LOOK_SECONDS


def _drop_tables(pool: Pool, model: ReadModel, sleep: Callable[[float], None]) -> None:
    """A reader of the tables, or a vacuum of them, may hold them for a moment."""
    for attempt in range(1, DROP_ATTEMPTS_MAX + 1):
        try:
            with pool.connection() as connection, connection.transaction():
                drop_version(connection, model.name, model.version)
        except errors.LockNotAvailable:
            if attempt == DROP_ATTEMPTS_MAX:
                raise
            sleep(LOOK_SECONDS)
        else:
            return
