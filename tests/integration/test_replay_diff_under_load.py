"""Two versions compared while both are fed in unlike batches and a writer goes on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Event, Thread
from typing import Any

import pytest

from domain.events import StockReturned
from eventlog.projection import Projection
from projections.availability.keys import ShardKeys
from replay.diff.cells import NO_EVENT
from tests.diffing import Pairing, clickhouse_pairing, postgres_pairing, redis_pairing
from tests.happenings import order_of_lines, year
from tests.parts import Database
from tests.projection_side import drain

LEDGER = "acme/main"
COMPARISONS = 10
# Those that the two versions fold by unlike rules.
OF_STOCK = ("stock_levels", "availability", "movements")
EXPECTED = "type=stock.returned.v1"
# Raises one cell of version 2 by one unit.
PLANTED = {
    "stock_levels": "UPDATE stock_levels_v2 SET {field} = {field} + 1"
    " WHERE (sku, location) = ('SKU-{sku}', 'WH')",
    "orders": "UPDATE orders_v2 SET units = units + 1 WHERE order_id = 'first-{order}'",
    "documents": "UPDATE documents_v2 SET opened_at = opened_at + interval '1 second'"
    " WHERE kind = 'item' AND id = 'SKU-{number}'",
}


@pytest.fixture(params=["stock_levels", "orders", "documents", "availability", "movements"])
def pairing(request: pytest.FixtureRequest, postgres_database: Database) -> Iterator[Pairing]:
    log_dsn = postgres_database.log
    with ExitStack() as stack:
        match request.param:
            case "availability":
                redis_url = request.getfixturevalue("redis_url")
                prefix = request.getfixturevalue("redis_prefix")
                opened = redis_pairing(log_dsn, redis_url, prefix)
            case "movements":
                opened = clickhouse_pairing(log_dsn, request.getfixturevalue("clickhouse_url"))
            case name:
                opened = postgres_pairing(log_dsn, name)
        found = stack.enter_context(opened)
        ledger = found.log.ledger("main")
        found.log.append_dated(ledger, year(5, 300))
        returned = StockReturned(sku="SKU-11", location="WH", quantity=1, to="damaged")
        found.log.append(ledger, returned)
        for number in range(COMPARISONS):
            found.log.append(ledger, *order_of_lines(f"first-{number}", [("SKU-1", "WH", 2)]))
        found.feed()
        yield found


def test_under_load_nothing_false_is_found_and_nothing_planted_is_missed(
    pairing: Pairing,
) -> None:
    log, shard = pairing.log, pairing.log.shard(LEDGER)
    begun = log.reader.shard_position(shard)
    stop, faults = Event(), list[BaseException]()
    older, newer = pairing.projections()
    work = [(_write, (pairing, stop)), (_feed, (pairing, older, 7, stop))]
    work.append((_feed, (pairing, newer, 31, stop)))

    def run(target: Any, values: Any) -> None:
        try:
            target(*values)
        except BaseException as error:
            faults.append(error)
            raise

    threads = [Thread(target=run, args=each) for each in work]
    for thread in threads:
        thread.start()
    try:
        ranges = set()
        for _ in range(COMPARISONS):
            document = pairing.compare(EXPECTED).document
            found = document["projections"][pairing.name]
            assert document["surprises"] == 0, found["examples"]
            ranges.add(tuple(document["at"][pairing.name][str(shard)]))
            assert (found["differing"] > 0) == (pairing.name in OF_STOCK)
        assert len(ranges) > COMPARISONS / 3, "it was compared while it moved"
        for number in range(COMPARISONS):
            _plant(pairing, number)
            found = pairing.found(EXPECTED)
            planted = [each for each in found["causes"] if each["type"] == NO_EVENT]
            assert sum(each["cells"] for each in planted) == number + 1, found["causes"]
            assert {each["code"] for each in planted} == {
                "the newer version (v2) had drifted from the log"
            }
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert faults == []
    assert log.reader.shard_position(shard) > begun + 40


def _write(pairing: Pairing, stop: Event) -> None:
    dice = random.Random(3)
    # ClickHouse takes few and large blocks; in these small ones no faster writer is kept up with.
    pause = 0.5 if pairing.name == "movements" else 0.01
    while not stop.is_set():
        facts = year(dice.randrange(10_000), 25)[14:]
        pairing.log.append_dated(LEDGER, facts)
        stop.wait(pause)


def _feed(pairing: Pairing, projection: Projection, batch: int, stop: Event) -> None:
    shard = pairing.log.shard(LEDGER)
    while not stop.is_set():
        drain(pairing.log, projection, shard, batch=batch)
        stop.wait(0.003)


def _plant(pairing: Pairing, number: int) -> None:
    """One unit in a cell of version 2 that nothing else was planted in."""
    name, newer = pairing.name, pairing.models[1]
    match name:
        case "stock_levels":
            field = ("on_hand", "held")[number % 2]
            sku = number // 2
            assert pairing.execute(PLANTED[name].format(field=field, sku=sku)) == 1
        case "availability":
            keys = ShardKeys(newer.places[name], pairing.log.shard(LEDGER))
            key = keys.hash_of(LEDGER, f"SKU-{number}")
            pairing.clients["redis"].hincrby(key, "WH", 1)
        case "documents":
            assert pairing.execute(PLANTED[name].format(number=number)) == 1
        case "orders":
            assert pairing.execute(PLANTED[name].format(order=number)) == 1
        case _:
            client = pairing.clients["clickhouse"]
            found = client.query(
                "SELECT position FROM movements_v2 ORDER BY position LIMIT 1 OFFSET {n:UInt16}",
                {"n": number},
            )
            client.command(
                "ALTER TABLE movements_v2 UPDATE quantity = quantity + 1"
                " WHERE position = {position:UInt64}",
                {"position": found.result_rows[0][0]},
                settings={"mutations_sync": 2},
            )
