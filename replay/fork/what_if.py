"""What would have been: both ways of a ledger side by side, and the difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.events import ItemDescribed, ItemDiscontinued, ItemRegistered
from domain.refusals import Refusal
from domain.values import Facts
from replay.fork.effects import effects_of
from replay.fork.fork import Fork, Pasts, Step, stocks_of
from replay.fork.measures import Measures, Tally
from replay.fork.policy import Policy
from replay.fork.recovery import Past
from replay.fork.refused import Refused
from replay.fork.walk import RefusedTally, Walk, Window

EXAMPLES_MAX = 20
Told = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A command that was decided otherwise: in words, `accepted` or the refusal's code."""

    position: int
    key: str | None
    type: str | None
    happened: str
    forked: str

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Example.__slots__}


@dataclass(slots=True, kw_only=True)
class WhatIf:
    """`skus` are those where anything was counted: what happened, and what the fork came to.

    `differing` counts commands with any other fact than then, `other` those that came to something
    else: "accepted -> insufficient_stock", or "accepted -> accepted" when they moved other units.
    """

    ledger: str
    policy: Policy
    after_position: int = 0
    position: int = 0
    began_at: datetime | None = None
    ended_at: datetime | None = None
    commands: int = 0
    differing: int = 0
    redated: int = 0
    other: Counter[str] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)
    refused: RefusedTally = field(default_factory=RefusedTally)
    skus: dict[str, tuple[Tally, Tally]] = field(default_factory=dict)

    @property
    def is_as_it_happened(self) -> bool:
        """Whether the fork comes to exactly the same."""
        return not self.differing and all(then == now for then, now in self.skus.values())

    @property
    def happened(self) -> Tally:
        return sum((then for then, _ in self.skus.values()), Tally())

    @property
    def forked(self) -> Tally:
        return sum((now for _, now in self.skus.values()), Tally())

    def biggest(self, count: int) -> list[tuple[str, Tally, Tally]]:
        """SKUs whose figures changed, most units first."""
        changed = [(sku, then, now) for sku, (then, now) in self.skus.items() if then != now]
        return sorted(changed, key=lambda each: (_weight(each[1], each[2]), each[0]))[:count]

    def as_dict(self, skus_max: int) -> dict[str, Any]:
        """For machines: totals, and the SKUs with the biggest changes."""
        return {
            "ledger": self.ledger,
            "policy": self.policy.as_dict(),
            "after_position": self.after_position,
            "position": self.position,
            "began_at": None if self.began_at is None else self.began_at.isoformat(),
            "ended_at": None if self.ended_at is None else self.ended_at.isoformat(),
            "commands": self.commands,
            "as_it_happened": self.is_as_it_happened,
            "differing": self.differing,
            "decided_otherwise": dict(self.other.most_common()),
            "examples": [each.as_dict() for each in self.examples],
            "redated": self.redated,
            "refused": {
                "decided_again": self.refused.placed,
                "departures": self.refused.departures,
                "place_unknown": self.refused.unplaced,
                "only_code_known": dict(self.refused.by_code),
            },
            **compared(self.happened, self.forked),
            "skus_changed": len(self.biggest(len(self.skus))),
            "skus": [
                {"sku": sku, **compared(then, now)} for sku, then, now in self.biggest(skus_max)
            ],
        }


def what_if(
    ledger: str,
    pasts: Iterable[Past],
    refused: Iterable[Refused],
    histories: Pasts,
    *,
    policy: Policy,
    window: Window,
    told: Told = lambda _: None,
) -> WhatIf:
    """Walk the past twice, side by side. Pure but for what its arguments read; `told` hears each
    position reached.
    """
    fork = Fork(ledger, histories, policy=policy)
    walk = Walk(fork, pasts, refused, window)
    for position in walk.reach_start():
        told(position)
    result = WhatIf(ledger=ledger, policy=policy, after_position=walk.position)
    result.began_at, result.refused = walk.clock, walk.refused
    both = _Both(fork, policy, walk.clock)
    for step in walk.steps():
        assert walk.clock is not None
        both.measure(step, walk.clock)
        _note(result, step)
        told(walk.position)
    if walk.clock is not None:
        result.skus = both.end(walk.clock)
    result.position, result.ended_at = walk.position, walk.clock
    return result


class _Both:
    """The measures of what happened and of the fork."""

    def __init__(self, fork: Fork, policy: Policy, at: datetime | None) -> None:
        self._worlds = fork.worlds
        self._happened = Measures(lambda item: item.safety_stock)
        self._forked = Measures(policy.safety_stock_of)
        for stock in fork.worlds.stocks() if at is not None else ():
            assert at is not None
            item = fork.worlds.item(stock.sku)
            self._happened.begin(stock, item, at)
            self._forked.begin(stock, item, at)

    def measure(self, step: Step, at: datetime) -> None:
        self._happened.count(step.happened, step.demand, accepted=bool(step.happened))
        accepted = not isinstance(step.decided, Refusal)
        self._forked.count(step.facts, step.demand, accepted=accepted)
        for measures, view, facts in (
            (self._happened, self._worlds.happened(), step.happened),
            (self._forked, self._worlds.forked(), step.facts),
        ):
            for stock in stocks_of(view, facts):
                measures.stands(stock, self._worlds.item(stock.sku), at)
        for sku in _items_in(step.happened):
            self._item_changed(sku, at)

    def _item_changed(self, sku: str, at: datetime) -> None:
        """What is kept back of it may be another number now."""
        item = self._worlds.item(sku)
        for measures, view in (
            (self._happened, self._worlds.happened()),
            (self._forked, self._worlds.forked()),
        ):
            for place in measures.places_of(sku):
                measures.stands(view.stock(sku, place), item, at)

    def end(self, at: datetime) -> dict[str, tuple[Tally, Tally]]:
        self._happened.end(at)
        self._forked.end(at)
        then, now = self._happened.skus, self._forked.skus
        return {
            sku: (then.get(sku) or Tally(), now.get(sku) or Tally())
            for sku in sorted({*then, *now})
        }


def compared(then: Tally, now: Tally) -> dict[str, Any]:
    """Both, their rates, and what changed."""
    return {
        "happened": then.as_dict() | _rates(then),
        "forked": now.as_dict() | _rates(now),
        "change": (now - then).as_dict(),
    }


def _rates(tally: Tally) -> dict[str, float | None]:
    return {"fill_rate": _rounded(tally.fill_rate), "shipped_rate": _rounded(tally.shipped_rate)}


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 6)


def _note(result: WhatIf, step: Step) -> None:
    result.commands += step.key is not None
    result.redated += step.redated
    result.differing += bool(step.differing)
    then = "accepted" if step.happened else "refused" if step.key is not None else "nothing"
    now = step.decided.code if isinstance(step.decided, Refusal) else "accepted"
    if not step.differing or (then == now and effects_of(step.happened) == effects_of(step.facts)):
        return
    result.other[f"{then} -> {now}"] += 1
    if len(result.examples) < EXAMPLES_MAX:
        result.examples.append(
            Example(
                position=step.position,
                key=step.key,
                type=None if step.message is None else type(step.message).type_name,
                happened=then,
                forked=now,
            )
        )


def _items_in(facts: Facts) -> list[str]:
    kinds = ItemRegistered | ItemDescribed | ItemDiscontinued
    return [fact.event.sku for fact in facts if isinstance(fact.event, kinds)]


def _weight(then: Tally, now: Tally) -> tuple[float, float]:
    change = now - then
    units = (change.promised, change.shipped, change.oversold, change.beyond_on_hand)
    return (-sum(map(abs, units)), -abs(change.stock_out_seconds))
