"""A projector that stalls for longer than its lease and wakes up: a zombie. It must lose."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import psutil
import psycopg
import pytest

from eventlog.projection import StaleCheckpointError, StoreUnavailableError
from tests.contracts.projection import ReadModel, whole
from tests.happenings import year
from tests.parts import Database
from tests.projection_side import Journal, drain
from tests.projector_process import Projector, end_of
from tests.read_models import availability_keys, movement_rows, stock_level_rows

LEDGER = "acme/main"
WAIT_SECONDS_MAX = 30.0


def filled(log: Journal) -> int:
    log.append_dated(log.ledger("main"), year(31, 400))
    return log.shard(LEDGER)


def wait_until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def is_stopped(child: psutil.Popen) -> bool:
    return bool(child.status() == psutil.STATUS_STOPPED)


def is_followed(read_model: ReadModel, shard: int) -> bool:
    """Another projector has folded the whole log: the server ends a session that stalls."""
    try:
        drain(read_model.log, read_model.process(), shard, batch=64)
    except StoreUnavailableError:
        return False
    return True


@pytest.mark.parametrize(
    ("point", "batch"), [("movements.after_claim", 37), ("movements.after_insert", 250)]
)
def test_a_zombie_with_another_batch_size_adds_no_row(
    postgres_database: Database, clickhouse_url: str, point: str, batch: int
) -> None:
    with movement_rows(postgres_database.log, clickhouse_url) as read_model:
        shard = filled(read_model.log)
        drain(read_model.log, read_model.process(), shard)
        without_trouble = read_model.data()
        read_model.process().rebuild()
        slow = Projector(
            projection="movements",
            shard=shard,
            log_dsn=postgres_database.log,
            clickhouse_url=clickhouse_url,
        )
        with slow.running(BACKSTOCK_STOP_AT=f"{point}:2") as zombie:
            wait_until(lambda: is_stopped(zombie))
            drain(read_model.log, read_model.process(), shard, batch=batch)
            assert read_model.data() == without_trouble
            zombie.send_signal(signal.SIGCONT)
            code, said = end_of(zombie)
        assert code != 0
        assert "StaleCheckpointError" in said
        assert read_model.data() == without_trouble
        read_model.process().checkpoint(shard)
        assert read_model.data() == without_trouble


def test_a_range_that_is_claimed_is_not_cut_anew_by_one_who_came_before_the_claim(
    postgres_database: Database, clickhouse_url: str
) -> None:
    with movement_rows(postgres_database.log, clickhouse_url) as read_model:
        log, shard = read_model.log, filled(read_model.log)
        drain(log, read_model.process(), shard)
        without_trouble = read_model.data()
        read_model.process().rebuild()
        rival = read_model.process()
        assert rival.checkpoint(shard).position == 0
        slow = Projector(
            projection="movements",
            shard=shard,
            log_dsn=postgres_database.log,
            clickhouse_url=clickhouse_url,
        )
        with slow.running(BACKSTOCK_STOP_AT="movements.after_claim") as stopped:
            wait_until(lambda: is_stopped(stopped))
            with pytest.raises(StaleCheckpointError):
                rival.apply(whole(log, rival, shard, 0, 37))
            stopped.send_signal(signal.SIGCONT)
            code, said = end_of(stopped)
        assert code == 0, said
        assert read_model.data() == without_trouble


def test_projectors_stopped_in_a_transaction_hold_nobody_up_for_long_and_write_nothing(
    postgres_database: Database, redis_url: str, redis_prefix: str
) -> None:
    dsn = postgres_database.log
    with (
        stock_level_rows(dsn) as levels,
        availability_keys(dsn, redis_url, redis_prefix) as keys,
    ):
        shard = filled(levels.log)
        slow = Projector(projection="stock_levels", shard=shard, log_dsn=dsn)
        redis = replace(
            slow, projection="availability", redis_url=redis_url, redis_prefix=redis_prefix
        )
        with (
            slow.running(BACKSTOCK_STOP_AT="stock_levels.before_commit:2") as of_levels,
            redis.running(BACKSTOCK_STOP_AT="availability.after_call:2") as of_keys,
        ):
            zombies: dict[psutil.Popen, ReadModel] = {of_levels: levels, of_keys: keys}
            for zombie in zombies:
                wait_until(partial(is_stopped, zombie))
            for read_model in zombies.values():
                wait_until(partial(is_followed, read_model, shard))
            without_trouble = [read_model.data() for read_model in zombies.values()]
            for zombie in zombies:
                zombie.send_signal(signal.SIGCONT)
            assert all(end_of(zombie)[0] != 0 for zombie in zombies)
        assert [read_model.data() for read_model in zombies.values()] == without_trouble


def test_a_session_ended_by_the_server_is_an_outage_with_nothing_half_done(
    postgres_database: Database,
) -> None:
    with stock_level_rows(postgres_database.log) as read_model:
        shard = filled(read_model.log)
        projector = Projector(projection="stock_levels", shard=shard, log_dsn=postgres_database.log)
        with projector.running(BACKSTOCK_STOP_AT="stock_levels.before_commit:3") as child:
            wait_until(lambda: is_stopped(child))
            with psycopg.connect(postgres_database.admin, autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE state = 'idle in transaction' AND datname = current_database()"
                )
            child.send_signal(signal.SIGCONT)
            code, said = end_of(child)
        assert code != 0
        assert "StoreUnavailableError" in said
        assert read_model.process().checkpoint(shard).position == 200
        drain(read_model.log, read_model.process(), shard)
        without_trouble = read_model.data()
        read_model.process().rebuild()
        drain(read_model.log, read_model.process(), shard)
        assert read_model.data() == without_trouble
