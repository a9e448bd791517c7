"""A log that was altered, cut or hashed anew turns `verify` red, and the event is named.

The store is told once a run, and put back after each fault.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from eventlog.heads import HeadKey
from eventlog.kafka.publisher import Publisher
from eventlog.kafka.topics import Topic, ensure_topic
from eventlog.postgres.heads import ledger_head, save_signed_heads
from tests.planting import (
    LEDGER,
    OF_LEDGER,
    at,
    cut_tail,
    event_at,
    hash_anew,
    position_of,
    record_of,
    red,
    replaced,
)
from tests.projection_side import journal
from tests.whole_store import WholeStore

pytestmark = pytest.mark.xdist_group("verify-planted-faults")


def test_without_a_fault_it_is_green(store: WholeStore) -> None:
    report = store.verify()
    assert report.ok, report.first_difference and report.first_difference.sentence()


ALTERED = [
    replaced("data", '"quantity":40', '"quantity":41'),
    replaced("data", "PO 1", "PO 7"),
    replaced("metadata", "key_test", "key_tesu"),
    replaced("metadata", "}", " }"),
    "occurred_at = occurred_at + interval '1 microsecond'",
    "event_id = gen_random_uuid()",
    "type = 'stock.returned.v1'",
    "chain_hash = decode(repeat('ab', 32), 'hex')",
]


@pytest.mark.parametrize("change", ALTERED)
def test_an_event_that_was_altered(store: WholeStore, change: str) -> None:
    position = position_of(store, "g1")
    store.plant(f"UPDATE events SET {change} WHERE {at(position)}")
    red(store.verify(), "chain", "chain hash of", event_at(position))


def test_two_events_that_were_swapped(store: WholeStore) -> None:
    position = position_of(store, "g1")
    one, other = at(position), at(position + 1)
    swap = [
        f"UPDATE events SET {{0}} = -1 WHERE {one}",
        f"UPDATE events SET {{0}} = {{1}} WHERE {other}",
        f"UPDATE events SET {{0}} = {{2}} WHERE {OF_LEDGER} AND {{0}} = -1",
    ]
    store.plant(*(each.format("ledger_position", position, position + 1) for each in swap))
    red(store.verify(), "order", "shard position of", event_at(position + 1))
    store.restore()
    # With the shard's positions as well, only the chain can tell.
    store.plant(
        f"UPDATE events SET ledger_position = -1, shard_position = -1 WHERE {one}",
        f"UPDATE events SET ledger_position = {position}, shard_position = shard_position - 1"
        f" WHERE {other}",
        f"UPDATE events SET ledger_position = {position + 1}, shard_position = (SELECT"
        f" shard_position + 1 FROM events WHERE {one}) WHERE {OF_LEDGER} AND ledger_position = -1",
    )
    red(store.verify(), "chain", "chain hash of", event_at(position))


def test_an_event_that_was_deleted(store: WholeStore) -> None:
    position = position_of(store, "g3")
    store.plant(f"DELETE FROM events WHERE {at(position)}")
    red(store.verify(), "order", f"ledger {LEDGER} after position {position - 1}")


def test_a_tail_that_was_cut(store: WholeStore) -> None:
    last = position_of(store, "t2")
    store.plant(f"DELETE FROM events WHERE {at(last)}")
    red(store.verify(), "order", f"head of ledger {LEDGER}, position")


def test_a_tail_that_was_cut_with_the_heads_rewritten_to_match(store: WholeStore) -> None:
    last = position_of(store, "t2")
    cut_tail(store, last)
    red(store.verify(), "chain", f"ledger {LEDGER}, signed at {last} in")
    store.plant(f"DELETE FROM signed_heads WHERE {OF_LEDGER} AND position >= {last}")
    red(store.verify(), "chain", f"ledger {LEDGER}, signed at {last} in the heads topic")
    store.plant(f"DELETE FROM signed_heads WHERE {OF_LEDGER}")
    report = store.verify()
    red(report, "chain", f"ledger {LEDGER}, signed at {last} in the heads topic")
    assert [law for law, result in report.laws.items() if not result.ok] == ["chain"]


def test_a_log_that_was_hashed_anew(store: WholeStore) -> None:
    """No law but the last can tell: nothing else shows who did what."""
    position = position_of(store, "g1")
    change = replaced("metadata", "key_test", "key_other")
    store.plant(f"UPDATE events SET {change} WHERE {OF_LEDGER}")
    hash_anew(store)
    store.plant(f"DELETE FROM signed_heads WHERE {OF_LEDGER}")
    report = store.verify()
    red(report, "chain", "signed head in the heads topic at event")
    assert [law for law, result in report.laws.items() if not result.ok] == ["chain"]
    # Signed anew by whoever did it, with the store's own key: older heads still tell.
    with journal(store.database.log) as log:
        head = ledger_head(log.pool, LEDGER)
        assert head is not None
        save_signed_heads(log.pool, [store.places.head_key().sign(head)])
    report = store.verify()
    red(report, "chain", "signed head in the heads topic at event")
    assert position > 0


def test_a_head_signed_by_another(store: WholeStore, tmp_path: Path) -> None:
    forger = HeadKey.in_directory(tmp_path)
    with journal(store.database.log) as log:
        head = ledger_head(log.pool, LEDGER)
        assert head is not None
    forged = forger.sign(head)
    store.plant(
        f"UPDATE signed_heads SET signature = decode('{forged.signature.hex()}', 'hex'),"
        f" key_id = '{forged.key_id}' WHERE {OF_LEDGER} AND position = {head.position}"
    )
    where = f"signed head of ledger {LEDGER} at position {head.position} in table signed_heads"
    red(store.verify(), "chain", where)


def test_a_forged_head_in_kafka(told_store: WholeStore, tmp_path: Path) -> None:
    with journal(told_store.database.log) as log:
        head = ledger_head(log.pool, LEDGER)
        assert head is not None
    topic = Topic(name=f"{told_store.places.prefix}.forged.v1", partitions=1)
    ensure_topic(told_store.places.bootstrap, topic, sleep=time.sleep)
    publisher = Publisher(told_store.places.bootstrap, name="forger")
    forged = HeadKey.in_directory(tmp_path).sign(head)
    publisher.send(topic.name, 0, [(record_of(forged), LEDGER, 0, [])])
    publisher.confirm()
    where = f"signed head of ledger {LEDGER} at position {head.position} in the heads topic"
    red(told_store.verify(heads_topic=topic.name), "chain", where)


def test_a_public_key_that_is_missing(told_store: WholeStore) -> None:
    red(told_store.verify(head_key=None), "chain", "signed head of ledger acme/")
