"""Promote what a replay built, or go back: every store of it switches at one instant.

First readers are asked to be careful, and given the time to forget what they remember; then one
transaction makes the other versions answer, and keeps the receipt. A process that dies on any line
leaves all stores on the old versions or all on the new ones, and whoever runs the step again ends
it or finds it done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import psycopg
from psycopg import Connection, errors

from eventlog.crash_points import crash_point
from eventlog.heads import HeadKey
from eventlog.log import LogUnavailableError
from eventlog.postgres.connections import Pool, borrowed
from replay import records
from replay.gate import (
    Acceptance,
    NotPromotableError,
    check_gate,
    difference_of,
    is_accepted,
    surprises_of,
)
from replay.receipt import make_receipt
from replay.records import Replay, ReplayStateError
from replay.switching import (
    LOCK_REPLAY,
    BehindError,
    CarefulTimeOverError,
    Positions,
    Switch,
    Switched,
    attempt,
    lag,
    models_of,
)

Direction = Literal["promoted", "rolled_back"]

CAREFUL_SECONDS: Final = 10.0
# More than the half second for which a process answers from memory (api.read_side).
FORGET_SECONDS: Final = 1.0
# An attempt and the wait for its moment, five times over, fit into the careful time.
ATTEMPTS_MAX: Final = 5
MOMENT_SECONDS_MAX: Final = 0.3
MOMENT_POLL_SECONDS: Final = 0.01
ROUNDS_MAX: Final = 3
# Further behind than this, a version would not catch up while the other one stands still.
BEHIND_MAX: Final = 5_000
CLOSE_SECONDS_MAX: Final = 10.0
CLOSE_POLL_SECONDS: Final = 0.2
HISTORY_MAX: Final = 100

BE_CAREFUL: Final = """
UPDATE read_generation
   SET careful_until = greatest(careful_until, clock_timestamp() + %s * interval '1 second')
RETURNING generation
"""
WANTED: Final[Mapping[Direction, Sequence[records.State]]] = {
    "promoted": ("diffed", "rolled_back"),
    "rolled_back": ("promoted",),
}
# A projector held its row for longer than usual, or this process was stopped while it held theirs.
UNLUCKY: Final = (
    errors.LockNotAvailable,
    errors.DeadlockDetected,
    errors.IdleInTransactionSessionTimeout,
)


class CutoverError(Exception):
    """The versions did not come side by side in time; nothing was changed."""

    def __init__(self, replay_id: UUID, why: str) -> None:
        super().__init__(
            f"replay {replay_id} is not switched: {why}; see that `backstock project` runs for"
            " every projection of it, then try again"
        )
        self.replay_id = replay_id
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutover:
    """One switch. `ledgers`: the position that every version that now answers showed at least;
    `shards`: projection -> shard -> [before, after]. `done_before`: this call found it done.
    """

    replay_id: UUID
    direction: Direction
    generation: int
    at: datetime
    versions: Mapping[str, int]
    ledgers: Mapping[str, int]
    shards: Mapping[str, Mapping[str, Sequence[int]]]
    seconds: float
    held_seconds: float
    done_before: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As `replays.cutover` keeps it."""
        return {
            "direction": self.direction,
            "generation": self.generation,
            "at": self.at.isoformat(),
            "versions": dict(self.versions),
            "ledgers": dict(self.ledgers),
            "shards": {name: dict(shards) for name, shards in self.shards.items()},
            "seconds": self.seconds,
            "held_seconds": self.held_seconds,
        }

    @classmethod
    def of(cls, replay: Replay) -> Cutover:
        """The last switch of a replay that was switched."""
        assert replay.cutover is not None, "a promoted replay has its cut-over"
        kept = {name: value for name, value in replay.cutover.items() if name != "history"}
        at = datetime.fromisoformat(kept.pop("at"))
        return cls(replay_id=replay.replay_id, at=at, done_before=True, **kept)


