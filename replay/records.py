"""What is known of every replay, in PostgreSQL: any process can show it, and go on with it.

A process works on a replay under a lease of a few seconds. When it dies, the lease runs out, and
whoever runs the replay again takes over where the checkpoints of its versions stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from psycopg import Connection, errors
from psycopg.rows import TupleRow, kwargs_row
from psycopg.types.json import Json

State = Literal[
    "planned",
    "building",
    "following",
    "diffed",
    "promoted",
    "rolled_back",
    "retired",
    "failed",
    "cancelled",
]
LEASE_SECONDS: Final = 10.0

COLUMNS = """
SELECT r.replay_id, r.state, r.plan, r.progress, r.diff, r.acceptance, r.cutover, r.receipt,
       r.error, r.owner, r.created_at, r.updated_at,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'projection', t.projection, 'from_version', t.from_version,
                   'to_version', t.to_version, 'is_open', t.is_open) ORDER BY t.projection), '[]')
          FROM replay_targets AS t WHERE t.replay_id = r.replay_id) AS targets
  FROM replays AS r
"""
ENTER = "INSERT INTO replays (replay_id, state, plan) VALUES (%s, 'planned', %s)"
ENTER_TARGET = """
INSERT INTO replay_targets (replay_id, projection, from_version, to_version)
VALUES (%s, %s, %s, %s)
"""
# By the database's clock: `owner` holds it now, or nobody does any more.
LEASE = """
UPDATE replays SET owner = %(owner)s,
       owner_until = clock_timestamp() + %(seconds)s * interval '1 second'
 WHERE replay_id = %(replay_id)s
   AND (owner IS NULL OR owner = %(owner)s OR owner_until < clock_timestamp())
"""
# Not what was let go: its owner's step has ended.
RENEW = """
UPDATE replays SET owner_until = clock_timestamp() + %(seconds)s * interval '1 second'
 WHERE replay_id = %(replay_id)s AND owner = %(owner)s
"""
RELEASE = """
UPDATE replays SET owner = NULL, owner_until = NULL WHERE replay_id = %s AND owner = %s
"""
CLOSE = "UPDATE replay_targets SET is_open = false WHERE replay_id = %s"
MOVE = """
UPDATE replays SET state = %(to)s, updated_at = clock_timestamp()
 WHERE replay_id = %(replay_id)s AND state = ANY (%(wanted)s)
"""
# Who told something himself has let go of it, or left an error.
NOTE_UNTOLD = """
UPDATE replays SET error = %s, updated_at = clock_timestamp()
 WHERE replay_id = %s AND owner = %s AND error IS NULL
"""
NOTES = ("progress", "diff", "acceptance", "cutover", "receipt", "error", "plan")


class UnknownReplayError(Exception):
    def __init__(self, replay_id: UUID | None) -> None:
        named = "no replay was ever planned" if replay_id is None else f"no replay {replay_id}"
        super().__init__(f"{named}: `backstock replay plan` makes one")
        self.replay_id = replay_id


class OverlappingReplayError(Exception):
    """One replay of a projection at a time."""

    def __init__(self, projection: str) -> None:
        super().__init__(
            f"a replay of {projection} is open already: promote, cancel or retire it first"
            " (`backstock replay status` shows it)"
        )
        self.projection = projection


class ReplayBusyError(Exception):
    """Another process works on it."""

    def __init__(self, replay_id: UUID) -> None:
        super().__init__(
            f"another process works on replay {replay_id}; watch it by `replay status`"
        )
        self.replay_id = replay_id


class ReplayStateError(Exception):
    """A step that the replay's state does not allow; nothing was changed."""

    def __init__(self, replay_id: UUID, state: str, wanted: Sequence[State]) -> None:
        super().__init__(f"replay {replay_id} is {state}; this step wants it {' or '.join(wanted)}")
        self.replay_id = replay_id
        self.state = state
        self.wanted = wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One projection of a replay: the version that answers today, and the one that is built."""

    projection: str
    from_version: int
    to_version: int
    is_open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A replay as its row stood. The mappings are JSON, each written by one step."""

    replay_id: UUID
    state: State
    plan: Mapping[str, Any]
    progress: Mapping[str, Any]
    diff: Mapping[str, Any] | None
    acceptance: Mapping[str, Any] | None
    cutover: Mapping[str, Any] | None
    receipt: Mapping[str, Any] | None
    error: str | None
    owner: str | None
    created_at: datetime
    updated_at: datetime
    targets: Sequence[Target]


