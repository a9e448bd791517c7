"""What happens in a small business: commands of every kind, told to a `WriteSide`."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.command_side import WriteSide, location, shelf
from tests.order_stories import fulfilled
from tests.supply_story import supply
from tests.workshop_story import workshop

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
CUSTOMER = "sub_" + "c0ffee00" * 4
LAMP, MUG, CHAIR = "LAMP", "MUG", "CHAIR"
LATER = "2100-01-01T00:00:00Z"
Commands = list[dict[str, Any]]


def day(number: float) -> str:
    return (START + timedelta(days=number)).isoformat().replace("+00:00", "Z")


async def told(side: WriteSide, commands: Commands, *outcomes: str) -> None:
    """Send commands, and see that they were answered so (all accepted when nothing is said)."""
    answers = await side.send_all(*commands)
    expected = list(outcomes) or ["accepted"] * len(commands)
    found = [answer.outcome for answer in answers]
    assert found == expected, [answer.body for answer in answers]


async def catalogue(side: WriteSide) -> None:
    items: Commands = [
        {
            "sku": LAMP,
            "name": "Lamp",
            "backorder_limit": 5,
            "safety_stock": 2,
            "description": "It's a \\ “lamp”",
            "media_urls": ["https://example.com/lamp.jpg"],
            "attributes": {"colour": "red", "ampères": "2"},
            "gtin": "4006381333931",
        },
        {"sku": MUG, "name": "Mug", "reorder_point": 10},
        {"sku": CHAIR, "name": "Chair", "category": "furniture"},
    ]
    registered = [{"type": "register_item", "key": f"item {each['sku']}", **each} for each in items]
    places = [location("hall"), {**location("shop"), "location_type": "store"}]
    places[1] |= {"latitude_microdegrees": 52_520_000, "longitude_microdegrees": 13_405_000}  # type: ignore[dict-item]
    await told(side, [*registered, *places])
    changes = {"key": "describe", "sku": LAMP, "name": "Bright lamp", "safety_stock": 3}
    await told(side, [{"type": "describe_item", **changes}])


async def goods(side: WriteSide) -> None:
    """Receipts, adjustments, returns; one that takes more than was there; some refusals."""
    lamp, mug = shelf(LAMP, "hall"), shelf(MUG, "shop")
    await told(
        side,
        [
            {"type": "receive_stock", "key": "g1", **lamp, "quantity": 40, "document": "PO 1"},
            {"type": "receive_stock", "key": "g2", **mug, "quantity": 30, "occurred_at": day(0)},
            {"type": "adjust_stock", "key": "g3", **mug, "delta": -4, "reason": "broken"},
            {"type": "adjust_stock", "key": "g4", **shelf(MUG, "hall"), "delta": -3, "reason": "?"},
            {"type": "return_stock", "key": "g5", **lamp, "quantity": 2, "to": "damaged"},
            {"type": "ship_stock", "key": "g6", **mug, "quantity": 500},
            {"type": "receive_stock", "key": "g7", **shelf("GONE", "hall"), "quantity": 1},
            {"type": "ship_stock", "key": "g8", **mug, "quantity": 2},
            {"type": "receive_stock", "key": "g1", **lamp, "quantity": 40, "document": "PO 1"},
            {"type": "receive_stock", "key": "g2", **mug, "quantity": 31, "occurred_at": day(0)},
        ],
        *["accepted"] * 5, "refused", "refused", "accepted", "accepted", "key_conflict",
    )  # fmt: skip


async def promises(side: WriteSide) -> None:
    """Reservations kept, released, expired in time and on demand; a shortfall opened and closed."""
    lamp = {**shelf(LAMP, "hall")}
    hold = {"type": "reserve_stock", **lamp}
    await told(
        side,
        [
            {**hold, "key": "p1", "reservation_id": "r1", "quantity": 10, "expires_at": LATER},
            {
                **hold, "key": "p2", "reservation_id": "r2", "quantity": 20,
                "occurred_at": day(1), "expires_at": day(2),
            },
            {**hold, "key": "p3", "reservation_id": "r3", "quantity": 5, "expires_at": LATER},
            {**hold, "key": "p4", "reservation_id": "r4", "quantity": 18, "expires_at": LATER},
            {"type": "ship_stock", "key": "p5", **lamp, "quantity": 4, "reservation_id": "r1"},
            {"type": "release_reservation", "key": "p6", **lamp, "reservation_id": "r3"},
            {"type": "adjust_stock", "key": "p7", **lamp, "delta": -30, "reason": "fire"},
            {**hold, "key": "p8", "reservation_id": "r5", "quantity": 1, "expires_at": LATER},
            {"type": "receive_stock", "key": "p9", **lamp, "quantity": 60},
            {
                **hold, "key": "pa", "reservation_id": "r6", "quantity": 3,
                "occurred_at": day(3), "expires_at": day(4),
            },
            {"type": "expire_reservation", "key": "pb", **lamp, "reservation_id": "r6"},
        ],
        *["accepted"] * 7, "refused", *["accepted"] * 3,
    )  # fmt: skip


async def counts(side: WriteSide) -> None:
    """Counts now and in the past, and facts dated before them that become known after."""
    chair = shelf(CHAIR, "shop")
    count = {"type": "count_stock", **chair}
    receive = {"type": "receive_stock", **chair}
    await told(
        side,
        [
            {**receive, "key": "c1", "quantity": 20, "occurred_at": day(10)},
            {**count, "key": "c2", "count_id": "n1", "counted": 18, "occurred_at": day(12)},
            {**receive, "key": "c3", "quantity": 5, "occurred_at": day(11)},
            {
                "type": "adjust_stock", "key": "c4", **chair, "delta": -3, "reason": "late",
                "occurred_at": day(11.5),
            },
            {**receive, "key": "c5", "quantity": 7, "occurred_at": day(14)},
            {**count, "key": "c6", "count_id": "n2", "counted": 16, "occurred_at": day(11.2)},
            {**count, "key": "c7", "count_id": "n3", "counted": 25, "occurred_at": day(15)},
            {**count, "key": "c8", "count_id": "n4", "counted": 0, "occurred_at": day(13)},
            {"type": "ship_stock", "key": "c9", **chair, "quantity": 2, "occurred_at": day(9)},
        ],
    )  # fmt: skip


async def orders(side: WriteSide) -> None:
    """Orders shipped whole and in part, cancelled before and after, waiting; charges."""
    mug, lamp = shelf(MUG, "shop"), shelf(LAMP, "hall")

    def placed(order_id: str, *lines: tuple[dict[str, str], int], **more: Any) -> dict[str, Any]:
        named = [
            {"line": n, **where, "quantity": units, "unit_price_micros": 2_550_000}
            for n, (where, units) in enumerate(lines, 1)
        ]
        body = {"order_id": order_id, "customer": CUSTOMER, "currency": "GBP", "lines": named}
        return {"type": "place_order", "key": f"place {order_id}", **body, **more}

    ship = {"type": "ship_order"}
    await told(
        side,
        [
            placed("o1", (mug, 3), (lamp, 2), (mug, 1)),
            {**ship, "key": "s1", "order_id": "o1"},
            placed("o2", (mug, 4), (lamp, 1)),
            {**ship, "key": "s2", "order_id": "o2", "lines": [{"line": 1, "quantity": 2}]},
            {"type": "cancel_order", "key": "x2", "order_id": "o2", "reason": "changed mind"},
            placed("o3", (lamp, 1), allocate=False),
            placed("o4", (lamp, 2), allocate=False, customer=None),
            {"type": "allocate_order", "key": "a4", "order_id": "o4"},
            {**ship, "key": "s4", "order_id": "o4", "lines": [{"line": 1, "quantity": 1}]},
            placed("o5", (mug, 900)),
            placed("o6", (mug, 1)),
            {"type": "cancel_order", "key": "x6", "order_id": "o6"},
            placed("o7", (mug, 1), (lamp, 1), ship=True),
            {"type": "return_stock", "key": "r1", **mug, "quantity": 1, "order_id": "o1"},
            {
                "type": "record_charge", "key": "f1", "charge_id": "f1", "code": "POST",
                "description": "Parcel", "quantity": 1, "unit_price_micros": 4_000_000,
                "currency": "GBP", "order_id": "o1",
            },
            {
                "type": "record_charge", "key": "f2", "charge_id": "f2", "code": "FEE",
                "quantity": 2, "unit_price_micros": -1, "currency": "GBP",
            },
        ],
        *["accepted"] * 9, "refused", *["accepted"] * 6,
    )  # fmt: skip


async def fulfilments(side: WriteSide) -> None:
    """Orders that are sourced, wait, are picked short, sent in parts, cancelled late, come back."""
    commands, outcomes = fulfilled(CUSTOMER, shelf(MUG, "shop"), shelf(LAMP, "hall"), LATER)
    await told(side, commands, *outcomes)


async def endings(side: WriteSide) -> None:
    """An item that is discontinued with backorders open; a bulk of all or nothing."""
    mug = shelf(MUG, "hall")
    receive = {"type": "receive_stock", **mug}
    bulk = [
        {**receive, "key": "e1", "quantity": 5},
        {"type": "ship_stock", "key": "e2", **mug, "quantity": 6},
    ]
    answers = await side.send_all(*bulk, mode="atomic")
    assert [answer.outcome for answer in answers] == ["not_applied", "refused"]
    bulk[1] |= {"quantity": 5, "key": "e3"}
    answers = await side.send_all(*bulk, mode="atomic")
    assert {answer.outcome for answer in answers} == {"accepted"}
    hold = {"type": "reserve_stock", **shelf(LAMP, "shop"), "quantity": 4, "expires_at": LATER}
    end = {"type": "discontinue_item", "key": "e5", "sku": LAMP}
    await told(
        side,
        [
            {**hold, "key": "e4", "reservation_id": "b1"},
            end,
            {**hold, "key": "e6", "reservation_id": "b2", "quantity": 1},
            {"type": "receive_stock", "key": "e7", **shelf(LAMP, "shop"), "quantity": 1},
        ],
        "accepted", "accepted", "refused", "refused",
    )  # fmt: skip


async def elsewhere(side: WriteSide) -> None:
    """The same SKUs in another ledger of the tenant."""
    commands: Commands = [
        {"type": "register_item", "key": "item", "sku": MUG, "name": "Mug"},
        location("hall"),
        {"type": "receive_stock", "key": "m1", **shelf(MUG, "hall"), "quantity": 9},
        {"type": "adjust_stock", "key": "m2", **shelf(MUG, "hall"), "delta": -9, "reason": "sold"},
    ]
    await told(side, [{"ledger": "outlet", **each} for each in commands])


STORY = (
    catalogue,
    goods,
    promises,
    counts,
    orders,
    fulfilments,
    endings,
    workshop,
    supply,
    elsewhere,
)


def busy(seed: int, count: int) -> Any:
    """A story of so many commands, dated up and down a year, most accepted and some refused."""
    dice = random.Random(seed)

    async def happen(side: WriteSide) -> None:
        batch: Commands = []
        for number in range(count):
            batch.append(_any_command(dice, f"{seed}.{number}"))
            if dice.random() < 0.1:
                await side.send_all(*batch)
                batch.clear()
        await side.send_all(*batch)

    return happen


def _any_command(dice: random.Random, name: str) -> dict[str, Any]:
    where = shelf(dice.choice((LAMP, MUG, CHAIR)), dice.choice(("hall", "shop")))
    units = dice.randrange(1, 12)
    command = {"key": f"busy {name}", **where, "quantity": units}
    if dice.random() < 0.5:
        command["occurred_at"] = day(dice.randrange(200) / 2)
    match dice.randrange(9):
        case 0 | 1:
            return {"type": "receive_stock", **command, "quantity": 2 * units}
        case 2:
            return {"type": "ship_stock", **command}
        case 3:
            del command["quantity"]
            lost = {"type": "adjust_stock", **command, "delta": -2 * units, "reason": "lost"}
            return lost | dice.choice(({}, {"delta": -units, "condition": "damaged"}))
        case 4:
            del command["quantity"]
            return {"type": "count_stock", **command, "count_id": name, "counted": 3 * units}
        case 5:
            return {
                "type": "reserve_stock", **command, "reservation_id": name,
                "expires_at": dice.choice((LATER, day(150))),
            }  # fmt: skip
        case 6:
            return {"type": "return_stock", **command, "to": dice.choice(("stock", "damaged"))}
        case 7:
            lines = [{"line": n, **where, "quantity": n} for n in range(1, dice.choice((2, 4)))]
            return {
                "type": "place_order", "key": command["key"], "order_id": f"b{name}",
                "lines": lines, "ship": dice.random() < 0.3,
            }  # fmt: skip
        case _:
            earlier = dice.randrange(int(name.partition(".")[2]) + 1)
            verb = dice.choice(("ship_order", "cancel_order"))
            order_id = f"b{name.partition('.')[0]}.{earlier}"
            return {"type": verb, "key": command["key"], "order_id": order_id}
