"""A replay as status, HTTP and the commands show it: one JSON object, from its row."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from psycopg import Connection

from projections.catalogue import versions
from replay.records import Replay, UnknownReplayError, replay, replays


def find(
    connection: Connection[Any], replay_id: UUID | None, projections: Collection[str] = ()
) -> Replay:
    """The replay of this id; else the latest one of just these projections, or of any.

    Raises `UnknownReplayError`.
    """
    if replay_id is not None or not projections:
        return replay(connection, replay_id)
    for each in replays(connection):
        if {target.projection for target in each.targets} == set(projections):
            return each
    raise UnknownReplayError(None)


def shown(connection: Connection[Any], replay_id: UUID) -> dict[str, Any]:
    """Its plan, progress and what its steps found. Raises `UnknownReplayError`."""
    return as_dict(connection, replay(connection, replay_id))


def as_dict(connection: Connection[Any], found: Replay) -> dict[str, Any]:
    """The replay as one JSON object."""
    return {
        "replay_id": str(found.replay_id),
        "state": found.state,
        "targets": [
            {
                "projection": each.projection,
                "from_version": each.from_version,
                "to_version": each.to_version,
                "edition": versions(connection, each.projection)[each.to_version].edition,
                "is_open": each.is_open,
            }
            for each in found.targets
        ],
        "plan": found.plan,
        "progress": found.progress,
        "diff": found.diff,
        "acceptance": found.acceptance,
        "cutover": found.cutover,
        "receipt": found.receipt,
        "error": found.error,
        "owner": found.owner,
        "created_at": found.created_at.isoformat(),
        "updated_at": found.updated_at.isoformat(),
    }
