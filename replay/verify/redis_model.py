"""The read model in Redis (`availability`): one atomic read per shard, checkpoint and cells together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
import redis

from replay.verify.ledger import LedgerFold
from replay.verify.read_models import CatalogueEntry, Cell, Key, Table, TablesCheck, parked
from replay.verify.report import LawResult

# KEYS: the shard's set of cell keys and its hash of ledger positions.
_READ_SHARD = """
local cells = {}
for _, key in ipairs(redis.call('SMEMBERS', KEYS[1])) do
    cells[#cells + 1] = {key, redis.call('HGETALL', key)}
end
return {redis.call('HGETALL', KEYS[2]), cells}
"""
_SCAN_COUNT = 1_000


def _availability(fold: LedgerFold) -> Mapping[Key, Cell]:
    cells: dict[Key, Cell] = {
        (sku, location): {
            "value": stock.on_hand - stock.reserved - stock.committed - stock.picked - stock.held
        }
        for (sku, location), stock in fold.stocks.items()
    }
    for sku, item in fold.items.items():
        cells[(sku, "#safety_stock")] = {"value": item.get("safety_stock", 0)}
        cells[(sku, "#backorder_limit")] = {"value": item.get("backorder_limit", 0)}
        cells[(sku, "#status")] = {"value": item["status"]}
    return cells


def _stream_of(key: Key) -> str:
    sku, name = key
    return f"item-{sku}" if name.startswith("#") else f"stock-{sku}@{name}"


def read(
    client: redis.Redis, connection: psycopg.Connection, entry: CatalogueEntry, result: LawResult
) -> TablesCheck:
    prefix = entry.places["availability"]
    table = Table(name=f"hash {prefix}:* in Redis", cells=_availability, stream_of=_stream_of)
    positions: dict[str, int] = {}
    known: set[str] = set()
    for (shard,) in connection.execute("SELECT shard FROM shards ORDER BY shard"):
        tag = f"{prefix}:{{{shard}}}"
        answer: Any = client.eval(_READ_SHARD, 2, f"{tag}:keys", f"{tag}:ledgers")
        ledgers, hashes = answer
        for ledger, stamp in _pairs(ledgers):
            positions[ledger] = int(stamp.split()[0])
        for raw_key, fields in hashes:
            known.add(_text(raw_key))
            _add(table, tag, _text(raw_key), _pairs(fields))
    _strays(client, prefix, known, result)
    return TablesCheck(
        name=entry.projection,
        result=result,
        positions=positions,
        parked=parked(connection, entry),
        tables=[table],
    )


def _add(table: Table, tag: str, key: str, fields: list[tuple[str, str]]) -> None:
    ledger, _, sku = key.removeprefix(f"{tag}:").partition(":")
    cells = table.found.setdefault(ledger, {})
    for name, value in fields:
        cells[(sku, name)] = {"value": value if name == "#status" else int(value)}


def _strays(client: redis.Redis, prefix: str, known: set[str], result: LawResult) -> None:
    own = (":keys", ":ledgers", ":checkpoint")
    for raw in client.scan_iter(match=f"{prefix}:*", count=_SCAN_COUNT, _type="hash"):
        key = _text(raw)
        if key not in known and not key.endswith(own):
            result.differ(
                where=f"key {key} in Redis",
                expected="a key that its shard's set of keys names",
                found="a key beside it",
            )


def _pairs(flat: list[bytes | str]) -> list[tuple[str, str]]:
    texts = [_text(value) for value in flat]
    return list(zip(texts[::2], texts[1::2], strict=True))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
