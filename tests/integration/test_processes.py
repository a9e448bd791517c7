"""Process managers on a real log: each task has one effect, in time, whatever happens to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from commands.processes.clock import Clock
from commands.processes.process import Happened, Instance, Reaction, Sent, Task
from commands.processes.running import NAME, Processes
from commands.processes.waiting import DONE_KEPT, Waiting
from domain.events import StockReceived
from eventlog.codec import decode, decode_metadata
from eventlog.log import RecordedEvent
from eventlog.parked import ParkedStreams
from ops.processes.standing import standing_in
from projections.catalogue import STORES
from tests.command_side import SKU, WriteSide, now, shelf, write_side
from tests.managers_side import Managing, managing
from tests.parts import Database

LONG_AGO = datetime(2026, 3, 1, tzinfo=UTC)


def reserve(name: str, *, minutes: int = 15, quantity: int = 2) -> dict[str, Any]:
    """A reservation made long ago, for some minutes: it is due at once."""
    return {
        "type": "reserve_stock",
        "key": name,
        **shelf(),
        "reservation_id": name,
        "quantity": quantity,
        "occurred_at": LONG_AGO.isoformat(),
        "expires_at": (LONG_AGO + timedelta(minutes=minutes)).isoformat(),
    }


def expired(side: WriteSide) -> list[RecordedEvent]:
    return [each for each in side.events() if each.type == "stock.reservation_expired.v1"]


async def test_what_is_due_expires_by_an_event_at_its_time(postgres_database: Database) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(10)
        await side.send_all(reserve("r1"), reserve("r2", minutes=60_000_000))
        assert await managers.settle() == 1
        (event,) = expired(side)
        assert event.occurred_at == LONG_AGO + timedelta(minutes=15)
        metadata = decode_metadata(event.metadata)
        assert metadata.actor == "system_process_clock"
        assert metadata.correlation_id == "r1", "the command that led to it"
        (done, waiting) = sorted(managers.tasks(), key=lambda task: task["task_id"])
        assert (done["outcome"], done["attempts"]) == ("accepted", 1)
        assert (waiting["done_at"], waiting["attempts"]) == (None, 0)
        assert [state["id"] for state in managers.states("clock")] == ["r2"]
        assert await managers.settle() == 0


async def test_a_lot_is_put_on_hold_once_its_last_good_day_is_over(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    today = now().date()
    tomorrow = datetime.combine(today + timedelta(days=1), time(), tzinfo=UTC)
    async with (
        write_side(dsn) as side,
        managing(dsn) as managers,
        managing(dsn, clock=lambda: tomorrow) as the_day_after,
    ):
        await side.stock_up(1, sku="PLAIN")
        milk = {"type": "register_item", "key": "milk", "sku": "MILK", "name": "Milk"}
        await side.send(**milk, tracking="lot")
        lots = [
            {"lot": "OLD", "quantity": 4, "expires_on": today.isoformat()},
            {"lot": "NEW", "quantity": 3, "expires_on": "2100-01-01"},
        ]
        receive = {"type": "receive_stock", "key": "r", **shelf("MILK"), "quantity": 7}
        answer = await side.send(**receive, lots=lots)
        assert answer.outcome == "accepted", answer.body
        assert await managers.settle() == 0
        assert await the_day_after.settle() == 1
        (held,) = (each for each in side.events() if each.type == "stock.held.v1")
        fact: Any = decode(held.type, held.data)
        assert (fact.kind, fact.lot, fact.quantity) == ("expired", "OLD", 4)
        assert held.occurred_at == tomorrow


async def test_what_ended_or_was_moved_before_is_not_sent(postgres_database: Database) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(10)
        await side.send(**reserve("r1"))
        release = {"type": "release_reservation", "key": "x", **shelf(), "reservation_id": "r1"}
        managers.fold()
        assert len(managers.tasks()) == 1
        await side.send(**release)
        assert await managers.settle() == 0
        assert (managers.tasks(), managers.states("clock")) == ([], [])


async def test_a_process_that_begins_anew_finds_what_it_sent_and_does_nothing_twice(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(10)
        await side.send_all(reserve("r1"), reserve("r2"))
        await managers.settle()
        events, before = side.events(), managers.tasks()
        managers.forget()
        assert await managers.settle() == 0, "the log itself says that they are over"
        assert side.events() == events
        assert (len(before), managers.tasks(), managers.states("clock")) == (2, [], [])


async def test_a_task_that_is_sent_again_is_answered_and_not_done_again(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(10)
        await side.send(**reserve("r1"))
        await managers.settle()
        events = side.events()
        with managers.pool.connection() as connection:
            connection.execute("UPDATE process_tasks SET done_at = NULL, outcome = NULL")
        assert await managers.sender().send_due() == 1
        assert side.events() == events
        assert [task["outcome"] for task in managers.tasks()] == ["accepted"]


async def test_no_client_can_take_a_tasks_key(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        with pytest.raises(ValueError, match="string_pattern_mismatch"):
            side.submission(**reserve("r1") | {"key": "\x02process/clock/expire"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """How far a chain of commands has come."""

    answers: tuple[str, ...] = ()


class Follower:
    """Answers each receipt by a count and, when that is refused, by an adjustment elsewhere."""

    name = "follower"
    handles = frozenset({"stock.received.v1"})
    state_type = Chain
    target = "main"

    def may_concern(self, type_name: str, data: bytes) -> bool:
        del type_name, data
        return True

    def instances(self, happened: Happened) -> Iterable[Instance]:
        return (Instance(ledger=happened.ledger, id="chain"),)

    def react(self, happened: Happened, instance: Instance, state: Chain | None) -> Reaction[Chain]:
        del instance
        event = happened.event
        assert isinstance(event, StockReceived)
        if event.document == "poison":
            raise ValueError("not this one")
        return Reaction(
            state=state or Chain(),
            tasks=(self._count(happened.event_id.hex, happened.recorded_at),),
        )

    def answered(self, sent: Sent, instance: Instance, state: Chain | None) -> Reaction[Chain]:
        del instance
        assert state is not None
        code = sent.answer.code or sent.answer.outcome
        after = Chain(answers=(*state.answers, code))
        if len(after.answers) > 1:
            return Reaction(state=after)
        return Reaction(state=after, tasks=(self._count("again", sent.answered_at),))

    def _count(self, task: str, due_at: datetime) -> Task:
        command = {
            "type": "count_stock",
            "ledger": self.target,
            **shelf(),
            "count_id": "c",
            "counted": 4,
        }
        return Task(id=task, due_at=due_at, command=command)


class Deaf(Follower):
    """Takes no answer."""

    name = "deaf"

    def answered(self, sent: Sent, instance: Instance, state: Chain | None) -> Reaction[Chain]:
        raise LookupError(sent.id, instance, state)


class Abroad(Follower):
    """Counts in another ledger of the tenant."""

    name = "abroad"
    target = "second"


async def test_a_manager_hears_what_became_of_its_tasks(postgres_database: Database) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn, [Follower()]) as managers:
        await side.stock_up(10)
        assert await managers.settle() == 2
        (state,) = managers.states("follower")
        assert state["body"] == {"answers": ["accepted", "count_exists"]}
        assert [task["code"] for task in managers.tasks()] in (
            [None, "count_exists"],
            ["count_exists", None],
        )


async def test_a_manager_that_cannot_take_an_answer_keeps_nobody_else_waiting(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn, [Deaf(), Clock()]) as managers:
        await side.stock_up(10)
        await side.send(**reserve("r1"))
        assert await managers.settle() == 2
        assert [task["outcome"] for task in managers.tasks()] == ["accepted"] * 2
        assert [state["body"] for state in managers.states("deaf")] == [{"answers": []}]


async def test_a_command_may_go_to_another_ledger_of_the_tenant(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    ledgers = ("main", "second")
    async with write_side(dsn, ledgers=ledgers) as side, managing(dsn, [Abroad()]) as managers:
        await side.stock_up(10)
        await managers.settle()
        (state,) = managers.states("abroad")
        assert (state["ledger"], state["body"]) == (
            "acme/main",
            {"answers": ["unknown_item", "unknown_item"]},
        )


async def test_what_a_manager_cannot_take_is_parked_and_others_flow(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn, [Follower()]) as managers:
        await side.stock_up(10)
        await side.stock_up(5, sku="B")
        await side.send(type="receive_stock", key="p", **shelf(), quantity=1, document="poison")
        await side.send(type="receive_stock", key="q", **shelf("B"), quantity=1)
        managers.fold()
        parked = ParkedStreams(managers.pool, NAME, Processes.version).streams()
        assert [stream for _, stream in parked] == [f"stock-{SKU}@hall"]
        assert len(managers.tasks()) == 3


async def test_a_further_manager_begins_with_the_first_event_while_others_stay_where_they_are(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side:
        await side.stock_up(10)
        await side.send(**reserve("r1"))
        async with managing(dsn, [Clock()]) as first:
            assert await first.settle() == 1
            kept = first.tasks()
        async with managing(dsn, [Clock(), Follower()]) as both:
            both.fold()
            tasks = both.tasks()
            assert [task for task in tasks if task["process"] == "clock"] == kept
            assert len(tasks) == len(kept) + 1


async def test_what_is_no_command_is_settled_and_told(postgres_database: Database) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(10)
        await side.send(**reserve("r1"))
        managers.fold()
        with managers.pool.connection() as connection:
            connection.execute("""UPDATE process_tasks SET command = '{"type": "nonsense"}'""")
        assert await managers.settle() == 1
        (task,) = managers.tasks()
        assert task["outcome"] == "invalid"
        assert expired(side) == []


async def test_a_task_without_an_answer_is_sent_again_later(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(10)
        await side.send(**reserve("r1"))
        managers.fold()
        with managers.pool.connection() as connection:
            # A fault of ours under the lock: no answer, and nothing written.
            connection.execute("UPDATE process_tasks SET tenant = 'acme'")
        failing = _FailsOnce(managers)
        monkeypatch.setattr(managers.group_commit, "submit", failing.submit)
        assert await managers.sender().send_due() == 1
        (task,) = managers.tasks()
        assert (task["done_at"], task["attempts"]) == (None, 1)
        assert task["send_at"] > task["due_at"]
        await asyncio.sleep(0.3)
        assert await managers.settle() == 1
        assert len(expired(side)) == 1


@dataclass(slots=True)
class _FailsOnce:
    managers: Managing
    calls: int = 0
    submit_truly: Any = field(init=False)

    def __post_init__(self) -> None:
        self.submit_truly = self.managers.group_commit.submit

    async def submit(self, submissions: Any, mode: Any = "independent") -> Any:
        from commands.group_commit import _units
        from commands.refusals import Unavailable
        from commands.writer import failed

        self.calls += 1
        if self.calls == 1:
            events = [1] * len(submissions)
            answers = failed(_units(submissions, events, mode), Unavailable())
            return [answer for of_unit in answers for answer in of_unit]
        return await self.submit_truly(submissions, mode)


async def test_a_manager_that_folds_old_history_sends_nothing_yet(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commands.processes.waiting.BEHIND_EVENTS_MAX", 3)
    monkeypatch.setattr("commands.processes.waiting.PRESENT", timedelta())
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(10)
        await side.send(**reserve("r1"))
        managers.fold()
        receipts = [
            {"type": "receive_stock", "key": f"k{n}", **shelf(), "quantity": 1} for n in range(4)
        ]
        await side.send_all(*receipts)
        assert await managers.sender().send_due() == 0
        monkeypatch.setattr("commands.processes.waiting.PRESENT", timedelta(minutes=5))
        assert await managers.sender().send_due() == 1, "late, but of today"


async def test_what_was_done_long_ago_is_dropped(postgres_database: Database) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(10)
        await side.send(**reserve("r1"))
        await managers.settle()
        waiting = Waiting(managers.pool, managers.managers)
        assert waiting.trim(now()) == 0
        assert waiting.trim(now() + DONE_KEPT + timedelta(seconds=1)) == 1
        assert managers.tasks() == []


async def test_status_tells_where_process_managers_stand_and_what_waits(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(10)
        await side.send_all(reserve("r1"), reserve("r2", minutes=60_000_000))
        managers.processes()
        assert standing_in(dsn)["processes"]["lag"] == 5
        managers.fold()
        told_now = standing_in(dsn)["processes"]
        assert (told_now["lag"], told_now["tasks"], told_now["due"]) == (0, 2, 1)
        await managers.settle()
        told_now = standing_in(dsn)["processes"]
        assert (told_now["tasks"], told_now["due"]) == (1, 0)


def test_no_replay_knows_of_a_process_manager() -> None:
    assert not [name for name in STORES if name.startswith("process")]
