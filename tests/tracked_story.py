"""A story about units that are told apart, by lot and by serial: `store.tell(tracked)`."""

from __future__ import annotations

from typing import Any

from tests.command_side import WriteSide, location, shelf
from tests.stories import Commands, day, told

MILK, PHONE = "MILK", "PHONE"
HALL, SHOP = shelf(MILK, "hall"), shelf(MILK, "shop")


def of_lots(**units: int) -> dict[str, Any]:
    """Quantity and lots of one command."""
    named = [{"lot": lot, "quantity": count} for lot, count in units.items()]
    return {"quantity": sum(units.values()), "lots": named}


def of_serials(*names: str) -> dict[str, Any]:
    return {"quantity": len(names), "serials": list(names)}


async def catalogue(side: WriteSide) -> None:
    item = {"type": "register_item"}
    await told(
        side,
        [
            {**item, "key": "milk", "sku": MILK, "name": "Milk", "tracking": "lot"},
            {**item, "key": "phone", "sku": PHONE, "name": "Phone", "tracking": "serial"},
            {
                "type": "set_handling", "key": "keeps", "sku": MILK, "removal": "fefo",
                "shelf_life_days": 36_500,
            },
            {"type": "register_lot", "key": "l1", "sku": MILK, "lot": "L1", "origin": "dairy 7"},
            location("hall"),
            location("shop"),
        ],
    )  # fmt: skip


async def lots(side: WriteSide) -> None:
    """Received, sent, lost beyond what was there, counted, and known late."""
    receive = {"type": "receive_stock", **HALL}
    lost = {"type": "adjust_stock", **HALL, "reason": "spilt"}
    await told(
        side,
        [
            {**receive, "key": "t1", **of_lots(L1=20), "occurred_at": day(1)},
            {**receive, "key": "t2", **of_lots(L1=5, L2=10), "occurred_at": day(2)},
            {"type": "ship_stock", "key": "t3", **HALL, "quantity": 22, "occurred_at": day(3)},
            {"type": "receive_stock", "key": "t4", **SHOP, **of_lots(L2=6), "occurred_at": day(3)},
            {**lost, "key": "t5", "delta": -5, "lots": of_lots(L1=5)["lots"]},
            {
                "type": "count_stock", "key": "t6", **HALL, "count_id": "t6", "counted": 14,
                "lots": of_lots(L2=9, L3=5)["lots"], "occurred_at": day(5),
            },
            {**receive, "key": "t7", **of_lots(L4=3), "occurred_at": day(4)},
            {
                "type": "count_stock", "key": "t8", **HALL, "count_id": "t8", "counted": 13,
                "lots": of_lots(L1=3, L2=10)["lots"], "occurred_at": day(4.5),
            },
            {"type": "return_stock", "key": "t9", **HALL, **of_lots(L1=2), "to": "damaged"},
            {**receive, "key": "ta", "quantity": 1},
            {**receive, "key": "tb", **of_serials("S1")},
        ],
        *["accepted"] * 9, "refused", "refused",
    )  # fmt: skip


async def serials(side: WriteSide) -> None:
    here, there = shelf(PHONE, "hall"), shelf(PHONE, "shop")
    receive, order = {"type": "receive_stock", **here}, {"type": "place_order", "order_id": "p1"}
    await told(
        side,
        [
            {**receive, "key": "s1", **of_serials("S1", "S2", "S3")},
            {"type": "receive_stock", "key": "s2", **there, **of_serials("S3")},
            {**order, "key": "s3", "lines": [{"line": 1, **here, "quantity": 2}], "ship": True},
            {"type": "return_stock", "key": "s4", **there, **of_serials("S1"), "order_id": "p1"},
            {
                "type": "count_stock", "key": "s5", **here, "count_id": "s5", "counted": 1,
                "serials": ["S9"],
            },
            {"type": "receive_stock", "key": "s6", **here, **of_serials("S1")},
        ],
        "accepted", "refused", "accepted", "accepted", "accepted", "refused",
    )  # fmt: skip


async def held(side: WriteSide) -> None:
    """Holds let go, a recall and its end; promises that lose their units are named."""
    hold = {"type": "hold_stock", **HALL, "kind": "quality", "lot": "L2"}
    lot = {"sku": MILK, "lot": "L2", "recall_id": "R1"}
    promise = {"type": "reserve_stock", **HALL, "expires_at": "2999-01-01T00:00:00Z"}
    commands: Commands = [
        {**promise, "key": "h0", "reservation_id": "h0", "quantity": 7},
        {**hold, "key": "h1", "hold_id": "q1", "quantity": 2},
        {"type": "release_hold", "key": "h2", **HALL, "hold_id": "q1", "quantity": 1},
        {"type": "recall_lot", "key": "h3", **lot, "reason_code": "glass"},
        {"type": "receive_stock", "key": "h4", **SHOP, **of_lots(L2=4)},
        {"type": "release_hold", "key": "h5", **HALL, "hold_id": "q1"},
        {"type": "ship_stock", "key": "h6", **SHOP, "quantity": 1},
        {"type": "end_recall", "key": "h7", **lot},
        {
            "type": "change_lot_expiry",
            "key": "h7-day",
            "sku": lot["sku"],
            "lot": lot["lot"],
            "expires_on": "2100-12-31",
            "reason": "tested again",
        },
        {"type": "ship_stock", "key": "h8", **SHOP, "quantity": 1},
        {"type": "expire_lot", "key": "h9", **SHOP, "lot": "L2"},
    ]
    outcomes = [*["accepted"] * 6, "refused", *["accepted"] * 3, "refused"]
    await told(side, commands, *outcomes)


TRACKED = (catalogue, lots, serials, held)
