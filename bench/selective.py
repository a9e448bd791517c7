"""One SKU put right in all stores, in a log of a million events: what an operator waits for.

Events and read models are made by the servers themselves, as the folds would leave them. Before
each round the SKU's figures are spoiled in every store; what is measured is the whole correction,
with the search for its streams and the digests of every other key before and after.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import clickhouse_connect
import psycopg
import redis
from clickhouse_connect.driver.client import Client

from bench.figures import Figure, figure
from bench.store import SHARDS, add, log_pool, store
from eventlog.log import GENESIS_HASH
from eventlog.postgres.connections import Pool
from eventlog.postgres.identity import store_identity
from eventlog.postgres.reader import PostgresReader
from eventlog.shards import shard_of
from ops.stack.clickhouse import ClickHousePart
from ops.stack.parts import running
from ops.stack.redis import RedisPart
from projections.availability.keys import ShardKeys, place
from projections.catalogue import ensure
from projections.movements.schema import MOVEMENTS, prepare
from replay.selective.run import Surroundings, replay_keys
from replay.selective.selection import Selection

EVENTS: Final = 1_000_000
SKUS: Final = 5_000
ROUNDS: Final = 7
PREFIX: Final = "bench"
RECORDED: Final = "2026-03-01 00:00:00+00"
SPOILED: Final = "S00077"
SKU: Final = f"'S' || lpad((n %% {SKUS})::text, 5, '0')"
FILL: Final = f"""
INSERT INTO events
SELECT %(shard)s, n, n, (n - 1) / {SKUS} + 1, %(at)s, %(at)s, md5(n::text)::uuid, 'bench',
       %(ledger)s, 'stock-' || {SKU} || '@main', 'stock.received.v1',
       convert_to('{{"sku":"' || {SKU} || '","location":"main","quantity":1}}', 'UTF8'), '{{}}',
       %(hash)s
  FROM generate_series(1, %(events)s) AS n
"""
HEADS: Final = (
    "UPDATE shards SET position = %(events)s WHERE shard = %(shard)s",
    "UPDATE ledgers SET position = %(events)s, recorded_at = %(at)s WHERE ledger = %(ledger)s",
    """
    INSERT INTO stock_levels_v1
    SELECT 'bench', ledger, split_part(substr(stream, 7), '@', 1), 'main', count(*), 0, 0, 0, 0, 0,
           NULL, max(ledger_position), max(recorded_at) FROM events GROUP BY ledger, stream
    """,
    "UPDATE projection_checkpoints SET position = %(events)s WHERE shard = %(shard)s",
    """
    INSERT INTO projection_ledgers (projection, version, ledger, tenant, position, recorded_at)
    SELECT projection, 1, %(ledger)s, 'bench', %(events)s, %(at)s FROM projections
    """,
    "VACUUM ANALYZE",
)
ROWS: Final = f"""
INSERT INTO movements_v1 ({", ".join(MOVEMENTS)})
SELECT 'bench', {{ledger:String}}, n, {{shard:UInt16}}, n,
       toUUID(replaceRegexpOne(lower(hex(MD5(toString(n)))),
           '(.{{8}})(.{{4}})(.{{4}})(.{{4}})(.{{12}})', '\\\\1-\\\\2-\\\\3-\\\\4-\\\\5')),
       'stock.received.v1', intDiv(n - 1, {SKUS}) + 1,
       concat('S', leftPad(toString(n % {SKUS}), 5, '0')), 'main',
       toDateTime64({{at:String}}, 6, 'UTC'), toDateTime64({{at:String}}, 6, 'UTC'),
       1, 0, 0, 0, 0, NULL, 1, '', NULL, '', '', '', '', NULL, ''
  FROM (SELECT number + 1 AS n FROM numbers({EVENTS}))
