"""`availability` on Valkey and on Redis 6.2: the contract, its own checkpoint, what heals it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from domain import events as facts
from eventlog.projection import StoreUnavailableError
from projections.availability import fold
from projections.availability.shard_store import DamagedError
from tests.contracts.projection import ProjectionContract, whole
from tests.happenings import START, item, item_described, year
from tests.parts import Database
from tests.projection_side import drain, told_positions
from tests.read_models import AvailabilityKeys, availability_keys

LEDGER = "acme/main"


@pytest.fixture(params=["redis_url", "redis62_url"])
def read_model(
    request: pytest.FixtureRequest, postgres_database: Database, redis_prefix: str
) -> Iterator[AvailabilityKeys]:
    url = request.getfixturevalue(request.param)
    with availability_keys(postgres_database.log, url, redis_prefix) as found:
        yield found


@pytest.fixture
def shard(read_model: AvailabilityKeys) -> int:
    """A shard with some facts in it, all of them applied."""
    log = read_model.log
    log.append_dated(log.ledger("main"), year(11, 400))
    drain(log, read_model.process(), log.shard(LEDGER))
    return log.shard(LEDGER)


class TestAvailability(ProjectionContract):
    pass


def test_available_is_what_no_promise_holds(read_model: AvailabilityKeys) -> None:
    log = read_model.log
    stock: dict[str, Any] = {"sku": "A:1", "location": "WH"}
    log.append(
        log.ledger("main"),
        item("A:1", safety_stock=5, backorder_limit=2),
        facts.StockReceived(**stock, quantity=100),
        facts.StockReserved(**stock, reservation_id="r", quantity=30, expires_at=START),
        facts.StockCommitted(**stock, order_id="o", line=1, quantity=20),
        facts.StockShipped(**stock, quantity=20, order_id="o", line=1),
        facts.StockReturned(sku="A:1", location="SHOP", quantity=4, to="damaged"),
        facts.ItemDiscontinued(sku="A:1"),
        item_described("A:1", "better", 7),
    )
    drain(log, read_model.process(), log.shard(LEDGER))
    assert read_model.free("A:1") == {
        "WH": "50",
        "SHOP": "0",
        "#safety_stock": "7",
        "#backorder_limit": "0",
        "#status": "discontinued",
    }


def test_a_batch_of_more_keys_than_one_call_takes_is_cut(
    read_model: AvailabilityKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = read_model.log
    log.append_dated(log.ledger("main"), year(11, 400, skus=40))
    drain(log, read_model.process(), log.shard(LEDGER))
    at_once = read_model.data()
    read_model.process().rebuild()
    monkeypatch.setattr(fold, "HASHES_PER_CALL_MAX", 3)
    drain(log, read_model.process(), log.shard(LEDGER), batch=2_000)
    assert read_model.data() == at_once


def test_a_batch_cut_in_two_goes_on_from_the_middle(
    read_model: AvailabilityKeys, shard: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_model.data()
    read_model.process().rebuild()
    monkeypatch.setattr(fold, "HASHES_PER_CALL_MAX", 5)
    projection = read_model.process()
    projection.checkpoint(shard)
    whole_batch = whole(read_model.log, projection, shard, 0, 400)
    calls = 0
    send = projection._send

    def fail_third(*arguments: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise StoreUnavailableError("Redis", ConnectionError("cut"))
        send(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(projection, "_send", fail_third)
    with pytest.raises(StoreUnavailableError):
        projection.apply(whole_batch)
    monkeypatch.undo()
    assert 0 < read_model.process().checkpoint(shard).position < 400
    drain(read_model.log, read_model.process(), shard)
    assert read_model.data() == before


def test_flushed_while_idle_it_begins_again_by_itself(
    read_model: AvailabilityKeys, shard: int
) -> None:
    before = read_model.data()
    read_model.flush()
    assert read_model.process().checkpoint(shard).position == 0
    assert told_positions(read_model.log, "availability") == {}
    drain(read_model.log, read_model.process(), shard)
    assert read_model.data() == before


def test_flushed_in_the_middle_of_work_nothing_is_written_on_top(
    read_model: AvailabilityKeys, shard: int
) -> None:
    log, projection = read_model.log, read_model.process()
    end = projection.checkpoint(shard).position
    log.append_dated("acme/main", year(12, 60))
    read_model.flush()
    with pytest.raises(StoreUnavailableError, match="gone"):
        projection.apply(whole(log, projection, shard, end, end + 10))
    assert read_model.data() == {}
    drain(log, projection, shard)
    at_last = read_model.data()
    read_model.process().rebuild()
    drain(log, projection, shard)
    assert read_model.data() == at_last


def test_restored_to_an_older_state_it_goes_on_from_there(
    read_model: AvailabilityKeys, shard: int
) -> None:
    projection, store = read_model.process(), read_model.keys(shard)
    end = projection.checkpoint(shard).position
    read_model.process().rebuild()
    drain(read_model.log, read_model.process(), shard, until=200)
    older = {
        key: read_model.client.dump(key) for key in read_model.client.scan_iter(f"{store._shard}*")
    }
    drain(read_model.log, read_model.process(), shard)
    before = read_model.data()
    read_model.log.append_dated("acme/main", year(12, 30))
    for key, dump in older.items():
        assert dump is not None
        read_model.client.restore(key, 0, dump, replace=True)
    with pytest.raises(StoreUnavailableError, match="stands at 200"):
        projection.apply(whole(read_model.log, projection, shard, end, end + 10))
    drain(read_model.log, read_model.process(), shard, until=end)
    assert read_model.data() == before


def test_ahead_of_a_log_that_was_restored_it_begins_again(
    read_model: AvailabilityKeys, shard: int
) -> None:
    before = read_model.data()
    ahead = read_model.process().checkpoint(shard).position + 1
    read_model.client.hset(read_model.keys(shard).checkpoint, "position", ahead)
    read_model.client.hset(read_model.keys(shard).hash_of(LEDGER, "SKU-1"), "WH", "9")
    drain_from_nothing(read_model, shard)
    assert read_model.data() == before


@pytest.mark.parametrize("other", [{"store_id": UUID(int=1)}, {"epoch": 7}])
def test_keys_of_another_life_of_the_store_are_not_built_upon(
    read_model: AvailabilityKeys, shard: int, other: dict[str, object]
) -> None:
    before = read_model.data()
    read_model.process(**other).rebuild()  # type: ignore[arg-type]
    read_model.client.hset(read_model.keys(shard).hash_of(LEDGER, "stray"), "WH", "9")
    assert read_model.process().checkpoint(shard).position == 0
    drain(read_model.log, read_model.process(), shard)
    assert read_model.data() == before


def test_a_projector_of_another_life_writes_nothing_though_it_stands_where_we_do(
    read_model: AvailabilityKeys, shard: int
) -> None:
    log, zombie = read_model.log, read_model.process(epoch=7)
    end = read_model.process().checkpoint(shard).position
    log.append_dated("acme/main", year(12, 30))
    before = read_model.data()
    with pytest.raises(StoreUnavailableError, match="gone"):
        zombie.apply(whole(log, zombie, shard, end, end + 10))
    assert read_model.data() == before


def test_two_that_empty_a_shard_at_once_do_not_drop_what_is_new(
    read_model: AvailabilityKeys, shard: int
) -> None:
    before = read_model.data()
    slow = read_model.process()._store(shard)
    token = slow._step("begin", b"")
    drain_from_nothing(read_model, shard)
    first_key = read_model.keys(shard).hash_of(LEDGER, "SKU-1").encode()
    with pytest.raises(StoreUnavailableError, match="another process"):
        slow._step("drop", token, [first_key])
    assert read_model.data() == before


def test_a_damaged_hash_stops_the_projector_before_it_writes(
    read_model: AvailabilityKeys, shard: int
) -> None:
    log, projection = read_model.log, read_model.process()
    end = projection.checkpoint(shard).position
    key = read_model.keys(shard).hash_of(LEDGER, "SKU-1")
    read_model.client.hset(key, "WH", "many")
    log.append(
        "acme/main",
        *(facts.StockReceived(sku=f"SKU-{n}", location="WH", quantity=1) for n in range(4)),
    )
    before = read_model.data()
    with pytest.raises(DamagedError) as damaged:
        projection.apply(whole(log, projection, shard, end, end + 4))
    assert (damaged.value.key, damaged.value.field) == (key, "WH")
    assert read_model.data() == before
    assert projection.checkpoint(shard).position == end


def drain_from_nothing(read_model: AvailabilityKeys, shard: int) -> None:
    assert read_model.process().checkpoint(shard).position == 0
    drain(read_model.log, read_model.process(), shard)
