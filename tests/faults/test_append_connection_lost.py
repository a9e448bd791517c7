"""The line to the database breaks in the middle of an append."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from eventlog.log import AppendUnknownError, LogUnavailableError
from eventlog.postgres.answers import find_answers
from tests.appends import LEDGER, POOL_SIZE, Batch, Store, event, key_row, log
from tests.parts import Database
from tests.tcp_proxy import Proxy, proxy_to


@pytest.fixture
def proxy(postgres_database: Database) -> Iterator[Proxy]:
    with proxy_to(postgres_database.log) as opened:
        yield opened


@pytest.fixture
def store(proxy: Proxy, postgres_database: Database) -> Iterator[Store]:
    with log(proxy.dsn(postgres_database.log)) as opened:
        yield opened


def once(wanted: bytes) -> list[bytes]:
    """What a chunk must hold to be cut; emptied at the first hit, so that a retry gets through."""
    return [wanted]


def hits(wanted: list[bytes], chunk: bytes) -> bool:
    if wanted and wanted[0] in chunk:
        wanted.clear()
        return True
    return False


def keyed(answer: bytes = b"the one answer") -> Batch:
    return Batch(events=[event()], rows=[key_row("k", answer=answer)], keys=[(LEDGER, "k")])


def test_a_lost_commit_reply_is_unknown_and_the_same_keys_tell_the_outcome(
    store: Store, proxy: Proxy
) -> None:
    wanted = once(b"COMMIT\x00")
    proxy.after = lambda chunk: hits(wanted, chunk)
    with pytest.raises(AppendUnknownError):
        store.appender.append(store.shard, keyed())
    assert proxy.cuts == 1
    again = Batch(keys=[(LEDGER, "k")])
    store.appender.append(store.shard, again)
    assert again.answers[LEDGER, "k"].answer == b"the one answer"
    assert [each.ledger_position for each in store.all_events()] == [1]


def test_a_commit_that_never_arrived_is_unknown_and_the_same_keys_tell_so(
    store: Store, proxy: Proxy
) -> None:
    wanted = once(b"COMMIT\x00")
    proxy.before = lambda chunk: hits(wanted, chunk)
    with pytest.raises(AppendUnknownError):
        store.appender.append(store.shard, keyed())
    again = keyed()
    store.appender.append(store.shard, again)
    assert again.answers == {}
    assert [each.ledger_position for each in store.all_events()] == [1]


@pytest.mark.parametrize("moment", [b"FOR UPDATE", b"COPY events", b"PGCOPY", b"COPY command_keys"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_line_lost_before_the_commit_is_answered_by_another_attempt(
    store: Store, proxy: Proxy, moment: bytes, side: str
) -> None:
    wanted = once(moment)
    setattr(proxy, side, lambda chunk: hits(wanted, chunk))
    store.appender.append(store.shard, keyed())
    assert proxy.cuts == 1
    assert [each.ledger_position for each in store.all_events()] == [1]
    assert list(find_answers(store.pool, LEDGER, ["k"])) == ["k"]


def test_a_database_that_cannot_be_kept_is_unavailable_and_nothing_is_written(
    store: Store, proxy: Proxy, postgres_database: Database
) -> None:
    proxy.before = lambda chunk: b"PGCOPY" in chunk
    with pytest.raises(LogUnavailableError):
        store.appender.append(store.shard, keyed())
    assert 1 < proxy.cuts <= 5
    proxy.before = lambda _: False
    assert store.all_events() == []
    store.appender.append(store.shard, keyed())


def test_connections_that_died_in_the_pool_cost_no_append(
    store: Store, postgres_database: Database
) -> None:
    store.append(event(version=1))
    with ExitStack() as borrowed:  # more than an append tries, and all of them open
        for _ in range(POOL_SIZE):
            borrowed.enter_context(store.pool.connection())
    with psycopg.connect(postgres_database.admin, autocommit=True) as admin:
        ended = admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = 'backstock_log'"
        )
        assert ended.rowcount == POOL_SIZE
    store.append(event(version=2))
    assert [each.ledger_position for each in store.all_events()] == [1, 2]


def test_no_database_at_all_is_unavailable(postgres_database: Database) -> None:
    with proxy_to(postgres_database.log) as proxy:
        dead = proxy.dsn(postgres_database.log)
    with pytest.raises(LogUnavailableError), log(dead):
        pass
