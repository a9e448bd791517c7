"""Planting faults in a whole store, and what is asked of `verify` then."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager

import redis
from clickhouse_connect.driver.client import Client

from eventlog.chain import chain_over, microseconds
from eventlog.log import GENESIS_HASH, SignedHead
from eventlog.shards import shard_of
from replay.verify.report import Report
from tests.projection_side import Journal, journal
from tests.whole_store import WholeStore

LEDGER = "acme/main"
OF_LEDGER = f"ledger = '{LEDGER}'"


def red(report: Report, law: str, *words: str) -> None:
    """The first difference is of this law and its place holds these words."""
    first = report.first_difference
    assert first is not None, "the fault was not found"
    assert first.law == law, first.sentence()
    missing = [word for word in words if word not in first.where]
    assert missing == [], first.sentence()
    assert not report.laws[law].ok


def position_of(store: WholeStore, key: str) -> int:
    """Ledger position of the first event of a command."""
    row = store.one(f"SELECT first_position FROM command_keys WHERE {OF_LEDGER} AND key = '{key}'")
    assert isinstance(row[0], int)
    return row[0]


def event_at(position: int) -> str:
    return f"event {position} of ledger {LEDGER} "


def at(position: int) -> str:
    return f"{OF_LEDGER} AND ledger_position = {position}"


def replaced(column: str, old: str, new: str) -> str:
    return (
        f"{column} = convert_to(replace(convert_from({column}, 'UTF8'), '{old}', '{new}'), 'UTF8')"
    )


@contextmanager
def redis_restored(store: WholeStore) -> Iterator[tuple[redis.Redis, str]]:
    """The ledger's shard in Redis, by the beginning of its keys; as before after the block."""
    tag = f"{store.places.prefix}:availability:v1:{{{shard_of(LEDGER, 16)}}}:"
    with closing(store.redis()) as keys:
        kept = {name: keys.dump(name) or b"" for name in keys.scan_iter(f"{tag}*")}
        try:
            yield keys, tag
        finally:
            keys.delete(*keys.scan_iter(f"{tag}*"), "none")
            for name, value in kept.items():
                keys.restore(name, 0, value)


@contextmanager
def table_restored(store: WholeStore, table: str) -> Iterator[Client]:
    """A table of ClickHouse that is as before after the block."""
    with closing(store.clickhouse()) as rows:
        rows.command(f"CREATE TABLE kept AS {table}")
        rows.command(f"INSERT INTO kept SELECT * FROM {table}")
        try:
            yield rows
        finally:
            rows.command(f"EXCHANGE TABLES kept AND {table}")
            rows.command("DROP TABLE kept SYNC")


@contextmanager
def journal_behind(store: WholeStore) -> Iterator[Journal]:
    """Appends behind what is there."""
    with journal(store.database.log) as log:
        for event in log.reader.read_ledger(LEDGER, 0, 10_000):
            log.versions[event.ledger, event.stream] = event.stream_version
        yield log


def cut_tail(store: WholeStore, first: int) -> None:
    """Everything from a position on, with the heads and key rows rewritten to match."""
    shard = shard_of(LEDGER, 16)
    last = f"FROM events WHERE {at(first - 1)}"
    store.plant(
        f"DELETE FROM events WHERE {OF_LEDGER} AND ledger_position >= {first}",
        f"DELETE FROM command_keys WHERE {OF_LEDGER} AND last_position >= {first}",
        f"UPDATE shards SET position = (SELECT max(shard_position) FROM events"
        f" WHERE shard = {shard}) WHERE shard = {shard}",
        f"UPDATE ledgers SET position = {first - 1}, chain_hash = (SELECT chain_hash {last}),"
        f" recorded_at = (SELECT recorded_at {last}) WHERE {OF_LEDGER}",
    )


def hash_anew(store: WholeStore) -> None:
    """Every hash of the ledger, and its head, made to fit what the events say now."""
    with journal(store.database.log) as log:
        events = log.reader.read_ledger(LEDGER, 0, 10_000)
    previous, statements = GENESIS_HASH, []
    for event in events:
        previous = chain_over(previous, [event])
        hashed = f"chain_hash = decode('{previous.hex()}', 'hex')"
        statements.append(f"UPDATE events SET {hashed} WHERE {at(event.ledger_position)}")
    store.plant(*statements, f"UPDATE ledgers SET {hashed} WHERE {OF_LEDGER}")


def record_of(signed: SignedHead) -> bytes:
    """A head as the heads topic carries it."""
    return json.dumps(
        {
            "ledger": signed.ledger,
            "position": signed.position,
            "chain_hash": signed.chain_hash.hex(),
            "recorded_at": microseconds(signed.recorded_at),
            "key_id": signed.key_id,
            "signature": b64encode(signed.signature).decode(),
        }
    ).encode()
