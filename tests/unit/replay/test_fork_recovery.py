"""Every command can be recovered from what it led to, or is of those that move no stock."""

from __future__ import annotations

from typing import Any

import pytest

from domain.refusals import Refusal
from replay.fork.fork import Fork
from replay.fork.recovery import AS_THEY_WERE, recovered
from replay.fork.rules import TODAY
from replay.fork.walk import Walk, Window
from tests.builders import minute
from tests.fork_trade import LATER
from tests.pasts import LEDGER, MemoryLedger

Command = dict[str, Any]
WH: Command = {"sku": "A", "location": "WH"}
LOTS: Command = {"sku": "C", "location": "WH"}
ONE: list[Command] = [{"line": 1, "quantity": 1}]


def named(*units: tuple[str, int]) -> list[Command]:
    return [{"lot": lot, "quantity": quantity} for lot, quantity in units]


def lines(sku: str, quantity: int, location: str | None = "WH") -> list[Command]:
    where = {} if location is None else {"location": location}
    return [{"line": 1, "sku": sku, "quantity": quantity, **where}]


GOODS: list[Command] = [
    {"type": "register_item", "sku": "A", "name": "A"},
    {"type": "register_item", "sku": "C", "name": "C", "tracking": "lot"},
    {"type": "register_item", "sku": "K", "name": "K"},
    {"type": "compose_kit", "sku": "K", "components": [{"sku": "A", "quantity": 2}]},
    {"type": "register_location", "location": "WH", "name": "WH", "latitude_microdegrees": 1,
     "longitude_microdegrees": 1},
    {"type": "register_location", "location": "SHOP", "name": "SHOP"},
    {"type": "receive_stock", **WH, "quantity": 90},
    {"type": "register_lot", "sku": "C", "lot": "old", "expires_on": "2025-12-31"},
    {"type": "receive_stock", **LOTS, "quantity": 30, "lots": named(("L1", 20), ("L2", 10))},
    {"type": "adjust_stock", **LOTS, "delta": -2, "reason": "?", "lots": named(("L1", 2))},
    {"type": "count_stock", **LOTS, "count_id": "c", "counted": 29,
     "lots": named(("L1", 18), ("L2", 11))},
    {"type": "return_stock", **LOTS, "quantity": 1, "lots": named(("L2", 1))},
    {"type": "ship_stock", **LOTS, "quantity": 3, "lots": named(("L2", 3))},
    {"type": "write_off_stock", **LOTS, "quantity": 1, "lots": named(("L1", 1)),
     "reason_code": "gone"},
    {"type": "receive_stock", "sku": "C", "location": "SHOP", "quantity": 1,
     "lots": [{**named(("L0", 1))[0], "expires_on": "2026-01-01"}]},
    {"type": "hold_stock", **WH, "hold_id": "h", "kind": "quality", "quantity": 3},
    {"type": "write_off_stock", **WH, "hold_id": "h", "quantity": 1, "reason_code": "gone"},
    {"type": "release_hold", **WH, "hold_id": "h"},
    {"type": "recall_lot", "sku": "C", "lot": "L2", "recall_id": "r", "reason_code": "glass"},
    {"type": "receive_stock", **LOTS, "quantity": 1, "lots": named(("L2", 1))},
    {"type": "end_recall", "sku": "C", "lot": "L2", "recall_id": "r"},
    {"type": "change_lot_expiry", "sku": "C", "lot": "L2", "expires_on": "2100-01-01",
     "reason": "tested again"},
    {"type": "move_stock", "sku": "C", "origin": "WH", "destination": "SHOP", "quantity": 2,
     "move_id": "m"},
    {"type": "assemble", "sku": "K", "location": "WH", "quantity": 2, "assembly_id": "k1"},
    {"type": "disassemble", "sku": "K", "location": "WH", "quantity": 1, "assembly_id": "k2"},
    {"type": "plan_count", "count_id": "n", "location": "WH"},
    {"type": "enter_count", "count_id": "n", "lines": [
        {"line": 1, "sku": "A", "counted": 80},
        {"line": 2, "sku": "C", "counted": 20, "lots": named(("L1", 12), ("L2", 8))}]},
    {"type": "submit_count", "count_id": "n"},
]  # fmt: skip
PROMISES: list[Command] = [
    {"type": "reserve_stock", **WH, "reservation_id": "r1", "quantity": 3, "expires_at": LATER},
    {"type": "extend_reservation", **WH, "reservation_id": "r1",
     "expires_at": "2100-01-02T00:00:00Z"},
    {"type": "ship_stock", **WH, "quantity": 1, "reservation_id": "r1"},
    {"type": "release_reservation", **WH, "reservation_id": "r1"},
    {"type": "reserve_stock", **WH, "reservation_id": "r2", "quantity": 3,
     "expires_at": "2026-01-01T01:00:00Z", "minutes_ago": 1_400},
    {"type": "expire_reservation", **WH, "reservation_id": "r2"},
    {"type": "reserve_cart", "reservation_id": "t1", "lines": lines("A", 2), "expires_at": LATER},
    {"type": "extend_cart", "reservation_id": "t1", "expires_at": "2100-01-02T00:00:00Z"},
    {"type": "release_cart", "reservation_id": "t1"},
    {"type": "reserve_cart", "reservation_id": "t2", "lines": lines("A", 2),
     "expires_at": "2026-01-01T01:00:00Z", "minutes_ago": 1_400},
    {"type": "expire_cart", "reservation_id": "t2"},
    {"type": "reserve_cart", "reservation_id": "t3", "lines": lines("A", 2), "expires_at": LATER},
]  # fmt: skip
ORDERS: list[Command] = [
    {"type": "place_order", "order_id": "o1", "lines": lines("A", 2), "reservation_id": "t3"},
    {"type": "cancel_order", "order_id": "o1"},
    {"type": "place_order", "order_id": "o2", "lines": lines("C", 4, None), "allocate": False,
     "sourcing": "nearest", "locations": ["SHOP", "WH"], "latitude_microdegrees": 9,
     "longitude_microdegrees": 9, "payment": "required", "customer": "sub_" + "c0ffee00" * 4},
    {"type": "allocate_order", "order_id": "o2"},
    {"type": "time_out_payment", "order_id": "o2", "payment_id": "y",
     "due_at": "2026-01-01T00:00:00Z"},
    {"type": "confirm_payment", "order_id": "o2", "payment_id": "y"},
    {"type": "create_pick_list", "order_id": "o2", "pick_id": "p0", "location": "WH"},
    {"type": "cancel_pick_list", "order_id": "o2", "pick_id": "p0"},
    {"type": "create_pick_list", "order_id": "o2", "pick_id": "p1", "location": "WH"},
    {"type": "pick_order", "order_id": "o2", "pick_id": "p1", "lines": [
        {"line": 1, "quantity": 3, "lots": named(("L1", 1), ("L2", 2))}]},
    {"type": "pack_order", "order_id": "o2", "parcel_id": "b", "location": "WH"},
    {"type": "ship_order", "order_id": "o2", "parcels": ["b"], "shipment_id": "s1"},
    {"type": "cancel_shipment", "order_id": "o2", "shipment_id": "s1", "lines": [
        {"line": 1, "lots": named(("L1", 1), ("L2", 2))}]},
    {"type": "ship_order", "order_id": "o2", "shipment_id": "s2"},
    {"type": "place_order", "order_id": "o5", "lines": lines("A", 2)},
    {"type": "ship_order", "order_id": "o5", "lines": ONE},
    {"type": "close_order", "order_id": "o5"},
    {"type": "deliver_shipment", "order_id": "o2", "shipment_id": "s2"},
    {"type": "request_return", "order_id": "o2", "return_id": "u", "lines": ONE},
    {"type": "inspect_return", "order_id": "o2", "return_id": "u", "location": "WH", "lines": [
        {**ONE[0], "outcome": "damage", "lots": named(("L1", 1))}]},
    {"type": "exchange_order", "order_id": "o2", "return_id": "v", "lines": ONE,
     "replacement_id": "o3", "replacement_lines": lines("A", 1)},
    {"type": "place_order", "order_id": "o4", "lines": lines("K", 99), "backorder": True},
    {"type": "receive_stock", **WH, "quantity": 300},
    {"type": "allocate_backorders", **WH},
    {"type": "record_charge", "charge_id": "f", "code": "POST", "quantity": 1,
     "unit_price_micros": 1, "currency": "GBP"},
]  # fmt: skip
WAY: Command = {"origin": "WH", "destination": "SHOP"}
SUPPLY: list[Command] = [
    {"type": "place_purchase", "purchase_id": "q", "location": "WH", "lines": lines("A", 5, None)},
    {"type": "change_purchase", "purchase_id": "q", "lines": lines("A", 6, None)},
    {"type": "approve_purchase", "purchase_id": "q"},
    {"type": "receive_purchase", "purchase_id": "q", "receipt_id": "d",
     "lines": [{"line": 1, "accepted": 2}]},
    {"type": "close_purchase", "purchase_id": "q"},
    {"type": "place_purchase", "purchase_id": "z", "location": "WH", "lines": lines("A", 5, None)},
    {"type": "cancel_purchase", "purchase_id": "z"},
    {"type": "place_transfer", "transfer_id": "t", "lines": lines("C", 3, None), **WAY},
    {"type": "dispatch_transfer", "transfer_id": "t"},
    {"type": "receive_transfer", "transfer_id": "t", "receipt_id": "a", "lines": ONE},
    {"type": "close_transfer", "transfer_id": "t", "rest": "returned"},
    {"type": "place_transfer", "transfer_id": "w", "lines": lines("C", 3, None), **WAY},
    {"type": "cancel_transfer", "transfer_id": "w"},
    *(
        {"type": "dispatch_crossing", "crossing_id": name, "to_ledger": "main", "origin": "WH",
         "destination": "there", "lines": lines("C", 2, None), "ledger": "other"}
        for name in ("x1", "x2")
    ),
    {"type": "hand_over_crossing", "crossing_id": "x1"},
    {"type": "return_crossing", "crossing_id": "x2", "code": "unknown_item"},
    {"type": "arrive_crossing", "crossing_id": "other x", "from_ledger": "other",
     "destination": "WH", "lines": [{**lines("C", 2, None)[0], "lots": named(("L9", 2))}]},
    {"type": "expire_lot", "sku": "C", "location": "SHOP", "lot": "L0"},
]  # fmt: skip
NEVER_OF_ITS_OWN = {"post_count_part"}
"""Made of a `submit_count` that is too large for one append."""