"""


# Keys that `_spoil` has made wrong, by read model.
CHANGED = {"stock_levels": 1, "availability": 1, "movements": 2}


def measure() -> list[Figure]:
    """On servers that nobody else uses."""
    with _filled() as (admin_dsn, around):
        seconds: dict[str, list[float]] = {"all": []}
        for _ in range(ROUNDS):
            _spoil(admin_dsn, around)
            started = time.perf_counter()
            done = replay_keys(around, Selection(sku=SPOILED))
            seconds["all"].append(time.perf_counter() - started)
            assert done.complete
            changed = {each.projection: each.changed_keys for each in done.outcomes}
            assert {name: keys for name, keys in changed.items() if keys} == CHANGED, done.as_dict()
            for each in done.outcomes:
                _spoil(admin_dsn, around)
                started = time.perf_counter()
                replay_keys(around, Selection(sku=SPOILED), projections=[each.projection])
                spent = time.perf_counter() - started
                seconds.setdefault(each.projection, []).append(spent)
    return [
        figure("selective_sku" if name == "all" else f"selective_sku_{name}", "s", spent)
        for name, spent in seconds.items()
    ]


def _spoil(admin_dsn: str, around: Surroundings) -> None:
    with psycopg.connect(admin_dsn) as admin:
        admin.execute("UPDATE stock_levels_v1 SET held = 3 WHERE sku = %s", (SPOILED,))
        admin.execute("UPDATE projection_ledgers SET corrections = '{}'")
    ledger = "bench/main"
    keys = ShardKeys(place(PREFIX, 1), shard_of(ledger, SHARDS))
    around.redis.hset(keys.hash_of(ledger, SPOILED), "main", "4711")


@contextmanager
def _filled() -> Iterator[tuple[str, Surroundings]]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        admin_dsn, dsn = stack.enter_context(store())
        redis_url = stack.enter_context(running(RedisPart(), directory / "redis"))
        rows_url = stack.enter_context(running(ClickHousePart(), directory / "clickhouse"))
        pool = stack.enter_context(log_pool(dsn))
        keys = stack.enter_context(closing(redis.Redis.from_url(redis_url)))
        _make_database(rows_url)
        rows = stack.enter_context(closing(clickhouse_connect.get_client(dsn=rows_url)))
        _fill(admin_dsn, pool, keys, rows)
        identity = store_identity(pool)
        yield (
            admin_dsn,
            Surroundings(
                pool=pool,
                reader=PostgresReader(pool),
                redis=keys,
                clickhouse=rows,
                store_id=identity.store_id,
                epoch=identity.epoch,
            ),
        )


def _make_database(url: str) -> None:
    named = urlsplit(url)
    with closing(clickhouse_connect.get_client(dsn=named._replace(path="").geturl())) as server:
        server.command(f"CREATE DATABASE IF NOT EXISTS {named.path[1:]}")


def _fill(admin_dsn: str, pool: Pool, keys: redis.Redis, rows: Client) -> None:
    ensure(pool, redis_prefix=PREFIX)
    ledger = add(pool, "bench")
    shard = shard_of(ledger, SHARDS)
    values = {
        "shard": shard,
        "ledger": ledger,
        "events": EVENTS,
        "at": RECORDED,
        "hash": GENESIS_HASH,
    }
    with psycopg.connect(admin_dsn, autocommit=True) as admin:
        admin.execute(FILL.encode(), values)
        for statement in HEADS:
            admin.execute(statement.encode(), values if "%" in statement else None)
    identity = store_identity(pool)
    shard_keys = ShardKeys(place(PREFIX, 1), shard)
    with keys.pipeline(transaction=False) as pipeline:
        checkpoint: dict[Any, Any] = {
            "store_id": str(identity.store_id),
            "epoch": "1",
            "position": str(EVENTS),
        }
        pipeline.hset(shard_keys.checkpoint, mapping=checkpoint)
        for number in range(SKUS):
            name = shard_keys.hash_of(ledger, f"S{number:05d}")
            pipeline.hset(name, "main", str(EVENTS // SKUS))
            pipeline.sadd(shard_keys.keys, name)
        pipeline.execute()
    prepare(rows)
    rows.command(ROWS, {"ledger": ledger, "shard": shard, "at": RECORDED[:19]})
    rows.command(
        "ALTER TABLE movements_v1 UPDATE on_hand_delta = 2 WHERE sku = {sku:String} AND position"
        " < 6000 SETTINGS mutations_sync = 2",
        {"sku": SPOILED},
    )
