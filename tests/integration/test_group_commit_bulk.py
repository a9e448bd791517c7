"""Bulks: every line its own result, or all or nothing."""

from __future__ import annotations

import asyncio
from time import thread_time
from typing import Any

import pytest

from commands import group_commit
from commands.batch import Batch
from eventlog.log import Decided
from eventlog.postgres.connections import LOCK_MILLISECONDS_MAX
from tests.command_side import shelf, told, write_side
from tests.parts import Database


def ship(key: str, quantity: int, **more: Any) -> dict[str, Any]:
    return {"type": "ship_stock", "key": key, **shelf(), "quantity": quantity, **more}


async def test_independent_lines_are_accepted_and_refused_by_themselves(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        answers = await side.send_all(ship("a", 6), ship("b", 6), ship("c", 4))
        assert [answer.outcome for answer in answers] == ["accepted", "refused", "accepted"]
        assert told(answers[1])["refusal"]["available"] == 4


async def test_an_atomic_bulk_writes_all_in_one_step(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        answers = await side.send_all(ship("a", 6), ship("b", 4), mode="atomic")
        assert [answer.outcome for answer in answers] == ["accepted", "accepted"]
        assert [answer.first_position for answer in answers] == [4, 5]
        again = await side.send_all(ship("a", 6), ship("b", 4), mode="atomic")
        assert [answer.body for answer in again] == [answer.body for answer in answers]


async def test_an_atomic_bulk_with_a_refusal_writes_its_refusals_alone_and_tells_every_line(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        before = side.count("SELECT count(*) FROM command_keys")
        answers = await side.send_all(
            ship("a", 6),
            ship("b", 6),
            ship("c", 4),
            ship("d", 1, reservation_id="r"),
            mode="atomic",
        )
        assert [(answer.outcome, answer.code) for answer in answers] == [
            ("not_applied", "not_applied"),
            ("refused", "insufficient_stock"),
            ("not_applied", "not_applied"),
            ("refused", "unknown_reservation"),
        ]
        assert len(side.events()) == 3
        assert side.count("SELECT count(*) FROM command_keys") == before + 2
        # The keys of what was not applied are free, and the writer's memory kept nothing of it.
        alone = await side.send(**ship("a", 10))
        assert (alone.outcome, alone.replayed) == ("accepted", False)


async def test_a_refusal_inside_an_atomic_bulk_is_the_answer_of_its_key_for_ever(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        bulk = [ship("a", 6), ship("b", 6)]
        applied, refused = await side.send_all(*bulk, mode="atomic")
        assert (applied.outcome, refused.outcome) == ("not_applied", "refused")
        await side.send(type="receive_stock", key="more", **shelf(), quantity=100)
    # Another process, which has the log alone.
    async with write_side(postgres_database.log) as side:
        again = await side.send_all(*bulk, mode="atomic")
        assert [answer.body for answer in again] == [applied.body, refused.body]
        alone = await side.send(**bulk[1])
        assert (alone.body, alone.replayed) == (refused.body, True)
        conflict = await side.send(**ship("b", 1))
        assert conflict.outcome == "key_conflict"
        assert len(side.events()) == 4


async def test_an_atomic_bulk_fails_on_a_key_of_another_body(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        await side.send(**ship("a", 1))
        answers = await side.send_all(ship("b", 1), ship("a", 2), mode="atomic")
        assert [answer.outcome for answer in answers] == ["not_applied", "key_conflict"]


async def test_an_atomic_bulk_takes_what_some_of_its_keys_did_before(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        await side.send(**ship("a", 1))
        answers = await side.send_all(ship("a", 1), ship("b", 1), mode="atomic")
        assert [answer.outcome for answer in answers] == ["accepted", "accepted"]
        assert [answer.replayed for answer in answers] == [True, False]


async def test_an_atomic_bulk_over_two_ledgers_is_refused(postgres_database: Database) -> None:
    async with write_side(postgres_database.log, ledgers=("main", "outlet")) as side:
        await side.stock_up(10)
        answers = await side.send_all(ship("a", 1), ship("b", 1, ledger="outlet"), mode="atomic")
        assert {answer.code for answer in answers} == {"atomic_over_ledgers"}
        assert told(answers[0])["refusal"]["ledgers"] == ["main", "outlet"]
        assert len(side.events()) == 3


async def test_an_atomic_bulk_larger_than_one_append_may_be_is_refused(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "ATOMIC_EVENTS_MAX", 3)
    async with write_side(postgres_database.log) as side:
        answers = await side.send_all(*(ship(str(n), 1) for n in range(4)), mode="atomic")
        assert {answer.code for answer in answers} == {"atomic_too_large"}
        assert "3 can be all or nothing" in told(answers[0])["refusal"]["detail"]


async def test_the_largest_atomic_bulk_is_decided_before_it_could_be_taken_for_stalled(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the thread's own time: what a busy machine adds is not the bulk's."""
    seconds = []
    decide = Batch.decide

    def timed(*arguments: Any) -> Decided:
        started = thread_time()
        decided = decide(*arguments)
        seconds.append(thread_time() - started)
        return decided

    monkeypatch.setattr(Batch, "decide", timed)
    async with write_side(postgres_database.log) as side:
        await side.stock_up(100_000)
        lines = [ship(str(n), 1) for n in range(group_commit.ATOMIC_EVENTS_MAX)]
        answers = await side.send_all(*lines, mode="atomic")
        assert {answer.outcome for answer in answers} == {"accepted"}
    assert max(seconds) < LOCK_MILLISECONDS_MAX / 1_000 / 2


async def test_an_atomic_bulk_beside_others_in_one_batch_fails_alone(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        alone, bulk, after = await asyncio.gather(
            side.send(**ship("a", 5)),
            side.send_all(ship("b", 4), ship("c", 4), mode="atomic"),
            side.send(**ship("d", 5)),
        )
        assert (alone.outcome, after.outcome) == ("accepted", "accepted")
        assert [answer.outcome for answer in bulk] == ["not_applied", "refused"]


async def test_a_bulk_of_thousands_does_not_keep_a_single_command_waiting(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(100_000)
        bulk = asyncio.create_task(side.send_all(*(ship(f"b-{n}", 1) for n in range(6_000))))
        written = "SELECT count(*) FROM events"
        while await asyncio.to_thread(side.count, written) < 1_000:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.001)
        single = await side.send(**ship("single", 1))
        assert single.outcome == "accepted"
        answers = await bulk
        # It took its turn: thousands that came before it were written after it.
        assert (single.first_position or 0) < (answers[-1].first_position or 0) - 1_000
        positions = [answer.first_position or 0 for answer in answers]
        assert positions == sorted(positions), "the lines of a bulk stay in order"


async def test_too_much_at_once_is_turned_away_before_anything_is_queued(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "QUEUED_EVENTS_MAX", 10)
    async with write_side(postgres_database.log) as side:
        await side.stock_up(100)
        accepted = asyncio.create_task(side.send_all(*(ship(f"a-{n}", 1) for n in range(20))))
        await asyncio.sleep(0)
        with pytest.raises(group_commit.OverloadedError):
            await side.send(**ship("late", 1))
        assert {answer.outcome for answer in await accepted} == {"accepted"}
        assert (await side.send(**ship("late", 1))).outcome == "accepted"
