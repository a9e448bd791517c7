"""Building read models from history, beside merely reading and decoding as many events elsewhere.

The peer is `eventsourcing`: its own PostgreSQL recorder, `Mapper` and `JSONTranscoder`, in one
process, reading notifications and turning them into events, and doing nothing with them. Ours reads
the log, folds it and writes a whole version of a read model. Both on the same server, in turns.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import clickhouse_connect
import psycopg
from pydantic import SecretStr

from bench.figures import Figure, figure
from bench.plain_reading import plain_application, plain_reading_rate
from bench.store import SHARDS, add, log_pool, store
from eventlog.postgres.positions import shard_positions
from eventlog.shards import shard_of
from ops.replaying import Replaying, replaying
from ops.settings import Settings
from ops.stack.clickhouse import ClickHousePart
from ops.stack.parts import running
from ops.stack.redis import RedisPart
from ops.stores import Stores
from projections.catalogue import ensure
from replay import planning
from replay.budget import Budget
from replay.building import build
from replay.cancelling import cancel
from replay.planning import Request

EVENTS = 1_200_000  # As many as a year of a wholesaler's invoices comes to.
ITEMS = 4_000
ROUNDS = 3
CORES = 2
TARGETS = {
    "replay_stock_levels": ("stock_levels",),
    "replay_availability": ("availability",),
    "replay_movements": ("movements",),
    "replay_three_stores": ("stock_levels", "availability", "movements"),
}
# In the proportions of a shop: of twenty events two are an order's, sixteen its lines'.
FILL = """
INSERT INTO events
SELECT %(shard)s, n, n, n, '2011-01-01'::timestamptz + n / 20 * interval '1 minute',
       '2026-01-01'::timestamptz + n / 50 * interval '1 millisecond', gen_random_uuid(), 'deep',
       %(ledger)s, 'stock-' || sku || '@main', kind.type,
       convert_to(format(kind.data, sku, 536365 + n / 20), 'UTF8'),
       '{"actor":"sub_8f3f2c1b","command_id":"online-retail:536365:1"}',
       decode(repeat('00', 32), 'hex')
  FROM generate_series(%(after)s::bigint + 1, %(last)s) AS n,
       LATERAL (SELECT n * 7919 %% %(items)s + 10000 AS sku) AS of_event,
       LATERAL (SELECT CASE WHEN n %% 20 > 3 THEN 4 + n %% 2 ELSE n %% 20 END AS number) AS turn
  JOIN (VALUES
       (0, 'order.placed.v1', '{"order_id":"%%2$s","currency":"GBP","lines":[{"line":1,'
           '"sku":"%%1$s","location":"main","quantity":6,"unit_price_micros":2550000}]}'),
       (1, 'order.allocated.v1', '{"order_id":"%%2$s"}'),
       (2, 'stock.received.v1', '{"sku":"%%1$s","location":"main","quantity":96,'
           '"document":"PO-%%2$s"}'),
       (3, 'stock.returned.v1', '{"sku":"%%1$s","location":"main","quantity":1,"to":"stock"}'),
       (4, 'stock.committed.v1',
           '{"sku":"%%1$s","location":"main","order_id":"%%2$s","line":1,"quantity":6}'),
       (5, 'stock.shipped.v1', '{"sku":"%%1$s","location":"main","quantity":6,"order_id":"%%2$s",'
           '"line":1,"unit_price_micros":2550000,"currency":"GBP"}')
       ) AS kind (number, type, data) ON kind.number = turn.number
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A log of one ledger, so of one shard, and the three stores."""

    around: Replaying
    shard: int
    ledger: str
    admin_dsn: str

    def grow(self, last: int) -> None:
        """Until there are so many events."""
        with psycopg.connect(self.admin_dsn, autocommit=True) as admin:
            (after,) = admin.execute(
                "SELECT position FROM shards WHERE shard = %s", (self.shard,)
            ).fetchall()[0]
            values = {
                "shard": self.shard,
                "ledger": self.ledger,
                "after": after,
                "last": last,
                "items": ITEMS,
            }
            admin.execute(FILL, values)
            admin.execute("UPDATE shards SET position = %s WHERE shard = %s", (last, self.shard))
            admin.execute("UPDATE ledgers SET position = %s WHERE ledger = %s", (last, self.ledger))
            admin.execute("VACUUM ANALYZE events")

    def rate(self, projections: tuple[str, ...], *, cores: int = CORES) -> float:
        """Events of history per second, from the start of the run to versions that are complete."""
        around = self.around
        request = Request(projections=projections, anyway=True)
        planned = planning.plan(around.pool, around.reader, request)
        replay_id = planning.start(around.pool, planned, redis_prefix="bench")
        started = time.perf_counter()
        build(
            around.pool,
            around.reader,
            replay_id,
            make=around.make,
            owner=around.owner,
            stop=Event(),
            budget=Budget(cores=cores),
            observe=lambda _: None,
            bulk=around.bulk(),
        )
        seconds = time.perf_counter() - started
        cancel(
            around.pool,
            replay_id,
            owner=around.owner,
            drop=around.drop,
            sleep=lambda _: None,
        )
        (head,) = (
            position
            for shard, position in shard_positions(around.pool).items()
            if shard == self.shard
        )
        return head / seconds


@contextmanager
def lab() -> Iterator[Lab]:
    """Empty stores of its own."""
    with ExitStack() as resources:
        directory = Path(resources.enter_context(tempfile.TemporaryDirectory()))
        admin_dsn, dsn = resources.enter_context(store())
        redis_url = resources.enter_context(running(RedisPart(), directory / "redis"))
        clickhouse_url = resources.enter_context(
            running(ClickHousePart(), directory / "clickhouse")
        )
        server, _, database = clickhouse_url.rpartition("/")
        with closing(clickhouse_connect.get_client(dsn=server)) as client:
            client.command(f"CREATE DATABASE IF NOT EXISTS {database}")
        with log_pool(dsn) as pool:
            ledger = add(pool, "deep")
            ensure(pool, redis_prefix="bench")
        settings = Settings(
            data=directory,
            postgres_dsn=SecretStr(admin_dsn),
            postgres_log_dsn=SecretStr(dsn),
            redis_url=SecretStr(redis_url),
            redis_prefix="bench",
            clickhouse_url=SecretStr(clickhouse_url),
        )
        around = resources.enter_context(replaying(Stores.of(settings)))
        yield Lab(around=around, shard=shard_of(ledger, SHARDS), ledger=ledger, admin_dsn=admin_dsn)


def measure() -> list[Figure]:
    """On one set of stores, in turns."""
    rates: dict[str, list[float]] = {name: [] for name in TARGETS}
    peers: list[float] = []
    with lab() as stores:
        stores.grow(EVENTS)
        plain = plain_application(stores.admin_dsn, EVENTS)
        try:
            for _ in range(ROUNDS):
                peers.append(plain_reading_rate(plain))
                for name, projections in TARGETS.items():
                    rates[name].append(stores.rate(projections))
        finally:
            plain.close()
    peer = figure("eventsourcing_reading", "events/s", peers)
    ours = [figure(name, "events/s", values) for name, values in rates.items()]
    return [
        peer,
        *(replace(one, peer=peer.name, ratio=round(one.median / peer.median, 2)) for one in ours),
    ]
