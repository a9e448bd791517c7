"""One attempt to make other versions answer, in one transaction for all stores.

While it lasts, nobody moves the versions that answer now: their projectors wait for the rows of
their checkpoints. It ends within HOLD_SECONDS_MAX, switched or not, so that they wait for less than
their own limits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow

from eventlog.crash_points import crash_point
from projections.catalogue import ReadModel, State, versions
from projections.versions import move_version

Positions = Callable[[ReadModel, int], int]
"""The shard position that a version's own store shows."""

HOLD_SECONDS_MAX: Final = 0.8
POLL_SECONDS: Final = 0.01
# Below the time after which PostgreSQL looks for deadlocks, and ends a projector instead of us.
LOCK_MILLISECONDS_MAX: Final = 300
# Who is stopped in here lets go after this; less than what must be left of the careful time.
IDLE_MILLISECONDS_MAX: Final = 1_000
CAREFUL_LEFT_SECONDS_MIN: Final = 3.0
BOUNDS: Final = (
    f"SET LOCAL lock_timeout TO {LOCK_MILLISECONDS_MAX}",
    f"SET LOCAL idle_in_transaction_session_timeout TO {IDLE_MILLISECONDS_MAX}",
)
LOCK_REPLAY: Final = "SELECT FROM replays WHERE replay_id = %s FOR UPDATE"
LOCK_VERSIONS: Final = """
SELECT FROM projections WHERE projection = ANY (%s) ORDER BY projection, version FOR UPDATE
"""
LOCK_CHECKPOINTS: Final = """
SELECT projection, shard FROM projection_checkpoints
 WHERE (projection, version) IN (SELECT * FROM unnest(%s::text[], %s::integer[]))
 ORDER BY projection, version, shard FOR UPDATE
"""
CHECKPOINTS: Final = """
SELECT projection, version, shard, position FROM projection_checkpoints
 WHERE (projection, version) IN (SELECT * FROM unnest(%s::text[], %s::integer[]))
"""
LEDGERS: Final = """
SELECT projection, version, ledger, position FROM projection_ledgers
 WHERE (projection, version) IN (SELECT * FROM unnest(%s::text[], %s::integer[]))
"""
# The last statement of all: what it checks still holds when the commit follows.
RAISE_GENERATION: Final = """
UPDATE read_generation
   SET generation = generation + 1, careful_until = clock_timestamp(),
       changed_at = clock_timestamp()
 WHERE generation = %s AND careful_until > clock_timestamp() + %s * interval '1 second'
RETURNING generation, changed_at
"""

Place = tuple[str, int]
"""A projection and a shard."""


class BehindError(Exception):
    """A version that is to answer does not show what readers have been shown."""

    def __init__(self, projection: str, version: int, behind: int) -> None:
        super().__init__(f"{projection} v{version} is {behind} events behind")
        self.projection = projection
        self.version = version
        self.behind = behind


class CarefulTimeOverError(Exception):
    """Readers may answer from memory again: they have to be asked to be careful anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Which versions answer now, which shall, by projection; the states they are wanted in."""

    outgoing: Mapping[str, int]
    incoming: Mapping[str, int]
    wanted: Sequence[State]


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """`shards`: projection -> shard -> position of (outgoing, incoming); `ledgers`: the position
    that every incoming version shows at least.
    """

    generation: int
    at: datetime
    held_seconds: float
    shards: Mapping[str, Mapping[int, tuple[int, int]]]
    ledgers: Mapping[str, int]


