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


class NotPromotableError(Exception):
    """Nothing was changed; `reasons` are sentences."""

    def __init__(self, replay_id: UUID, reasons: Sequence[str]) -> None:
        super().__init__(f"replay {replay_id} is not promoted: {'; '.join(reasons)}")
        self.replay_id = replay_id
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Somebody takes the surprises of a difference upon himself: `who` (opaque), and `why`."""

    who: str
    why: str

    def __post_init__(self) -> None:
        if not self.who.strip() or not self.why.strip():
            raise ValueError("surprises are accepted by somebody, for a reason: give both")


def check_gate(connection: Connection[Any], replay: Replay, acceptance: Acceptance | None) -> None:
    """Raises `NotPromotableError`."""
    reasons = [*_of_difference(replay, acceptance), *_of_versions(connection, replay.replay_id)]
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
    # An acceptance covers what was there to be accepted, and no surprise that came later.
    covered = 0 if replay.acceptance is None else int(replay.acceptance["surprises"])
    if acceptance is None and surprises > covered:
        reason = (
            f"{surprises} cells differ against what was expected: look at the report of"
            ' `backstock replay diff`, or promote with --accept "the reason"'
        )
        return [*faults, reason]
    return faults


def _of_versions(connection: Connection[Any], replay_id: UUID) -> list[str]:
    reasons = []
    for projection, version, state, name, built, parked in connection.execute(
        VERSIONS, (replay_id,)
    ):
        what = f"{projection} v{version}"
        if state not in READY:
            reasons.append(f"{what} is {state}")
        if parked:
            reasons.append(f"{what} has {parked} parked streams: `backstock deadletters`")
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
