"""Counts of many SKUs on a real log: blind, in parts, whatever else happens meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from commands import in_parts
from commands.submission import Answer, Mode, Submission
from domain import counting
from eventlog.log import RecordedEvent
from tests.command_side import PLACE, WriteSide, location, shelf, told, write_side
from tests.parts import Database

SKUS = [f"S-{n}" for n in range(7)]


async def stocked(side: WriteSide, units: int = 5) -> None:
    commands: list[dict[str, Any]] = [location(PLACE)]
    for sku in SKUS:
        commands.append({"type": "register_item", "key": f"item-{sku}", "sku": sku, "name": sku})
        receipt = {"type": "receive_stock", "key": f"in-{sku}", **shelf(sku), "quantity": units}
        commands.append(receipt)
    answers = await side.send_all(*commands)
    assert {answer.outcome for answer in answers} == {"accepted"}


def plan(**more: Any) -> dict[str, Any]:
    return {"type": "plan_count", "key": "plan", "count_id": "c", "location": PLACE, **more}


def enter(counted: int = 4, **more: Any) -> dict[str, Any]:
    lines = [{"line": number, "sku": sku, "counted": counted} for number, sku in enumerate(SKUS, 1)]
    return {"type": "enter_count", "key": "enter", "count_id": "c", "lines": lines, **more}


def submit(key: str = "submit", **more: Any) -> dict[str, Any]:
    return {"type": "submit_count", "key": key, "count_id": "c", **more}


async def accepted(side: WriteSide, *commands: dict[str, Any]) -> list[Answer]:
    answers = [await side.send(**command) for command in commands]
    assert [answer.outcome for answer in answers] == ["accepted"] * len(answers), answers
    return answers


def counted_stocks(events: list[RecordedEvent]) -> Counter[str]:
    return Counter(event.stream for event in events if event.type == "stock.counted.v1")


async def on_hand(side: WriteSide, sku: str) -> int:
    answer = await side.send(type="receive_stock", key=f"look-{sku}", **shelf(sku), quantity=1)
    units: int = told(answer)["result"]["on_hand"]
    return units - 1


async def test_a_count_goes_from_its_plan_to_what_it_asserts(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await stocked(side)
        answers = await accepted(side, plan(skus=SKUS), enter(), submit())
        assert [told(answer)["result"]["status"] for answer in answers] == [
            "planned",
            "counting",
            "submitted",
        ]
        assert told(answers[1])["result"] == {
            "status": "counting",
            "lines": 7,
            "to_recount": 0,
            "left": 7,
        }
        assert await on_hand(side, SKUS[0]) == 4
        assert set(counted_stocks(side.events()).values()) == {1}


async def test_nothing_that_is_answered_before_a_count_is_submitted_tells_what_is_expected(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await stocked(side, units=7_531)
        answers = await accepted(side, plan(skus=SKUS), enter())
        assert all(b"7531" not in answer.body for answer in answers)


async def test_a_receipt_dated_before_a_count_restates_it_and_the_counted_quantity_stands(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await stocked(side)
        await accepted(side, plan(), enter(), submit())
        late = {
            "type": "receive_stock",
            "key": "late",
            **shelf(SKUS[0]),
            "quantity": 10,
            "occurred_at": "2020-01-01T00:00:00Z",
        }
        (answer,) = await accepted(side, late)
        assert told(answer)["result"]["on_hand"] == 4
        restated = [each for each in side.events() if each.type == "stock.count_restated.v1"]
        assert [orjson.loads(each.data)["count_id"] for each in restated] == ["c#1"]


async def test_what_moves_between_entry_and_submission_stays_moved(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await stocked(side)
        ship = [
            {"type": "ship_stock", "key": f"s-{sku}", **shelf(sku), "quantity": 2} for sku in SKUS
        ]
        await accepted(side, plan(), enter(), *ship, submit())
        assert await on_hand(side, SKUS[0]) == 2
        counted = [
            orjson.loads(each.data) for each in side.events() if each.type == "stock.counted.v1"
        ]
        assert {(each["counted"], each["expected"]) for each in counted} == {(4, 5)}


class Dying:
    """A process that is gone after so many submissions."""

    def __init__(self, side: WriteSide, submissions: int) -> None:
        self._side = side
        self._left = submissions

    async def submit(
        self, submissions: Sequence[Submission], mode: Mode = "independent"
    ) -> list[Answer]:
        if not self._left:
            raise ConnectionError
        self._left -= 1
        return await self._side.group_commit.submit(submissions, mode)


@pytest.fixture
def two_lines_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "POSTED_AT_ONCE_MAX", 2)


@pytest.mark.usefixtures("two_lines_at_once")
@pytest.mark.parametrize("submissions", range(6))
@pytest.mark.parametrize("key", ["submit", "another"])
async def test_a_large_count_goes_on_where_it_stopped_and_counts_each_line_once(
    postgres_database: Database, submissions: int, key: str
) -> None:
    async with write_side(postgres_database.log) as side:
        await stocked(side)
        await accepted(side, plan(), enter())
        with pytest.raises(ConnectionError):
            await in_parts.submit_whole(
                Dying(side, submissions),
                side.submission(**submit()),
            )
    async with write_side(postgres_database.log) as side:
        answer, again = await accepted(side, submit(key), submit(key))
        assert told(answer)["result"]["status"] == "submitted"
        assert (again.body, again.replayed) == (answer.body, True)
        assert set(counted_stocks(side.events()).values()) == {1}
        assert len(counted_stocks(side.events())) == len(SKUS)


@pytest.mark.usefixtures("two_lines_at_once")
async def test_in_a_bulk_a_large_count_is_told_to_come_alone_and_its_key_stays_free(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await stocked(side)
        await accepted(side, plan(), enter())
        (refused,) = await side.send_all(submit())
        assert (refused.outcome, refused.code) == ("refused", "count_in_parts")
        await accepted(side, submit())


@pytest.mark.usefixtures("two_lines_at_once")
async def test_a_count_that_is_being_posted_takes_no_further_entry(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await stocked(side)
        await accepted(side, plan(), enter())
        with pytest.raises(ConnectionError):
            await in_parts.submit_whole(
                Dying(side, 2),
                side.submission(**submit()),
            )
        for command in (
            enter(key="late"),
            {"type": "ask_recount", "key": "ask", "count_id": "c", "skus": SKUS[:1]},
            {"type": "cancel_count", "key": "cancel", "count_id": "c"},
        ):
            answer = await side.send(**command)
            assert (answer.outcome, answer.code) == ("refused", "count_state")


async def test_the_same_lines_with_the_same_key_are_entered_once_and_others_conflict(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await stocked(side)
        await accepted(side, plan())
        first, again = await accepted(side, enter(), enter())
        assert (again.body, again.replayed) == (first.body, True)
        assert (await side.send(**enter(counted=3))).outcome == "key_conflict"
