"""Each fault planted in a store turns `verify` red, by the law it breaks, and is named.

One store is told once a module, and put back after each fault.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from clickhouse_connect.driver.client import Client

from domain import events as facts
from domain.events import Event
from eventlog.chain import chain_over, microseconds
from eventlog.heads import HeadKey
from eventlog.kafka.publisher import Publisher
from eventlog.kafka.topics import Topic, ensure_topic
from eventlog.log import GENESIS_HASH, SignedHead
from eventlog.postgres.heads import ledger_head, save_signed_heads
from eventlog.shards import shard_of
from replay.verify.report import Report
from tests.builders import minute
from tests.command_side import WriteSide, shelf
from tests.parts import SharedParts
from tests.projection_side import Journal, journal
from tests.stories import CHAIR, LAMP, MUG, STORY, told
from tests.whole_store import WholeStore, places_of, whole_store

pytestmark = pytest.mark.xdist_group("verify-planted-faults")

LEDGER = "acme/main"
OF_LEDGER = f"ledger = '{LEDGER}'"


async def tail(side: WriteSide) -> None:
    """What the read models of the store have not seen yet."""
    mug = shelf(MUG, "hall")
    await told(
        side,
        [
            {"type": "receive_stock", "key": "t1", **mug, "quantity": 8},
            {"type": "receive_stock", "key": "t2", **mug, "quantity": 3, "document": "last"},
        ],
    )


@pytest.fixture(scope="module")
def told_store(
    shared_parts: SharedParts,
    postgres_server: str,
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WholeStore]:
    keys = tmp_path_factory.mktemp("verify")
    with (
        places_of(shared_parts, postgres_server, migrated_template, keys) as places,
        whole_store(places) as store,
    ):
        store.tell(*STORY[:3])
        store.sign()
        store.tell(*STORY[3:])
        store.catch_up()
        store.sign()
        store.tell(tail)
        store.sign()
        store.keep()
        yield store


@pytest.fixture
def store(told_store: WholeStore) -> Iterator[WholeStore]:
    """The told store; its database is put back afterwards."""
    yield told_store
    told_store.restore()


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


def test_without_a_fault_it_is_green(store: WholeStore) -> None:
    report = store.verify()
    assert report.ok, report.first_difference and report.first_difference.sentence()


# --- read models ----------------------------------------------------------------------------------

PLANTED_ROWS = [
    (
        (
            f"UPDATE stock_levels_v1 SET on_hand = on_hand + 1 WHERE {OF_LEDGER} AND sku = '{LAMP}'"
            " AND location = 'hall'"
        ),
        (f"table stock_levels_v1 in Postgres, ledger {LEDGER}, {LAMP} at hall, on_hand",),
    ),
    (
        f"UPDATE stock_levels_v1 SET last_counted_at = NULL WHERE {OF_LEDGER} AND sku = '{CHAIR}'",
        (f"{CHAIR} at shop, last_counted_at",),
    ),
    (
        f"UPDATE stock_levels_v1 SET tenant = 'other' WHERE {OF_LEDGER} AND sku = '{CHAIR}'",
        (f"{CHAIR} at shop, tenant",),
    ),
    (
        f"DELETE FROM stock_levels_v1 WHERE {OF_LEDGER} AND sku = '{CHAIR}'",
        (f"stock_levels_v1 in Postgres, ledger {LEDGER}, {CHAIR} at shop",),
    ),
    (
        (
            "INSERT INTO stock_levels_v1 SELECT tenant, ledger, sku, 'nowhere', on_hand, reserved,"
            " committed, picked, held, shortfall, last_counted_at, position, recorded_at"
            f" FROM stock_levels_v1 WHERE {OF_LEDGER} AND sku = '{CHAIR}'"
        ),
        (f"{CHAIR} at nowhere",),
    ),
    (
        (
            "INSERT INTO stock_levels_v1 SELECT tenant, 'acme/ghost', sku, location, on_hand,"
            " reserved, committed, picked, held, shortfall, last_counted_at, position, recorded_at"
            f" FROM stock_levels_v1 WHERE {OF_LEDGER} AND sku = '{CHAIR}'"
        ),
        ("stock_levels_v1", "acme/ghost"),
    ),
    (
        f"UPDATE items_v1 SET attributes = '{{}}' WHERE {OF_LEDGER} AND sku = '{LAMP}'",
        (f"table items_v1 in Postgres, ledger {LEDGER}, {LAMP}, attributes",),
    ),
    (
        (
            f"UPDATE locations_v1 SET latitude_microdegrees = 1 WHERE {OF_LEDGER}"
            " AND location = 'shop'"
        ),
        ("locations_v1", "shop, latitude_microdegrees"),
    ),
    (
        f"UPDATE orders_v1 SET status = 'shipped' WHERE {OF_LEDGER} AND order_id = 'o2'",
        (f"table orders_v1 in Postgres, ledger {LEDGER}, o2, status",),
    ),
    (
        (
            "UPDATE orders_v1 SET lines = jsonb_set(lines, '{0,shipped}', '2')"
            f" WHERE {OF_LEDGER} AND order_id = 'o1'"
        ),
        ("o1, lines",),
    ),
    (f"DELETE FROM charges_v1 WHERE {OF_LEDGER} AND charge_id = 'f2'", ("charges_v1", "f2")),
]


@pytest.mark.parametrize(("statement", "words"), PLANTED_ROWS, ids=lambda each: str(each)[:60])
def test_a_row_in_postgres_that_the_log_does_not_make(
    store: WholeStore, statement: str, words: tuple[str, ...]
) -> None:
    store.plant(statement)
    red(store.verify(), "folds", *words)


PLANTED_FIELDS = [
    ("HSET", LAMP, "hall", "999"),
    ("HSET", LAMP, "nowhere", "0"),
    ("HSET", LAMP, "#safety_stock", "4"),
    ("HDEL", MUG, "shop"),
    ("HDEL", LAMP, "#status"),
]


@pytest.mark.parametrize("command", PLANTED_FIELDS, ids=" ".join)
def test_a_field_in_redis_that_the_log_does_not_make(
    told_store: WholeStore, command: tuple[str, ...]
) -> None:
    verb, sku, field, *value = command
    with _redis_restored(told_store) as (keys, tag):
        keys.execute_command(verb, f"{tag}{LEDGER}:{sku}", field, *value)  # type: ignore[no-untyped-call]
        red(told_store.verify(), "folds", f"in Redis, ledger {LEDGER}, {sku}, field {field}")


def test_a_key_in_redis_beside_the_set_of_keys(told_store: WholeStore) -> None:
    with _redis_restored(told_store) as (keys, tag):
        keys.hset(f"{tag}{LEDGER}:STRAY", "hall", "1")
        red(told_store.verify(), "folds", f"key {tag}{LEDGER}:STRAY in Redis")


def test_a_key_in_redis_that_is_missing(told_store: WholeStore) -> None:
    with _redis_restored(told_store) as (keys, tag):
        keys.delete(f"{tag}{LEDGER}:{MUG}")
        red(told_store.verify(), "folds", "in Redis", f"ledger {LEDGER}, {MUG}")
        keys.srem(f"{tag}keys", f"{tag}{LEDGER}:{MUG}")
        red(told_store.verify(), "folds", "in Redis", f"ledger {LEDGER}, {MUG}")


def test_a_redis_that_lost_everything(told_store: WholeStore) -> None:
    with _redis_restored(told_store) as (keys, tag):
        keys.delete(*keys.scan_iter(f"{tag}*"))
        red(told_store.verify(), "folds", f"key {tag}checkpoint in Redis")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (("ledgers", LEDGER, "9000 0"), f"in ledger {LEDGER}"),
        (("checkpoint", "position", "9000"), "checkpoint of hash"),
        (("checkpoint", "epoch", "7"), "epoch of hash"),
        (("checkpoint", "store_id", "other"), "checkpoint in Redis"),
    ],
)
def test_a_checkpoint_in_redis_that_is_not_where_its_data_is(
    told_store: WholeStore, change: tuple[str, str, str], where: str
) -> None:
    with _redis_restored(told_store) as (keys, tag):
        key, field, value = change
        keys.hset(f"{tag}{key}", field, value)
        red(told_store.verify(), "folds", where)


PLANTED_MOVEMENTS = [
    ("UPDATE on_hand_delta = on_hand_delta + 1", "row of {event}", ", on_hand_delta"),
    ("UPDATE document = 'PO 2'", "row of {event}", ", document"),
    ("DELETE", "row of {event}", ""),
]


@pytest.mark.parametrize(("change", "row", "column"), PLANTED_MOVEMENTS)
def test_a_row_in_clickhouse_that_the_log_does_not_make(
    told_store: WholeStore, change: str, row: str, column: str
) -> None:
    position = position_of(told_store, "g1")
    place = row.format(event=event_at(position).strip())
    with _restored(told_store, "movements_v1") as rows:
        rows.command(
            f"ALTER TABLE movements_v1 {change} WHERE {OF_LEDGER} AND position = {position}",
            settings={"mutations_sync": 2},
        )
        red(told_store.verify(), "folds", "table movements_v1 in ClickHouse", place, column)


def test_a_row_in_clickhouse_that_is_there_twice_or_for_nothing(told_store: WholeStore) -> None:
    position = position_of(told_store, "g1")
    row = f"SELECT * FROM movements_v1 WHERE {OF_LEDGER} AND position = {position}"
    for replaced, word in (
        ("", f"ledger {LEDGER}, position {position}"),
        ("REPLACE (1 AS position)", f"ledger {LEDGER}, position 1"),
        ("REPLACE ('acme/ghost' AS ledger)", "ledger acme/ghost"),
        ("REPLACE (1000 AS position, 1000 AS shard_position)", "position 1000"),
    ):
        with _restored(told_store, "movements_v1") as rows:
            rows.command(f"INSERT INTO movements_v1 SELECT * {replaced} FROM ({row})")
            red(told_store.verify(), "folds", "table movements_v1 in ClickHouse", word)


def test_a_dimension_in_clickhouse_that_the_log_does_not_make(told_store: WholeStore) -> None:
    for table, key, name, change, column in (
        ("items_v1", "sku", LAMP, "UPDATE name = 'Lump'", ", name"),
        ("items_v1", "sku", MUG, "DELETE", ""),
        ("locations_v1", "location", "shop", "UPDATE longitude_microdegrees = NULL", ", longitude"),
    ):
        with _restored(told_store, table) as rows:
            rows.command(
                f"ALTER TABLE {table} {change} WHERE {OF_LEDGER} AND {key} = '{name}'",
                settings={"mutations_sync": 2},
            )
            words = (f"table {table} in ClickHouse, ledger {LEDGER}, {name}", column)
            red(told_store.verify(), "folds", *words)


def test_a_checkpoint_ahead_of_its_data(store: WholeStore) -> None:
    head = store.one(f"SELECT position FROM ledgers WHERE {OF_LEDGER}")[0]
    shard = shard_of(LEDGER, 16)
    forward = (
        f"UPDATE projection_checkpoints SET position = (SELECT position FROM shards"
        f" WHERE shard = {shard}) WHERE projection = '{{0}}' AND shard = {shard}"
    )
    marks = (
        f"UPDATE projection_ledgers SET position = {head} WHERE projection = '{{0}}'"
        f" AND {OF_LEDGER}"
    )
    store.plant(forward.format("stock_levels"))
    red(store.verify(), "folds", f"position of stock_levels v1 in ledger {LEDGER}")
    store.plant(marks.format("stock_levels"))
    red(store.verify(), "folds", "table stock_levels_v1", f"{MUG} at hall")
    store.restore()
    store.plant(forward.format("movements"), marks.format("movements"))
    red(store.verify(), "folds", "movements_v1", event_at(position_of(store, "t1")).strip())
    store.restore()
    store.plant("UPDATE projection_checkpoints SET position = 9999 WHERE projection = 'orders'")
    red(store.verify(), "folds", "checkpoint of orders v1 in shard")


# --- the log --------------------------------------------------------------------------------------


def _replace(column: str, old: str, new: str) -> str:
    return (
        f"{column} = convert_to(replace(convert_from({column}, 'UTF8'), '{old}', '{new}'), 'UTF8')"
    )


ALTERED = [
    _replace("data", '"quantity":40', '"quantity":41'),
    _replace("data", "PO 1", "PO 7"),
    _replace("metadata", "key_test", "key_tesu"),
    _replace("metadata", "}", " }"),
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
    _cut_tail(store, last)
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
    change = _replace("metadata", "key_test", "key_other")
    store.plant(f"UPDATE events SET {change} WHERE {OF_LEDGER}")
    _hash_anew(store)
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
    publisher.send(topic.name, 0, [(_record(forged), LEDGER, 0, [])])
    publisher.confirm()
    where = f"signed head of ledger {LEDGER} at position {head.position} in the heads topic"
    red(told_store.verify(heads_topic=topic.name), "chain", where)


def test_a_public_key_that_is_missing(told_store: WholeStore) -> None:
    red(told_store.verify(head_key=None), "chain", "signed head of ledger acme/")


# --- commands and promises ------------------------------------------------------------------------


def test_a_key_row_that_is_missing(store: WholeStore) -> None:
    position = position_of(store, "g1")
    store.plant(f"DELETE FROM command_keys WHERE {OF_LEDGER} AND key = 'g1'")
    red(store.verify(), "once", "command of", event_at(position))


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ("accepted, answer, first_position, last_position", "command of event"),
        ("accepted, answer, 9000, 9001", "key row '0 too many'"),
        ("accepted, answer, NULL, NULL", "key row '0 too many'"),
    ],
)
def test_a_key_row_too_many(store: WholeStore, values: str, where: str) -> None:
    store.plant(
        "INSERT INTO command_keys (ledger, key, tenant, body_hash, recorded_at, accepted, answer,"
        " first_position, last_position)"
        f" SELECT ledger, '0 too many', tenant, body_hash, recorded_at, {values}"
        f" FROM command_keys WHERE {OF_LEDGER} AND key = 'g1'"
    )
    red(store.verify(), "once", where)


def test_a_second_key_row_for_the_same_events(store: WholeStore) -> None:
    store.plant(
        "INSERT INTO command_keys SELECT ledger, 'zz', tenant, body_hash, accepted, answer,"
        f" first_position, last_position, recorded_at FROM command_keys WHERE {OF_LEDGER}"
        " AND key = 'g1'"
    )
    red(store.verify(), "once", "key row 'zz' of ledger acme/main")


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("g1", "body_hash = '\\x00'"),
        ("g6", "body_hash = '\\x00'"),
        ("g1", "accepted = false"),
        ("g6", "accepted = true"),
        ("g1", "answer = '{}'"),
        ("g6", "answer = 'no JSON'"),
        ("g1", "tenant = 'other'"),
        ("g1", "recorded_at = recorded_at + interval '1 s'"),
        ("g1", _replace("answer", '"first_position":', '"first_position":1')),
    ],
)
def test_a_key_row_that_was_altered(store: WholeStore, key: str, change: str) -> None:
    store.plant(f"UPDATE command_keys SET {change} WHERE {OF_LEDGER} AND key = '{key}'")
    red(store.verify(), "once", f"key row '{key}' of ledger {LEDGER}")


HERE: dict[str, Any] = {"sku": MUG, "location": "hall"}  # 11 on hand, nothing promised
COUNTED: dict[str, Any] = {"sku": CHAIR, "location": "shop"}
RESERVED = facts.StockReserved(**HERE, reservation_id="x", quantity=5, expires_at=minute(0))
PLACED = facts.OrderPlaced(
    order_id="oX",
    customer="Jane Doe",
    lines=(facts.OrderLine(line=1, sku=MUG, location="hall", quantity=1),),
)
UNLAWFUL: list[tuple[str, list[Event], str]] = [
    ("no_oversell", [replace(RESERVED, quantity=12)], f"units of {MUG} at hall promised after"),
    ("no_oversell", [replace(RESERVED, backorder_limit=1)], "backorder limit in event"),
    ("no_oversell", [facts.StockShipped(**HERE, quantity=12)], f"on hand of {MUG} at hall after"),
    (
        "no_oversell",
        [RESERVED, facts.StockShipped(**HERE, quantity=7)],
        f"units of {MUG} at hall shipped by event",
    ),
    (
        "no_oversell",
        [RESERVED, facts.StockAdjusted(**HERE, delta=-8, reason="lost")],
        f"shortfall of {MUG} at hall in ledger {LEDGER}",
    ),
    (
        "no_oversell",
        [facts.ShortfallStated(**HERE, uncovered=1)],
        f"shortfall of {MUG} at hall in ledger {LEDGER}",
    ),
    (
        "conservation",
        [facts.StockShipped(**HERE, quantity=1, reservation_id="none")],
        f"promises of {MUG} at hall after event",
    ),
    (
        "conservation",
        [facts.StockCommitted(**HERE, quantity=1, order_id="none", line=1)],
        "(stock.committed.v1, stream stock-MUG@hall)",
    ),
    (
        "conservation",
        [facts.OrderCancelled(order_id="o4")],
        f"units committed to order o4 line 1 in ledger {LEDGER}",
    ),
    (
        "conservation",
        [facts.StockCounted(**HERE, count_id="n9", counted=11, expected=10)],
        "expected on hand of event",
    ),
    (
        "conservation",
        [facts.StockReceived(**COUNTED, quantity=1)],
        "restatement by event",
    ),
    (
        "conservation",
        [facts.DiscrepancyFound(**HERE, quantity=1, cause_event_id="none")],
        "(stock.discrepancy_found.v1, stream stock-MUG@hall)",
    ),
    ("once", [PLACED], "customer of event"),
]


@pytest.mark.parametrize(("law", "unlawful", "where"), UNLAWFUL, ids=lambda each: str(each)[:50])
def test_events_that_no_decision_makes(
    store: WholeStore, law: str, unlawful: list[Event], where: str
) -> None:
    """Appended as the log appends: chain, positions and heads are right."""
    with _journal(store) as log:
        log.append(LEDGER, *unlawful, at=minute(0))
    red(store.verify(), law, where)


def test_an_event_of_an_unknown_type(store: WholeStore) -> None:
    with _journal(store) as log:
        log.append_raw(LEDGER, "stock-MUG@hall", "stock.teleported.v1", b"{}")
        log.append_raw(LEDGER, "MyAggregate-1", "mymodule:MyAggregate.Created", b"\x80pickled")
    report = store.verify()
    red(report, "folds", "(stock.teleported.v1, stream stock-MUG@hall)")
    assert any("1 events of types that are not Backstock's" in note for note in report.notes)


def test_an_actor_who_is_named(store: WholeStore) -> None:
    position = position_of(store, "g1")
    change = _replace("metadata", "key_test", "jane@example.com")
    store.plant(f"UPDATE events SET {change} WHERE {at(position)}", "DELETE FROM signed_heads")
    _hash_anew(store)
    red(store.verify(heads_topic=None), "once", "actor of", event_at(position))


def test_rows_of_a_ledger_that_is_not_there(store: WholeStore) -> None:
    store.plant(f"UPDATE command_keys SET ledger = 'acme/ghost' WHERE {OF_LEDGER}")
    red(store.verify(), "order", "table command_keys, ledger acme/ghost")
    store.restore()
    gone = ("events", "command_keys", "ledgers")
    store.plant(*(f"DELETE FROM {table} WHERE {OF_LEDGER}" for table in gone))
    shard = shard_of(LEDGER, 16)
    red(store.verify(), "order", f"head of shard {shard}")
    store.plant(f"UPDATE shards SET position = 0 WHERE shard = {shard}")
    red(store.verify(), "chain", f"ledger {LEDGER}, signed in")


# --- planting -------------------------------------------------------------------------------------


@contextmanager
def _redis_restored(store: WholeStore) -> Iterator[tuple[redis.Redis, str]]:
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
def _restored(store: WholeStore, table: str) -> Iterator[Client]:
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
def _journal(store: WholeStore) -> Iterator[Journal]:
    """Appends behind what is there."""
    with journal(store.database.log) as log:
        for event in log.reader.read_ledger(LEDGER, 0, 10_000):
            log.versions[event.ledger, event.stream] = event.stream_version
        yield log


def _cut_tail(store: WholeStore, first: int) -> None:
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


def _hash_anew(store: WholeStore) -> None:
    """Every hash of the ledger, and its head, made to fit what the events say now."""
    with journal(store.database.log) as log:
        events = log.reader.read_ledger(LEDGER, 0, 10_000)
    previous, statements = GENESIS_HASH, []
    for event in events:
        previous = chain_over(previous, [event])
        hashed = f"chain_hash = decode('{previous.hex()}', 'hex')"
        statements.append(f"UPDATE events SET {hashed} WHERE {at(event.ledger_position)}")
    store.plant(*statements, f"UPDATE ledgers SET {hashed} WHERE {OF_LEDGER}")


def _record(signed: SignedHead) -> bytes:
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