def promote(
    pool: Pool,
    replay_id: UUID,
    *,
    acceptance: Acceptance | None,
    key: HeadKey,
    positions: Positions,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> Cutover:
    """Let the versions that the replay built answer, in all stores at once. Some two seconds.

    The receipt, signed with `key`, is kept with the replay; whoever calls appends it to the ledgers
    (replay.receipt_events). `positions` is asked for stores that keep their own. Repeatable: what
    is done already is told again. Raises `UnknownReplayError`, `ReplayStateError`,
    `NotPromotableError`, `CutoverError`, `VersionStateError`; nothing was changed then.
    """
    return _Step(
        pool=pool,
        replay_id=replay_id,
        to="promoted",
        acceptance=acceptance,
        key=key,
        positions=positions,
        sleep=sleep,
        clock=clock,
        started=clock(),
    ).run()


def rollback(
    pool: Pool,
    replay_id: UUID,
    *,
    positions: Positions,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> Cutover:
    """Let the versions from before the replay answer again: they were fed all the time.

    Repeatable, and raises, as `promote`.
    """
    return _Step(
        pool=pool,
        replay_id=replay_id,
        to="rolled_back",
        acceptance=None,
        key=None,
        positions=positions,
        sleep=sleep,
        clock=clock,
        started=clock(),
    ).run()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One call of `promote`, which has a key, or of `rollback`."""

    pool: Pool
    replay_id: UUID
    to: Direction
    acceptance: Acceptance | None
    key: HeadKey | None
    positions: Positions
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    started: float

    def run(self) -> Cutover:
        with borrowed(self.pool) as connection:
            found = records.replay(connection, self.replay_id)
            if found.state == self.to:
                return Cutover.of(found)
            self._check(connection, found)
        switch = _switch(found, self.to)
        self._come_close(switch)
        why = ""
        for _ in range(ROUNDS_MAX):
            generation = self._be_careful()
            for _ in range(ATTEMPTS_MAX):
                self._await_moment(switch)
                try:
                    return self._try(switch, generation)
                except CarefulTimeOverError:
                    why = "another replay was switched meanwhile"
                    break
                except BehindError as error:
                    why = str(error)
                except UNLUCKY as error:
                    why = str(error).strip()
                except psycopg.OperationalError as error:
                    raise LogUnavailableError(str(error).strip()) from error
        raise CutoverError(self.replay_id, why)

    def _check(self, connection: Connection[Any], found: Replay) -> None:
        wanted = WANTED[self.to]
        if found.state not in wanted:
            raise ReplayStateError(self.replay_id, found.state, wanted)
        if self.to == "promoted":
            check_gate(connection, found, self.acceptance)

    def _come_close(self, switch: Switch) -> None:
        """Wait, without holding anybody up, until an attempt may succeed."""
        until = self.clock() + CLOSE_SECONDS_MAX
        with borrowed(self.pool) as connection:
            sides = models_of(connection, switch)
            while (behind := lag(connection, *sides, self.positions)) is not None:
                if behind.behind <= BEHIND_MAX:
                    return
                if self.clock() > until:
                    raise NotPromotableError(self.replay_id, [str(behind)])
                self.sleep(CLOSE_POLL_SECONDS)

    def _await_moment(self, switch: Switch) -> None:
        """When nothing lies between the versions just now, the projectors wait the shortest."""
        until = self.clock() + MOMENT_SECONDS_MAX
        with borrowed(self.pool) as connection:
            sides = models_of(connection, switch)
            while self.clock() < until:
                if lag(connection, *sides, self.positions) is None:
                    return
                self.sleep(MOMENT_POLL_SECONDS)

    def _be_careful(self) -> int:
        """Have every process ask where the versions stand, each time; the generation since then."""
        with borrowed(self.pool) as connection:
            row = connection.execute(BE_CAREFUL, (CAREFUL_SECONDS,)).fetchone()
        assert row is not None, "a migrated store has its generation"
        crash_point("cutover.careful")
        self.sleep(FORGET_SECONDS)
        crash_point("cutover.forgotten")
        return int(row[0])

    def _try(self, switch: Switch, generation: int) -> Cutover:
        with self.pool.connection() as connection, connection.transaction():
            connection.execute(LOCK_REPLAY, (self.replay_id,))
            found = records.replay(connection, self.replay_id)
            if found.state == self.to:
                return Cutover.of(found)
            self._check(connection, found)
            records.move(connection, self.replay_id, wanted=WANTED[self.to], to=self.to)
            switched = attempt(
                connection,
                switch,
                generation=generation,
                positions=self.positions,
                sleep=self.sleep,
                clock=self.clock,
            )
            cutover = self._cutover(switch, switched)
            self._keep(connection, found, cutover)
            crash_point("cutover.before_commit")
        crash_point("cutover.committed")
        return cutover

    def _keep(self, connection: Connection[Any], found: Replay, cutover: Cutover) -> None:
        """Note the switch, and of a promotion whoever accepted what, and the receipt."""
        kept = cutover.as_dict() | {"history": _history(found)}
        records.note(connection, self.replay_id, cutover=kept)
        if self.key is None:
            return
        accepted = self._accepted(found)
        if accepted != found.acceptance:
            records.note(connection, self.replay_id, acceptance=accepted)
        make_receipt(connection, replace(found, cutover=kept, acceptance=accepted), self.key)

    def _accepted(self, found: Replay) -> Mapping[str, Any] | None:
        """What covers the difference of now; not what once covered another one."""
        if self.acceptance is None:
            return found.acceptance if is_accepted(found) else None
        return {
            "who": self.acceptance.who,
            "why": self.acceptance.why,
            "surprises": surprises_of(found),
            "difference_sha256": difference_of(found),
        }

    def _cutover(self, switch: Switch, switched: Switched) -> Cutover:
        return Cutover(
            replay_id=self.replay_id,
            direction=self.to,
            generation=switched.generation,
            at=switched.at,
            versions=dict(switch.incoming),
            ledgers=switched.ledgers,
            shards={
                name: {str(shard): list(pair) for shard, pair in shards.items()}
                for name, shards in switched.shards.items()
            },
            seconds=round(self.clock() - self.started, 3),
            held_seconds=switched.held_seconds,
        )


def _switch(found: Replay, to: Direction) -> Switch:
    before = {each.projection: each.from_version for each in found.targets}
    after = {each.projection: each.to_version for each in found.targets}
    if to == "promoted":
        return Switch(outgoing=before, incoming=after, wanted=("following", "kept"))
    return Switch(outgoing=after, incoming=before, wanted=("kept",))


def _history(found: Replay) -> list[dict[str, Any]]:
    """The switches before this one, without their positions."""
    if found.cutover is None:
        return []
    last = {name: found.cutover[name] for name in ("direction", "generation", "at", "seconds")}
    return [*found.cutover.get("history", []), last][-HISTORY_MAX:]
