"""What happens to crossings between ledgers, for `tests.happenings`."""

from __future__ import annotations

from typing import Any

from domain import events as facts
from domain.events import Event, LineLot


def crossed(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    crossing_id = f"x{number}"
    lots = (LineLot(lot="L", quantity=units),) if number % 2 else ()
    line = facts.CrossingLine(line=1, sku=stock["sku"], quantity=units, lots=lots)
    ending: facts.CrossingEvent = facts.CrossingHandedOver(crossing_id=crossing_id)
    if number % 3 == 1:
        ending = facts.CrossingReturned(crossing_id=crossing_id, code="unknown_item")
    return [
        facts.CrossingDispatched(
            crossing_id=crossing_id,
            to_ledger="outlet",
            origin=stock["location"],
            destination="leeds",
            lines=(line,),
        ),
        ending,
        facts.CrossingArrived(
            crossing_id=f"outlet {crossing_id}",
            from_ledger="outlet",
            destination=stock["location"],
            lines=(line,),
        ),
    ]
