"""Orders on the real log: carts that become orders, kits, units, queues, and who is told what."""

from __future__ import annotations

from typing import Any

from tests.command_side import PLACE, SKU, WriteSide, location, shelf, told, write_side
from tests.parts import Database

LATER = "2100-01-01T00:00:00Z"
BOX = "BOX"


def order(order_id: str, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    numbered = [{"line": n, **each} for n, each in enumerate(lines, 1)]
    return {
        "type": "place_order",
        "key": f"place {order_id}",
        "order_id": order_id,
        "lines": numbered,
        **more,
    }


async def accepted(side: WriteSide, **command: Any) -> dict[str, Any]:
    answer = await side.send(**command)
    assert answer.outcome == "accepted", answer.body
    result: dict[str, Any] = told(answer)["result"]
    return result


async def test_a_cart_becomes_an_order_though_everything_was_in_it(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(5)
        cart = {"type": "reserve_cart", "reservation_id": "c1", "expires_at": LATER}
        await accepted(side, key="c1", **cart, lines=[{"line": 1, **shelf(), "quantity": 5}])
        late = await side.send(**order("o1", {**shelf(), "quantity": 1}))
        assert late.code == "insufficient_stock"
        result = await accepted(
            side, **order("o2", {**shelf(), "quantity": 4}, reservation_id="c1")
        )
        assert result == {"status": "allocated"}
        kinds = [event.type for event in side.events()[-5:]]
        assert kinds[:2] == ["cart.converted.v1", "stock.reservation_released.v1"]
        again = await side.send(**order("o3", {**shelf(), "quantity": 1}, reservation_id="c1"))
        assert again.code == "cart_closed"
        assert (await accepted(side, **order("o4", {**shelf(), "quantity": 1})))["status"]


async def test_a_kit_is_ordered_in_cases_and_sent_as_parts(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(30)
        await accepted(side, type="register_item", key="box", sku=BOX, name="Box of lamps")
        parts = [{"sku": SKU, "quantity": 3}]
        await accepted(side, type="compose_kit", key="bill", sku=BOX, components=parts)
        await accepted(side, type="define_unit", key="case", sku=BOX, unit="case", numerator=2)
        line = {**shelf(BOX), "quantity": 2, "unit": "case"}
        assert await accepted(side, **order("o1", line)) == {"status": "allocated"}
        await accepted(side, type="ship_order", key="s", order_id="o1", shipment_id="s1")
        assert side.events()[-1].type == "stock.shipped.v1"
        short = await side.send(**order("o2", {**shelf(BOX), "quantity": 7}))
        assert told(short)["refusal"]["requested"] == 21


async def test_an_order_is_sourced_where_the_stock_is_and_says_so(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(2)
        await side.send_all(
            location("barn"),
            {"type": "receive_stock", "key": "r", **shelf(place="barn"), "quantity": 9},
        )
        sourced = {"sourcing": "fewest_parcels", "locations": [PLACE, "barn"]}
        result = await accepted(side, **order("o1", {"sku": SKU, "quantity": 5}, **sourced))
        assert result == {"status": "allocated"}
        (event,) = [each for each in side.events() if each.type == "order.sourced.v1"]
        assert b'"lines":[{"line":1,"location":"barn","quantity":5}]' in event.data
        assert b'"reason":"fewest parcels: barn (5 of 5)"' in event.data


async def test_those_who_wait_are_served_in_turn_by_one_command(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(1)
        waits: dict[str, Any] = {"allocation": "partial", "backorder": True}
        for name, quantity in (("o1", 3), ("o2", 2)):
            await accepted(side, **order(name, {**shelf(), "quantity": quantity}, **waits))
        nobody = await side.send(type="allocate_backorders", key="a0", **shelf())
        assert nobody.code == "nothing_to_allocate"
        await accepted(side, type="receive_stock", key="more", **shelf(), quantity=3)
        served = await accepted(side, type="allocate_backorders", key="a1", **shelf())
        assert served == {"available": 0, "waiting": 1}
        again = await side.send(type="allocate_backorders", key="a1", **shelf())
        assert again.replayed


async def test_a_replacement_says_where_it_comes_from_unless_its_order_was_sourced(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(5)
        placed = order("o1", {**shelf(), "quantity": 2}, ship=True)
        await accepted(side, **placed)
        exchange = {
            "type": "exchange_order",
            "order_id": "o1",
            "return_id": "r1",
            "lines": [{"line": 1, "quantity": 1}],
            "replacement_id": "o2",
        }
        nowhere = {"line": 1, "sku": SKU, "quantity": 1}
        answer = await side.send(key="x1", **exchange, replacement_lines=[nowhere])
        assert answer.code == "not_sourceable"
        assert "names no location" in told(answer)["refusal"]["detail"]
        line = {**nowhere, "location": PLACE}
        await accepted(side, key="x2", **exchange, replacement_lines=[line])
