"""Lots and serials on the real log: in one batch, by several writers, from cold."""

from __future__ import annotations

from typing import Any

from commands.crossing_messages import HandOverCrossing
from commands.submission import Submission
from domain.streams import serial_stream
from projections.queries.lots import LotQueries, Sent
from tests.command_side import WriteSide, location, told, write_side
from tests.parts import Database

PHONE = {"sku": "PHONE", "location": "hall"}
RECEIVE = {"type": "receive_stock", **PHONE}
SHIP = {"type": "ship_stock", **PHONE, "quantity": 1}


async def register(side: WriteSide, sku: str = "PHONE", tracking: str = "serial") -> None:
    answers = await side.send_all(
        {
            "type": "register_item",
            "key": f"item-{sku}",
            "sku": sku,
            "name": sku,
            "tracking": tracking,
        },
        location("hall"),
        location("shop"),
    )
    assert {answer.outcome for answer in answers} == {"accepted"}


def phones(key: str, *serials: str, **changed: Any) -> dict[str, Any]:
    received = {"key": key, "quantity": len(serials), "serials": list(serials)}
    return {**RECEIVE, **received, **changed}


def streams(side: WriteSide, type_name: str) -> list[str]:
    return [event.stream for event in side.events() if event.type == type_name]


async def test_two_commands_of_one_batch_cannot_both_place_a_serial(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await register(side)
        here, there, again = await side.send_all(
            phones("a", "S1", "S2"),
            phones("b", "S3", "S1", location="shop"),
            phones("c", "S3"),
        )
        assert (here.outcome, there.code, again.outcome) == (
            "accepted",
            "serial_in_place",
            "accepted",
        )
        assert told(there)["refusal"]["location"] == "hall"
        assert streams(side, "serial.placed.v1") == [
            serial_stream("PHONE", serial) for serial in ("S1", "S2", "S3")
        ]


async def test_hundreds_of_serials_leave_one_by_one_from_a_writer_that_never_saw_them(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    names = [f"S{n:03}" for n in range(300)]
    async with write_side(dsn) as side:
        await register(side)
        assert (await side.send(**phones("in", *names))).outcome == "accepted"
    async with write_side(dsn) as cold:
        answers = await cold.send_all(*({**SHIP, "key": f"s{n}"} for n in range(301)))
        assert [answer.outcome for answer in answers] == ["accepted"] * 300 + ["refused"]
        assert streams(cold, "serial.left.v1") == [serial_stream("PHONE", name) for name in names]


async def test_a_lot_is_recalled_everywhere_in_one_command(postgres_database: Database) -> None:
    milk = {"sku": "MILK", "lots": [{"lot": "L1", "quantity": 5, "expires_on": "2999-01-31"}]}
    lot = {"sku": "MILK", "lot": "L1", "recall_id": "R1"}
    async with write_side(postgres_database.log) as side:
        await register(side, "MILK", "lot")
        received = {"type": "receive_stock", "quantity": 5, **milk}
        await side.send_all(
            {**received, "key": "a", "location": "hall"},
            {**received, "key": "b", "location": "shop"},
        )
        recalled, shipped, more = await side.send_all(
            {"type": "recall_lot", "key": "r", **lot, "reason_code": "glass"},
            {"type": "ship_stock", "key": "s", "sku": "MILK", "location": "hall", "quantity": 1},
            {**received, "key": "c", "location": "hall"},
        )
        assert told(recalled)["result"] == {
            "holders": [
                {"location": "hall", "on_hand": 5, "held": 5, "picked": 0},
                {"location": "shop", "on_hand": 5, "held": 5, "picked": 0},
            ]
        }
        assert shipped.code == "insufficient_stock"
        assert told(more)["result"]["available"] == 0
        ended = await side.send(type="end_recall", key="e", **lot)
        assert [each["held"] for each in told(ended)["result"]["holders"]] == [0, 0]


async def test_a_back_dated_count_of_a_tracked_item_reads_its_history(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await register(side, "MILK", "lot")
        milk = {"sku": "MILK", "location": "hall"}
        lots = [{"lot": "L1", "quantity": 5}]
        answers = await side.send_all(
            {"type": "receive_stock", "key": "a", **milk, "quantity": 5, "lots": lots,
             "occurred_at": "2026-01-01T00:00:00Z"},
            {"type": "ship_stock", "key": "b", **milk, "quantity": 5,
             "occurred_at": "2026-01-03T00:00:00Z"},
            {"type": "count_stock", "key": "c", **milk, "count_id": "c", "counted": 6,
             "lots": [{"lot": "L1", "quantity": 6}], "occurred_at": "2026-01-02T00:00:00Z"},
        )  # fmt: skip
        assert [told(answer)["result"]["on_hand"] for answer in answers] == [5, 0, 1]


async def test_an_order_of_serials_is_picked_short_sent_back_and_returned(
    postgres_database: Database,
) -> None:
    """Which ones were taken, and which came back, is said by whoever holds them."""
    order = {"order_id": "o"}
    async with write_side(postgres_database.log) as side:
        await register(side)
        line = {"line": 1, **PHONE, "quantity": 3}
        answers = await side.send_all(
            phones("in", "S1", "S2", "S3", "S4"),
            {"type": "place_order", "key": "o", **order, "lines": [line]},
            {
                "type": "create_pick_list", "key": "list", **order, "pick_id": "p",
                "location": "hall",
            },
            {
                "type": "pick_order", "key": "pick", **order, "pick_id": "p",
                "lines": [{"line": 1, "quantity": 2, "serials": ["S4", "S2"]}],
            },
            {"type": "ship_order", "key": "ship", **order, "shipment_id": "s1"},
        )  # fmt: skip
        assert [answer.outcome for answer in answers] == ["accepted"] * 5, answers
        assert sorted(streams(side, "serial.left.v1")) == [
            serial_stream("PHONE", serial) for serial in ("S2", "S4")
        ]
        back = {"type": "cancel_shipment", **order, "shipment_id": "s1"}
        unnamed, named = await side.send_all(
            {**back, "key": "b1"},
            {**back, "key": "b2", "lines": [{"line": 1, "serials": ["S4", "S2"]}]},
        )
        assert (unnamed.code, named.outcome) == ("lots_missing", "accepted")
        wanted = {"type": "request_return", "return_id": "r", **order}
        seen = {"type": "inspect_return", "return_id": "r", "location": "shop", **order}
        answers = await side.send_all(
            {"type": "ship_order", "key": "again", **order, "shipment_id": "s2"},
            {**wanted, "key": "r", "lines": [{"line": 1, "quantity": 1}]},
            {**seen, "key": "i1", "lines": [{"line": 1, "quantity": 1, "outcome": "restock"}]},
            {
                **seen, "key": "i2",
                "lines": [{"line": 1, "quantity": 1, "outcome": "restock", "serials": ["S3"]}],
            },
        )  # fmt: skip
        assert [answer.code for answer in answers] == [None, None, "lots_missing", None], answers
        places = {
            event.stream: event.type for event in side.events() if event.type.startswith("serial.")
        }
        assert places[serial_stream("PHONE", "S3")] == "serial.placed.v1"


async def test_one_command_over_many_tracked_items_is_decided_from_cold(
    postgres_database: Database,
) -> None:
    """What is to be read is learnt all at once, not item by item."""
    dsn = postgres_database.log
    skus = [f"P{number}" for number in range(12)]
    lines = [
        {"line": number, "sku": sku, "location": "hall", "quantity": 1}
        for number, sku in enumerate(skus, 1)
    ]
    async with write_side(dsn) as side:
        for sku in skus:
            await register(side, sku)
        received = [phones(f"r{sku}", f"S-{sku}", sku=sku) for sku in skus]
        placed = {"type": "place_order", "key": "o", "order_id": "o", "lines": lines}
        answers = await side.send_all(*received, placed)
        assert {answer.outcome for answer in answers} == {"accepted"}
    async with write_side(dsn) as fresh:
        shipped = await fresh.send(type="ship_order", key="s", order_id="o", shipment_id="s")
        assert shipped.outcome == "accepted", told(shipped)
        assert len(streams(fresh, "serial.left.v1")) == len(skus)


async def test_units_of_a_lot_that_were_lost_or_handed_over_are_not_in_transit(
    postgres_database: Database,
) -> None:
    transfer = {"transfer_id": "T"}
    crossing = {"crossing_id": "X", "to_ledger": "outlet", "origin": "hall", "destination": "hall"}
    sent: list[dict[str, Any]] = [
        {"type": "receive_stock", "sku": "MILK", "location": "hall", "quantity": 9, **milk(9)},
        {"type": "place_transfer", **transfer, "origin": "hall", "destination": "shop"},
        {"type": "dispatch_transfer", **transfer},
        {"type": "receive_transfer", **transfer, "receipt_id": "r"},
        {"type": "dispatch_crossing", **crossing},
    ]
    sent[1]["lines"] = [{"line": 1, "sku": "MILK", "quantity": 4}]
    sent[3]["lines"] = [{"line": 1, "quantity": 1}]
    sent[4]["lines"] = [{"line": 1, "sku": "MILK", "quantity": 2}]
    async with write_side(postgres_database.log) as side:
        await register(side, "MILK", "lot")
        answers = await side.send_all(*({"key": str(n), **each} for n, each in enumerate(sent)))
        assert {answer.outcome for answer in answers} == {"accepted"}, answers
        assert lot_sent(side) == [
            Sent(transfer_id="T", to_ledger=None, quantity=3, outcome="in_transit"),
            Sent(transfer_id="crossing X", to_ledger="outlet", quantity=2, outcome="in_transit"),
        ]
        taken = HandOverCrossing(type="hand_over_crossing", key="h", crossing_id="X")
        await side.group_commit.submit([Submission(tenant="acme", actor="key_test", command=taken)])
        await side.send(type="close_transfer", key="lost", **transfer, rest="lost")
        outcomes = {each.transfer_id: each.outcome for each in lot_sent(side)}
        assert outcomes == {"T": "lost", "crossing X": "handed_over"}


def milk(units: int) -> dict[str, Any]:
    return {"lots": [{"lot": "L1", "quantity": units}]}


def lot_sent(side: WriteSide) -> list[Sent]:
    with side.pool.connection() as connection:
        return sorted(
            LotQueries(connection, "acme/main", "MILK", "L1").sent(),
            key=lambda each: each.transfer_id,
        )
