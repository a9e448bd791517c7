"""A batch of stock events as rows of `movements`: pure, one row per event, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from uuid import UUID

from eventlog.log import RecordedEvent
from projections.arrays import microseconds
from projections.stock_facts import (
    ADJUSTED,
    COUNTED,
    RULES,
    SHORTFALL_STATED,
    StockFact,
    StockRule,
    stock_facts,
)

SIGNED = frozenset({ADJUSTED, "stock.count_restated.v1"})
FIGURES = SIGNED | {COUNTED, SHORTFALL_STATED}
Row = tuple[str | int | UUID | None, ...]
"""Values in the order of `schema.MOVEMENTS`; instants in µs since 1970."""


def movement_rows(
    events: Iterable[RecordedEvent], rules: Mapping[str, StockRule] = RULES
) -> list[Row]:
    """Raises `PoisonEventError` for the first event that cannot be read."""
    rows: list[Row] = []
    occurred_at = recorded_at = datetime(1970, 1, 1, tzinfo=UTC)
    occurred = recorded = 0
    for event, rule, fact in stock_facts(events, rules):
        # Neighbours mostly share their instants.
        if event.occurred_at != occurred_at:
            occurred_at = event.occurred_at
            occurred = microseconds(occurred_at)
        if event.recorded_at != recorded_at:
            recorded_at = event.recorded_at
            recorded = microseconds(recorded_at)
        stored = rule.type
        quantity = fact.quantity if stored not in FIGURES else _figure(stored, fact)
        rows.append(
            (
                event.tenant,
                event.ledger,
                event.ledger_position,
                event.shard,
                event.shard_position,
                event.event_id,
                event.type,
                event.stream_version,
                fact.sku,
                fact.location,
                occurred,
                recorded,
                *rule.move(fact),
                fact.uncovered if stored == SHORTFALL_STATED else None,
                quantity,
                fact.order_id or "",
                fact.line,
                fact.reservation_id or "",
                fact.count_id,
                fact.reason,
                fact.document,
                fact.unit_price_micros,
                fact.currency or "",
            )
        )
    return rows


def _figure(stored: str, fact: StockFact) -> int:
    """What stands in `quantity` for an event whose own figure has another name."""
    if stored in SIGNED:
        return fact.delta
    return fact.counted if stored == COUNTED else fact.uncovered
