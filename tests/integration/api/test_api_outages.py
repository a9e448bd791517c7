"""A part that is down: 503, nothing half-done, and everything as before when it is back."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.api_world import Business, Process, receive
from tests.parts import Database

BACK_SECONDS_MAX = 20.0


@contextmanager
def database_down(database: Database, server: str) -> Iterator[None]:
    name = urlsplit(database.admin).path[1:]
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        try:
            yield
        finally:
            admin.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


def test_without_its_store_a_command_is_told_to_come_again_and_then_counts_once(
    apart: Process, postgres_server: str
) -> None:
    with apart.business() as alone:
        _is_told_to_come_again(alone, postgres_server)


def _is_told_to_come_again(alone: Business, postgres_server: str) -> None:
    alone.stock_up(1)
    http = alone.http()
    bulk = {"commands": [receive(5), receive(6, key="r-2")]}
    with database_down(alone.process.database, postgres_server), ThreadPoolExecutor() as threads:
        # At once, for each of them waits some seconds for a connection.
        commands = [
            threads.submit(http.post, "/v1/commands/receive_stock", json=receive(5)),
            threads.submit(http.post, "/v1/commands", json=bulk),
        ]
        ready, alive, metrics = (
            threads.submit(http.get, path) for path in ("/readyz", "/livez", "/metrics")
        )
        for answer in (each.result() for each in commands):
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "1"
            assert answer.headers["Content-Type"] == "application/problem+json"
        assert (ready.result().status_code, ready.result().json()["status"]) == (503, "down")
        assert alive.result().status_code == 200
        assert "eventstore_up 0.0" in metrics.result().text
    deadline = time.monotonic() + BACK_SECONDS_MAX
    while (again := http.post("/v1/commands", json=bulk)).status_code != 200:
        assert again.status_code == 503
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert again.json()["position"] == 5
    assert http.get("/readyz").json()["status"] == "ready"
