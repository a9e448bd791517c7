"""A batch of stock events as one net change per stock: pure, and in any order of stocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from eventlog.log import RecordedEvent
from projections.stock_facts import COUNTED, RULES, SHORTFALL_STATED, StockRule, stock_facts

Stock = tuple[str, str, str]
"""(ledger, SKU, location)"""


@dataclass(slots=True)
class LevelChange:
    """Units by which each quantity of one stock moves, and its last event.

    `shortfall` is the figure from here on and `counted_at` the latest instant of a count; None when
    the batch says nothing of them.
    """

    last: RecordedEvent
    on_hand: int = 0
    reserved: int = 0
    committed: int = 0
    picked: int = 0
    held: int = 0
    shortfall: int | None = None
    counted_at: datetime | None = None


def level_changes(
    events: Iterable[RecordedEvent], rules: Mapping[str, StockRule] = RULES
) -> dict[Stock, LevelChange]:
    """Raises `PoisonEventError` for the first event that cannot be read."""
    changes: dict[Stock, LevelChange] = {}
    for event, rule, fact in stock_facts(events, rules):
        key = (event.ledger, fact.sku, fact.location)
        change = changes.get(key)
        if change is None:
            change = changes[key] = LevelChange(event)
        else:
            change.last = event
        on_hand, reserved, committed, picked, held = rule.move(fact)
        change.on_hand += on_hand
        change.reserved += reserved
        change.committed += committed
        change.picked += picked
        change.held += held
        if rule.type == SHORTFALL_STATED:
            change.shortfall = fact.uncovered
        elif rule.type == COUNTED:
            counted_at = change.counted_at
            earlier = counted_at is not None and counted_at > event.occurred_at
            change.counted_at = counted_at if earlier else event.occurred_at
    return changes
