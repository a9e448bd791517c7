"""Parked streams replayed by `backstock replay key --parked`: in order, once, and told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from domain import events as facts
from eventlog.log import RecordedEvent
from eventlog.parked import ParkedStreams
from eventlog.projection import Projection
from projections.catalogue import ReadModel
from replay.selective.parked import Retried, Retrying
from replay.selective.selection import SelectionError
from tests.contracts.projection import Refusing
from tests.happenings import START
from tests.parts import Database
from tests.projection_side import drain, table_rows
from tests.selective_side import LEDGER, Addresses, World, world

STREAM = "stock-SKU-3@WH"
READ_MODELS = ("stock_levels", "availability", "movements")


@pytest.fixture
def stores(
    postgres_database: Database, redis_url: str, redis_prefix: str, clickhouse_url: str
) -> Iterator[World]:
    addresses = Addresses(
        log_dsn=postgres_database.log,
        redis_url=redis_url,
        redis_prefix=redis_prefix,
        clickhouse_url=clickhouse_url,
    )
    with world(addresses) as found:
        found.fill(count=200)
        yield found


def process(stores: World, name: str) -> Projection:
    found: Projection = getattr(stores, name).process()
    return found


def append(stores: World) -> list[RecordedEvent]:
    stock: dict[str, Any] = {"sku": "SKU-3", "location": "WH"}
    return stores.log.append(
        LEDGER,
        facts.StockReceived(**stock, quantity=50),
        facts.StockReceived(**stock, quantity=7),
        facts.StockReserved(**stock, reservation_id="r", quantity=4, expires_at=START),
    )


def park(stores: World, name: str) -> tuple[list[RecordedEvent], object]:
    """The events of a stream that one read model cannot take, and how it looks without trouble."""
    events = append(stores)
    position = events[0].shard_position - 1
    drain(stores.log, process(stores, name), events[0].shard)
    lawful = getattr(stores, name).data()
    process(stores, name).rebuild()  # type: ignore[attr-defined]
    drain(stores.log, process(stores, name), events[0].shard, until=position)
    drain(stores.log, Refusing(process(stores, name), events[0]), events[0].shard)
    assert getattr(stores, name).data() != lawful
    return events, lawful


def retry(
    stores: World, name: str, projection: Projection | None = None, *, seconds_max: float = 5.0
) -> Retried:
    def make(model: ReadModel) -> Projection:
        return projection or process(stores, model.name)

    retrying = Retrying(
        pool=stores.log.pool,
        reader=stores.log.reader,
        make=make,
        epoch=stores.log.identity.epoch,
        shards=stores.log.identity.shards,
        owner="test#1",
        seconds_max=seconds_max,
    )
    (found,) = retrying.replay([name])
    return found


@pytest.mark.parametrize("name", READ_MODELS)
def test_mended_its_parked_streams_are_replayed_and_nothing_is_left(
    stores: World, name: str
) -> None:
    _, lawful = park(stores, name)
    found = retry(stores, name)
    assert [each.stream for each in found.replayed] == [STREAM]
    assert found.still_parked == []
    assert getattr(stores, name).data() == lawful
    assert table_rows(stores.log, "dead_letters") == []
    leases = {row["lease_owner"] for row in table_rows(stores.log, "projection_checkpoints")}
    assert leases == {None}, "the next projector need not wait"
    again = retry(stores, name)
    assert (again.replayed, again.still_parked) == ([], [])


@pytest.mark.parametrize("name", READ_MODELS)
def test_what_an_earlier_replay_applied_before_it_died_is_not_applied_again(
    stores: World, name: str
) -> None:
    """Dead letters go through `apply_parked`, which knows what it has written."""
    events, lawful = park(stores, name)
    projection = process(stores, name)
    projection.checkpoint(events[0].shard)
    projection.apply_parked(events[:2])
    found = retry(stores, name)
    assert [each.stream for each in found.replayed] == [STREAM]
    assert getattr(stores, name).data() == lawful


def test_a_stream_that_still_fails_is_told_with_its_reason_and_stays_parked(
    stores: World,
) -> None:
    events, _ = park(stores, "stock_levels")
    before = stores.stock_levels.data()
    broken = Refusing(process(stores, "stock_levels"), events[0])
    found = retry(stores, "stock_levels", broken)
    (still,) = found.still_parked
    assert (still.stream, still.position) == (STREAM, events[0].ledger_position)
    assert found.as_dict()["still_parked"][0]["error"] == still.error != ""
    assert not found.as_dict()["still_parked"][0]["waiting"]
    assert stores.stock_levels.data() == before


def test_a_shard_that_a_projector_holds_is_left_to_it(stores: World) -> None:
    """Only who holds the lease knows what it keeps back."""
    park(stores, "stock_levels")
    before = stores.stock_levels.data()
    stores.plant(
        "UPDATE projection_checkpoints SET lease_owner = 'alive#1',"
        " lease_until = clock_timestamp() + interval '1 minute'"
    )
    found = retry(stores, "stock_levels", seconds_max=0.3)
    assert found.as_dict()["still_parked"][0]["waiting"]
    assert stores.stock_levels.data() == before
    streams = ParkedStreams(stores.log.pool, "stock_levels", 1).streams()
    assert streams[LEDGER, STREAM].retry_requested_at is not None, "it was asked to"


def test_an_unknown_projection_is_refused(stores: World) -> None:
    with pytest.raises(SelectionError, match="no projection 'stock'"):
        retry(stores, "stock")
