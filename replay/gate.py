"""What must be true before a replay's versions may answer: all reasons against it at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from projections.editions import UnknownEditionError, edition
from projections.fingerprints import changed, fingerprints
from replay.history import faults_of_history
from replay.receipt import digest_of
from replay.records import Replay

VERSIONS: Final = """
SELECT p.projection, p.version, p.state, p.edition, p.fingerprints,
       (SELECT count(*) FROM parked_streams AS s
         WHERE (s.projection, s.version) = (p.projection, p.version))
  FROM projections AS p JOIN replay_targets AS t
    ON (t.projection, t.to_version) = (p.projection, p.version)
 WHERE t.replay_id = %s ORDER BY p.projection
"""
READY: Final = ("following", "kept")
# What a difference must say of itself for its age to be known.
TIMELY: Final = frozenset({"compared_at", "epoch", "at"})
# What was compared longer ago says too little of what is read today.
DIFFERENCE_HOURS_MAX: Final = 24
SINCE: Final = """
SELECT extract(epoch FROM clock_timestamp() - %s::timestamptz) / 3600, epoch FROM store_identity
"""
STANDING: Final = """
SELECT c.projection, c.version, c.shard, c.position
  FROM projection_checkpoints AS c JOIN replay_targets AS t
    ON c.projection = t.projection AND c.version IN (t.from_version, t.to_version)
 WHERE t.replay_id = %s ORDER BY c.projection, c.version, c.shard
"""
AGAIN: Final = "compare again by `backstock replay diff`"


class NotPromotableError(Exception):
    """Nothing was changed; `reasons` are sentences."""

    def __init__(self, replay_id: UUID, reasons: Sequence[str]) -> None:
        super().__init__(f"replay {replay_id} is not promoted: {'; '.join(reasons)}")
        self.replay_id = replay_id
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Somebody takes the surprises of a difference upon himself: `who` (opaque), and `why`.

    `difference_sha256`: of the one he has looked at; None is the one that is stored.
    """

    who: str
    why: str
    difference_sha256: str | None = None

    def __post_init__(self) -> None:
        if not self.who.strip() or not self.why.strip():
            raise ValueError("surprises are accepted by somebody, for a reason: give both")


def check_gate(connection: Connection[Any], replay: Replay, acceptance: Acceptance | None) -> None:
    """Raises `NotPromotableError`."""
    reasons = [
        *_of_difference(replay, acceptance),
        *_of_its_age(connection, replay),
        *_of_versions(connection, replay.replay_id),
    ]
    if reasons:
        raise NotPromotableError(replay.replay_id, reasons)


def surprises_of(replay: Replay) -> int:
    """Differences that no stated rule expects; 0 when it was not compared."""
    return 0 if replay.diff is None else int(replay.diff["surprises"])


def _of_difference(replay: Replay, acceptance: Acceptance | None) -> list[str]:
    if replay.diff is None:
        return ["its difference is not known: `backstock replay diff` finds it"]
    # No acceptance covers a log that is not what was appended.
    faults = list(faults_of_history(replay.diff.get("history")))
    surprises = surprises_of(replay)
    if acceptance is not None and acceptance.difference_sha256 not in (None, difference_of(replay)):
        reason = (
            "the difference that was accepted is not the one that is stored: look at the report of"
            " `backstock replay diff`, and accept that"
        )
        return [*faults, reason]
    if acceptance is None and surprises and not is_accepted(replay):
        reason = (
            f"{surprises} cells differ against what was expected: look at the report of"
            ' `backstock replay diff`, or promote with --accept "the reason"'
        )
        return [*faults, reason]
    return faults


def difference_of(replay: Replay) -> str:
    """SHA-256 of what was found when its versions were compared, as it is stored; hex."""
    return digest_of(replay.diff or {})


def is_accepted(replay: Replay) -> bool:
    """An acceptance covers the difference that was there to be accepted, and no later one."""
    kept = replay.acceptance
    return kept is not None and kept.get("difference_sha256") == difference_of(replay)


def _of_its_age(connection: Connection[Any], replay: Replay) -> list[str]:
    """Why a difference says nothing of the versions as they are now."""
    if replay.diff is None:
        return []
    if not replay.diff.keys() >= TIMELY:
        return [f"other code has compared it, and did not say when and where: {AGAIN}"]
    row = connection.execute(SINCE, (replay.diff["compared_at"],)).fetchone()
    assert row is not None, "a migrated store has its identity"
    hours, epoch = row
    if epoch != replay.diff["epoch"]:
        return [f"the store was restored since it was compared: {AGAIN}"]
    if hours > DIFFERENCE_HOURS_MAX:
        return [f"it was compared {hours:.0f} hours ago, {DIFFERENCE_HOURS_MAX} at most: {AGAIN}"]
    begun_again = dict.fromkeys(
        f"{projection} v{version} stands before where it was compared: let it catch up, and {AGAIN}"
        for projection, version, shard, position in connection.execute(
            STANDING, (replay.replay_id,)
        )
        if position < replay.diff["at"].get(projection, {}).get(str(shard), [0])[0]
    )
    return list(begun_again)


def _of_versions(connection: Connection[Any], replay_id: UUID) -> list[str]:
    reasons = []
    for projection, version, state, name, built, parked in connection.execute(
        VERSIONS, (replay_id,)
    ):
        what = f"{projection} v{version}"
        if state not in READY:
            reasons.append(f"{what} is {state}")
        if parked:
            reasons.append(
                f"{what} has {parked} parked streams (`backstock deadletters list`): when their"
                " cause is mended, `backstock replay key --parked --projection"
                f" {projection} --version {version}`"
            )
        try:
            differing = changed(built, fingerprints(projection, edition(name)))
        except UnknownEditionError as unknown:
            reasons.append(f"{what}: {unknown}")
            continue
        if differing:
            reasons.append(
                f"the code that folds {', '.join(sorted(differing))} is not that which built"
                f" {what}: cancel this replay and run it again"
            )
    return reasons
