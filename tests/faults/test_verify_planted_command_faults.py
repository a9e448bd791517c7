"""Keys without their events, and events that no decision makes, turn `verify` red and are named.

The store is told once a run, and put back after each fault.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain import events as facts
from domain.events import Event
from eventlog.shards import shard_of
from tests.builders import minute
from tests.planting import (
    LEDGER,
    OF_LEDGER,
    at,
    event_at,
    hash_anew,
    journal_behind,
    position_of,
    red,
    replaced,
)
from tests.stories import CHAIR, LAMP, MUG
from tests.whole_store import WholeStore

pytestmark = pytest.mark.xdist_group("verify-planted-faults")


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
        ("g1", replaced("answer", '"first_position":', '"first_position":1')),
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
        f"units of {MUG} at hall sent by event",
    ),
    (
        "no_oversell",
        [RESERVED, facts.StockAdjusted(**HERE, delta=-8, reason="lost")],
        f"shortfall of {MUG} at hall in ledger {LEDGER}",
    ),
    (
        "no_oversell",
        [facts.StockAdjusted(**HERE, delta=-1, reason="scrapped", condition="damaged")],
        f"held units of {MUG} at hall after",
    ),
    (
        "no_oversell",
        [
            replace(RESERVED, quantity=11),
            facts.StockReturned(**HERE, quantity=5, to="damaged"),
            facts.StockShipped(**HERE, quantity=12, reservation_id="x"),
        ],
        f"units of {MUG} at hall sent by event",
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
        f"units committed to order o4 line 1 at hall in ledger {LEDGER}",
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
    (
        "conservation",
        [
            facts.KitAssembled(
                assembly_id="x",
                **HERE,
                quantity=2,
                parts=(facts.Component(sku=LAMP, quantity=2),),
            ),
            facts.StockConsumed(sku=LAMP, location="hall", quantity=1, assembly_id="x"),
            facts.StockProduced(**HERE, quantity=2, assembly_id="x"),
        ],
        f"what x consumed: {LAMP} hall",
    ),
    (
        "conservation",
        [
            facts.CountPlanned(count_id="x", location="hall"),
            facts.CountEntered(count_id="x", lines=(facts.CountLine(line=1, sku=MUG, counted=11),)),
            facts.CountPosted(count_id="x", lines=(facts.PostedLine(line=1, expected=11),)),
        ],
        "what x#1 counted",
    ),
    ("once", [PLACED], "customer of event"),
]


@pytest.mark.parametrize(("law", "unlawful", "where"), UNLAWFUL, ids=lambda each: str(each)[:50])
def test_events_that_no_decision_makes(
    store: WholeStore, law: str, unlawful: list[Event], where: str
) -> None:
    """Appended as the log appends: chain, positions and heads are right."""
    with journal_behind(store) as log:
        log.append(LEDGER, *unlawful, at=minute(0))
    red(store.verify(), law, where)


def test_an_event_of_an_unknown_type(store: WholeStore) -> None:
    with journal_behind(store) as log:
        log.append_raw(LEDGER, "stock-MUG@hall", "stock.teleported.v1", b"{}")
        log.append_raw(LEDGER, "MyAggregate-1", "mymodule:MyAggregate.Created", b"\x80pickled")
    report = store.verify()
    red(report, "folds", "(stock.teleported.v1, stream stock-MUG@hall)")
    assert any("1 events of types that are not Backstock's" in note for note in report.notes)


def test_an_actor_who_is_named(store: WholeStore) -> None:
    position = position_of(store, "g1")
    change = replaced("metadata", "key_test", "jane@example.com")
    store.plant(f"UPDATE events SET {change} WHERE {at(position)}", "DELETE FROM signed_heads")
    hash_anew(store)
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
