"""Two versions in ClickHouse, compared up to the lower of their positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from domain import events as facts
from eventlog.log import RecordedEvent
from projections.stock_facts import RETURNED, STOCK_TYPES
from replay.diff.cells import NO_EVENT
from tests.diffing import Pairing, causes, clickhouse_pairing
from tests.happenings import item, item_described, year
from tests.parts import Database

RECEIVED = "stock.received.v1"
TWICE = "edition 1 → returns_twice"


@pytest.fixture
def pairing(postgres_database: Database, clickhouse_url: str) -> Iterator[Pairing]:
    with clickhouse_pairing(postgres_database.log, clickhouse_url) as found:
        yield found


def test_the_same_code_leaves_no_difference_and_one_checksum(
    postgres_database: Database, clickhouse_url: str
) -> None:
    with clickhouse_pairing(postgres_database.log, clickhouse_url, "1") as pairing:
        recorded = pairing.log.append_dated(pairing.log.ledger("main"), year(3, 800))
        pairing.feed()
        found = pairing.found()
        assert (found["differing"], found["causes"]) == (0, [])
        assert found["checksums"]["from"] == found["checksums"]["to"]
        places = {each["place"]: each["rows"] for each in found["shards"]}
        assert places["items"] == [12, 12]
        moved = len(positions(recorded, *STOCK_TYPES))
        assert places["movements"] == [moved, moved]


def test_each_row_is_explained_by_its_own_event(pairing: Pairing) -> None:
    recorded = pairing.log.append(
        pairing.log.ledger("main"),
        facts.StockReceived(sku="A", location="WH", quantity=9),
        facts.StockReturned(sku="A", location="WH", quantity=2, to="damaged", reason="torn"),
        facts.StockReturned(sku="A", location="WH", quantity=3, to="damaged"),
        facts.StockReturned(sku="B", location="WH", quantity=5, to="stock"),
    )
    pairing.feed()
    found = pairing.found("reason=torn field=held")
    assert causes(found) == {
        (RETURNED, "held_delta", TWICE): 2,
        (RETURNED, "on_hand_delta", TWICE): 2,
    }
    assert (found["differing"], found["expected"]) == (4, 1)
    example = found["causes"][0]["examples"][0]
    assert (example["older"], example["newer"]) == (2, 4)
    assert example["position"] == recorded[1].ledger_position
    assert [each["event_id"] for each in example["events"]] == [str(recorded[1].event_id)]


def test_what_only_one_version_has_reached_is_left_out(pairing: Pairing) -> None:
    log = pairing.log
    ledger = log.ledger("main")
    for units in (2, 3):
        log.append(
            ledger, facts.StockReturned(sku="A", location="WH", quantity=units, to="damaged")
        )
    pairing.feed(until=(None, 1))
    document = pairing.compare("type=stock.returned.v1").document
    assert document["at"]["movements"][str(log.shard(ledger))] == [1, 1]
    assert document["projections"]["movements"]["differing"] == 2
    assert document["surprises"] == 0


def positions(recorded: Sequence[RecordedEvent], *types: str) -> list[int]:
    return [event.ledger_position for event in recorded if event.type in types]


DAMAGES = {
    "ALTER TABLE movements_v{0} UPDATE held_delta = held_delta + 1 WHERE position = {1}": (
        "held_delta"
    ),
    "ALTER TABLE movements_v{0} UPDATE reason = 'other' WHERE position = {1}": "reason",
    "ALTER TABLE movements_v{0} DELETE WHERE position = {1}": "row",
    "INSERT INTO movements_v{0} SELECT * FROM movements_v{0} WHERE position = {1}": "rows",
    "ALTER TABLE items_v{0} UPDATE name = 'x' WHERE sku = 'SKU-1'": "name",
    "ALTER TABLE locations_v{0} DELETE WHERE location = 'WH'": "row",
}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_planted_difference_is_found_and_the_wrong_version_named(
    pairing: Pairing, version: int, damage: str
) -> None:
    log, client = pairing.log, pairing.clients["clickhouse"]
    recorded = log.append_dated(log.ledger("main"), year(5, 400))
    pairing.feed()
    assert pairing.found("type=stock.returned.v1")["surprises"] == 0
    received = positions(recorded, RECEIVED)[-1]
    settings = {"mutations_sync": 2, "insert_deduplicate": 0}
    client.command(damage.format(version, received), settings=settings)
    found = pairing.found("type=stock.returned.v1")
    which = ("older", "newer")[version - 1]
    code = f"the {which} version (v{version}) had drifted from the log"
    drifted = {cause: cells for cause, cells in causes(found).items() if cause[0] == NO_EVENT}
    assert drifted == {(NO_EVENT, DAMAGES[damage], code): 1}
    assert found["surprises"] == 1


def test_an_item_that_one_version_has_in_a_later_state_is_settled_when_both_met(
    pairing: Pairing,
) -> None:
    log = pairing.log
    log.append(log.ledger("main"), item("A"), item("B"))
    pairing.feed()
    log.append("acme/main", item_described("A", "better", 3))
    pairing.feed(until=(None, 2))
    behind = pairing.projections()[1]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            pairing.feed()

    assert behind.checkpoint(log.shard("acme/main")).position == 2
    found = pairing.found(sleep=sleep)
    assert len(waits) == 2
    assert (found["differing"], found["checksums"]["from"]) == (0, found["checksums"]["to"])


def test_rows_are_compared_as_readers_see_them_with_their_corrections(pairing: Pairing) -> None:
    log, client = pairing.log, pairing.clients["clickhouse"]
    recorded = log.append_dated(log.ledger("main"), year(5, 400))
    pairing.feed()
    taken_out, repeated = positions(recorded, RECEIVED)[-2:]
    client.command(
        f"INSERT INTO movements_v1_corrections SELECT *, 7, position = {taken_out}"
        f" FROM movements_v1 WHERE position IN ({taken_out}, {repeated})"
    )
    assert pairing.found("type=stock.returned.v1")["surprises"] == 0, "nobody sees it yet"
    pairing.execute(
        "UPDATE projection_ledgers SET corrections = '{7}'"
        " WHERE projection = 'movements' AND version = 1"
    )
    found = pairing.found("type=stock.returned.v1")
    assert [(each["position"], each["field"]) for each in found["examples"]] == [(taken_out, "row")]
