"""`backstock replay …` by addresses alone: what each step says to machines and to people."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Any
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner, Result

from eventlog.postgres.connections import borrowed
from ops import replay_operations
from ops.main import app
from ops.watched_steps import watched
from replay import records
from replay.diff.compare import compare, sides_of
from replay.holding import RENEW_SECONDS, ReplayCancelledError
from replay.planning import UnknownProjectionError
from replay.progress import Progress
from replay.records import UnknownReplayError
from replay.route_bodies import StepBody
from replay.showing import UnmatchedReplayError, find, shown
from replay.steps import owner_of
from tests.cutover_side import signing_key
from tests.happenings import year
from tests.parts import Database
from tests.replay_side import World, world

NAMES = ("availability", "movements", "stock_levels")
EXPECTED = "type=stock.returned.v1 to=damaged"
SECONDS_MAX = 120


@pytest.fixture
def stores(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[World]:
    with world(postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path) as opened:
        opened.log.append_dated(opened.log.ledger("main"), year(3, 600))
        for name in NAMES:
            opened.feed(name, 1)
        yield opened


def replay(stores: World, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["replay", *arguments], env=stores.environment())


def told(stores: World, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
    """What it says with --json."""
    done = replay(stores, *arguments, "--json")
    assert done.exit_code == exit_code, (arguments, done.output, done.exception)
    return dict(json.loads(done.stdout))


def done(stores: World, *arguments: str) -> dict[str, Any]:
    """As `told`, by a process of its own: these take the process's signals, or its log."""
    ran = subprocess.run(
        [str(Path(sys.executable).parent / "backstock"), "replay", *arguments, "--json"],
        env=os.environ | stores.environment(),
        capture_output=True,
        check=False,
        text=True,
        timeout=SECONDS_MAX,
    )
    assert ran.returncode == 0, (arguments, ran.stderr)
    return dict(json.loads(ran.stdout))


def answering(stores: World, version: int) -> None:
    for name in NAMES:
        assert stores.version(name, version).state == "active"


def test_a_mistake_is_planned_built_compared_promoted_and_taken_back_by_addresses_alone(
    stores: World,
) -> None:
    signing_key(stores)
    refused = replay(stores, "plan", *NAMES, "--edition", "returns_twice")
    assert refused.exit_code == 1
    plan = told(stores, "plan", *NAMES, "--edition", "returns_twice", "--planted")
    assert plan["state"] == "planned"
    assert set(plan["plan"]["forecast"]) == set(NAMES)
    # One core and a budget of its own: what the options are read into is what it runs by.
    built = done(stores, "run", *NAMES, "--cores", "1", "--budget", "9", "--latency", "9")
    assert (built["replay_id"], built["state"]) == (plan["replay_id"], "following")
    assert built["progress"]["events"] == 3 * stores.events()
    text = replay(stores, "status", *NAMES).stdout
    for line in ("availability redis", "movements clickhouse", "stock_levels postgres"):
        assert line in " ".join(text.split()), text
    surprised = told(stores, "diff", *NAMES, exit_code=1)
    assert surprised["surprises"] > 0
    assert told(stores, "diff", *NAMES, "--expect", EXPECTED)["surprises"] == 0
    promoted = done(stores, "promote", *NAMES)
    assert (promoted["state"], len(promoted["receipt_sha256"])) == ("promoted", 64)
    answering(stores, 2)
    assert done(stores, "rollback", *NAMES)["state"] == "rolled_back"
    answering(stores, 1)
    retired = done(stores, "retire", "--replay", plan["replay_id"])
    assert retired["dropped"] == [f"{name} v2" for name in NAMES]
    answering(stores, 1)
    assert told(stores, "status", "--list")["replays"][0]["state"] == "retired"
    assert plan["replay_id"] in replay(stores, "status", "--list").stdout


def test_names_that_fit_no_replay_are_told_what_there_is(stores: World) -> None:
    with borrowed(stores.log.pool) as connection:
        with pytest.raises(UnmatchedReplayError, match="none was ever planned"):
            find(connection, None, ["orders"])
        three = stores.plan(*NAMES)
        one = stores.plan("orders")
        assert find(connection, None, [*reversed(NAMES)]).replay_id == three
        assert find(connection, None).replay_id == one
        assert find(connection, three, ["orders"]).replay_id == three
        with pytest.raises(UnknownProjectionError, match="no projection 'stock': stock_levels"):
            find(connection, None, ["stock", "orders"])
        there = r"no replay is of just movements: .* of: orders; availability movements stock_lev"
        with pytest.raises(UnmatchedReplayError, match=there):
            find(connection, None, ["movements"])
        with pytest.raises(UnknownReplayError, match="no replay"):
            find(connection, uuid4())
    assert replay(stores, "cancel", "movements").exit_code == 1
    assert done(stores, "cancel", "orders")["state"] == "cancelled"
    assert stores.replay(three).state == "planned"


