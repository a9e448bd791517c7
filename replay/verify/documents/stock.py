"""An independent fold of a stock's details: holds, the queue, lots, and what is on its way. Of
serials it tells nothing: each is a document of its own.
"""

from __future__ import annotations

from typing import Any

from replay.verify.documents.fold import Data, DocumentKind, instant
from replay.verify.rows import EventRow


class StockDocument:
    """Lists are in the order in which their members came up first."""

    def __init__(self, name: str) -> None:
        self._sku, _, self._location = name.partition("@")
        self._incoming = self._in_transit = self._waiting = 0
        self._holds: dict[str, Data] = {}
        self._queue: dict[tuple[str, int], int] = {}
        self._how: dict[tuple[str, int], Data] = {}
        self._lots: dict[str, Data] = {}
        self._arrivals: dict[tuple[str, str, int], int] = {}
        self._days: dict[tuple[str, str, int], str | None] = {}

    def apply(self, row: EventRow, data: Data) -> None:
        match row.type:
            case "stock.held.v1":
                self._hold(data)
            case "stock.hold_released.v1" | "stock.written_off.v1":
                if data.get("hold_id") is not None:
                    self._let_go(data["hold_id"], data["quantity"])
            case "stock.arrival_expected.v1":
                self._expect(data, data["quantity"])
            case "stock.arrival_closed.v1":
                self._expect(data, -data["quantity"])
            case "stock.backordered.v1":
                self._wait(data, data["quantity"])
            case "stock.backorder_closed.v1":
                self._wait(data, -data["quantity"])
            case "stock.traced.v1" if data.get("serials"):
                pass
            case "stock.traced.v1":
                for units in data["units"]:
                    self._trace(units, data, instant(row.occurred_at))
            case other:
                raise ValueError(f"{other} is no event of these details")

    def status(self) -> str:
        there = self._incoming or self._in_transit or self._holds or self._queue or self._lots
        return "open" if there else "empty"

    def refs(self) -> list[str]:
        return [
            f"sku:{self._sku}",
            f"location:{self._location}",
            *(f"hold:{hold}" for hold in self._holds),
            *(f"order:{order}" for order, _ in self._queue),
            *(f"lot:{self._sku}/{lot}" for lot in self._lots),
        ]

    def body(self) -> dict[str, Any]:
        return {
            "sku": self._sku,
            "location": self._location,
            "incoming": self._incoming,
            "in_transit": self._in_transit,
            "waiting": self._waiting,
            "holds": list(self._holds.values()),
            "queue": [
                {"order_id": order, "line": line, "quantity": units, **self._how[order, line]}
                for (order, line), units in self._queue.items()
            ],
            "lots": list(self._lots.values()),
            "arrivals": [
                {
                    "source": source,
                    "source_id": source_id,
                    "line": line,
                    "quantity": units,
                    "expected_on": self._days[source, source_id, line],
                }
                for (source, source_id, line), units in self._arrivals.items()
            ],
        }

    def _hold(self, data: Data) -> None:
        before = self._holds.get(data["hold_id"], {"quantity": 0})
        self._holds[data["hold_id"]] = {
            "hold_id": data["hold_id"],
            "kind": data["kind"],
            "quantity": before["quantity"] + data["quantity"],
            "lot": data.get("lot"),
        }

    def _let_go(self, hold_id: str, units: int) -> None:
        hold = self._holds.get(hold_id)
        if hold is not None:
            hold["quantity"] -= units
            if hold["quantity"] <= 0:
                del self._holds[hold_id]

    def _expect(self, data: Data, units: int) -> None:
        if data["source"] == "purchase":
            self._incoming += units
        else:
            self._in_transit += units
        of = (data["source"], data["source_id"], data["line"])
        self._arrivals[of] = self._arrivals.get(of, 0) + units
        if units > 0:
            self._days[of] = data.get("expected_on")
        if self._arrivals[of] <= 0:
            del self._arrivals[of]

    def _wait(self, data: Data, units: int) -> None:
        self._waiting += units
        line = (data["order_id"], data["line"])
        if units > 0:
            how = ("whole", "of_kits")
            self._how[line] = {name: data.get(name, False) for name in how}
        self._queue[line] = self._queue.get(line, 0) + units
        if self._queue[line] <= 0:
            del self._queue[line]

    def _trace(self, units: Data, traced: Data, arrived_at: str) -> None:
        lot = units["lot"]
        known = self._lots.setdefault(
            lot,
            {
                "lot": lot,
                "on_hand": 0,
                "picked": 0,
                "held": 0,
                "arrived_at": arrived_at,
                "expires_on": None,
                "picked_for": {},
                "held_by": {},
            },
        )
        for name in ("on_hand", "picked", "held"):
            known[name] += units.get(name, 0)
        order, hold = traced.get("order_id"), traced.get("reference", "")
        if order is not None:
            _share(known["picked_for"], f"order#{order}#{traced.get('line')}", units.get("picked"))
        if hold and traced.get("cause") in {"held", "let_go", "written_off"}:
            _share(known["held_by"], hold, units.get("held"))
        known["expires_on"] = units.get("expires_on") or known["expires_on"]
        if not (known["on_hand"] or known["picked"] or known["held"]):
            del self._lots[lot]


def _share(shares: dict[str, int], name: str, units: int | None) -> None:
    if units:
        shares[name] = shares.get(name, 0) + units
        if not shares[name]:
            del shares[name]


KIND = DocumentKind(
    types=(
        "stock.held.v1",
        "stock.hold_released.v1",
        "stock.written_off.v1",
        "stock.arrival_expected.v1",
        "stock.arrival_closed.v1",
        "stock.backordered.v1",
        "stock.backorder_closed.v1",
        "stock.traced.v1",
    ),
    begin=StockDocument,
    names=("sku", "location"),
)
