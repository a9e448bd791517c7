"""The facts of an order that is sourced, waits for a part, is picked short, sent twice and comes
back: every type that only orders with progress have.
"""

from __future__ import annotations

from typing import Any

from domain import events as facts
from domain.events import Event, OrderLine, ShippedLine


def sent_and_back(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    """Of `units` + 3 that were wanted, one was not found and two never came."""
    order = _Order(number, units, stock)
    return [*order.wanted(), *order.picked(), *order.sent(), *order.back()]


class _Order:
    def __init__(self, number: int, units: int, stock: dict[str, Any]) -> None:
        self.number, self.units, self.stock = number, units, stock
        self.order: dict[str, Any] = {"order_id": f"f{number}"}
        self.at: dict[str, Any] = {**self.order, "location": stock["location"]}
        self.line: dict[str, Any] = {**stock, **self.order, "line": 1}

    def here(self, quantity: int) -> tuple[facts.OrderUnits, ...]:
        return (facts.OrderUnits(line=1, location=self.stock["location"], quantity=quantity),)

    def left(self, quantity: int, shipment: str, *parcels: str) -> facts.OrderShipped:
        lines = (ShippedLine(line=1, quantity=quantity, location=self.stock["location"]),)
        return facts.OrderShipped(**self.order, lines=lines, shipment_id=shipment, parcels=parcels)

    def wanted(self) -> list[Event]:
        every, some, place = self.units + 3, self.units + 1, self.stock["location"]
        candidate = facts.ConsideredLocation(location=place, units=some, kilometres=self.number)
        line = OrderLine(line=1, sku=self.stock["sku"], quantity=every, unit_price_micros=7)
        return [
            facts.OrderPlaced(
                **self.order,
                lines=(line,),
                allocation="partial",
                backorder=True,
                sourcing="nearest",
                locations=(place,),
                kilometres=(self.number,),
                payment="required",
            ),
            facts.OrderSourced(
                **self.order,
                strategy="nearest",
                lines=self.here(every),
                considered=(candidate,),
                reason="near",
            ),
            facts.OrderUnitsAllocated(**self.order, lines=self.here(some)),
            facts.StockCommitted(**self.line, quantity=some),
            facts.StockBackordered(**self.line, quantity=every - some),
            facts.OrderBackordered(**self.order, lines=self.here(every - some)),
            facts.OrderPaid(**self.order, payment_id="p"),
        ]

    def picked(self) -> list[Event]:
        found = facts.PickedLine(line=1, quantity=self.units, missing=1)
        box = facts.OrderPacked(**self.at, parcel_id="box", lines=_units(self.units))
        return [
            facts.PickListCreated(**self.at, pick_id="a", lines=_units(1)),
            facts.PickListCancelled(**self.order, pick_id="a"),
            facts.PickListCreated(**self.at, pick_id="b", lines=_units(self.units + 1)),
            facts.OrderPicked(**self.at, pick_id="b", lines=(found,)),
            facts.StockPicked(**self.line, quantity=self.units, pick_id="b"),
            facts.CommitmentReleased(**self.line, quantity=1),
            box,
        ]

    def sent(self) -> list[Event]:
        again = self.left(1, "s2")
        return [
            self.left(self.units, "s1", "box"),
            facts.PickedShipped(**self.line, quantity=self.units, shipment_id="s1"),
            facts.ShipmentDelivered(**self.order, shipment_id="s1"),
            facts.OrderUnitsAllocated(**self.order, lines=self.here(1)),
            facts.BackorderClosed(**self.line, quantity=1, outcome="allocated"),
            facts.StockCommitted(**self.line, quantity=1),
            again,
            facts.StockShipped(**self.line, quantity=1),
            facts.ShipmentCancelled(**self.order, shipment_id="s2", lines=again.lines),
            facts.StockReturned(**self.stock, quantity=1, order_id=self.order["order_id"]),
        ]

    def back(self) -> list[Event]:
        back = {**self.order, "return_id": "r"}
        torn = facts.InspectedLine(line=1, quantity=1, outcome="damage")
        place = self.stock["location"]
        return [
            facts.ReturnRequested(**back, lines=_units(1), reason="torn"),
            facts.ReturnInspected(**back, location=place, lines=(torn,)),
            facts.OrderExchanged(**back, replacement_id=f"o{self.number}"),
            facts.OrderClosed(**self.order, reason="enough"),
            facts.BackorderClosed(**self.line, quantity=1, outcome="cancelled"),
        ]


def _units(quantity: int) -> tuple[facts.LineQuantity, ...]:
    return (facts.LineQuantity(line=1, quantity=quantity),)
