"""An independent fold of what an order's status and lines do not tell, as the read model shows it:
a document of plain values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from replay.verify.stock import Data

UNITS: Final = ("committed", "picked", "packed", "waiting", "shipped")
HELD: Final = ("committed", "picked", "packed")
TERMS: Final[Mapping[str, Any]] = {
    "allocation": "all",
    "backorder": False,
    "sourcing": None,
    "locations": [],
    "kilometres": [],
    "payment": "none",
    "reservation_id": None,
    "exchange_of": None,
}
Key = tuple[int, str]
"""A line at a location."""


def terms(data: Data) -> Data:
    """What was agreed on other than usual terms."""
    return {name: data[name] for name, usual in TERMS.items() if data.get(name, usual) != usual}


class Progress:
    """`skus` and `homes`: what each line is of, and the location that it names itself."""

    def __init__(self, skus: Mapping[int, str], homes: Mapping[int, str | None]) -> None:
        self._skus = skus
        self._homes = homes
        self.allotments: dict[Key, dict[str, int]] = {}
        self.told: dict[str, Any] = {
            "picks": {},
            "parcels": {},
            "shipments": {},
            "returns": {},
            "sourced": None,
            "payment_id": None,
            "replacements": [],
        }

    def shown(self) -> Data:
        """Without what is empty."""
        found: Data = {
            "allotments": {
                f"{line}@{location}": {
                    "line": line,
                    "sku": self._skus[line],
                    "location": location,
                    **units,
                }
                for (line, location), units in self.allotments.items()
            },
            **self.told,
        }
        return {name: value for name, value in found.items() if value}

    def held(self) -> dict[Key, int]:
        """What the stocks must hold for it."""
        found = {key: sum(map(units.__getitem__, HELD)) for key, units in self.allotments.items()}
        return {key: units for key, units in found.items() if units}

    def in_hand(self) -> dict[Key, int]:
        """What of that was taken from the shelf."""
        found = {key: units["picked"] + units["packed"] for key, units in self.allotments.items()}
        return {key: units for key, units in found.items() if units}

    def waiting(self) -> dict[Key, int]:
        return {key: units["waiting"] for key, units in self.allotments.items() if units["waiting"]}

    def shipped(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for (line, _), units in self.allotments.items():
            found[line] = found.get(line, 0) + units["shipped"]
        return found

    def move(self, line: int, location: str, **by: int) -> None:
        """Raises KeyError for a line that there is not."""
        if line not in self._skus:
            raise KeyError(f"line {line}")
        units = self.allotments.setdefault((line, location), dict.fromkeys(UNITS, 0))
        for name, change in by.items():
            units[name] += change
        if not any(units.values()):
            del self.allotments[line, location]

    def apply(self, kind: str, data: Data, occurred_at: datetime) -> None:
        """Raises KeyError for what no version of the event holds, ValueError for another type."""
        fold = FOLDS.get(kind)
        if fold is None:
            raise ValueError(f"unknown order event {kind}")
        fold(self, data, occurred_at)

    def allocated(self, left: Mapping[int, int]) -> None:
        """Every line's units that are left are committed where the line says."""
        for line, location in self._homes.items():
            if location is None:
                continue
            units = self.allotments.get((line, location), dict.fromkeys(UNITS, 0))
            further = left[line] - sum(units[name] for name in HELD)
            if further > 0:
                self.move(line, location, committed=further, waiting=-units["waiting"])

    def place(self, line: Data) -> str:
        """Where a shipped line left from."""
        found = line.get("location") or self._homes[line["line"]]
        if found is None:
            raise KeyError(f"location of line {line['line']}")
        return str(found)


def _sourced(order: Progress, data: Data, _: datetime) -> None:
    anew = {units["line"] for units in data["lines"]}
    for (line, location), units in list(order.allotments.items()):
        if line in anew and units["waiting"]:
            order.move(line, location, waiting=-units["waiting"])
    considered = [{"kilometres": None, **each} for each in data["considered"]]
    order.told["sourced"] = {
        "strategy": data["strategy"],
        "reason": data["reason"],
        "considered": considered,
    }


def _units_allocated(order: Progress, data: Data, _: datetime) -> None:
    for units in data["lines"]:
        key = (units["line"], units["location"])
        waits = order.allotments.get(key, {}).get("waiting", 0)
        served = min(waits, units["quantity"])
        order.move(*key, committed=units["quantity"], waiting=-served)


def _backordered(order: Progress, data: Data, _: datetime) -> None:
    for units in data["lines"]:
        order.move(units["line"], units["location"], waiting=units["quantity"])


def _paid(order: Progress, data: Data, _: datetime) -> None:
    order.told["payment_id"] = data["payment_id"]


def _listed(order: Progress, data: Data, _: datetime) -> None:
    order.told["picks"][data["pick_id"]] = {
        "pick_id": data["pick_id"],
        "location": data["location"],
        "lines": data["lines"],
        "status": "open",
        "picked": [],
    }