def enter(
    connection: Connection[TupleRow],
    replay_id: UUID,
    plan: Mapping[str, Any],
    targets: Sequence[Target],
) -> None:
    """A planned replay. Raises `OverlappingReplayError`, after which the transaction is void."""
    connection.execute(ENTER, (replay_id, Json(plan)))
    for each in targets:
        values = (replay_id, each.projection, each.from_version, each.to_version)
        try:
            connection.execute(ENTER_TARGET, values)
        except errors.UniqueViolation as error:
            raise OverlappingReplayError(each.projection) from error


def replay(connection: Connection[Any], replay_id: UUID | None = None) -> Replay:
    """One replay; the latest when none is named. Raises `UnknownReplayError`."""
    found = _read(connection, "WHERE r.replay_id = %(id)s OR %(id)s::uuid IS NULL", replay_id, 1)
    if not found:
        raise UnknownReplayError(replay_id)
    return found[0]


def replays(connection: Connection[Any], *, limit: int = 100) -> list[Replay]:
    """The latest first."""
    return _read(connection, "WHERE %(id)s::uuid IS NULL", None, limit)


def lease(connection: Connection[TupleRow], replay_id: UUID, owner: str) -> None:
    """Take or renew the right to work on it, for LEASE_SECONDS. Raises `ReplayBusyError`."""
    values = {"replay_id": replay_id, "owner": owner, "seconds": LEASE_SECONDS}
    if connection.execute(LEASE, values).rowcount != 1:
        raise ReplayBusyError(replay_id)


def renew(connection: Connection[TupleRow], replay_id: UUID, owner: str) -> None:
    """Keep what `owner` still has, for LEASE_SECONDS more; nothing else is taken."""
    values = {"replay_id": replay_id, "owner": owner, "seconds": LEASE_SECONDS}
    connection.execute(RENEW, values)


def release(connection: Connection[TupleRow], replay_id: UUID, owner: str) -> None:
    """Let others work on it at once."""
    connection.execute(RELEASE, (replay_id, owner))


def move(
    connection: Connection[TupleRow], replay_id: UUID, *, wanted: Sequence[State], to: State
) -> None:
    """From one of the `wanted` states `to` another. Raises `ReplayStateError`."""
    values = {"replay_id": replay_id, "wanted": list(wanted), "to": to}
    if connection.execute(MOVE, values).rowcount != 1:
        raise ReplayStateError(replay_id, replay(connection, replay_id).state, wanted)


def note(connection: Connection[TupleRow], replay_id: UUID, **notes: object) -> None:
    """Write what a step found: any of NOTES."""
    unknown = notes.keys() - set(NOTES)
    if unknown:
        raise ValueError(f"a replay has no {sorted(unknown)}")
    for name, value in notes.items():
        stored = value if name == "error" or value is None else Json(value)
        # `name` is one of NOTES.
        connection.execute(
            f"UPDATE replays SET {name} = %s, updated_at = clock_timestamp()"  # noqa: S608
            " WHERE replay_id = %s",
            (stored, replay_id),
        )


def note_untold(connection: Connection[TupleRow], replay_id: UUID, owner: str, error: str) -> None:
    """How a step of `owner` ended, unless its process has said so itself."""
    connection.execute(NOTE_UNTOLD, (error, replay_id, owner))


def close(connection: Connection[TupleRow], replay_id: UUID) -> None:
    """Let another replay of its projections begin."""
    connection.execute(CLOSE, (replay_id,))


def _read(
    connection: Connection[Any], where: str, replay_id: UUID | None, limit: int
) -> list[Replay]:
    with connection.cursor(row_factory=kwargs_row(_replay)) as cursor:
        statement = f"{COLUMNS} {where} ORDER BY r.created_at DESC, r.replay_id LIMIT %(limit)s"
        return cursor.execute(statement, {"id": replay_id, "limit": limit}).fetchall()


def _replay(*, targets: list[dict[str, Any]], **fields: Any) -> Replay:  # noqa: ANN401 - a row
    return Replay(targets=[Target(**each) for each in targets], **fields)
