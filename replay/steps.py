"""The steps of a replay: from which states each is taken, what refuses it, and who is at it now.

Whoever starts a step elsewhere (another process) can ask here first; the step itself asks again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal
from uuid import UUID

from psycopg import Connection

from projections.catalogue import versions
from replay.building import RUNNABLE, check_code
from replay.cancelling import CANCELLABLE
from replay.cutover import WANTED
from replay.diff.compare import COMPARED
from replay.gate import Acceptance, check_gate
from replay.records import Replay, ReplayStateError, State
from replay.retiring import RETIRABLE

StepName = Literal["run", "diff", "promote", "rollback", "retire", "cancel"]

# What is done already is told once more, so the state that a step leads to may be one of them.
FROM: Final[Mapping[StepName, Sequence[State]]] = {
    "run": RUNNABLE,
    "diff": COMPARED,
    "promote": (*WANTED["promoted"], "promoted"),
    "rollback": (*WANTED["rolled_back"], "rolled_back"),
    "retire": RETIRABLE,
    "cancel": CANCELLABLE,
}
# Whoever takes the step again finds it done.
DONE: Final[Mapping[StepName, State]] = {
    "promote": "promoted",
    "rollback": "rolled_back",
    "retire": "retired",
    "cancel": "cancelled",
}
# Between the name of a step and the process that is at it.
MARK: Final = "#"
DIGEST_CHARACTERS: Final = 8
HELD: Final = """
SELECT replay_id, owner FROM replays
 WHERE owner_until > clock_timestamp() AND (%(ids)s::uuid[] IS NULL OR replay_id = ANY (%(ids)s))
"""
OPEN: Final = """
SELECT projection, replay_id FROM replay_targets WHERE is_open AND projection = ANY (%s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """A step that a process holds the replay's lease for; `step` is empty where it did not say."""

    step: str
    digest: str
    owner: str

    @classmethod
    def of(cls, owner: str) -> UnderWay:
        name, mark, _ = owner.partition(MARK)
        step, _, digest = name.partition(".") if mark else ("", "", "")
        known = step if step in FROM else ""
        return cls(step=known, digest=digest if known else "", owner=owner)


def owner_of(step: StepName, process: str, arguments: Sequence[str] = ()) -> str:
    """The name under which a process holds the lease of a replay for a step."""
    return f"{step}.{digest_of(arguments)}{MARK}{process}"


def digest_of(arguments: Sequence[str]) -> str:
    """Tells the same step with other arguments apart."""
    return sha256("\0".join(arguments).encode()).hexdigest()[:DIGEST_CHARACTERS]


def under_way(
    connection: Connection[Any], replay_ids: Sequence[UUID] | None = None
) -> dict[UUID, UnderWay]:
    """Those of the replays (of all, unless named) that a living process works on."""
    ids = None if replay_ids is None else list(replay_ids)
    rows = connection.execute(HELD, {"ids": ids}).fetchall()
    return {replay_id: UnderWay.of(owner) for replay_id, owner in rows}


def open_replays(connection: Connection[Any], projections: Sequence[str]) -> dict[str, UUID]:
    """The replay that is open for each of these projections, where there is one."""
    return dict(connection.execute(OPEN, (list(projections),)).fetchall())


def next_steps(state: State, *, is_open: bool = False) -> list[StepName]:
    """What may be done from a state. `is_open`: no other replay of its projections may begin yet,
    so that one which is called cancelled is not dropped to its end.
    """
    return [
        step
        for step, states in FROM.items()
        if state in states and (state != DONE.get(step) or (step == "cancel" and is_open))
    ]


def check_step(
    connection: Connection[Any],
    replay: Replay,
    step: StepName,
    acceptance: Acceptance | None = None,
) -> None:
    """What can be known before the step begins, by the checks that the step itself makes.

    Raises `ReplayStateError`, `CodeChangedError`, `NotPromotableError`, `UnknownEditionError`.
    """
    if replay.state not in FROM[step]:
        raise ReplayStateError(replay.replay_id, replay.state, FROM[step])
    if step == "promote" and replay.state != "promoted":
        check_gate(connection, replay, acceptance)
    elif step == "run":
        for each in replay.targets:
            check_code(connection, versions(connection, each.projection)[each.to_version])
