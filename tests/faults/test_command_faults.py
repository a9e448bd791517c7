"""What goes wrong while a batch is written, and who is told what."""

from __future__ import annotations

import asyncio
from collections import Counter

import psycopg
import pytest

from commands import writer
from eventlog.log import (
    Appended,
    Appender,
    AppendUnknownError,
    Decision,
    LogGapError,
    ShardBusyError,
)
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.connections import open_log_pool
from tests.command_side import location, now, shelf, told, write_side
from tests.parts import Database


class Faulty:
    """The real appender, with a fault at each append for which `faults` holds one."""

    def __init__(self, database: Database) -> None:
        self.pool = open_log_pool(database.log, size=4, name="faulty")
        self._appender: Appender = PostgresAppender(self.pool, clock=now)
        self.before: list[Exception] = []
        self.after: list[Exception] = []

    def append(self, shard: int, decision: Decision) -> Appended:
        if self.before:
            raise self.before.pop()
        appended = self._appender.append(shard, decision)
        if self.after:
            raise self.after.pop()
        return appended


async def test_a_lost_commit_reply_is_told_apart_by_the_keys(postgres_database: Database) -> None:
    faulty = Faulty(postgres_database)
    async with write_side(postgres_database.log, appender=faulty) as side:
        await side.stock_up(10)
        faulty.after = [AppendUnknownError(), AppendUnknownError()]
        ships = [
            {"type": "ship_stock", "key": f"s-{n}", **shelf(), "quantity": 4} for n in range(3)
        ]
        answers = await side.send_all(*ships)
        assert [answer.outcome for answer in answers] == ["accepted", "accepted", "refused"]
        assert [event.type for event in side.events()].count("stock.shipped.v1") == 2
        left = await side.send(type="ship_stock", key="rest", **shelf(), quantity=2)
        assert told(left)["result"]["on_hand"] == 0
    faulty.pool.close()


async def test_a_busy_shard_is_tried_again_and_then_told(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE_SECONDS", 0.3)
    faulty = Faulty(postgres_database)
    async with write_side(postgres_database.log, appender=faulty) as side:
        faulty.before = [ShardBusyError(0, 1.5)]
        assert (await side.send(**location("hall"))).outcome == "accepted"
        faulty.before = [ShardBusyError(0, 1.5)] * 100
        busy = await side.send(**location("yard"))
        assert (busy.outcome, busy.code) == ("failed", "busy")
        faulty.before = []
        assert (await side.send(**location("yard"))).outcome == "accepted"
    faulty.pool.close()


async def test_a_store_put_back_to_an_older_state_is_read_afresh(
    postgres_database: Database,
) -> None:
    """What the writer remembered is of a future that this store never had."""
    faulty = Faulty(postgres_database)
    async with write_side(postgres_database.log, appender=faulty) as side:
        await side.stock_up(10)
        faulty.before = [LogGapError(0, 3, 2)]
        answer = await side.send(type="ship_stock", key="s", **shelf(), quantity=10)
        assert told(answer)["result"]["on_hand"] == 0
    faulty.pool.close()


async def test_a_command_the_database_will_not_take_fails_alone(
    postgres_database: Database,
) -> None:
    with psycopg.connect(postgres_database.admin, autocommit=True) as admin:
        admin.execute(
            "ALTER TABLE events ADD CONSTRAINT poison CHECK (stream NOT LIKE 'location-poison%')"
        )
    async with write_side(postgres_database.log) as side:
        names = [f"place-{n}" for n in range(200)]
        names[17], names[150] = "poison-1", "poison-2"
        answers = await side.send_all(*map(location, names))
        outcomes = Counter(answer.outcome for answer in answers)
        assert outcomes == {"accepted": 198, "failed": 2}
        assert {answers[17].code, answers[150].code} == {"internal"}
        again = await side.send(**location("poison-1"))
        assert (again.outcome, again.replayed) == ("failed", False)
        assert len(side.events()) == 198


async def test_when_everything_is_rejected_the_search_for_culprits_ends(
    postgres_database: Database,
) -> None:
    with psycopg.connect(postgres_database.admin, autocommit=True) as admin:
        admin.execute("ALTER TABLE events ADD CONSTRAINT poison CHECK (stream = 'none')")
    async with write_side(postgres_database.log) as side:
        answers = await side.send_all(*(location(f"place-{n}") for n in range(900)))
        assert Counter(answer.code for answer in answers) == {"internal": 900}
        appends = side.count(
            "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        )
        assert appends < 200


async def test_a_store_that_is_away_for_a_moment_is_waited_for(
    postgres_database: Database,
) -> None:
    """Every connection is ended, again and again, while commands come."""
    async with write_side(postgres_database.log) as side:
        await side.stock_up(1_000)
        stop = asyncio.Event()

        async def hit_the_connections() -> int:
            hits = 0
            with psycopg.connect(postgres_database.admin, autocommit=True) as admin:
                while not stop.is_set():
                    ended = admin.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND usename = 'backstock_log'"
                    )
                    hits += ended.rowcount
                    await asyncio.sleep(0.15)
            return hits

        chaos = asyncio.create_task(hit_the_connections())
        answers = []
        for part in range(20):
            answers += await side.send_all(
                *(
                    {"type": "ship_stock", "key": f"s-{part}-{n}", **shelf(), "quantity": 1}
                    for n in range(20)
                )
            )
            await asyncio.sleep(0.05)
        stop.set()
        assert await chaos > 3
        assert {answer.outcome for answer in answers} == {"accepted"}
        final = await side.send(type="ship_stock", key="rest", **shelf(), quantity=600)
        assert told(final)["result"]["on_hand"] == 0
        assert len(side.events()) == 3 + 400 + 1
