"""A ledger's past under another policy, from a real log; under its own, nothing differs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import grimp
import psycopg
import pytest

from ops.sample import SampleSize
from ops.sample import commands as sample
from replay.fork import source
from replay.fork.policy import AS_IT_WAS, ItemPolicy, Policy
from replay.fork.source import PastOfLedger, UnknownLedgerError, read_only_pool
from replay.fork.walk import Window
from replay.fork.what_if import WhatIf, what_if
from tests.command_side import SKU, WriteSide, shelf, write_side
from tests.parts import Database
from tests.stories import LATER, catalogue, counts, goods, orders, promises

LEDGER = "acme/main"
RESERVE = {"type": "reserve_stock", **shelf(), "expires_at": LATER}


def forked(database: Database, policy: Policy = AS_IT_WAS, window: Window | None = None) -> WhatIf:
    with read_only_pool(database.read, "acme") as pool:
        past = PastOfLedger(pool, LEDGER)
        return what_if(
            LEDGER,
            past.commands(past.head()),
            past.refused(),
            past,
            policy=policy,
            window=window or Window(),
        )


async def business(side: WriteSide, *, seed: int = 7, days: int = 6) -> None:
    """Made-up trade of every kind; customers by their opaque ids."""
    size = SampleSize(items=12, days=days, orders=15)
    bodies: list[dict[str, Any]] = list(
        sample(seed=seed, until=datetime(2026, 3, 1, tzinfo=UTC), size=size)
    )
    for body in bodies:
        if "customer" in body:
            body["customer"] = "sub_" + "ab" * 16
    for start in range(0, len(bodies), 40):
        await side.send_all(*bodies[start : start + 40])


async def test_under_the_same_policy_a_past_of_every_kind_comes_out_exactly(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        for story in (catalogue, goods, promises, counts, orders):
            await story(side)
        await business(side)
        result = forked(postgres_database)
    assert result.examples == []
    assert result.is_as_it_happened
    assert result.commands > 100
    assert result.refused.placed > 0
    assert result.refused.unplaced == 0
    assert result.happened.promised > 100


async def test_refused_commands_come_page_by_page_and_no_transaction_waits_for_the_walk(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "PAGE_REFUSED", 2)
    async with write_side(postgres_database.log) as side:
        await catalogue(side)
        asks = [
            RESERVE | {"key": f"r{n}", "reservation_id": f"r{n}", "quantity": 10_000 + n}
            for n in range(5)
        ]
        await side.send_all(*asks)
    with (
        read_only_pool(postgres_database.read, "acme") as pool,
        psycopg.connect(postgres_database.admin) as watching,
    ):
        walk = PastOfLedger(pool, LEDGER).refused()
        found = [next(walk)]
        left_open = watching.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'backstock-fork'"
            " AND datname = current_database() AND xact_start IS NOT NULL"
        ).fetchone()
        found += walk
    assert left_open == (0,)
    assert {each.key for each in found} >= {f"r{n}" for n in range(5)}
    assert len(found) == len({each.key for each in found})
    assert found == sorted(found, key=lambda each: (each.recorded_at, each.key))


async def test_units_refused_for_want_of_stock_are_promised_where_backorders_are_let(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        await side.send(key="r1", reservation_id="r1", quantity=8, **RESERVE)
        await side.send(key="r2", reservation_id="r2", quantity=5, **RESERVE)
        result = forked(postgres_database, Policy(backorder_limit=3))
    assert result.other == {"refused -> accepted": 1}
    then, now = result.skus[SKU]
    assert (then.asked, then.promised, now.asked, now.promised) == (13, 8, 13, 13)
    assert (then.beyond_on_hand, now.beyond_on_hand, now.oversold) == (0, 3, 0)
    assert (then.stock_outs, now.stock_outs) == (0, 1)


async def test_what_is_kept_back_is_not_promised(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10, safety_stock=4)
        place = {"type": "place_order", "order_id": "o1"}
        await side.send(key="o1", **place, lines=[{"line": 1, **shelf(), "quantity": 7}])
        await side.send(key="s1", type="ship_order", order_id="o1")
        await side.send(key="r1", reservation_id="r1", quantity=2, **RESERVE)
        result = forked(postgres_database, Policy(safety_stock="own"))
    then, now = result.skus[SKU]
    # The order is refused, so its shipment is too, and there is room for the reservation.
    assert (then.promised, then.shipped) == (9, 7)
    assert (now.promised, now.shipped, now.asked) == (2, 0, 9)
    assert result.other == {"accepted -> insufficient_stock": 1, "accepted -> unknown_order": 1}
    free = Policy(items={SKU: ItemPolicy(safety_stock=0)}, safety_stock="own")
    assert forked(postgres_database, free).other == {}


async def test_a_fork_begins_behind_a_position_and_ends_with_one(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        for number in range(4):
            await side.send(key=f"r{number}", reservation_id=f"r{number}", quantity=2, **RESERVE)
        result = forked(postgres_database, Policy(safety_stock=5), Window(start=4, end=6))
    assert (result.after_position, result.position, result.commands) == (4, 6, 2)
    then, now = result.skus[SKU]
    assert (then.promised, now.promised, now.asked) == (4, 2, 4)


async def test_nothing_of_a_fork_can_reach_the_stores(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        await side.send(key="r1", reservation_id="r1", quantity=8, **RESERVE)
        before = _everything(postgres_database)
        forked(postgres_database, Policy(backorder_limit=50, safety_stock=3))
        assert _everything(postgres_database) == before
    with (
        read_only_pool(postgres_database.read, "acme") as pool,
        pool.connection() as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("INSERT INTO events (shard) VALUES (1)")


async def test_a_ledger_that_is_not_there_or_not_ours_is_named(
    postgres_database: Database,
) -> None:
    with (
        read_only_pool(postgres_database.read, "acme") as pool,
        pytest.raises(UnknownLedgerError, match="acme/none"),
    ):
        PastOfLedger(pool, "acme/none").head()


def _everything(database: Database) -> dict[str, int]:
    """Rows of every table by what has ever been inserted, updated or deleted."""
    with psycopg.connect(database.admin) as connection:
        tables = [
            row[0]
            for row in connection.execute(
                "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r'"
                " AND relnamespace = 'public'::regnamespace"
            )
        ]
        found = {}
        for table in tables:
            row = connection.execute(
                f"SELECT count(*), coalesce(max(xmin::text::bigint), 0) FROM {table}"
            ).fetchone()
            assert row is not None
            found[table] = hash(row)
    return found


def test_neither_fork_nor_plan_reaches_anything_that_writes() -> None:
    graph = grimp.build_graph(
        *("replay", "commands", "eventlog", "domain", "projections"),
        include_external_packages=True,
        cache_dir=None,
    )
    for package in ("replay.fork", "replay.compensation"):
        reached = graph.find_upstream_modules(package, as_package=True)
        writers = {
            *("eventlog.postgres.append", "eventlog.postgres.recorder", "commands.group_commit"),
            *("commands.writer", "eventlog.applying", "httpx2", "redis", "confluent_kafka"),
        }
        assert reached & writers == set()
