"""Decisions of the past that would have been different, each once: what only follows from one, such
as the shipment of an order that would have been refused, is told with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from commands import messages as say
from commands import order_messages as order_say
from commands.message import Message
from domain.events import (
    ReservationExpired,
    StockAdjusted,
    StockCounted,
    StockReceived,
    StockReturned,
)
from domain.refusals import Refusal
from domain.values import Fact
from replay.fork.effects import Effects, effects_of
from replay.fork.fork import FACTS, Step

FOLLOWED_SHOWN_MAX = 20
# So many are held, about 200 MB; those beyond are counted. An approved file takes as many commands.
DIFFERENCES_MAX = 100_000
Kind = Literal["not_promised", "not_accepted", "promised", "other_effect"]
Reference = tuple[str, ...]
FACT_EVENTS = (StockReceived, StockAdjusted, StockCounted, StockReturned)
PROMISING = (say.ReserveStock, say.ShipStock, order_say.PlaceOrder, order_say.AllocateOrder)


@dataclass(slots=True, kw_only=True)
class Difference:
    """`kind` says what corrected rules would have done: not promised what was promised, not
    accepted what was accepted, promised what was refused, or moved other units. `ended` are the
    units of a reservation that was expired. `followed` are positions of what only followed from it.
    """

    kind: Kind
    position: int
    key: str | None
    message: Message | None
    refusal: Refusal | None = None
    happened: Effects = field(default_factory=dict)
    corrected: Effects = field(default_factory=dict)
    demand: Mapping[str, int] = field(default_factory=dict)
    ended: int = 0
    followed: list[int] = field(default_factory=list)
    followed_count: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {
            "kind": self.kind,
            "position": self.position,
            "key": self.key,
            "type": None if self.message is None else self.message.type_name,
            "about": list(reference_of(self.message) or ()),
            "demand": dict(self.demand),
            "refusal": None
            if self.refusal is None
            else {"code": self.refusal.code, "detail": self.refusal.sentence()},
            "followed": {"count": self.followed_count, "positions": self.followed},
        }


class Differences:
    """Feed it every step in order. `beyond` counts what came after the first DIFFERENCES_MAX,
    what only follows from one of those with it.
    """

    def __init__(self) -> None:
        self.found: list[Difference] = []
        self.beyond = 0
        self.carried_on = 0
        self._roots: dict[Reference, Difference] = {}
        self._apart: set[str] = set()

    def note(self, step: Step) -> None:
        """One step of the fork."""
        kind = self._kind_of(step)
        if kind is not None:
            self._note(step, kind)
        self._apart |= step.differing

    def _note(self, step: Step, kind: Kind) -> None:
        reference = reference_of(step.message)
        root = None if reference is None else self._roots.get(reference)
        if root is not None:
            self._follow(root, step)
            return
        if len(self.found) == DIFFERENCES_MAX:
            self.beyond += 1
            return
        decided = step.decided
        difference = Difference(
            kind=kind,
            position=step.position,
            key=step.key,
            message=step.message,
            refusal=decided if isinstance(decided, Refusal) else None,
            happened=_effects(step, step.happened),
            corrected=_effects(step, step.facts),
            demand=step.demand,
            ended=_ended(step) if isinstance(step.message, say.ExpireReservation) else 0,
        )
        self.found.append(difference)
        if reference is not None and kind in {"not_promised", "not_accepted"}:
            self._roots[reference] = difference

    def _kind_of(self, step: Step) -> Kind | None:
        if step.message is None:
            return None
        if isinstance(step.decided, Refusal):
            if not step.happened:
                return None
            return "not_promised" if isinstance(step.message, PROMISING) else "not_accepted"
        if not step.happened:
            return "promised"
        if _effects(step, step.happened) != _effects(step, step.facts):
            if isinstance(step.message, FACTS) or not step.differing <= self._apart:
                return "other_effect"
            # On stocks that went their own way before, the same decision has another effect.
            self.carried_on += 1
        return None

    def _follow(self, root: Difference, step: Step) -> None:
        root.followed_count += 1
        if len(root.followed) < FOLLOWED_SHOWN_MAX:
            root.followed.append(step.position)


def reference_of(message: Message | None) -> Reference | None:
    """The order or reservation that a command is about."""
    reservation_id = getattr(message, "reservation_id", None)
    if reservation_id is not None:
        sku, location = (getattr(message, name) for name in ("sku", "location"))
        return ("reservation", sku, location, reservation_id)
    order_id = getattr(message, "order_id", None)
    return None if order_id is None else ("order", order_id)


def _effects(step: Step, facts: Iterable[Fact]) -> Effects:
    """Of a fact what it says itself; what else had to be found or restated is the stock's state."""
    if isinstance(step.message, FACTS):
        facts = [fact for fact in facts if isinstance(fact.event, FACT_EVENTS)]
    return effects_of(facts)


def _ended(step: Step) -> int:
    expired = (fact.event for fact in step.happened)
    return sum(event.quantity for event in expired if isinstance(event, ReservationExpired))
