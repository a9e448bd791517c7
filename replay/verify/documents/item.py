"""An independent fold of items: what they are, come in, are made of, and how they are handled."""

from __future__ import annotations

from typing import Any

from replay.verify.documents.fold import Data, DocumentKind, instant
from replay.verify.rows import EventRow

DESCRIBED: dict[str, Any] = {
    "description": "",
    "category": "",
    "media_urls": [],
    "gtin": None,
    "unit": "each",
    "tracking": "none",
    "reorder_point": 0,
    "safety_stock": 0,
    "backorder_limit": 0,
}


class ItemDocument:
    def __init__(self, sku: str) -> None:
        self._sku = sku
        self._described: Data = {}
        self._discontinued_at: str | None = None
        self._units: dict[str, dict[str, int]] = {}
        self._components: list[Data] = []
        self._removal = "fefo"
        self._shelf_life_days: int | None = None

    def apply(self, row: EventRow, data: Data) -> None:
        match row.type:
            case "item.registered.v1" | "item.described.v1":
                told = {**DESCRIBED, **data}
                names = ("sku", "name", *DESCRIBED, "attributes")
                self._described = {name: told[name] for name in names}
                return
            case _ if not self._described:
                raise ValueError("the item was never registered")
            case "item.discontinued.v1":
                self._discontinued_at = instant(row.occurred_at)
            case "item.unit_defined.v1":
                ratio = {
                    "numerator": data["numerator"],
                    "denominator": data.get("denominator", 1),
                }
                self._units[data["unit"]] = ratio
            case "item.kit_composed.v1":
                self._components = [
                    {"sku": each["sku"], "quantity": each["quantity"]}
                    for each in data["components"]
                ]
            case "item.handling_set.v1":
                self._removal = data.get("removal", "fefo")
                self._shelf_life_days = data.get("shelf_life_days")

    def status(self) -> str:
        return "active" if self._discontinued_at is None else "discontinued"

    def refs(self) -> list[str]:
        return [f"sku:{self._sku}", *(f"component:{each['sku']}" for each in self._components)]

    def body(self) -> dict[str, Any]:
        return {
            **self._described,
            "discontinued_at": self._discontinued_at,
            "units": self._units,
            "components": self._components,
            "removal": self._removal,
            "shelf_life_days": self._shelf_life_days,
        }


KIND = DocumentKind(
    types=(
        "item.registered.v1",
        "item.described.v1",
        "item.discontinued.v1",
        "item.unit_defined.v1",
        "item.kit_composed.v1",
        "item.handling_set.v1",
    ),
    begin=ItemDocument,
    names=("sku",),
)
