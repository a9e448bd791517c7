"""Facts about kits and counts of many SKUs in plausible order, for `happenings`."""

from __future__ import annotations

from typing import Any

from domain import events as facts
from domain.events import Event


def assembly(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    parts = (facts.Component(sku="SKU-1", quantity=2 * units),)
    kit = {**stock, "quantity": units, "parts": parts}
    part = {"sku": "SKU-1", "location": stock["location"], "quantity": 2 * units}
    built, undone = f"b{number}", f"u{number}"
    return [
        facts.KitAssembled(**kit, assembly_id=built),
        facts.StockConsumed(**part, assembly_id=built),
        facts.StockProduced(**stock, quantity=units, assembly_id=built),
        facts.KitDisassembled(**kit, assembly_id=undone),
        facts.StockConsumed(**stock, quantity=units, assembly_id=undone),
        facts.StockProduced(**part, assembly_id=undone),
    ]


def cycle_count(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    sku, count_id = stock["sku"], f"cc{number}"
    line = facts.CountLine(line=1, sku=sku, counted=units)
    plan = {"count_id": count_id, "location": stock["location"]}
    return [
        facts.CountPlanned(**plan, skus=(sku, "SKU-1"), categories=("mugs",), note="aisle 4"),
        facts.CountEntered(count_id=count_id, lines=(line,)),
        facts.RecountAsked(count_id=count_id, skus=(sku,), reason="so few?"),
        facts.CountEntered(count_id=count_id, lines=(line,)),
        facts.StockCounted(**stock, count_id=f"{count_id}#1", counted=units, expected=7),
        facts.CountPosted(count_id=count_id, lines=(facts.PostedLine(line=1, expected=7),)),
        facts.CountSubmitted(count_id=count_id),
        facts.CountPlanned(**plan | {"count_id": f"cd{number}"}),
        facts.CountCancelled(count_id=f"cd{number}", reason="flood"),
    ]
