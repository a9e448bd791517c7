"""Reading what was appended: pages, streams, snapshots, heads, and a cold process's first look."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

import psycopg
import pytest
from psycopg import sql

from eventlog.log import GENESIS_HASH, LogUnavailableError, SignedHead, Snapshot
from eventlog.postgres import reader as reading
from eventlog.postgres.connections import open_log_pool
from eventlog.postgres.heads import (
    last_signed_head,
    ledger_head,
    ledger_heads,
    save_signed_heads,
    unsigned_heads,
)
from eventlog.postgres.identity import add_ledger, add_tenant, store_identity
from eventlog.postgres.reader import PostgresReader
from eventlog.postgres.snapshots import PostgresSnapshots
from tests.appends import LEDGER, NOON, Store, event, log
from tests.parts import Database

LONG = 280_000
SNAPSHOT_EVERY = 100


@pytest.fixture
def store(postgres_database: Database) -> Iterator[Store]:
    with log(postgres_database.log) as opened:
        yield opened


def snapshot(stream: str, version: int, state: bytes = b"\x00state", form: str = "v1") -> Snapshot:
    return Snapshot(ledger=LEDGER, stream=stream, stream_version=version, format=form, state=state)


def test_pages_join_without_a_seam(store: Store) -> None:
    store.append(*(event(version=version) for version in range(1, 8)))
    pages = [store.reader.read_shard(store.shard, after, 3) for after in (0, 3, 6, 7)]
    assert [[each.shard_position for each in page] for page in pages] == [
        [1, 2, 3],
        [4, 5, 6],
        [7],
        [],
    ]
    assert [each.ledger_position for each in store.reader.read_ledger(LEDGER, 5, 10)] == [6, 7]
    assert store.reader.read_ledger("acme/none", 0, 10) == []
    assert store.reader.read_shard((store.shard + 1) % 16, 0, 10) == []


def test_a_shards_position_is_its_last_committed_one(store: Store) -> None:
    assert store.reader.shard_position(store.shard) == 0
    store.append(event(), event(version=2))
    assert store.reader.shard_position(store.shard) == 2
    with pytest.raises(LookupError, match="no shard 16"):
        store.reader.shard_position(16)


def test_a_stream_is_read_in_order_across_pages(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "STREAM_PAGE", 3)
    for version in range(1, 8):
        store.append(event("a", version), event("b", version))
    versions = [each.stream_version for each in store.reader.read_stream(LEDGER, "a", 1)]
    assert versions == [2, 3, 4, 5, 6, 7]
    assert list(store.reader.read_stream(LEDGER, "a", 7)) == []
    assert list(store.reader.read_stream(LEDGER, "none", 0)) == []


@pytest.mark.parametrize("page", [2, 3, 1_000])
def test_many_tails_come_at_once_each_in_order(
    store: Store, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(reading, "TAIL_PAGE", page)
    monkeypatch.setattr(reading, "STREAM_PAGE", page)
    for version in range(1, 6):
        store.append(event("a", version), event("b", version), event("c", version))
    wanted = [(LEDGER, "a", 3), (LEDGER, "b", 0), (LEDGER, "none", 0), (LEDGER, "c", 5)]
    tails: dict[str, list[int]] = {}
    for each in store.reader.read_streams(wanted):
        tails.setdefault(each.stream, []).append(each.stream_version)
    assert tails == {"a": [4, 5], "b": [1, 2, 3, 4, 5]}
    assert store.reader.read_streams([]) == ()


def test_snapshots_are_kept_unless_a_higher_one_is_there(store: Store) -> None:
    snapshots = PostgresSnapshots(store.pool)
    snapshots.save([snapshot("a", 5), snapshot("b", 2), snapshot("b", 3), snapshot("b", 1)])
    snapshots.save([snapshot("a", 4, b"older"), snapshot("b", 9, b"newer", "v2")])
    found = snapshots.load([(LEDGER, "a"), (LEDGER, "b"), (LEDGER, "c"), ("bolt/main", "a")])
    assert found == {
        (LEDGER, "a"): snapshot("a", 5),
        (LEDGER, "b"): snapshot("b", 9, b"newer", "v2"),
    }
    assert snapshots.load([]) == {}
    snapshots.save([])


def test_a_cold_process_reads_a_long_stream_from_its_snapshot_on(
    store: Store, postgres_database: Database
) -> None:
    with psycopg.connect(postgres_database.admin) as admin:
        admin.execute(
            "INSERT INTO events SELECT %s, n, n, n, now(), now(), gen_random_uuid(), 'acme', %s,"
            " 'stock-A@hall', 'stock.received.v1', '{}', '{}', %s FROM generate_series(1, %s) AS n",
            (store.shard, LEDGER, GENESIS_HASH, LONG),
        )
        admin.execute("UPDATE shards SET position = %s WHERE shard = %s", (LONG, store.shard))
    folded = LONG - SNAPSHOT_EVERY + 1
    PostgresSnapshots(store.pool).save([snapshot("stock-A@hall", folded)])
    with open_log_pool(postgres_database.log, size=1, name="cold") as pool:
        started = perf_counter()
        known = PostgresSnapshots(pool).load([(LEDGER, "stock-A@hall")])
        version = known[LEDGER, "stock-A@hall"].stream_version
        tail = PostgresReader(pool).read_streams([(LEDGER, "stock-A@hall", version)])
        seconds = perf_counter() - started
    assert len(tail) < SNAPSHOT_EVERY
    assert tail[-1].stream_version == LONG
    assert seconds < 1.0  # `make bench` has the figure; this only says that nobody read it all


def test_heads_tell_where_every_ledger_stands(store: Store) -> None:
    add_tenant(store.pool, "bolt", "Bolt", subject_secret=b"s")
    add_ledger(store.pool, "bolt")
    store.append(event())
    heads = {head.ledger: head for head in ledger_heads(store.pool)}
    assert list(heads) == [LEDGER, "bolt/main"]
    (stored,) = store.all_events()
    assert (heads[LEDGER].position, heads[LEDGER].chain_hash, heads[LEDGER].recorded_at) == (
        1,
        stored.chain_hash,
        stored.recorded_at,
    )
    assert (heads["bolt/main"].position, heads["bolt/main"].chain_hash) == (0, GENESIS_HASH)
    assert ledger_head(store.pool, LEDGER) == heads[LEDGER]
    assert ledger_head(store.pool, "acme/none") is None


def test_only_heads_that_moved_are_signed_again(store: Store) -> None:
    assert unsigned_heads(store.pool) == []
    store.append(event())
    (head,) = unsigned_heads(store.pool)
    signed = SignedHead(
        ledger=head.ledger,
        tenant=head.tenant,
        position=head.position,
        chain_hash=head.chain_hash,
        recorded_at=head.recorded_at,
        key_id="k",
        signature=b"s",
    )
    assert last_signed_head(store.pool, LEDGER) is None
    save_signed_heads(store.pool, [signed])
    save_signed_heads(store.pool, [signed])
    assert last_signed_head(store.pool, LEDGER) == signed
    assert unsigned_heads(store.pool) == []
    store.append(event(version=2))
    assert [head.position for head in unsigned_heads(store.pool)] == [2]


def test_tenants_and_ledgers_are_added_once(store: Store) -> None:
    add_tenant(store.pool, "acme", "Another name", subject_secret=b"another")
    assert add_ledger(store.pool, "acme") == LEDGER
    with store.pool.connection() as connection:
        rows = connection.execute("SELECT name, subject_secret FROM tenants").fetchall()
    assert rows == [("acme", b"secret")]


def test_a_store_knows_itself(store: Store) -> None:
    identity = store_identity(store.pool)
    assert (identity.epoch, identity.shards) == (1, 16)
    assert identity == store_identity(store.pool)


def test_a_reader_without_its_database_says_so(store: Store, postgres_database: Database) -> None:
    store.append(event())
    end_all = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = 'backstock_log'"
    )
    with psycopg.connect(postgres_database.admin, autocommit=True) as admin:
        admin.execute(end_all)
    with pytest.raises(LogUnavailableError):
        store.reader.read_shard(store.shard, 0, 1)
    # One reader pays for the dead connections of the pool, the next has a fresh one.
    assert len(store.reader.read_shard(store.shard, 0, 1)) == 1


def test_times_come_back_in_utc(postgres_database: Database) -> None:
    with psycopg.connect(postgres_database.admin, autocommit=True) as admin:
        name = sql.Identifier(admin.info.dbname)
        admin.execute(sql.SQL("ALTER DATABASE {} SET timezone = 'Asia/Tokyo'").format(name))
    with log(postgres_database.log) as store:
        store.append(event())
        (stored,) = store.all_events()
    assert stored.occurred_at.isoformat() == NOON.isoformat()
