"""What the events of one key leave in its cells, by the rules of an edition: event by event for
what adds up, and as a whole for everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import msgspec

from eventlog.log import RecordedEvent
from projections.availability.fold import pieces
from projections.documents import fold as document_folds
from projections.documents.fold import Document, DocumentKey, document_facts
from projections.item_facts import item_changes, locations
from projections.movements.dimensions import location_rows
from projections.movements.fold import movement_rows
from projections.movements.schema import LOCATIONS, MOVEMENTS
from projections.orders.fold import Order, OrderKey, charge_facts, fold, order_facts
from projections.stock_facts import SHORTFALL_STATED, StockFact, StockRule
from projections.stock_levels.fold import level_changes
from replay.diff.cells import Cells

Rules = Mapping[str, StockRule]
QUANTITIES: Final = ("on_hand", "reserved", "committed", "picked", "held")
DELTAS: Final = tuple(f"{name}_delta" for name in QUANTITIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """`moved`: what one event adds to the fields that add up; `stated`: whatever of it the other
    fields are made of; `whole`: all cells, from all events of the key in order, None when they make
    none.
    """

    whole: Callable[[Iterable[RecordedEvent], Rules], Cells | None]
    moved: Callable[[StockRule, StockFact], Mapping[str, int]] | None = None
    stated: Callable[[StockRule, StockFact], object] = lambda rule, _: rule.type


def _levels_moved(rule: StockRule, fact: StockFact) -> dict[str, int]:
    return dict(zip(QUANTITIES, rule.move(fact), strict=True))


def _levels_stated(rule: StockRule, fact: StockFact) -> object:
    return rule.type, fact.uncovered if rule.type == SHORTFALL_STATED else None


def _levels(events: Iterable[RecordedEvent], rules: Rules) -> Cells | None:
    for change in level_changes(events, rules).values():
        return {
            **{name: getattr(change, name) for name in QUANTITIES},
            "tenant": change.last.tenant,
            "shortfall": change.shortfall or 0,
            "last_counted_at": change.counted_at,
            "position": change.last.ledger_position,
            "recorded_at": change.last.recorded_at,
        }
    return None


def _free(rule: StockRule, fact: StockFact) -> dict[str, int]:
    on_hand, *promised = rule.move(fact)
    return {"available": on_hand - sum(promised)}


def _available(events: Iterable[RecordedEvent], rules: Rules) -> Cells | None:
    units = [
        units
        for piece in pieces(events, rules)
        for change in piece.changes.values()
        for units in change.units.values()
    ]
    return {"available": sum(units)} if units else None


def _settings(events: Iterable[RecordedEvent], rules: Rules) -> Cells | None:
    found: dict[str, str] = {}
    for piece in pieces(events, rules):
        for change in piece.changes.values():
            found |= change.settings
    return {name.removeprefix("#"): value for name, value in found.items()} or None


def _item(events: Iterable[RecordedEvent], _: Rules) -> Cells | None:
    for change in item_changes(events).values():
        text = change.description
        if text is None:
            return None
        return {
            **{field.name: getattr(text, field.name) for field in fields(text)},
            "tenant": change.last.tenant,
            "status": "discontinued" if change.discontinued else "active",
            "position": change.last.ledger_position,
            "recorded_at": change.last.recorded_at,
        }
    return None


def _location(events: Iterable[RecordedEvent], _: Rules) -> Cells | None:
    for event, fact in locations(events).values():
        return {
            **{field.name: getattr(fact, field.name) for field in fields(fact)},
            "tenant": event.tenant,
            "position": event.ledger_position,
            "recorded_at": event.recorded_at,
        }
    return None


def _order(events: Iterable[RecordedEvent], _: Rules) -> Cells | None:
    rows: dict[OrderKey, Order] = {}
    fold(rows, order_facts(events))
    for order in rows.values():
        found: dict[str, Any] = {each.name: getattr(order, each.name) for each in fields(order)}
        found["lines"] = msgspec.to_builtins(order.lines)
        return found
    return None


def _charge(events: Iterable[RecordedEvent], _: Rules) -> Cells | None:
    for event, fact in reversed(charge_facts(events)):
        return {
            **{field.name: getattr(fact, field.name) for field in fields(fact)},
            "tenant": event.tenant,
            "occurred_at": event.occurred_at,
            "position": event.ledger_position,
            "recorded_at": event.recorded_at,
        }
    return None


def _document(events: Iterable[RecordedEvent], _: Rules) -> Cells | None:
    rows: dict[DocumentKey, Document] = {}
    document_folds.fold(rows, document_facts(events))
    for row in rows.values():
        found: dict[str, Any] = {each.name: getattr(row, each.name) for each in fields(row)}
        return {**found, "body": msgspec.json.decode(msgspec.json.encode(row.body))}
    return None


def _movement_moved(rule: StockRule, fact: StockFact) -> dict[str, int]:
    return dict(zip(DELTAS, rule.move(fact), strict=True))


def _movement_stated(rule: StockRule, fact: StockFact) -> object:
    """Whatever else a row says, it says of the event as the edition decodes it."""
    return rule.type, fact


def _movement(events: Iterable[RecordedEvent], rules: Rules) -> Cells | None:
    for row in movement_rows(events, rules):
        found = dict(zip(MOVEMENTS, row, strict=True))
        return {**found, "event_id": str(found["event_id"]), "rows": 1}
    return None


def _item_row(events: Iterable[RecordedEvent], rules: Rules) -> Cells | None:
    """As in ClickHouse, where nothing is NULL."""
    found = _item(events, rules)
    return None if found is None else {**found, "gtin": found["gtin"] or ""}


def _location_row(events: Iterable[RecordedEvent], _: Rules) -> Cells | None:
    for row in location_rows(events):
        return dict(zip(LOCATIONS, row, strict=True))
    return None


FOLDS: Mapping[tuple[str, str], Fold] = {
    ("stock_levels", "stock_levels"): Fold(
        whole=_levels, moved=_levels_moved, stated=_levels_stated
    ),
    ("stock_levels", "items"): Fold(whole=_item),
    ("stock_levels", "locations"): Fold(whole=_location),
    ("orders", "orders"): Fold(whole=_order),
    ("orders", "charges"): Fold(whole=_charge),
    ("documents", "documents"): Fold(whole=_document),
    ("availability", "available"): Fold(whole=_available, moved=_free),
    ("availability", "settings"): Fold(whole=_settings),
    ("movements", "movements"): Fold(
        whole=_movement, moved=_movement_moved, stated=_movement_stated
    ),
    ("movements", "items"): Fold(whole=_item_row),
    ("movements", "locations"): Fold(whole=_location_row),
}
"""By projection and place."""
