"""Takes away what a drill leaves behind that did not come to its end: replays, and the mistake."""

from __future__ import annotations

import time
from typing import Final
from uuid import UUID

from eventlog.postgres.connections import borrowed
from ops import promotion
from ops.drilling import steps
from ops.replaying import Replaying
from projections.catalogue import versions
from projections.editions import CURRENT, RETURNS_TWICE
from replay.cancelling import CANCELLABLE, cancel
from replay.gate import Acceptance
from replay.records import State, replay

RULE: Final = "type=stock.returned.v1 to=damaged"
ACCEPTED: Final = Acceptance(who="drill", why="the drill plants this mistake to repair it")
OPEN: Final = "SELECT DISTINCT replay_id FROM replay_targets WHERE is_open"


def tidy(around: Replaying) -> None:
    """Close the drill's replays, then repair what the mistake answers for. Repeatable.

    Raises what the steps of a replay raise.
    """
    close_drills(around)
    planted = [name for name, edition in steps.editions(around).items() if edition == RETURNS_TWICE]
    if planted:
        replay_id = steps.planned(around, CURRENT, planted)
        steps.built(around, replay_id)
        steps.compared(around, replay_id, [RULE])
        promotion.promote(around, replay_id, ACCEPTED)
        promotion.retire(around, replay_id)


def close_drills(around: Replaying) -> None:
    """End every open replay to or from the planted mistake; where it can, what is right answers.

    Raises as `cancel`, `promote`, `rollback` and `retire` do.
    """
    with borrowed(around.pool) as connection:
        opened = [row[0] for row in connection.execute(OPEN).fetchall()]
    for replay_id in opened:
        _close(around, replay_id)


def _close(around: Replaying, replay_id: UUID) -> None:
    state, before, after = _sides(around, replay_id)
    if RETURNS_TWICE not in before | after:
        return
    if state in CANCELLABLE:
        cancel(around.pool, replay_id, owner=around.owner, drop=around.drop, sleep=time.sleep)
        return
    if state == "promoted" and RETURNS_TWICE in after:
        promotion.rollback(around, replay_id)
    elif state == "rolled_back" and RETURNS_TWICE in before:
        promotion.promote(around, replay_id, ACCEPTED)
    promotion.retire(around, replay_id)


def _sides(around: Replaying, replay_id: UUID) -> tuple[State, set[str], set[str]]:
    """Its state, and the editions it leads from and to."""
    before, after = set(), set()
    with borrowed(around.pool) as connection:
        found = replay(connection, replay_id)
        for each in found.targets:
            known = versions(connection, each.projection)
            before.add(known[each.from_version].edition)
            after.add(known[each.to_version].edition)
    return found.state, before, after
