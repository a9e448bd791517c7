"""Commands in, events and answers out, on the real log."""

from __future__ import annotations

import asyncio

import pytest

from tests.command_side import SKU, location, shelf, told, write_side
from tests.parts import Database

RESERVE = {"type": "reserve_stock", **shelf(), "expires_at": "2100-01-01T00:00:00Z"}


async def test_a_command_becomes_an_event_and_an_answer(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        answer = await side.send(key="r-1", reservation_id="r-1", quantity=4, **RESERVE)
        assert (answer.outcome, answer.first_position, answer.last_position) == ("accepted", 4, 4)
        assert told(answer) == {
            "outcome": "accepted",
            "ledger": "main",
            "first_position": 4,
            "last_position": 4,
            "version": 2,
            "result": {"on_hand": 10, "available": 6, "shortfall": 0, "quantity": 4},
        }
        event = side.events()[-1]
        assert (event.type, event.stream) == ("stock.reserved.v1", f"stock-{SKU}@hall")
        assert event.metadata == b'{"actor":"key_test","command_id":"r-1"}'
        assert event.event_id.version == 7


async def test_a_promise_beyond_what_is_available_is_refused_with_it(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        answer = await side.send(key="r-1", reservation_id="r-1", quantity=11, **RESERVE)
        assert answer.outcome == "refused"
        assert answer.code == "insufficient_stock"
        assert told(answer)["refusal"]["available"] == 10
        assert len(side.events()) == 3


async def test_two_lines_of_one_sku_are_checked_on_their_sum(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        lines = [{"line": n, **shelf(), "quantity": 6} for n in (1, 2)]
        order = {"type": "place_order", "order_id": "o-1", "lines": lines}
        answer = await side.send(key="o-1", **order)
        assert answer.code == "insufficient_stock"
        assert told(answer)["refusal"]["requested"] == 12
        lines[1]["quantity"] = 4
        assert (await side.send(key="o-1b", **order)).outcome == "accepted"


async def test_an_order_is_placed_and_shipped_in_one_bulk(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        placed, shipped, again = await side.send_all(
            {
                "type": "place_order",
                "key": "p",
                "order_id": "o-1",
                "lines": [{"line": 1, **shelf(), "quantity": 3}],
            },
            {"type": "ship_order", "key": "s", "order_id": "o-1"},
            {"type": "ship_order", "key": "s2", "order_id": "o-1"},
        )
        assert (placed.first_position, placed.last_position) == (4, 6)
        assert (shipped.first_position, shipped.last_position) == (7, 8)
        assert told(shipped)["result"] == {"status": "shipped"}
        assert again.code == "order_state"


async def test_another_process_ships_what_this_one_never_saw(postgres_database: Database) -> None:
    """Its stocks are known only once the order is read, or caught up with under the lock."""
    dsn = postgres_database.log
    order = {"type": "place_order", "order_id": "o-1"}
    async with write_side(dsn) as one, write_side(dsn) as other:
        await one.stock_up(10)
        unknown = await other.send(type="ship_order", key="s-0", order_id="o-1")
        assert unknown.code == "unknown_order"
        lines = [{"line": 1, **shelf(), "quantity": 3}]
        assert (await one.send(key="p", lines=lines, **order)).outcome == "accepted"
        shipped = await other.send(type="ship_order", key="s-1", order_id="o-1")
        assert told(shipped)["result"] == {"status": "shipped"}


async def test_many_callers_share_transactions(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(1_000)
        answers = await asyncio.gather(
            *(
                side.send(key=f"r-{n}", reservation_id=f"r-{n}", quantity=1, **RESERVE)
                for n in range(300)
            )
        )
        assert {answer.outcome for answer in answers} == {"accepted"}
        transactions = (
            "SELECT count(DISTINCT recorded_at) FROM events WHERE type LIKE '%%reserved%%'"
        )
        assert side.count(transactions) < 30
        positions = sorted(answer.first_position or 0 for answer in answers)
        assert positions == list(range(4, 304))


async def test_an_event_of_the_future_is_refused_beyond_five_minutes(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(1)
        receive = {"type": "receive_stock", **shelf(), "quantity": 1}
        answer = await side.send(key="f", occurred_at="2100-01-01T00:00:00Z", **receive)
        assert answer.code == "invalid"
        assert told(answer)["refusal"]["field"] == "occurred_at"


async def test_an_unexpected_version_is_refused(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(1)
        receive = {"type": "receive_stock", **shelf(), "quantity": 1}
        answer = await side.send(key="v", expected_version=0, **receive)
        assert answer.code == "version_mismatch"
        refusal = told(answer)["refusal"]
        assert (refusal["expected"], refusal["actual"]) == (0, 1)
        assert (await side.send(key="v1", expected_version=1, **receive)).outcome == "accepted"


async def test_an_unknown_ledger_is_told_and_takes_no_key(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        answer = await side.send(**location("hall"), ledger="nowhere")
        assert (answer.outcome, answer.code) == ("refused", "unknown_ledger")
        assert side.count("SELECT count(*) FROM command_keys") == 0


async def test_ledgers_do_not_see_each_other(postgres_database: Database) -> None:
    async with write_side(postgres_database.log, ledgers=("main", "outlet")) as side:
        await side.stock_up(10)
        answer = await side.send(
            ledger="outlet", key="r", reservation_id="r", quantity=1, **RESERVE
        )
        assert answer.code == "unknown_item"


async def test_closing_answers_everybody_who_waits(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(100)
        waiting = [
            asyncio.create_task(
                side.send(key=f"r-{n}", reservation_id=f"r-{n}", quantity=1, **RESERVE)
            )
            for n in range(50)
        ]
        await asyncio.sleep(0)
        await side.group_commit.close()
        assert {answer.outcome for answer in await asyncio.gather(*waiting)} == {"accepted"}
        from commands.group_commit import ClosedError

        with pytest.raises(ClosedError):
            await side.send(key="late", reservation_id="late", quantity=1, **RESERVE)
