"""What was bought, sent and put away is decided again as it was, lots and serials included."""

from __future__ import annotations

from typing import Any

from domain.refusals import Refusal
from replay.fork.fork import Fork
from replay.fork.walk import Walk, Window
from tests.pasts import LEDGER, MemoryLedger

TEA, RADIO = "TEA", "RADIO"
WAY = {"origin": "dock", "destination": "shop"}


def supplied() -> MemoryLedger:
    ledger = MemoryLedger()
    for sku, tracking in ((TEA, "lot"), (RADIO, "serial")):
        accept(ledger, type="register_item", sku=sku, name=sku, tracking=tracking)
    for place in ("dock", "shop"):
        accept(ledger, type="register_location", location=place, name=place)
    lines = [{"line": 1, "sku": TEA, "quantity": 9}, {"line": 2, "sku": RADIO, "quantity": 3}]
    bought = {"purchase_id": "p"}
    accept(ledger, type="place_purchase", location="dock", lines=lines, **bought)
    accept(ledger, type="approve_purchase", **bought)
    lots = [{"lot": "T1", "quantity": 4, "expires_on": "2100-01-01"}, {"lot": "T2", "quantity": 4}]
    came = [
        {"line": 1, "accepted": 8, "lots": lots},
        {"line": 2, "accepted": 2, "rejected": 1, "reason": "wet", "serials": ["R1", "R2"]},
    ]
    accept(ledger, type="receive_purchase", receipt_id="d", lines=came, **bought)
    accept(ledger, type="close_purchase", **bought)
    sent = {"transfer_id": "t"}
    accept(ledger, type="place_transfer", lines=lines, **WAY, **sent)
    some: list[dict[str, Any]] = [
        {"line": 1, "quantity": 3, "lots": [{"lot": "T2", "quantity": 3}]},
        {"line": 2, "quantity": 1, "serials": ["R2"]},
    ]
    accept(ledger, type="dispatch_transfer", lines=some, **sent)
    accept(ledger, type="receive_transfer", receipt_id="a", lines=some[1:], **sent)
    accept(ledger, type="close_transfer", rest="returned", **sent)
    moved = {"type": "move_stock", "move_id": "m", **WAY}
    accept(ledger, **moved, sku=TEA, quantity=1, lots=[{"lot": "T2", "quantity": 1}])
    accept(ledger, **moved, sku=RADIO, quantity=1, serials=["R1"])
    return ledger


def accept(ledger: MemoryLedger, **command: Any) -> None:
    decided = ledger.send(**command)
    assert not isinstance(decided, Refusal), decided.sentence()


def test_purchases_transfers_and_moves_come_out_the_same_again() -> None:
    ledger = supplied()
    fork = Fork(LEDGER, ledger, every_fact=True)
    walk = Walk(fork, ledger.pasts, ledger.refusals, Window())
    list(walk.reach_start())
    for step in walk.steps():
        assert not step.differing, step
        assert not isinstance(step.decided, Refusal), step.decided.sentence()
    assert fork.worlds.streams_apart == 0