def attempt(
    connection: Connection[TupleRow],
    switch: Switch,
    *,
    generation: int,
    positions: Positions,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> Switched:
    """Inside the caller's transaction, to be committed at once.

    Raises `BehindError`, `CarefulTimeOverError`, `VersionStateError` and psycopg's
    `LockNotAvailable`, each of which voids the transaction.
    """
    outgoing, incoming = lock(connection, switch)
    started = clock()
    crash_point("cutover.locked")
    while (behind := lag(connection, outgoing, incoming, positions)) is not None:
        if clock() - started > HOLD_SECONDS_MAX:
            raise behind
        sleep(POLL_SECONDS)
    crash_point("cutover.caught_up")
    shards = _shards(connection, outgoing, incoming, positions)
    ledgers = _ledgers(connection, incoming)
    for name, version in switch.outgoing.items():
        move_version(connection, name, version, wanted=["active"], to="kept")
    for name, version in switch.incoming.items():
        move_version(connection, name, version, wanted=switch.wanted, to="active")
    crash_point("cutover.moved")
    raised = connection.execute(RAISE_GENERATION, (generation, CAREFUL_LEFT_SECONDS_MIN)).fetchone()
    if raised is None:
        raise CarefulTimeOverError
    return Switched(
        generation=raised[0],
        at=raised[1].astimezone(UTC),
        held_seconds=round(clock() - started, 4),
        shards=shards,
        ledgers=ledgers,
    )


def lock(
    connection: Connection[TupleRow], switch: Switch
) -> tuple[Sequence[ReadModel], Sequence[ReadModel]]:
    """The outgoing and incoming models; the outgoing ones stand still from here on."""
    names = list(switch.outgoing)
    for bound in BOUNDS:
        connection.execute(bound)
    connection.execute(LOCK_VERSIONS, (names,))
    outgoing, incoming = models_of(connection, switch)
    connection.execute(LOCK_CHECKPOINTS, _pairs(outgoing))
    return outgoing, incoming


def models_of(
    connection: Connection[TupleRow], switch: Switch
) -> tuple[Sequence[ReadModel], Sequence[ReadModel]]:
    """The outgoing and incoming models, each by name, as the catalogue has them."""
    return _models(connection, switch.outgoing), _models(connection, switch.incoming)


def lag(
    connection: Connection[Any],
    outgoing: Sequence[ReadModel],
    incoming: Sequence[ReadModel],
    positions: Positions,
) -> BehindError | None:
    """The first incoming version that shows less of some shard or ledger than its outgoing one."""
    shown = _shards(connection, outgoing, incoming, positions)
    marks = _marks(connection, [*outgoing, *incoming])
    for before, after in zip(outgoing, incoming, strict=True):
        old, new = (marks.get((each.name, each.version), {}) for each in (before, after))
        behind = max(
            *(then - now for then, now in shown[after.name].values()),
            *(position - new.get(ledger, 0) for ledger, position in old.items()),
            0,
        )
        if behind:
            return BehindError(after.name, after.version, behind)
    return None


def _models(connection: Connection[TupleRow], wanted: Mapping[str, int]) -> list[ReadModel]:
    return [versions(connection, name)[version] for name, version in sorted(wanted.items())]


def _shards(
    connection: Connection[Any],
    outgoing: Sequence[ReadModel],
    incoming: Sequence[ReadModel],
    positions: Positions,
) -> dict[str, dict[int, tuple[int, int]]]:
    models = [*outgoing, *incoming]
    told = {
        (name, version, shard): position
        for name, version, shard, position in connection.execute(CHECKPOINTS, _pairs(models))
    }
    for model in models:
        if model.store == "redis":  # Its row in PostgreSQL says less than is there, at times.
            for name, version, shard in told:
                if (name, version) == (model.name, model.version):
                    told[name, version, shard] = positions(model, shard)
    return {
        before.name: {
            shard: (position, told.get((after.name, after.version, shard), 0))
            for (name, version, shard), position in sorted(told.items())
            if (name, version) == (before.name, before.version)
        }
        for before, after in zip(outgoing, incoming, strict=True)
    }


def _marks(
    connection: Connection[Any], models: Sequence[ReadModel]
) -> dict[tuple[str, int], dict[str, int]]:
    found: dict[tuple[str, int], dict[str, int]] = {}
    for name, version, ledger, position in connection.execute(LEDGERS, _pairs(models)):
        found.setdefault((name, version), {})[ledger] = position
    return found


def _ledgers(connection: Connection[Any], incoming: Sequence[ReadModel]) -> dict[str, int]:
    marks = list(_marks(connection, incoming).values())
    every = {ledger for each in marks for ledger in each}
    return {ledger: min(each.get(ledger, 0) for each in marks) for ledger in sorted(every)}


def _pairs(models: Sequence[ReadModel]) -> tuple[list[str], list[int]]:
    return [each.name for each in models], [each.version for each in models]
