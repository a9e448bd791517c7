"""Two versions in PostgreSQL, compared: each difference found, explained, expected or not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain import events as facts
from replay import records
from replay.diff.cells import NO_EVENT
from replay.records import ReplayStateError
from tests.diffing import Pairing, causes, postgres_pairing
from tests.happenings import year
from tests.parts import Database

RETURNED = "stock.returned.v1"
TWICE = "edition 1 → returns_twice"


@pytest.fixture
def levels(postgres_database: Database) -> Iterator[Pairing]:
    with postgres_pairing(postgres_database.log, "stock_levels") as found:
        yield found


def test_the_same_code_leaves_no_difference_and_one_checksum(postgres_database: Database) -> None:
    with postgres_pairing(postgres_database.log, "stock_levels", "1") as levels:
        levels.log.append_dated(levels.log.ledger("main"), year(3, 800))
        levels.feed()
        found = levels.found()
        assert (found["differing"], found["surprises"], found["causes"]) == (0, 0, [])
        assert found["checksums"]["from"] == found["checksums"]["to"]
        assert found["cells"] > 24 * 9


def test_a_planted_bug_is_explained_by_the_events_it_misreads(levels: Pairing) -> None:
    stock = {"sku": "A", "location": "WH"}
    recorded = levels.log.append(
        levels.log.ledger("main"),
        facts.StockReceived(sku="A", location="WH", quantity=9),
        facts.StockReceived(sku="B", location="WH", quantity=9),
        facts.StockReturned(sku="A", location="WH", quantity=2, to="damaged", reason="torn"),
        facts.StockReturned(sku="A", location="WH", quantity=3, to="damaged", reason="wet"),
        facts.StockReturned(sku="B", location="WH", quantity=5, to="stock"),
    )
    levels.feed()
    found = levels.found()
    assert causes(found) == {
        (RETURNED, "held", TWICE): 1,
        (RETURNED, "on_hand", TWICE): 1,
    }
    example = found["causes"][0]["examples"][0]
    assert stock.items() <= example.items()
    assert example["newer"] - example["older"] == 5
    assert [(each["position"], each["event_id"]) for each in example["events"]] == [
        (event.ledger_position, str(event.event_id)) for event in recorded[2:4]
    ]


@pytest.mark.parametrize(
    ("expectation", "expected"),
    [
        ("type=stock.returned.v1 to=damaged", 2),
        ("type=stock.returned.v1 field=held", 1),
        ("reason=torn", 0),
        ("reason=torn reason=wet sku=A", 2),
        ("tenant=acme location=WH", 2),
        ("tenant=other", 0),
        ("filed=held", 0),
    ],
)
def test_a_cell_is_expected_when_all_its_events_match_a_rule(
    levels: Pairing, expectation: str, expected: int
) -> None:
    levels.log.append(
        levels.log.ledger("main"),
        facts.StockReturned(sku="A", location="WH", quantity=2, to="damaged", reason="torn"),
        facts.StockReturned(sku="A", location="WH", quantity=3, to="damaged", reason="wet"),
    )
    levels.feed()
    document = levels.compare(expectation).document
    found = document["projections"]["stock_levels"]
    assert (found["differing"], found["expected"]) == (2, expected)
    assert document["surprises"] == found["surprises"] == 2 - expected


@pytest.mark.parametrize("version", [1, 2])
def test_a_cell_no_event_explains_is_a_surprise_and_the_wrong_version_is_named(
    levels: Pairing, version: int
) -> None:
    levels.log.append_dated(levels.log.ledger("main"), year(5, 900))
    levels.feed()
    before = levels.found("type=stock.returned.v1")
    assert before["surprises"] == 0 < before["differing"]
    planted = f"UPDATE stock_levels_v{version} SET held = held + 1 WHERE (sku, location) = (%s, %s)"
    assert levels.execute(planted, ("SKU-1", "WH")) == 1
    found = levels.found("type=stock.returned.v1")
    assert found["surprises"] == 1
    which = ("older", "newer")[version - 1]
    code = f"the {which} version (v{version}) had drifted from the log"
    assert causes(found)[NO_EVENT, "held", code] == 1
    assert found["examples"][0]["sku"] == "SKU-1"


def test_a_row_that_only_one_version_has_is_one_surprise(levels: Pairing) -> None:
    levels.log.append_dated(levels.log.ledger("main"), year(5, 300))
    levels.feed()
    for statement in (
        "DELETE FROM stock_levels_v1 WHERE (sku, location) = ('SKU-1', 'WH')",
        "DELETE FROM items_v2 WHERE sku = 'SKU-2'",
        """INSERT INTO locations_v2
           SELECT tenant, ledger, 'GONE', name, type, 1, 2, 3, recorded_at
             FROM locations_v2 LIMIT 1""",
    ):
        levels.execute(statement)
    found = levels.found("type=stock.returned.v1")
    assert found["surprises"] == 3
    told = {(each["place"], each["older"], each["newer"]) for each in found["examples"]}
    assert told == {
        ("stock_levels", "missing", "there"),
        ("items", "there", "missing"),
        ("locations", "missing", "there"),
    }
    older, newer = ("the older version (v1)", "the newer version (v2)")
    drifted = {cause[2].removesuffix(" had drifted from the log") for cause in causes(found)}
    assert drifted >= {older, newer}


@pytest.mark.parametrize("field", ["status", "units", "lines", "placed_at"])
def test_orders_are_compared_field_by_field(postgres_database: Database, field: str) -> None:
    values = {
        "status": "'cancelled'",
        "units": "units + 1",
        "lines": "jsonb_set(lines, '{0,shipped}', '99')",
        "placed_at": "placed_at + interval '1 microsecond'",
    }
    with postgres_pairing(postgres_database.log, "orders", "1") as orders:
        orders.log.append_dated(orders.log.ledger("main"), year(5, 400))
        orders.feed()
        assert orders.found()["differing"] == 0
        row = "placed_position = (SELECT min(placed_position) FROM orders_v1)"
        assert orders.execute(f"UPDATE orders_v1 SET {field} = {values[field]} WHERE {row}") == 1
        code = "the older version (v1) had drifted from the log"
        assert causes(orders.found()) == {(NO_EVENT, field, code): 1}


@pytest.mark.parametrize("field", ["status", "refs", "body", "opened_at"])
def test_documents_are_compared_field_by_field(postgres_database: Database, field: str) -> None:
    values = {
        "status": "'lost'",
        "refs": "array_append(refs, 'sku:of-nobody')",
        "body": "jsonb_set(body::jsonb, '{sku}', '\"B\"')::json",
        "opened_at": "opened_at + interval '1 microsecond'",
    }
    with postgres_pairing(postgres_database.log, "documents", "1") as documents:
        documents.log.append_dated(documents.log.ledger("main"), year(5, 400))
        documents.feed()
        assert documents.found()["differing"] == 0
        row = "kind = 'stock' AND id = 'SKU-1@WH'"
        changed = f"UPDATE documents_v1 SET {field} = {values[field]} WHERE {row}"
        assert documents.execute(changed) == 1
        code = "the older version (v1) had drifted from the log"
        assert causes(documents.found()) == {(NO_EVENT, field, code): 1}


def test_a_version_that_other_code_folds_has_not_drifted_and_differs_by_surprise(
    postgres_database: Database,
) -> None:
    with postgres_pairing(postgres_database.log, "orders", "1") as orders:
        orders.log.append_dated(orders.log.ledger("main"), year(5, 400))
        orders.feed()
        row = "placed_position = (SELECT min(placed_position) FROM orders_v1)"
        assert orders.execute(f"UPDATE orders_v1 SET units = units + 1 WHERE {row}") == 1
        other = """UPDATE projections SET fingerprints = fingerprints || '{"order.placed.v1": "x"}'
                    WHERE projection = 'orders' AND version = 1"""
        assert orders.execute(other) == 1
        found = orders.found()
        code = "the older version (v1) was folded by code of another release"
        assert causes(found) == {(NO_EVENT, "units", code): 1}
        assert found["surprises"] == 1


def test_a_stream_that_one_version_keeps_back_is_named(levels: Pairing) -> None:
    log = levels.log
    log.append_dated(log.ledger("main"), year(5, 200))
    levels.feed()
    poison = log.append_raw("acme/main", "stock-SKU-1@WH", "stock.received.v1", b'{"sku": 1}')
    levels.feed()
    assert levels.found("type=stock.returned.v1")["surprises"] == 0, "both keep it back"
    levels.execute("DELETE FROM parked_streams WHERE version = 1")
    levels.execute("UPDATE stock_levels_v1 SET on_hand = on_hand + 5 WHERE sku = 'SKU-1'")
    found = levels.found("type=stock.returned.v1")
    code = f"stream parked in v2 from position {poison.ledger_position} on"
    assert causes(found)[NO_EVENT, "on_hand", code] == 1


def test_a_key_that_is_never_met_is_held_against_the_log(levels: Pairing) -> None:
    log, stock = levels.log, {"sku": "A", "location": "WH"}
    ledger = log.ledger("main")
    for units in (2, 3):
        log.append(
            ledger,
            facts.StockReceived(sku="A", location="WH", quantity=units),
            facts.StockReturned(sku="A", location="WH", quantity=units, to="damaged"),
        )
    levels.feed(until=(None, 2))
    found = levels.found("to=damaged", sleep=lambda _: None)
    assert (found["differing"], found["surprises"]) == (2, 0)
    assert [(each["older"], each["newer"]) for each in found["causes"][0]["examples"]] in (
        [[(2, 4)], [(4, 6)]]
    )
    levels.execute("UPDATE stock_levels_v2 SET reserved = reserved + 1")
    found = levels.found("to=damaged", sleep=lambda _: None)
    surprise = found["examples"][0]
    assert (found["surprises"], surprise["field"]) == (1, "reserved")
    assert stock.items() <= surprise.items()
    assert (surprise["older"], surprise["newer"]) == (0, 1)


def test_a_rule_that_matches_nothing_is_reported(levels: Pairing) -> None:
    levels.log.append(
        levels.log.ledger("main"),
        facts.StockReturned(sku="A", location="WH", quantity=2, to="damaged"),
    )
    levels.feed()
    document = levels.compare("to=damaged", "filed=held").document
    assert [(each["text"], each["cells"]) for each in document["rules"]] == [
        ("to=damaged", 2),
        ("filed=held", 0),
    ]


def test_the_result_is_stored_and_the_replay_is_diffed(levels: Pairing) -> None:
    levels.log.append_dated(levels.log.ledger("main"), year(5, 100))
    levels.feed()
    document = levels.compare().document
    with levels.log.pool.connection() as connection:
        stored = records.replay(connection, levels.replay_id)
        assert (stored.state, stored.diff) == ("diffed", document)
        records.move(connection, levels.replay_id, wanted=["diffed"], to="promoted")
    with pytest.raises(ReplayStateError, match="is promoted"):
        levels.compare()


def test_after_a_roll_back_the_versions_are_compared_anew(levels: Pairing) -> None:
    levels.log.append_dated(levels.log.ledger("main"), year(5, 100))
    levels.feed()
    first = levels.compare().document
    with levels.log.pool.connection() as connection:
        records.move(connection, levels.replay_id, wanted=["diffed"], to="rolled_back")
        second = levels.compare().document
        assert first["compared_at"] < second["compared_at"]
        stored = records.replay(connection, levels.replay_id)
    assert (stored.state, stored.diff) == ("rolled_back", second), "its versions stay kept"
