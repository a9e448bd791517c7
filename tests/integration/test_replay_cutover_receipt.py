"""The receipt of a promotion: signed, in every ledger once, and red when anything is altered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from domain.streams import replay_stream
from eventlog.heads import HeadKey
from eventlog.postgres.append import PostgresAppender
from replay.receipt import (
    Receipt,
    events_root,
    faults_of,
    make_receipt,
    receipts_of,
)
from replay.receipt_events import append_receipt, missing_from
from replay.records import ReplayStateError
from tests.cutover_side import ACCEPTED, promoted, ready, rolled_back
from tests.happenings import year
from tests.parts import Database
from tests.projection_side import TENANT
from tests.replay_side import World, world

LEDGERS = (f"{TENANT}/main", "other/main")


@pytest.fixture
def stores(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[World]:
    """Two tenants, and what their stock levels were folded to."""
    with world(postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path) as found:
        for ledger in LEDGERS:
            tenant = ledger.partition("/")[0]
            found.log.append_dated(found.log.ledger("main", tenant), year(len(tenant), 60))
        found.feed("stock_levels", 1)
        yield found


@pytest.fixture
def key(tmp_path: Path) -> HeadKey:
    return HeadKey.in_directory(tmp_path / "keys")


def issue(stores: World, replay_id: UUID, key: HeadKey) -> Receipt:
    receipt = make_receipt(stores.log.pool, stores.replay(replay_id), key)
    append(stores, receipt)
    return receipt


def append(stores: World, receipt: Receipt) -> dict[str, int]:
    appender = PostgresAppender(stores.log.pool, clock=lambda: datetime.now(UTC))
    return append_receipt(appender, stores.log.reader, receipt, shards=stores.log.identity.shards)


def test_a_promotion_leaves_one_signed_receipt_in_every_ledger(stores: World, key: HeadKey) -> None:
    replay_id = ready(stores, "stock_levels", surprises=2)
    with pytest.raises(ReplayStateError):
        make_receipt(stores.log.pool, stores.replay(replay_id), key)
    before = stores.events()
    promoted(stores, replay_id, acceptance=ACCEPTED)
    receipt = issue(stores, replay_id, key)
    assert faults_of(stores.log.pool, receipt, key.public) == []
    assert missing_from(stores.log.reader, receipt) == []
    assert receipt.body["acceptance"]["why"] == ACCEPTED.why
    assert [each["ledger"] for each in receipt.body["events"]["ledgers"]] == list(LEDGERS)
    (read_model,) = receipt.body["read_models"]
    assert (read_model["from_version"], read_model["to_version"]) == (1, 2)
    assert (read_model["from_edition"], read_model["to_edition"]) == ("1", "returns_twice")
    again = issue(stores, replay_id, key)
    assert again == receipt
    assert append(stores, again) == {}
    assert stores.events() == before + len(LEDGERS)
    rolled_back(stores, replay_id)
    for version in (1, 2):
        stores.feed("stock_levels", version)
    promoted(stores, replay_id)
    second = issue(stores, replay_id, key)
    assert (receipt.generation, second.generation) == (2, 4)
    assert receipts_of(stores.replay(replay_id)) == [receipt, second]
    for ledger in LEDGERS:
        stream = replay_stream(str(replay_id))
        found = stores.log.reader.read_stream(ledger, stream, 0)
        assert [event.stream_version for event in found] == [1, 2]


def test_whoever_appends_a_receipt_at_the_same_time_it_is_there_once(
    stores: World, key: HeadKey
) -> None:
    replay_id = ready(stores, "stock_levels")
    promoted(stores, replay_id)
    receipt = make_receipt(stores.log.pool, stores.replay(replay_id), key)
    before = stores.events()
    threads = [threading.Thread(target=append, args=(stores, receipt)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores.events() == before + len(LEDGERS)


def test_what_is_altered_in_a_receipt_is_seen(stores: World, key: HeadKey, tmp_path: Path) -> None:
    replay_id = ready(stores, "stock_levels")
    promoted(stores, replay_id)
    receipt = make_receipt(stores.log.pool, stores.replay(replay_id), key)
    pool, public = stores.log.pool, key.public
    assert missing_from(stores.log.reader, receipt) == list(LEDGERS)
    changed = replace(receipt, body={**receipt.body, "acceptance": {"who": "nobody"}})
    assert faults_of(pool, changed, public) == ["its content is not what was hashed"]
    forged = replace(receipt, signature=bytes(64))
    assert faults_of(pool, forged, public) == ["its signature does not hold"]
    other = HeadKey.in_directory(tmp_path / "others")
    assert "which is not at hand" in faults_of(pool, receipt, other.public)[0]
    (first, *rest) = receipt.body["events"]["ledgers"]
    ledgers = [{**first, "up_to_hash": "00" * 32}, *rest]
    body = {**receipt.body, "events": {"ledgers": ledgers, "root": receipt.body["events"]["root"]}}
    found = faults_of(pool, replace(receipt, body=body), public)
    assert "its root is not that of its ledgers" in found
    assert any(fault.startswith("the log of acme/main") for fault in found)


def test_the_root_is_of_every_ledger_in_its_place() -> None:
    ledgers = [
        {"ledger": f"t{n}/main", "after": 0, "after_hash": "", "up_to": n, "up_to_hash": f"{n:x}"}
        for n in range(7)
    ]
    roots = {events_root(ledgers[:count]) for count in range(8)}
    assert len(roots) == 8
    assert events_root(ledgers[::-1]) not in roots
