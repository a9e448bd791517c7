"""Gives a replay up: its versions are retired and dropped, and another one may begin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

from eventlog.postgres.connections import Pool
from projections.catalogue import ReadModel, versions
from projections.catalogue import State as VersionState
from projections.versions import move_version
from replay.records import (
    LEASE_SECONDS,
    ReplayBusyError,
    State,
    close,
    lease,
    move,
    release,
)
from replay.retiring import drop_retired

CANCELLABLE: Final[tuple[State, ...]] = (
    "planned",
    "building",
    "following",
    "diffed",
    "failed",
    "cancelled",
)
DROPPABLE: Final[tuple[VersionState, ...]] = ("building", "following", "retired")
# Who works on it notices within seconds; who died had its lease for so long.
WAIT_SECONDS_MAX: Final = 3 * LEASE_SECONDS
LOOK_SECONDS: Final = 0.5
BUILT: Final = "SELECT projection, version FROM projections WHERE replay_id = %s ORDER BY 1, 2"


def cancel(
    pool: Pool,
    replay_id: UUID,
    *,
    owner: str,
    drop: Callable[[ReadModel], None],
    sleep: Callable[[float], None],
) -> None:
    """Stop whoever works on it, then drop what was built. Repeatable after a crash at any line.

    `drop` removes what a version has outside PostgreSQL. Raises `UnknownReplayError`,
    `ReplayStateError` once it was promoted, `ReplayBusyError` when its worker does not let go,
    `StillFedError` when a feeder does not.
    """
    with pool.connection() as connection, connection.transaction():
        move(connection, replay_id, wanted=CANCELLABLE, to="cancelled")
    _take(pool, replay_id, owner, sleep)
    try:
        built = _built(pool, replay_id)
        for model in built:
            with pool.connection() as connection:
                move_version(connection, model.name, model.version, wanted=DROPPABLE, to="retired")
        drop_retired(pool, built, drop=drop, sleep=sleep)
        with pool.connection() as connection, connection.transaction():
            close(connection, replay_id)
    finally:
        with pool.connection() as connection:
            release(connection, replay_id, owner)


def _take(pool: Pool, replay_id: UUID, owner: str, sleep: Callable[[float], None]) -> None:
    waited = 0.0
    while True:
        try:
            with pool.connection() as connection:
                lease(connection, replay_id, owner)
        except ReplayBusyError:
            if waited > WAIT_SECONDS_MAX:
                raise
            sleep(LOOK_SECONDS)
            waited += LOOK_SECONDS
        else:
            return


def _built(pool: Pool, replay_id: UUID) -> list[ReadModel]:
    """Its targets, and what a check for determinism left when it was killed."""
    with pool.connection() as connection:
        rows = connection.execute(BUILT, (replay_id,)).fetchall()
        return [versions(connection, projection)[version] for projection, version in rows]