@pytest.fixture(scope="module")
def told() -> tuple[list[str], MemoryLedger]:
    """Every command in its turn, each accepted; from late in the evening into the next day."""
    ledger = MemoryLedger(clock=minute(1_390))
    commands = [*GOODS, *PROMISES, *ORDERS, *SUPPLY]
    for body in commands:
        decided = ledger.send(**body)
        assert not isinstance(decided, Refusal), (body, decided.sentence())
    return [body["type"] for body in commands], ledger


def test_every_command_that_moves_stock_is_recovered(told: tuple[list[str], MemoryLedger]) -> None:
    as_they_were = {message.type_name for message in AS_THEY_WERE}
    kinds, ledger = told
    found = set()
    for kind, past in zip(kinds, ledger.pasts, strict=True):
        command = recovered(past)
        assert (command is None) is (kind in as_they_were), kind
        if command is not None:
            assert command.message.type_name == kind
            found.add(kind)
    known = {message.type_name for message in TODAY}
    assert known - found - as_they_were == NEVER_OF_ITS_OWN


def test_what_is_recovered_comes_out_the_same_again(told: tuple[list[str], MemoryLedger]) -> None:
    _, ledger = told
    fork = Fork(LEDGER, ledger, every_fact=True)
    walk = Walk(fork, ledger.pasts, ledger.refusals, Window())
    list(walk.reach_start())
    for step in walk.steps():
        assert not step.differing, step
        assert not isinstance(step.decided, Refusal), step.decided.sentence()
    assert fork.worlds.streams_apart == 0
