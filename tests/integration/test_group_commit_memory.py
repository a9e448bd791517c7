"""What writers remember: nothing unsure, nothing beyond bounds, and only what the log would say."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from commands import group_commit, writer
from commands.folds import Folded, beginning, folded_all
from commands.memory import ShardMemory
from commands.snapshots import SNAPSHOT_EVERY, SnapshotKeeper
from domain.stock import Stock
from eventlog.log import Appended, Appender, Decision
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.connections import open_log_pool
from eventlog.postgres.reader import PostgresReader
from eventlog.postgres.snapshots import PostgresSnapshots
from tests.command_side import SKU, WriteSide, now, shelf, told, write_side
from tests.parts import Database

STOCK = f"stock-{SKU}@hall"
KEY = ("acme/main", STOCK)


def receive(key: str, quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {"type": "receive_stock", "key": key, **shelf(), "quantity": quantity, **more}


def day(number: int) -> str:
    return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)).isoformat()


async def test_two_writers_in_turn_always_decide_at_the_head(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as one, write_side(postgres_database.log) as other:
        await one.stock_up(40)
        for n in range(25):
            answers = await asyncio.gather(
                *(
                    side.send(type="ship_stock", key=f"{name}-{n}", **shelf(), quantity=1)
                    for name, side in (("one", one), ("other", other))
                )
            )
            left = 40 - 2 * (n + 1)
            outcomes = sorted(answer.outcome for answer in answers)
            assert outcomes == (["accepted"] * 2 if left >= 0 else ["refused"] * 2)
        last = folded_all(beginning(STOCK), PostgresReader(one.pool).read_stream(*KEY, 0)).state
        assert isinstance(last, Stock)
        assert last.on_hand == 0


async def test_a_writer_that_remembers_almost_nothing_decides_the_same(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MEMORY_WEIGHT_MAX", 1)
    async with write_side(postgres_database.log) as side:
        for n in range(5):
            await side.stock_up(3, sku=f"sku-{n}")
        for n in range(20):
            answer = await side.send(
                type="ship_stock", key=f"s-{n}", **shelf(f"sku-{n % 5}"), quantity=1
            )
            assert answer.outcome == ("accepted" if n < 15 else "refused")


class RollsBackOnce:
    """The first append that decides ship commands is decided, and then fails before its commit."""

    def __init__(self, appender: Appender) -> None:
        self._appender = appender
        self.failures_left = 0

    def append(self, shard: int, decision: Decision) -> Appended:
        if not self.failures_left:
            return self._appender.append(shard, decision)
        self.failures_left -= 1

        class Decided(Exception):
            pass

        class Doomed:
            ledgers, keys, catch_up = decision.ledgers, decision.keys, decision.catch_up
            known_position = property(lambda _: decision.known_position)

            def decide(self, *at_the_head: Any) -> Any:
                decision.decide(*at_the_head)
                raise Decided

        return self._appender.append(shard, Doomed())


async def test_an_attempt_that_was_rolled_back_leaves_no_trace_in_memory(
    postgres_database: Database,
) -> None:
    pool = open_log_pool(postgres_database.log, size=4, name="failing")
    appender = RollsBackOnce(PostgresAppender(pool, clock=now))
    async with write_side(postgres_database.log, appender=appender) as side:
        await side.stock_up(10)
        appender.failures_left = 1
        failed = await side.send(type="ship_stock", key="s", **shelf(), quantity=7)
        assert (failed.outcome, failed.code) == ("failed", "internal")
        shipped = await side.send(type="ship_stock", key="s", **shelf(), quantity=7)
        assert (shipped.outcome, told(shipped)["result"]["on_hand"]) == ("accepted", 3)
    pool.close()


async def long_stream(side: WriteSide, events: int) -> None:
    await side.stock_up(1)
    answers = await side.send_all(*(receive(f"r-{n}") for n in range(events)))
    assert {answer.outcome for answer in answers} == {"accepted"}


async def test_long_streams_are_kept_folded_and_a_cold_writer_reads_little(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await long_stream(side, 3_000)
    read: list[int] = []

    class CountingReader(PostgresReader):
        def read_streams(self, wanted: Any) -> Any:
            events = super().read_streams(wanted)
            read.append(len(events))
            return events

    pool = open_log_pool(postgres_database.log, size=2, name="cold")
    async with write_side(postgres_database.log, reader=CountingReader(pool)) as side:
        kept = PostgresSnapshots(side.pool).load([KEY])[KEY]
        assert kept.stream_version > 2_400
        started = time.monotonic()
        answer = await side.send(type="ship_stock", key="s", **shelf(), quantity=3_001)
        assert time.monotonic() - started < 1
        assert (answer.outcome, told(answer)["version"]) == ("accepted", 3_002)
        assert sum(read) < 600
    pool.close()


async def test_a_snapshot_of_another_fold_is_passed_over(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await long_stream(side, 600)
    async with write_side(postgres_database.log) as side:
        with side.pool.connection() as connection:
            changed = connection.execute(
                "UPDATE snapshots SET format = 'stock.0', state = '{}' WHERE stream = %s", (STOCK,)
            )
            assert changed.rowcount == 1
        answer = await side.send(type="ship_stock", key="s", **shelf(), quantity=601)
        assert told(answer)["result"]["on_hand"] == 0


async def test_a_count_dated_before_known_movements_meets_the_stock_of_its_instant(
    postgres_database: Database,
) -> None:
    count = {"type": "count_stock", **shelf()}
    async with write_side(postgres_database.log) as side:
        await side.stock_up(1)
        await side.send_all(
            receive("d1", 10, occurred_at=day(1)), receive("d5", 10, occurred_at=day(5))
        )
        # The receipt of `stock_up` is dated now, so on day 3 the ledger knows of 10.
        answer = await side.send(key="c", count_id="c", counted=8, occurred_at=day(3), **count)
        assert told(answer)["result"]["on_hand"] == 19
        counted = [event for event in side.events() if event.type == "stock.counted.v1"]
        assert b'"counted":8,"expected":10' in counted[0].data
        # Late news of day 2: the counted quantity still stands, in the same batch as well.
        late, later = await side.send_all(
            receive("d2", 5, occurred_at=day(2)), receive("d2b", 1, occurred_at=day(2))
        )
        assert told(late)["result"]["on_hand"] == 19
        assert told(later)["result"]["on_hand"] == 19


async def test_the_past_beyond_memory_is_read_even_in_one_bulk(
    postgres_database: Database,
) -> None:
    """More counts than the state remembers, then facts dated before all of them."""
    async with (
        write_side(postgres_database.log) as side,
        write_side(postgres_database.log) as other,
    ):
        await side.stock_up(1)
        counts = [
            {
                "type": "count_stock",
                "key": f"c-{n}",
                "count_id": f"c-{n}",
                "counted": 5,
                **shelf(),
                "occurred_at": day(10 + n),
            }
            for n in range(20)
        ]
        answers = await side.send_all(*counts)
        assert {answer.outcome for answer in answers} == {"accepted"}, answers
        for writer in (side, other):
            name = "side" if writer is side else "other"
            late = await writer.send_all(
                *(receive(f"{name}-{n}", 2, occurred_at=day(1)) for n in range(3))
            )
            assert [answer.outcome for answer in late] == ["accepted"] * 3
        restated = [e.data for e in side.events() if e.type == "stock.count_restated.v1"]
        assert len(restated) == 6
        assert all(b'"count_id":"c-0"' in data for data in restated)


def counts_of(sku: str, number: int) -> list[dict[str, Any]]:
    """So many that a stock forgets the first of them."""
    return [
        {
            "type": "count_stock",
            "key": f"{sku}-c-{n}",
            "count_id": f"c-{n}",
            "counted": 5,
            **shelf(sku),
            "occurred_at": day(10 + n),
        }
        for n in range(number)
    ]


async def test_an_order_dated_before_memory_reads_the_past_of_all_its_stocks(
    postgres_database: Database,
) -> None:
    skus = [f"sku-{n}" for n in range(12)]
    async with write_side(postgres_database.log) as side:
        for sku in skus:
            await side.stock_up(1, sku=sku)
            await side.send_all(*counts_of(sku, 18))
        lines = [{"line": n, **shelf(sku), "quantity": 1} for n, sku in enumerate(skus, 1)]
        order = {"type": "place_order", "order_id": "o", "lines": lines, "ship": True}
        answer = await side.send(key="o", occurred_at=day(1), **order)
        assert answer.outcome == "accepted", answer.body
        restated = [event.stream for event in side.events() if "restated" in event.type]
        assert restated == [f"stock-{sku}@hall" for sku in skus]


async def test_what_goes_through_much_history_is_written_in_parts(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "HISTORY_EVENTS_MAX", 100)
    async with write_side(postgres_database.log) as side:
        await side.stock_up(1)
        await side.send_all(*counts_of(SKU, 18))
        late = [receive(f"late-{n}", 2, occurred_at=day(1)) for n in range(30)]
        answers = await side.send_all(*late)
        assert {answer.outcome for answer in answers} == {"accepted"}
        moments = "SELECT count(DISTINCT recorded_at) FROM command_keys WHERE key LIKE 'late%%'"
        assert 6 <= side.count(moments) <= 30
        counted = [told(answer)["result"]["on_hand"] for answer in answers]
        assert len(set(counted)) == 1, "each is restated away: the counts stand"


async def test_an_atomic_bulk_through_too_much_history_is_told_so(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "HISTORY_EVENTS_ATOMIC_MAX", 100)
    async with write_side(postgres_database.log) as side:
        await side.stock_up(1)
        await side.send_all(*counts_of(SKU, 18))
        late = [receive(f"late-{n}", 2, occurred_at=day(1)) for n in range(30)]
        answers = await side.send_all(*late, mode="atomic")
        assert {(answer.outcome, answer.code) for answer in answers} == {
            ("failed", "too_much_history")
        }


async def test_a_fault_while_snapshots_are_kept_is_logged_and_the_next_are_kept(
    postgres_database: Database,
) -> None:
    pool = open_log_pool(postgres_database.log, size=2, name="snapshots")
    faults = [RuntimeError("no room"), None]

    class FailsOnce(PostgresSnapshots):
        def save(self, snapshots: Any) -> None:
            fault = faults.pop(0)
            if fault is not None:
                raise fault
            super().save(snapshots)

    with capture_logs() as logged:
        keeper = SnapshotKeeper(FailsOnce(pool))
        for version in (SNAPSHOT_EVERY, 2 * SNAPSHOT_EVERY):
            memory = ShardMemory(known_position=0)
            memory.put(KEY, Folded(version, Stock(sku=SKU, location="hall", version=version), 0))
            keeper.keep_due([KEY], memory)
        keeper.close()
    told_of = [(each["event"], each["log_level"], each["streams"]) for each in logged]
    assert told_of == [("snapshots_failed", "error", 1)]
    assert "RuntimeError: no room" in logged[0]["trace"]
    assert PostgresSnapshots(pool).load([KEY])[KEY].stream_version == 2 * SNAPSHOT_EVERY
    pool.close()


async def test_a_cold_writer_reads_many_streams_a_part_at_a_time(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    class AskedReader(PostgresReader):
        def read_streams(self, wanted: Any) -> Any:
            asked.append(len(wanted))
            return super().read_streams(wanted)

    pool = open_log_pool(postgres_database.log, size=2, name="cold")
    items = [
        {"type": "register_item", "key": f"i-{n}", "sku": f"i-{n}", "name": "Item"}
        for n in range(450)
    ]
    async with write_side(postgres_database.log, reader=AskedReader(pool)) as side:
        answers = await side.send_all(*items, mode="atomic")
        assert {answer.outcome for answer in answers} == {"accepted"}
    assert sum(asked) == len(items)
    assert max(asked) <= 200
    pool.close()
