"""What a command comes to: the units it moves, stock by stock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain.events import ReservationExpired, ShortfallStated
from domain.quantities import deltas
from domain.values import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Units by which a command moves one stock: what a compensation can make up for."""

    on_hand: int = 0
    held: int = 0
    reserved: int = 0
    committed: int = 0


Effects = Mapping[str, Effect]  # by stock stream
NO_EFFECT = Effect()


def effects_of(facts: Iterable[Fact]) -> Effects:
    """What the facts move, by stock; a stock that nothing moves is left out.

    Not what was due and expired on the way: that was nobody's any more.
    """
    found: dict[str, Effect] = {}
    for fact in facts:
        if isinstance(fact.event, ShortfallStated | ReservationExpired):
            continue
        moved = deltas(fact.event)
        before = found.get(fact.stream, NO_EFFECT)
        after = Effect(
            on_hand=before.on_hand + moved.on_hand,
            held=before.held + moved.held,
            reserved=before.reserved + moved.reserved,
            committed=before.committed + moved.committed,
        )
        found[fact.stream] = after
    return {stream: effect for stream, effect in found.items() if effect != NO_EFFECT}
