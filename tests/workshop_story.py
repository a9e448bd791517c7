"""What happens in a workshop: kits put together and taken apart, counts, write-offs."""

from __future__ import annotations

from typing import Any

from tests.command_side import WriteSide, location, shelf, told

BENCH, LEG, TOP = "BENCH", "LEG", "TOP"
SHED = "shed"


async def workshop(side: WriteSide) -> None:
    """Units of measure, kits, a count that is entered, counted again and posted, a write-off."""
    for sku in (BENCH, LEG, TOP):
        await _accepted(side, type="register_item", key=f"item {sku}", sku=sku, name=sku)
    await _accepted(side, **location(SHED))
    await _kits(side)
    await _counts(side)
    await _write_offs(side)


async def _kits(side: WriteSide) -> None:
    unit = {"sku": LEG, "unit": "box", "numerator": 12}
    await _accepted(side, type="define_unit", key="w1", **unit)
    parts = [{"sku": LEG, "quantity": 4}, {"sku": TOP, "quantity": 1}]
    await _accepted(side, type="compose_kit", key="w2", sku=BENCH, components=parts)
    legs = {**shelf(LEG, SHED), "quantity": 2, "unit": "box"}
    await _accepted(side, type="receive_stock", key="w3", **legs)
    await _accepted(side, type="receive_stock", key="w4", **shelf(TOP, SHED), quantity=5)
    bench = shelf(BENCH, SHED)
    await _accepted(side, type="assemble", key="w5", **bench, assembly_id="a1", quantity=3)
    await _accepted(side, type="disassemble", key="w6", **bench, assembly_id="a2", quantity=1)
    too_many = {"type": "assemble", "key": "w7", **bench, "assembly_id": "a3", "quantity": 9}
    (refused,) = await side.send_all(too_many)
    assert refused.code == "insufficient_stock"


async def _counts(side: WriteSide) -> None:
    count = {"count_id": "shed-1"}
    plan = {"location": SHED, "skus": [LEG, TOP, BENCH], "categories": ["wood"]}
    await _accepted(side, type="plan_count", key="w8", **count, **plan)
    lines = [{"line": 1, "sku": LEG, "counted": 15}, {"line": 2, "sku": TOP, "counted": 3}]
    await _accepted(side, type="enter_count", key="w9", **count, lines=lines)
    await _accepted(side, type="ask_recount", key="wa", **count, skus=[LEG], reason="one less?")
    await _accepted(side, type="ship_stock", key="wb", **shelf(TOP, SHED), quantity=1)
    again = [{"line": 3, "sku": LEG, "counted": 16}]
    await _accepted(side, type="enter_count", key="wc", **count, lines=again)
    await _accepted(side, type="submit_count", key="wd", **count, accept_uncounted=True)
    given_up = {"count_id": "shed-2"}
    await _accepted(side, type="plan_count", key="we", **given_up, location=SHED)
    await _accepted(side, type="cancel_count", key="wf", **given_up, reason="flood")


async def _write_offs(side: WriteSide) -> None:
    gone = {**shelf(LEG, SHED), "quantity": 2, "reason_code": "broken", "document": "W 1"}
    await _accepted(side, type="write_off_stock", key="wg", **gone)
    found = {**shelf(LEG, SHED), "delta": 1, "reason": "under the bench", "reason_code": "found"}
    await _accepted(side, type="adjust_stock", key="wh", **found)


async def _accepted(side: WriteSide, **command: Any) -> None:
    (answer,) = await side.send_all(command)
    assert answer.outcome == "accepted", told(answer)
