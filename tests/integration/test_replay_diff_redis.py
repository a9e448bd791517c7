"""Two versions in Redis, compared page by page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain import events as facts
from projections.availability.keys import ShardKeys
from replay.diff.cells import NO_EVENT
from replay.diff.sides import VersionsApartError
from tests.diffing import BLIND, Pairing, causes, redis_pairing
from tests.happenings import item, year
from tests.parts import Database

RETURNED = "stock.returned.v1"


@pytest.fixture
def pairing(postgres_database: Database, redis_url: str, redis_prefix: str) -> Iterator[Pairing]:
    with redis_pairing(postgres_database.log, redis_url, redis_prefix) as found:
        yield found


def test_the_same_code_leaves_no_difference_and_one_checksum(
    postgres_database: Database, redis_url: str, redis_prefix: str
) -> None:
    with redis_pairing(postgres_database.log, redis_url, redis_prefix, "1") as pairing:
        pairing.log.append_dated(pairing.log.ledger("main"), year(3, 800))
        pairing.feed()
        found = pairing.found()
        assert (found["differing"], found["causes"]) == (0, [])
        assert found["checksums"]["from"] == found["checksums"]["to"]
        shard = next(each for each in found["shards"] if each["rows"][0])
        assert found["cells"] == shard["rows"][0] >= 12 * 3
        assert shard["sums"]["available"][0] == shard["sums"]["available"][1] != 0


def test_a_change_of_code_is_explained_by_its_events(pairing: Pairing) -> None:
    recorded = pairing.log.append(
        pairing.log.ledger("main"),
        item("A"),
        facts.StockReceived(sku="A", location="WH", quantity=9),
        facts.StockReturned(sku="A", location="WH", quantity=2, to="damaged", reason="torn"),
        facts.StockReturned(sku="A", location="SHOP", quantity=3, to="damaged"),
        facts.StockReturned(sku="B", location="WH", quantity=5, to="stock"),
    )
    pairing.feed()
    found = pairing.found("location=SHOP")
    assert causes(found) == {(RETURNED, "available", f"edition 1 → {BLIND}"): 2}
    assert (found["expected"], found["surprises"]) == (1, 1)
    example = found["examples"][0]
    assert (example["sku"], example["location"]) == ("A", "WH")
    assert (example["older"], example["newer"]) == (9, 11)
    assert example["events"][0]["event_id"] == str(recorded[2].event_id)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("field", "value"), [("WH", None), ("NOWHERE", "4"), ("#safety_stock", "99"), ("WH", "many")]
)
def test_a_planted_difference_is_found_and_the_wrong_version_named(
    pairing: Pairing, version: int, field: str, value: str | None
) -> None:
    log, client = pairing.log, pairing.clients["redis"]
    log.append_dated(log.ledger("main"), year(5, 900))
    pairing.feed()
    assert pairing.found("type=stock.returned.v1")["surprises"] == 0
    model = pairing.models[version - 1]
    key = ShardKeys(model.places["availability"], log.shard("acme/main")).hash_of(
        "acme/main", "SKU-1"
    )
    if value is None:
        client.hincrby(key, field, 1)
    else:
        client.hset(key, field, value)
    found = pairing.found("type=stock.returned.v1")
    assert found["surprises"] == 1
    which = ("older", "newer")[version - 1]
    surprise = found["examples"][0]
    assert surprise["type"] == NO_EVENT
    assert surprise["code"] == f"the {which} version (v{version}) had drifted from the log"


def test_a_version_that_was_emptied_is_not_compared(pairing: Pairing) -> None:
    log, client = pairing.log, pairing.clients["redis"]
    log.append_dated(log.ledger("main"), year(5, 100))
    pairing.feed()
    keys = ShardKeys(pairing.models[1].places["availability"], log.shard("acme/main"))
    client.delete(keys.checkpoint)
    with pytest.raises(VersionsApartError, match="is empty"):
        pairing.found()
