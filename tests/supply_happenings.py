"""What is bought and sent, in plausible order: a part of `tests.happenings`."""

from __future__ import annotations

from datetime import date
from typing import Any

from domain import events as facts
from domain.events import Event

DAY = date(2026, 3, 1)
OTHER_END = {"WH": "SHOP/1", "SHOP/1": "WH"}


def bought(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    """A purchase that is changed, comes in part and is closed; and one that is cancelled."""
    purchase = {"purchase_id": f"pu{number}"}
    due = {**stock, "source": "purchase", "source_id": f"pu{number}", "line": 1}
    line = facts.PurchaseLine(line=1, sku=stock["sku"], quantity=units, unit_price_micros=5)
    later = facts.PurchaseLine(line=1, sku=stock["sku"], quantity=units + 2, expected_on=DAY)
    other = facts.PurchaseLine(line=2, sku="SKU-1", quantity=units)
    came = facts.ReceivedLine(line=1, accepted=units, rejected=1, reason="wet")
    return [
        facts.PurchasePlaced(
            **purchase, location=stock["location"], supplier="SUP", currency="GBP", lines=(line,)
        ),
        facts.PurchaseApproved(**purchase),
        facts.ArrivalExpected(**due, quantity=units),
        facts.PurchaseChanged(**purchase, lines=(later,), reason="more"),
        facts.ArrivalClosed(**due, quantity=units, outcome="rescheduled"),
        facts.ArrivalExpected(**due, quantity=units + 2, expected_on=DAY),
        facts.PurchaseReceived(**purchase, receipt_id="d", lines=(came,)),
        facts.StockReceived(**stock, quantity=units, document=f"pu{number}"),
        facts.ArrivalClosed(**due, quantity=units, outcome="received"),
        facts.ArrivalClosed(**due, quantity=1, outcome="rejected"),
        facts.PurchaseClosed(
            **purchase, short=(facts.LineUnits(line=1, quantity=1),), reason="sold out"
        ),
        facts.ArrivalClosed(**due, quantity=1, outcome="short"),
        facts.PurchasePlaced(purchase_id=f"pc{number}", location="WH", lines=(line, other)),
        facts.PurchaseCancelled(purchase_id=f"pc{number}", reason="too dear"),
    ]


def sent(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    """A transfer of which more arrives than was sent, and one that comes back."""
    sku, origin = stock["sku"], stock["location"]
    destination = OTHER_END[origin]
    there = {"sku": sku, "location": destination}
    found: list[Event] = []
    name: dict[str, Any]
    for transfer_id in (f"tr{number}", f"tc{number}"):
        name = {"transfer_id": transfer_id}
        due = {**there, "source": "transfer", "source_id": transfer_id, "line": 1}
        left = facts.LineUnits(line=1, quantity=units)
        found += [
            facts.TransferPlaced(
                **name,
                origin=origin,
                destination=destination,
                expected_on=DAY,
                lines=(facts.TransferLine(line=1, sku=sku, quantity=units + 1),),
            ),
            facts.TransferDispatched(**name, lines=(left,)),
            facts.StockDispatched(**stock, **name, quantity=units, line=1, destination=destination),
            facts.ArrivalExpected(**due, quantity=units, expected_on=DAY),
        ]
        if transfer_id.startswith("tc"):
            found += [
                facts.TransferCancelled(**name, returned=(left,), reason="not needed"),
                facts.StockArrived(**stock, **name, quantity=units, line=1, origin=destination),
                facts.ArrivalClosed(**due, quantity=units, outcome="returned"),
            ]
            continue
        over = facts.ArrivedLine(line=1, quantity=units + 1, over=1)
        found += [
            facts.TransferReceived(**name, receipt_id="r", lines=(over,)),
            facts.StockArrived(**there, **name, quantity=units + 1, line=1, origin=origin),
            facts.ArrivalClosed(**due, quantity=units, outcome="received"),
            facts.TransferClosed(**name, rest="lost"),
        ]
    return found
