"""Movements as rows of a table."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from api.console import words
from api.console.frame import Visit
from projections.queries.movements import Movement

MOVEMENT_COLUMNS = {
    "position": "Position",
    "sku": "SKU",
    "location": "Location",
    "what": "What",
    "quantity": "Units",
    "on_hand": "On hand changed by",
    "occurred_at": "Occurred (UTC)",
    "why": "Reference",
}
MOVEMENT_NUMBERS = ("position", "quantity", "on_hand")


def movement_rows(found: Iterable[Movement], visit: Visit) -> list[dict[str, str]]:
    """`on_hand` is by how much the event changed it, with its sign."""
    return [
        {
            "position": words.number(each.position),
            "sku": each.sku,
            "link": visit.address(f"items/{quote(each.sku)}"),
            "location": each.location,
            "what": words.movement(each.type),
            "quantity": words.number(each.quantity),
            "on_hand": f"{each.on_hand_delta:+,}" if each.on_hand_delta else words.NONE,
            "occurred_at": words.instant(each.occurred_at),
            "why": each.order_id or each.reservation_id or each.document or each.reason,
        }
        for each in found
    ]
