"""Projectors killed between any two of their steps: what is there afterwards is the fold, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest

from eventlog.crash_points import CRASH_EXIT_CODE
from eventlog.log import RecordedEvent
from tests.contracts.projection import ReadModel
from tests.happenings import year
from tests.parts import Database
from tests.projection_side import drain, table_rows, told_positions
from tests.projector_process import Projector
from tests.read_models import (
    availability_keys,
    document_rows,
    movement_rows,
    order_rows,
    stock_level_rows,
)

LEDGER = "acme/main"
EVENTS = 400
POINTS = [
    ("stock_levels", "stock_levels.before_commit"),
    ("orders", "orders.before_commit"),
    ("documents", "documents.before_commit"),
    ("availability", "availability.after_call"),
    ("movements", "movements.after_claim"),
    ("movements", "movements.after_insert"),
    ("movements", "movements.before_commit"),
]


@dataclass(frozen=True, kw_only=True)
class Running:
    read_model: ReadModel
    projector: Projector
    without_trouble: object
    last: RecordedEvent


@pytest.fixture
def running(
    request: pytest.FixtureRequest, postgres_database: Database, redis_prefix: str
) -> Iterator[Running]:
    """The named projection on a log with some facts, and how it looks when nothing happens."""
    name: str = request.param
    dsn = postgres_database.log
    with ExitStack() as resources:
        projector = Projector(projection=name, shard=0, log_dsn=dsn)
        read_model: ReadModel
        if name == "stock_levels":
            read_model = resources.enter_context(stock_level_rows(dsn))
        elif name == "orders":
            read_model = resources.enter_context(order_rows(dsn))
        elif name == "documents":
            read_model = resources.enter_context(document_rows(dsn))
        elif name == "availability":
            url = request.getfixturevalue("redis_url")
            projector = replace(projector, redis_url=url, redis_prefix=redis_prefix)
            read_model = resources.enter_context(availability_keys(dsn, url, redis_prefix))
        else:
            url = request.getfixturevalue("clickhouse_url")
            projector = replace(projector, clickhouse_url=url)
            read_model = resources.enter_context(movement_rows(dsn, url))
        log = read_model.log
        recorded = log.append_dated(log.ledger("main"), year(21, EVENTS))
        shard = log.shard(LEDGER)
        drain(log, read_model.process(), shard)
        without_trouble = read_model.data()
        read_model.process().rebuild()
        yield Running(
            read_model=read_model,
            projector=replace(projector, shard=shard),
            without_trouble=without_trouble,
            last=recorded[-1],
        )


@pytest.mark.parametrize(("running", "point"), POINTS, indirect=["running"])
def test_killed_between_two_steps_it_goes_on_with_nothing_lost_or_doubled(
    running: Running, point: str
) -> None:
    code, said = running.projector.run(BACKSTOCK_CRASH_AT=f"{point}:2")
    assert code == CRASH_EXIT_CODE, said
    assert running.read_model.data() != running.without_trouble, "it died in the middle"
    finish(running)


@pytest.mark.parametrize("running", ["movements"], indirect=True)
def test_killed_again_and_again_and_cut_anew_each_time_no_row_is_lost_or_doubled(
    running: Running,
) -> None:
    for batch, point in ((90, "after_claim"), (33, "after_insert"), (120, "before_commit")):
        projector = replace(running.projector, batch=batch)
        code, said = projector.run(BACKSTOCK_CRASH_AT=f"movements.{point}")
        assert code == CRASH_EXIT_CODE, said
    finish(running)


@pytest.mark.parametrize("running", ["availability"], indirect=True)
def test_killed_before_it_told_its_position_readers_are_told_at_the_next_start(
    running: Running,
) -> None:
    read_model, shard = running.read_model, running.projector.shard
    projector = replace(running.projector, batch=running.last.shard_position)
    code, said = projector.run(BACKSTOCK_CRASH_AT="availability.after_call")
    assert code == CRASH_EXIT_CODE, said
    assert told_positions(read_model.log, "availability") == {}
    assert read_model.process().checkpoint(shard).position == running.last.shard_position
    assert read_model.ledger_positions() == {LEDGER: running.last.ledger_position}
    (mirror,) = (
        row
        for row in table_rows(read_model.log, "projection_checkpoints")
        if (row["projection"], row["shard"]) == ("availability", shard)
    )
    assert mirror["position"] == running.last.shard_position
    assert mirror["recorded_at"] == running.last.recorded_at


def finish(running: Running) -> None:
    read_model = running.read_model
    drain(read_model.log, read_model.process(), running.projector.shard, batch=64)
    assert read_model.data() == running.without_trouble
    assert read_model.ledger_positions() == {LEDGER: running.last.ledger_position}