def _unlisted(order: Progress, data: Data, _: datetime) -> None:
    order.told["picks"][data["pick_id"]]["status"] = "cancelled"


def _picked(order: Progress, data: Data, _: datetime) -> None:
    lines = [{"missing": 0, **each} for each in data["lines"]]
    for each in lines:
        gone = each["quantity"] + each["missing"]
        order.move(each["line"], data["location"], committed=-gone, picked=each["quantity"])
    order.told["picks"][data["pick_id"]] |= {
        "status": "picked",
        "picked": [_in_order(each, "line", "quantity", "missing") for each in lines],
    }


def _packed(order: Progress, data: Data, _: datetime) -> None:
    for each in data["lines"]:
        units = each["quantity"]
        order.move(each["line"], data["location"], picked=-units, packed=units)
    order.told["parcels"][data["parcel_id"]] = {
        "parcel_id": data["parcel_id"],
        "location": data["location"],
        "lines": data["lines"],
        "status": "packed",
        "shipment_id": None,
    }


def _shipped(order: Progress, data: Data, occurred_at: datetime) -> None:
    """What its parcels hold first, then loose picked units, then those on the shelf."""
    boxed: dict[Key, int] = {}
    for name in data.get("parcels", ()):
        parcel = order.told["parcels"][name]
        parcel["status"], parcel["shipment_id"] = "shipped", data.get("shipment_id")
        for each in parcel["lines"]:
            key = (each["line"], parcel["location"])
            boxed[key] = boxed.get(key, 0) + each["quantity"]
    lines = [
        {"line": each["line"], "location": order.place(each), "quantity": each["quantity"]}
        for each in data["lines"]
    ]
    for each in lines:
        key, units = (each["line"], each["location"]), each["quantity"]
        packed = boxed.get(key, 0)
        loose = min(units - packed, order.allotments.get(key, {}).get("picked", 0))
        rest = units - packed - loose
        order.move(*key, packed=-packed, picked=-loose, committed=-rest, shipped=units)
    if data.get("shipment_id") is not None:
        order.told["shipments"][data["shipment_id"]] = {
            "shipment_id": data["shipment_id"],
            "carrier": data.get("carrier", ""),
            "tracking": data.get("tracking", ""),
            "lines": lines,
            "status": "shipped",
            "shipped_at": msgspec.to_builtins(occurred_at),
            "delivered_at": None,
        }


def _delivered(order: Progress, data: Data, occurred_at: datetime) -> None:
    order.told["shipments"][data["shipment_id"]] |= {
        "status": "delivered",
        "delivered_at": msgspec.to_builtins(occurred_at),
    }


def _shipment_cancelled(order: Progress, data: Data, _: datetime) -> None:
    for each in data["lines"]:
        order.move(each["line"], order.place(each), shipped=-each["quantity"])
    order.told["shipments"][data["shipment_id"]]["status"] = "cancelled"


def _over(order: Progress, _: Data, __: datetime) -> None:
    for (line, location), units in list(order.allotments.items()):
        gone = {name: -units[name] for name in UNITS if name != "shipped"}
        order.move(line, location, **gone)
    for pick in order.told["picks"].values():
        if pick["status"] == "open":
            pick["status"] = "cancelled"
    for parcel in order.told["parcels"].values():
        if parcel["status"] == "packed":
            parcel["status"] = "unpacked"


def _return_requested(order: Progress, data: Data, _: datetime) -> None:
    order.told["returns"][data["return_id"]] = {
        "return_id": data["return_id"],
        "lines": data["lines"],
        "reason": data.get("reason", ""),
        "inspected": [],
    }


def _return_inspected(order: Progress, data: Data, _: datetime) -> None:
    order.told["returns"][data["return_id"]]["inspected"] += data["lines"]


def _exchanged(order: Progress, data: Data, _: datetime) -> None:
    order.told["replacements"].append(data["replacement_id"])


def _in_order(data: Data, *names: str) -> Data:
    return {name: data[name] for name in names}


FOLDS: Final[Mapping[str, Callable[[Progress, Data, datetime], None]]] = {
    "order.sourced.v1": _sourced,
    "order.units_allocated.v1": _units_allocated,
    "order.backordered.v1": _backordered,
    "order.paid.v1": _paid,
    "order.pick_list_created.v1": _listed,
    "order.pick_list_cancelled.v1": _unlisted,
    "order.picked.v1": _picked,
    "order.packed.v1": _packed,
    "order.shipped.v1": _shipped,
    "order.shipped.v2": _shipped,
    "order.shipment_delivered.v1": _delivered,
    "order.shipment_cancelled.v1": _shipment_cancelled,
    "order.cancelled.v1": _over,
    "order.closed.v1": _over,
    "order.return_requested.v1": _return_requested,
    "order.return_inspected.v1": _return_inspected,
    "order.exchanged.v1": _exchanged,
}
