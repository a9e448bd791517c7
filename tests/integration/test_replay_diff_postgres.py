"""Two versions in PostgreSQL, compared: each difference found, explained, expected or not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain import events as facts
from replay.diff.cells import NO_EVENT
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