def test_progress_is_shown_per_store_and_by_the_shards_that_are_behind(stores: World) -> None:
    replay_id = stores.plan("stock_levels")
    assert replay(stores, "status").stdout.count("\n") == 3
    noted = progress_of(replay_id, position=400)
    with borrowed(stores.log.pool) as connection:
        records.note(connection, replay_id, progress=noted.as_dict())
    assert Progress.of(noted.as_dict()) == noted
    lines = [" ".join(line.split()) for line in replay(stores, "status").stdout.splitlines()]
    assert "built: 1,400 of 2,000 events, 100/s, 0:06 left, waits: a test" in lines
    assert "stock_levels postgres 1 of 2 1,400 2,000" in lines
    assert "stock_levels in postgres, shard 1: 400 of 1,000, 0:06 left" in lines


def progress_of(replay_id: UUID, *, position: int) -> Progress:
    shards = [
        {"shard": 0, "position": 1_000},
        {"shard": 1, "position": position},
    ]
    of_all = {"projection": "stock_levels", "version": 2, "store": "postgres", "head": 1_000}
    return Progress.of(
        {
            "replay_id": str(replay_id),
            "state": "building",
            "events": 1_000 + position,
            "events_total": 2_000,
            "events_per_second": 100.0,
            "waiting": "waits: a test",
            "shards": [of_all | each for each in shards],
        }
    )


def test_a_replay_is_watched_for_as_long_as_somebody_works_on_it(stores: World) -> None:
    replay_id = stores.plan("stock_levels")
    assert len(replay(stores, "status", "--watch", "--json").stdout.splitlines()) == 1
    with borrowed(stores.log.pool) as connection:
        records.lease(connection, replay_id, "somebody")
        records.note(connection, replay_id, progress=progress_of(replay_id, position=9).as_dict())

    def finish() -> None:
        with borrowed(stores.log.pool) as connection:
            records.release(connection, replay_id, "somebody")

    timer = threading.Timer(1.5, finish)
    timer.start()
    try:
        lines = replay(stores, "status", "--watch", "--json").stdout.splitlines()
    finally:
        timer.join()
    owners = [json.loads(line)["owner"] for line in lines]
    assert owners[0] == "somebody"
    assert owners[-1] is None
    assert len(owners) >= 2


def test_a_launched_comparison_lets_go_of_a_replay_that_is_cancelled(stores: World) -> None:
    replay_id = stores.plan("stock_levels")
    stores.run(replay_id)
    launched = replace(stores.around, launched=True, owner=owner_of("diff", "elsewhere:1:ab"))
    found = stores.replay(replay_id)
    with borrowed(stores.log.pool) as connection:
        sides = sides_of(connection, found)

    def cancelled(_: object) -> None:
        with borrowed(stores.log.pool) as connection:
            records.move(connection, replay_id, wanted=["following"], to="cancelled")
        sleep(RENEW_SECONDS + 1)

    with pytest.raises(ReplayCancelledError), watched(launched, replay_id, "diff") as named:
        compare(named.pool, named.reader, found, sides, observe=cancelled, check=named.check)
    left = stores.replay(replay_id)
    assert (left.owner, left.diff) == (None, None)
    with borrowed(stores.log.pool) as connection:
        assert shown(connection, replay_id)["next"] == ["cancel"]
    stores.cancel(replay_id)
    with borrowed(stores.log.pool) as connection:
        assert shown(connection, replay_id)["next"] == []


def test_a_cancel_that_is_posted_again_while_it_waits_starts_no_further_process(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay_id, started = stores.plan("stock_levels"), list[dict[str, Any]]()
    monkeypatch.setattr(replay_operations, "launch", lambda *_, **told: started.append(told))
    operations = replay_operations.ReplayOperations(stores.around)
    with borrowed(stores.log.pool) as connection:
        records.lease(connection, replay_id, owner_of("run", "elsewhere:1:ab"))
    for _ in range(2):
        operations.begin("cancel", replay_id, StepBody(), "key_a")
    assert len(started) == 1
    started[0]["ended"](1)
    operations.begin("cancel", replay_id, StepBody(), "key_a")
    assert len(started) == 2
