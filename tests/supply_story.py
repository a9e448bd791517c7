"""What happens between suppliers and shelves: purchases, transfers, put-aways; lots among them."""

from __future__ import annotations

from typing import Any

from tests.command_side import WriteSide, location, told

TEA, RADIO = "TEA", "RADIO"
DOCK, BIN, KIOSK = "dock", "dock/07", "kiosk"


async def supply(side: WriteSide) -> None:
    """Tea comes in lots, radios one by one; some comes late, some is lost, some comes back."""
    item = {"type": "register_item"}
    await _accepted(side, **item, key="tea", sku=TEA, name="Tea", tracking="lot")
    await _accepted(side, **item, key="radio", sku=RADIO, name="Radio", tracking="serial")
    await _accepted(side, **location(DOCK))
    await _accepted(side, **location(KIOSK) | {"location_type": "store"})
    await _accepted(side, **location(BIN) | {"location_type": "bin", "parent": DOCK})
    await _accepted(side, **location("grower") | {"location_type": "supplier"})
    await _bought(side)
    await _put_away(side)
    await _sent(side)
    await _sent_in_vain(side)


async def _bought(side: WriteSide) -> None:
    lines = [
        {"line": 1, "sku": TEA, "quantity": 20, "expected_on": "2026-02-02"},
        {"line": 2, "sku": RADIO, "quantity": 3},
    ]
    bought = {"purchase_id": "p1"}
    place = {"type": "place_purchase", "location": DOCK, "supplier": "grower"}
    await _accepted(side, key="p1", **place, **bought, lines=lines)
    await _accepted(side, type="approve_purchase", key="p2", **bought)
    lines[0] |= {"quantity": 18, "expected_on": "2026-02-09"}
    await _accepted(side, type="change_purchase", key="p3", **bought, lines=lines, reason="frost")
    tea = {"line": 1, "accepted": 9, "lots": [_lot("T1", 5, "2100-01-01"), _lot("T2", 4)]}
    wet = {"line": 2, "accepted": 2, "rejected": 1, "reason": "wet", "serials": ["R1", "R2"]}
    receive: dict[str, Any] = {"type": "receive_purchase", **bought}
    delivery = receive | {"receipt_id": "d1", "lines": [tea, wet]}
    await _accepted(side, key="p4", **delivery)
    (again,) = await side.send_all(delivery | {"key": "supply p5"})
    assert again.code == "purchase_receipt_exists"
    more = {"line": 1, "accepted": 11, "lots": [_lot("T2", 11)]}
    await _accepted(side, key="p6", **delivery | {"receipt_id": "d2", "lines": [more]})
    for key, kind in (("p7", "cancel_purchase"), ("p8", "close_purchase")):
        named = {"purchase_id": f"p2/{kind}"}
        line = {"line": 1, "sku": TEA, "quantity": 5}
        kiosk = {"type": "place_purchase", "location": KIOSK}
        await _accepted(side, key=f"{key}a", **kiosk, **named, lines=[line])
        await _accepted(side, type="approve_purchase", key=f"{key}b", **named)
        part = {"line": 1, "accepted": 2, "lots": [_lot("T3", 2)]}
        first = receive | named | {"receipt_id": "d", "lines": [part]}
        await _accepted(side, key=f"{key}c", **first)
        await _accepted(side, type=kind, key=f"{key}d", **named)


async def _put_away(side: WriteSide) -> None:
    put = {"type": "move_stock", "origin": DOCK, "destination": BIN}
    await _accepted(side, key="m1", **put, sku=TEA, quantity=6, move_id="m1")
    await _accepted(side, key="m2", **put, sku=RADIO, quantity=1, move_id="m2", serials=["R2"])
    (refused,) = await side.send_all(
        {"key": "supply m3", **put, "sku": TEA, "quantity": 99, "move_id": "m3"}
    )
    assert refused.code == "too_few_to_move"


async def _sent(side: WriteSide) -> None:
    """Of ten of tea eight leave, and nine arrive. The radio arrives too."""
    lines = [{"line": 1, "sku": TEA, "quantity": 10}, {"line": 2, "sku": RADIO, "quantity": 1}]
    sent = {"transfer_id": "t1"}
    await _accepted(
        side, type="place_transfer", key="t1", **sent, origin=DOCK, destination=KIOSK, lines=lines
    )
    tea = {"line": 1, "quantity": 8, "lots": [_lot("T2", 8)]}
    await _accepted(
        side, type="dispatch_transfer", key="t2", **sent, lines=[tea, {"line": 2, "quantity": 1}]
    )
    arrive = {"type": "receive_transfer", **sent}
    await _accepted(side, key="t3", **arrive, receipt_id="a1", lines=[{"line": 1, "quantity": 3}])
    wrong = {"line": 1, "quantity": 1, "lots": [_lot("T9", 1)]}
    (refused,) = await side.send_all(
        {"key": "supply t4", **arrive, "receipt_id": "a2", "lines": [wrong]}
    )
    assert refused.code == "lot_not_sent"
    radio = {"line": 2, "quantity": 1, "serials": ["R1"]}
    rest = {"line": 1, "quantity": 6, "lots": [_lot("T2", 6)]}
    await _accepted(side, key="t5", **arrive, receipt_id="a3", lines=[radio])
    await _accepted(side, key="t6", **arrive, receipt_id="a4", lines=[rest])


async def _sent_in_vain(side: WriteSide) -> None:
    """One is cancelled on its way, of two others the rest is lost or returns."""
    for key, ending in (
        ("v1", {"type": "cancel_transfer"}),
        ("v2", {"type": "close_transfer", "rest": "lost", "reason": "fell off"}),
        ("v3", {"type": "close_transfer", "rest": "returned"}),
        ("v4", {"type": "cancel_transfer"}),
    ):
        named = {"transfer_id": key}
        line = {"line": 1, "sku": TEA, "quantity": 2}
        place = {"type": "place_transfer", "origin": BIN, "destination": KIOSK, "lines": [line]}
        await _accepted(side, key=f"{key}a", **place, **named)
        if key != "v4":
            await _accepted(side, type="dispatch_transfer", key=f"{key}b", **named)
        if ending["type"] == "close_transfer":
            part = [{"line": 1, "quantity": 1}]
            receive = {"type": "receive_transfer", "receipt_id": "a", "lines": part}
            await _accepted(side, key=f"{key}c", **receive, **named)
        await _accepted(side, key=f"{key}d", **ending, **named)


def _lot(name: str, units: int, expires_on: str | None = None) -> dict[str, Any]:
    lot = {"lot": name, "quantity": units}
    return lot if expires_on is None else lot | {"expires_on": expires_on}


async def _accepted(side: WriteSide, **command: Any) -> None:
    named = command | {"key": f"supply {command['key']}"}  # Like no other story's keys.
    (answer,) = await side.send_all(named)
    assert answer.outcome == "accepted", told(answer)
