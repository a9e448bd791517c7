"""What a version holds, as checksums: the same bytes whatever the batches, order and processes.

A checksum is the number of rows or keys, and two sums of their hashes, so it needs no order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, cast

import redis
from clickhouse_connect.driver.client import Client
from psycopg import sql

from eventlog.postgres.connections import Pool, borrowed
from projections.availability.shard_store import redis_outages
from projections.catalogue import ReadModel
from projections.movements.inserts import clickhouse_outages
from replay.diff.snapshot import SETTINGS

POSTGRES: Final = """
SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0),
       coalesce(sum(hashtextextended(t::text, 1)::numeric), 0)
  FROM {table} AS t
"""
CLICKHOUSE: Final = """
SELECT count(), sum(cityHash64(tuple(*))), sum(xxh3(tuple(*))) FROM {table:Identifier} FINAL
"""
CLICKHOUSE_PLAIN: Final = CLICKHOUSE.replace(" FINAL", "")
# Of a shard's own keys, how it got there: not what it says.
BOOKKEEPING: Final = (b":checkpoint", b":unparked")
KEY_SET: Final = b"}:keys"
SCAN: Final = 1_000
HASH_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """Where the versions are, but for PostgreSQL."""

    redis: redis.Redis
    clickhouse: Client


class NotDeterministicError(Exception):
    """The same events, cut another way, gave other bytes."""

    def __init__(self, projection: str, place: str, first: str, second: str) -> None:
        super().__init__(
            f"{projection}: {place} is {first} when built with one cut of the events, and {second}"
            " with another: its fold depends on more than the events in their order"
        )
        self.projection = projection
        self.place = place


def checksums(model: ReadModel, pool: Pool, clients: Clients) -> dict[str, str]:
    """Logical place -> checksum, of one version as it is now.

    Times at which batches were applied are no part of it. Raises OUTAGES.
    """
    match model.store:
        case "postgres":
            return {place: _of_table(pool, table) for place, table in model.places.items()}
        case "redis":
            return {place: _of_keys(clients, prefix) for place, prefix in model.places.items()}
        case "clickhouse":
            return {
                place: _of_columns(clients, place, table) for place, table in model.places.items()
            }


def compare(projection: str, first: Mapping[str, str], second: Mapping[str, str]) -> None:
    """Raises `NotDeterministicError` for the first place that differs."""
    for place in sorted(first.keys() | second.keys()):
        one, other = first.get(place, "missing"), second.get(place, "missing")
        if one != other:
            raise NotDeterministicError(projection, place, one, other)


def _of_table(pool: Pool, table: str) -> str:
    with borrowed(pool) as connection, connection.transaction():
        connection.execute(SETTINGS)
        statement = sql.SQL(POSTGRES).format(table=sql.Identifier(table))
        return _text(connection.execute(statement).fetchall()[0])


def _of_columns(clients: Clients, place: str, table: str) -> str:
    statement = CLICKHOUSE_PLAIN if place == "movements" else CLICKHOUSE
    with clickhouse_outages():
        rows = clients.clickhouse.query(statement, parameters={"table": table}).result_rows
    return _text(rows[0])


def _of_keys(clients: Clients, prefix: str) -> str:
    count = total = 0
    page: list[bytes] = []
    with redis_outages():
        for key in clients.redis.scan_iter(match=f"{prefix}:*", count=SCAN):
            if not cast("bytes", key).endswith(BOOKKEEPING):
                page.append(cast("bytes", key))
            if len(page) == SCAN:
                total += _of_page(clients.redis, page, len(prefix))
                count += len(page)
                page = []
        total += _of_page(clients.redis, page, len(prefix))
    return f"{count + len(page)}:{total:x}"


def _of_page(client: redis.Redis, keys: list[bytes], prefix: int) -> int:
    """The names begin with the version's own prefix, of so many characters: no part of it."""
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        if key.endswith(KEY_SET):
            pipeline.smembers(key)
        else:
            pipeline.hgetall(key)
    total = 0
    for key, found in zip(keys, pipeline.execute(), strict=True):
        if key.endswith(KEY_SET):
            rows = sorted(name[prefix:] for name in found)
        else:
            rows = sorted(found.items())
        digest = blake2b(repr((key[prefix:], rows)).encode(), digest_size=HASH_BYTES).digest()
        total += int.from_bytes(digest, "big")
    return total


def _text(row: Any) -> str:  # noqa: ANN401 - a driver's row
    count, first, second = row
    return f"{count}:{int(first):x}:{int(second):x}"
