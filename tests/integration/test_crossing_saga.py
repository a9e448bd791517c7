"""Crossings between two ledgers of one tenant, on a real log: taken there, or back here."""

from __future__ import annotations

from typing import Any

import pytest

from commands.submission import Answer
from domain.aggregates import evolve, initial
from domain.streams import stock_stream
from eventlog.codec import decode
from tests.command_side import SKU, WriteSide, told, write_side
from tests.managers_side import Managing, managing
from tests.parts import Database

HERE, THERE = "acme/main", "acme/outlet"
LEDGERS = ("main", "outlet")
STOCK = 10


async def set_up(side: WriteSide, *, sku: str = SKU, **item: Any) -> None:
    """The item and a location in both ledgers; units in one."""
    for ledger, place in (("main", "hall"), ("outlet", "leeds")):
        named = {"sku": sku, "name": sku, **item}
        answers = await side.send_all(
            {"type": "register_item", "key": f"i-{sku}", "ledger": ledger, **named},
            {
                "type": "register_location",
                "key": f"p-{place}",
                "ledger": ledger,
                "location": place,
                "name": place,
            },
        )
        assert {answer.outcome for answer in answers} == {"accepted"}, answers


async def receive(side: WriteSide, quantity: int, *, sku: str = SKU, **more: Any) -> None:
    shelf = {"sku": sku, "location": "hall", "quantity": quantity}
    answer = await side.send(type="receive_stock", key=f"r-{sku}", **shelf, **more)
    assert answer.outcome == "accepted", answer.body


async def cross(
    side: WriteSide, crossing_id: str, units: int = 4, *, sku: str = SKU, **changed: Any
) -> Answer:
    crossing = {
        "crossing_id": crossing_id,
        "to_ledger": "outlet",
        "origin": "hall",
        "destination": "leeds",
        "lines": [{"line": 1, "sku": sku, "quantity": units}],
    } | changed
    return await side.send(type="dispatch_crossing", key=f"x-{crossing_id}", **crossing)


def stock(side: WriteSide, ledger: str, place: str, *, sku: str = SKU) -> Any:
    stream = stock_stream(sku, place)
    state = initial(stream)
    for event in side.events(ledger):
        if event.stream == stream:
            state = evolve(state, decode(event.type, event.data), event.occurred_at)
    return state


def units(side: WriteSide, *, sku: str = SKU) -> tuple[int, int, int]:
    """On hand here, in transit here, on hand there."""
    here, there = stock(side, HERE, "hall", sku=sku), stock(side, THERE, "leeds", sku=sku)
    return here.on_hand, here.in_transit, there.on_hand


def endings(managers: Managing) -> dict[str, str]:
    return {state["id"]: state["body"]["step"] for state in managers.states("crossings")}


async def test_units_cross_to_the_other_ledger(postgres_database: Database) -> None:
    dsn = postgres_database.log
    async with write_side(dsn, ledgers=LEDGERS) as side, managing(dsn) as managers:
        await set_up(side)
        await receive(side, STOCK)
        assert told(await cross(side, "x1"))["result"] == {"status": "in_transit"}
        assert units(side) == (6, 4, 0)
        assert await managers.settle() == 2
        assert units(side) == (6, 0, 4)
        assert endings(managers) == {"x1": "completed"}
        crossings = {
            event.stream: event.type
            for ledger in (HERE, THERE)
            for event in side.events(ledger)
            if event.stream.startswith("crossing-")
        }
        assert crossings == {
            "crossing-x1": "crossing.handed_over.v1",
            "crossing-main x1": "crossing.arrived.v1",
        }


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"to_ledger": "nowhere"}, "unknown_ledger"),
        ({"destination": "nowhere"}, "unknown_location"),
        ({"sku": "ONLY-HERE"}, "unknown_item"),
    ],
)
async def test_what_the_other_ledger_refuses_is_at_the_origin_again(
    postgres_database: Database, changed: dict[str, Any], code: str
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn, ledgers=LEDGERS) as side, managing(dsn) as managers:
        await set_up(side)
        sku = changed.get("sku", SKU)
        if sku != SKU:
            await side.send(type="register_item", key="i", sku=sku, name=sku)
        await receive(side, STOCK, sku=sku)
        await cross(side, "x1", **changed)
        assert await managers.settle() == 2
        assert stock(side, HERE, "hall", sku=sku).on_hand == STOCK
        assert stock(side, HERE, "hall", sku=sku).in_transit == 0
        assert endings(managers) == {"x1": "compensated"}
        (back,) = (each for each in side.events() if each.type == "crossing.returned.v1")
        fact: Any = decode(back.type, back.data)
        assert fact.code == code


async def test_lots_keep_their_day_on_the_way_and_come_back_as_they_left(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn, ledgers=LEDGERS) as side, managing(dsn) as managers:
        await set_up(side, tracking="lot")
        lot = {"lot": "L1", "quantity": STOCK, "expires_on": "2100-01-01"}
        await receive(side, STOCK, lots=[lot])
        await cross(side, "x1", 4)
        await cross(side, "x2", 3, destination="nowhere")
        await managers.settle()
        here, there = stock(side, HERE, "hall"), stock(side, THERE, "leeds")
        assert here.lots["L1"].on_hand == 6
        assert there.lots["L1"].on_hand == 4
        assert str(there.lots["L1"].expires_on) == "2100-01-01"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"units": STOCK + 1}, "too_few_to_move"),
        ({"to_ledger": "main"}, "same_ledger"),
        ({"origin": "nowhere"}, "unknown_location"),
        ({"crossing_id": "known"}, "crossing_exists"),
    ],
)
async def test_what_cannot_leave_is_refused(
    postgres_database: Database, changed: dict[str, Any], code: str
) -> None:
    async with write_side(postgres_database.log, ledgers=LEDGERS) as side:
        await set_up(side)
        await receive(side, STOCK)
        await cross(side, "known", 1)
        given = dict(changed)
        name = given.pop("crossing_id", "x1")
        answer = await side.send(
            type="dispatch_crossing",
            key="again",
            crossing_id=name,
            **{"to_ledger": "outlet", "origin": "hall", "destination": "leeds"}
            | {key: value for key, value in given.items() if key != "units"},
            lines=[{"line": 1, "sku": SKU, "quantity": given.get("units", 1)}],
        )
        assert answer.code == code


async def test_what_only_the_saga_sends_is_open_to_no_client(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        for kind in ("arrive_crossing", "hand_over_crossing", "return_crossing"):
            with pytest.raises(ValueError, match="union_tag_invalid"):
                side.submission(type=kind, key="k", crossing_id="x")
