"""The receipt of a promotion: signed, in every ledger once, and red when anything is altered."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from domain.events import ReplayPromoted, ReplayRolledBack
from domain.streams import replay_stream
from domain.values import KEY_PATTERN
from eventlog.codec import decode
from eventlog.heads import HeadKey
from eventlog.log import RecordedEvent
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.heads import save_signed_heads, unsigned_heads
from ops import promotion
from ops.promotion import NoSigningKeyError
from replay import records
from replay.receipt import Receipt, events_root, faults_of, receipts_of
from replay.receipt_events import append_notice, is_proven, missing_from, notice_of
from tests.cutover_side import (
    ACCEPTED,
    answering,
    difference,
    generation,
    promoted,
    ready,
    rolled_back,
    signing_key,
)
from tests.happenings import year
from tests.parts import Database
from tests.projection_side import TENANT
from tests.replay_side import World, world

LEDGERS = (f"{TENANT}/main", "other/main", "third/main")


@pytest.fixture
def stores(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[World]:
    """Three tenants, and what their stock levels were folded to."""
    with world(postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path) as found:
        for ledger in LEDGERS:
            tenant = ledger.partition("/")[0]
            found.log.append_dated(found.log.ledger("main", tenant), year(len(tenant), 60))
        found.feed("stock_levels", 1)
        yield found


@pytest.fixture
def key(stores: World) -> HeadKey:
    return signing_key(stores)


def receipt_of(stores: World, replay_id: UUID) -> Receipt:
    return receipts_of(stores.replay(replay_id))[-1]


def append(stores: World, receipt: Receipt) -> dict[str, int]:
    appender = PostgresAppender(stores.log.pool, clock=lambda: datetime.now(UTC))
    shards = stores.log.identity.shards
    return append_notice(appender, stores.log.reader, notice_of(receipt), shards=shards)


def told(stores: World, ledger: str, replay_id: UUID) -> list[RecordedEvent]:
    return list(stores.log.reader.read_stream(ledger, replay_stream(str(replay_id)), 0))


def types(stores: World, ledger: str, replay_id: UUID) -> list[str]:
    return [event.type.split(".")[1] for event in told(stores, ledger, replay_id)]


def follow(stores: World) -> None:
    for version in (1, 2):
        stores.feed("stock_levels", version)


def test_a_promotion_leaves_one_signed_receipt_in_every_ledger(stores: World, key: HeadKey) -> None:
    replay_id = ready(stores, "stock_levels", surprises=2)
    before = stores.events()
    receipt = promotion.promote(stores.around, replay_id, ACCEPTED).receipt
    replay = stores.replay(replay_id)
    assert faults_of(stores.log.pool, replay, receipt, key.public) == []
    assert missing_from(stores.log.reader, notice_of(receipt)) == []
    assert receipt.body["acceptance"]["why"] == ACCEPTED.why
    assert [each["ledger"] for each in receipt.body["events"]["ledgers"]] == list(LEDGERS)
    (read_model,) = receipt.body["read_models"]
    assert (read_model["from_version"], read_model["to_version"]) == (1, 2)
    assert (read_model["from_edition"], read_model["to_edition"]) == ("1", "returns_twice")
    assert promotion.promote(stores.around, replay_id, None).receipt == receipt
    assert append(stores, receipt) == {}
    assert stores.events() == before + len(LEDGERS)


def test_the_ledgers_last_word_is_which_versions_answer(stores: World, key: HeadKey) -> None:
    replay_id = ready(stores, "stock_levels")
    first = promotion.promote(stores.around, replay_id, None).receipt
    follow(stores)
    back = promotion.rollback(stores.around, replay_id)
    assert promotion.rollback(stores.around, replay_id).done_before
    for ledger in LEDGERS:
        last = told(stores, ledger, replay_id)[-1]
        assert decode(last.type, last.data) == ReplayRolledBack(
            replay_id=str(replay_id),
            generation=3,
            read_models=("stock_levels v1",),
            up_to=back.ledgers[ledger],
        )
    follow(stores)
    second = promotion.promote(stores.around, replay_id, None).receipt
    assert (first.generation, second.generation) == (2, 4)
    assert receipts_of(stores.replay(replay_id)) == [first, second]
    for ledger in LEDGERS:
        found = told(stores, ledger, replay_id)
        assert types(stores, ledger, replay_id) == ["promoted", "rolled_back", "promoted"]
        assert [event.stream_version for event in found] == [1, 2, 3]
    assert [each["faults"] for each in promotion.checked_receipts(stores.around, replay_id)] == [
        [],
        [],
    ]


def test_who_dies_before_the_ledgers_are_told_has_the_next_step_tell_them(stores: World) -> None:
    replay_id = ready(stores, "stock_levels")
    promoted(stores, replay_id)
    first = receipt_of(stores, replay_id)
    assert missing_from(stores.log.reader, notice_of(first)) == list(LEDGERS)
    follow(stores)
    rolled_back(stores, replay_id)
    follow(stores)
    promotion.promote(stores.around, replay_id, None)
    for ledger in LEDGERS:
        assert types(stores, ledger, replay_id) == ["promoted", "rolled_back", "promoted"]
    follow(stores)
    rolled_back(stores, replay_id)
    promotion.retire(stores.around, replay_id)
    for ledger in LEDGERS:
        assert types(stores, ledger, replay_id)[2:] == ["promoted", "rolled_back"]


def test_no_tenant_can_take_the_key_of_a_receipt(stores: World, key: HeadKey) -> None:
    replay_id = ready(stores, "stock_levels")
    promoted(stores, replay_id)
    own = notice_of(receipt_of(stores, replay_id)).key
    assert re.fullmatch(KEY_PATTERN, own) is None
    promotion.tell_ledgers(stores.around, replay_id)
    assert {types(stores, ledger, replay_id)[0] for ledger in LEDGERS} == {"promoted"}


def test_without_the_key_of_the_store_nothing_is_promoted_and_none_is_made(stores: World) -> None:
    replay_id = ready(stores, "stock_levels")
    with pytest.raises(NoSigningKeyError, match=r"has no head\.ed25519 to sign"):
        promotion.promote(stores.around, replay_id, None)
    assert (answering(stores)["stock_levels"], generation(stores)) == (1, 1)
    assert not stores.around.stores.keys_directory.exists()
    signing_key(stores)
    assert promotion.promote(stores.around, replay_id, None).cutover.generation == 2


def test_a_key_that_has_not_signed_the_heads_of_the_store_promotes_nothing(
    stores: World, key: HeadKey, tmp_path: Path
) -> None:
    replay_id = ready(stores, "stock_levels")
    relays, pool = HeadKey.in_directory(tmp_path / "relays"), stores.log.pool
    save_signed_heads(pool, [relays.sign(head) for head in unsigned_heads(pool)])
    with pytest.raises(NoSigningKeyError, match=f"the key {key.key_id}, which has not signed"):
        promotion.promote(stores.around, replay_id, None)
    assert (answering(stores)["stock_levels"], generation(stores)) == (1, 1)


def test_a_tenant_tells_by_its_own_ledger_that_it_was_among_what_was_replayed(
    stores: World, key: HeadKey, tmp_path: Path
) -> None:
    replay_id = ready(stores, "stock_levels")
    promotion.promote(stores.around, replay_id, None)
    other = HeadKey.in_directory(tmp_path / "others").public
    for ledger in LEDGERS:
        (event,) = told(stores, ledger, replay_id)
        fact = decode(event.type, event.data)
        assert isinstance(fact, ReplayPromoted)
        (last,) = stores.log.reader.read_ledger(ledger, fact.up_to - 1, 1)
        assert is_proven(ledger, fact, last.chain_hash, key.public)
        assert not is_proven("else/main", fact, last.chain_hash, key.public)
        assert not is_proven(ledger, fact, bytes(32), key.public)
        assert not is_proven(ledger, fact, last.chain_hash, other)
        forged = replace(fact, receipt_sha256="00" * 32)
        assert not is_proven(ledger, forged, last.chain_hash, key.public)


def test_whoever_appends_a_receipt_at_the_same_time_it_is_there_once(stores: World) -> None:
    replay_id = ready(stores, "stock_levels")
    promoted(stores, replay_id)
    receipt = receipt_of(stores, replay_id)
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
    replay = stores.replay(replay_id)
    (receipt,) = receipts_of(replay)
    pool, public = stores.log.pool, key.public
    changed = replace(receipt, body={**receipt.body, "acceptance": {"who": "nobody"}})
    assert faults_of(pool, replay, changed, public) == ["its content is not what was hashed"]
    forged = replace(receipt, signature=bytes(64))
    assert faults_of(pool, replay, forged, public) == ["its signature does not hold"]
    other = HeadKey.in_directory(tmp_path / "others")
    assert "which is not at hand" in faults_of(pool, replay, receipt, other.public)[0]
    (first, *rest) = receipt.body["events"]["ledgers"]
    ledgers = [{**first, "up_to_hash": "00" * 32}, *rest]
    body = {**receipt.body, "events": {"ledgers": ledgers, "root": receipt.body["events"]["root"]}}
    found = faults_of(pool, replay, replace(receipt, body=body), public)
    assert "its root is not that of its ledgers" in found
    assert any(fault.startswith("the log of acme/main") for fault in found)


def test_a_difference_that_was_altered_after_the_promotion_is_seen(
    stores: World, key: HeadKey
) -> None:
    replay_id = ready(stores, "stock_levels")
    promoted(stores, replay_id)
    replay = stores.replay(replay_id)
    (receipt,) = receipts_of(replay)
    assert replay.diff is not None
    told_of = receipt.body["difference"]
    for part in ("compared_at", "at", "rules", "surprises"):
        assert told_of[part] == replay.diff[part]
    altered = replace(replay, diff={**replay.diff, "projections": {"stock_levels": {}}})
    fault = "the difference of its replay is not the one that was promoted"
    assert faults_of(stores.log.pool, altered, receipt, key.public) == [fault]
    rolled_back(stores, replay_id)
    with stores.log.pool.connection() as connection:
        records.note(connection, replay_id, diff=difference(0))
    later = stores.replay(replay_id)
    assert faults_of(stores.log.pool, later, receipt, key.public) == [], "it was compared anew"


def test_the_root_is_of_every_ledger_in_its_place() -> None:
    ledgers = [
        {"ledger": f"t{n}/main", "after": 0, "after_hash": "", "up_to": n, "up_to_hash": f"{n:x}"}
        for n in range(7)
    ]
    roots = {events_root(ledgers[:count]) for count in range(8)}
    assert len(roots) == 8
    assert events_root(ledgers[::-1]) not in roots
