"""The plan: what would have been decided otherwise, and what to do about it. Nothing is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from replay.compensation.differences import Difference, Differences
from replay.compensation.proposals import (
    ByHand,
    Proposal,
    Proposing,
    Settled,
    Tried,
)
from replay.compensation.rules import TODAY, rules
from replay.fork.fork import Fork, Pasts
from replay.fork.policy import AS_IT_WAS, Policy
from replay.fork.recovery import Past
from replay.fork.refused import MAKES_UP, Refused
from replay.fork.walk import Point, Walk, Window

Told = Callable[[int], None]
LISTED_MAX = 1_000  # Of each kind, for machines; the files of a plan have all.


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """What the past is measured by: rules by their name, and a policy on top of them."""

    rules: str = TODAY
    policy: Policy = AS_IT_WAS

    def key(self, difference: Difference, number: int) -> str:
        """The same for the same difference, so that a plan that is made and sent again does nothing
        twice.
        """
        policy = self.policy.as_dict()
        said = orjson.dumps([self.rules, policy], option=orjson.OPT_SORT_KEYS)
        digest = sha256(said).hexdigest()[:8]
        refused = f":{difference.key}" if difference.kind == "promised" else ""
        named = f"{MAKES_UP}{self.rules}-{digest}/{difference.position}{refused}/{number}"
        return named[:200]


@dataclass(slots=True, kw_only=True)
class Plan:
    """`proposals` in the order to send them. `carried_on` counts decisions that stay, with another
    effect on stocks that went another way before; `beyond` the differences that were too many to
    hold: another plan from `next_start` on has them.
    """

    ledger: str
    corrected: Corrected
    after_position: int = 0
    position: int = 0
    commands: int = 0
    carried_on: int = 0
    beyond: int = 0
    differences: list[Difference] = field(default_factory=list)
    proposals: list[Proposal] = field(default_factory=list)
    by_hand: list[ByHand] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)

    @property
    def next_start(self) -> int | None:
        """Behind the last difference that is held; None when all are."""
        return self.differences[-1].position if self.beyond else None

    def lines(self) -> Iterable[bytes]:
        """The proposed commands as JSON lines: the file to be read and approved."""
        for proposal in self.proposals:
            yield orjson.dumps(proposal.body, option=orjson.OPT_APPEND_NEWLINE)

    def lines_by_hand(self) -> Iterable[bytes]:
        """What people must do, as JSON lines."""
        for each in self.by_hand:
            said = each.difference.as_dict() | {"why": each.why}
            yield orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE)

    def as_dict(self) -> dict[str, Any]:
        """For machines: counts, and the first LISTED_MAX of each kind."""
        return {
            "ledger": self.ledger,
            "rules": self.corrected.rules,
            "policy": self.corrected.policy.as_dict(),
            "after_position": self.after_position,
            "position": self.position,
            "commands": self.commands,
            "carried_on": self.carried_on,
            "counts": {
                "differences": len(self.differences),
                "beyond": self.beyond,
                "proposals": len(self.proposals),
                "by_hand": len(self.by_hand),
                "settled": len(self.settled),
            },
            "next_start": self.next_start,
            "differences": [each.as_dict() for each in self.differences[:LISTED_MAX]],
            "proposals": [
                {"position": each.difference.position, "command": each.body}
                for each in self.proposals[:LISTED_MAX]
            ],
            "by_hand": [
                {"position": each.difference.position, "key": each.difference.key, "why": each.why}
                for each in self.by_hand[:LISTED_MAX]
            ],
            "settled": sorted({each.difference.position for each in self.settled})[:LISTED_MAX],
        }


def compensation_plan(
    ledger: str,
    pasts: Iterable[Past],
    refused: Iterable[Refused],
    histories: Pasts,
    *,
    corrected: Corrected,
    now: datetime,
    start: Point | None = None,
    told: Told = lambda _: None,
) -> Plan:
    """Decide the past behind `start` again under corrected rules, up to its end, and propose.

    Commands that make up for something are no part of the corrected past: they answer to the one
    that happened. Pure but for what its arguments read. Raises UnknownRulesError.
    """
    tried = Tried()

    def makes_up(key: str) -> bool:
        if key.startswith(MAKES_UP):
            tried.accepted.add(key)
            return True
        return False

    fork = Fork(
        ledger,
        histories,
        policy=corrected.policy,
        rules=rules(corrected.rules),
        every_fact=True,
        is_left_out=makes_up,
    )
    walk = Walk(fork, pasts, _noted(refused, tried), Window(start=start))
    for position in walk.reach_start():
        told(position)
    plan = Plan(ledger=ledger, corrected=corrected, after_position=walk.position)
    differences = Differences()
    latest = now
    for step in walk.steps():
        plan.commands += step.key is not None
        latest = max(latest, step.recorded_at)
        differences.note(step)
        told(walk.position)
    plan.position, plan.carried_on = walk.position, differences.carried_on
    plan.differences, plan.beyond = differences.found, differences.beyond
    _propose(plan, Proposing(fork.worlds.happened(), ledger, latest, corrected.key, tried))
    return plan


def _noted(refused: Iterable[Refused], tried: Tried) -> Iterator[Refused]:
    for each in refused:
        if each.key.startswith(MAKES_UP):
            tried.refused.add(each.key)
        yield each


def _propose(plan: Plan, proposing: Proposing) -> None:
    # What gives units back goes first: others may need them.
    for difference in sorted(plan.differences, key=_takes):
        for remedy in proposing.remedies(difference):
            match remedy:
                case Proposal():
                    plan.proposals.append(remedy)
                case ByHand():
                    plan.by_hand.append(remedy)
                case Settled():
                    plan.settled.append(remedy)


def _takes(difference: Difference) -> tuple[int, int]:
    order = {"not_promised": 0, "other_effect": 1, "not_accepted": 2, "promised": 3}
    return order[difference.kind], difference.position
