"""Parked streams replayed by `backstock replay key --parked`: in order, once, and told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from domain import events as facts
from eventlog.log import RecordedEvent
from eventlog.parked import ParkedStreams
from eventlog.projection import Batch, Checkpoint, Projection
from ops.main import app
from projections.catalogue import ReadModel
from projections.editions import TODAY
from projections.stock_levels.projection import StockLevels
from projections.versions import create_version, move_version
from replay.selective.parked import Retried, Retrying
from replay.selective.selection import SelectionError
from tests.contracts.projection import Refusing
from tests.happenings import START
from tests.parts import Database
from tests.projection_side import applier, drain, table_rows
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

    (found,) = replaying(stores, make, seconds_max=seconds_max).replay([name])
    return found


def replaying(
    stores: World, make: Callable[[ReadModel], Projection], *, seconds_max: float = 5.0
) -> Retrying:
    return Retrying(
        pool=stores.log.pool,
        reader=stores.log.reader,
        make=make,
        epoch=stores.log.identity.epoch,
        shards=stores.log.identity.shards,
        owner="test#1",
        seconds_max=seconds_max,
    )


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


class Interrupted:
    """A projection whose process is stopped once, right after it has applied parked events."""

    def __init__(self, projection: Projection, meanwhile: Callable[[], object]) -> None:
        self.name, self.version = projection.name, projection.version
        self.handles = projection.handles
        self._projection = projection
        self._meanwhile = [meanwhile]

    def checkpoint(self, shard: int) -> Checkpoint:
        return self._projection.checkpoint(shard)

    def apply(self, batch: Batch) -> None:
        self._projection.apply(batch)

    def apply_parked(self, events: Sequence[RecordedEvent]) -> None:
        self._projection.apply_parked(events)
        while self._meanwhile:
            self._meanwhile.pop()()


def rebuilt(stores: World, name: str, shard: int) -> object:
    process(stores, name).rebuild()  # type: ignore[attr-defined]
    drain(stores.log, process(stores, name), shard)
    return getattr(stores, name).data()


def test_what_a_projector_keeps_back_behind_a_stopped_replay_is_not_lost(stores: World) -> None:
    """Ctrl-Z for longer than a lease: a projector has the shard when the replay goes on."""
    events, _ = park(stores, "stock_levels")
    shard = events[0].shard
    later: list[RecordedEvent] = []

    def taken_over() -> None:
        projector = applier(stores.log, process(stores, "stock_levels"))
        later.extend(append(stores))
        projector.apply(later)

    interrupted = Interrupted(process(stores, "stock_levels"), taken_over)
    found = retry(stores, "stock_levels", interrupted, seconds_max=0.1)
    (still,) = found.still_parked
    assert still.position == later[0].ledger_position, "what came later is kept back still"
    assert retry(stores, "stock_levels").still_parked == []
    seen = stores.stock_levels.data()
    assert seen == rebuilt(stores, "stock_levels", shard)


def test_a_projector_that_knows_of_a_park_that_is_gone_parks_the_stream_again(
    stores: World,
) -> None:
    """What is kept back without a park would be in no cell after the next start."""
    events, _ = park(stores, "stock_levels")
    projector = applier(stores.log, process(stores, "stock_levels"))
    retry(stores, "stock_levels")
    later = append(stores)
    projector.apply(later)
    (parked,) = ParkedStreams(stores.log.pool, "stock_levels", 1).streams().values()
    assert parked.position == later[0].ledger_position
    assert parked.retry_requested_at is not None, "the projector goes on with it by itself"
    projector.retry_requested(lambda _: later[-1].shard_position)
    assert projector.parked == 0
    seen = stores.stock_levels.data()
    assert seen == rebuilt(stores, "stock_levels", events[0].shard)


def test_a_stream_that_another_process_has_parked_is_retried_by_who_holds_its_shard(
    stores: World,
) -> None:
    projector = applier(stores.log, process(stores, "stock_levels"))
    assert projector.parked == 0
    events, lawful = park(stores, "stock_levels")
    parked = ParkedStreams(stores.log.pool, "stock_levels", 1)
    parked.request_retry(LEDGER, STREAM)
    projector.retry_requested(lambda _: events[-1].shard_position)
    assert (parked.streams(), projector.parked) == ({}, 0)
    assert stores.stock_levels.data() == lawful


def test_a_retry_whose_shard_is_lost_before_it_reads_lets_nothing_flow(stores: World) -> None:
    events, _ = park(stores, "stock_levels")
    parked = ParkedStreams(stores.log.pool, "stock_levels", 1)
    parked.request_retry(LEDGER, STREAM)
    answers = [events[-1].shard_position, None, None]
    applier(stores.log, process(stores, "stock_levels")).retry_requested(lambda _: answers.pop(0))
    assert [each.position for each in parked.streams().values()] == [events[0].ledger_position]
    assert len(parked.dead_letters(LEDGER, STREAM)) == len(events)


def test_a_later_park_is_not_led_back_by_who_fails_further_down(stores: World) -> None:
    events, _ = park(stores, "stock_levels")
    parked = ParkedStreams(stores.log.pool, "stock_levels", 1)
    parked.unpark(LEDGER, STREAM, upto=events[1].shard_position)
    assert parked.streams()[LEDGER, STREAM].position == events[2].ledger_position
    parked.park_again(events[0], "late")
    assert parked.streams()[LEDGER, STREAM].position == events[2].ledger_position
    assert parked.unpark(LEDGER, STREAM, upto=events[2].shard_position) is None
    assert parked.streams() == {}


def beside(stores: World) -> StockLevels:
    """A second version of stock_levels, followed, that parks a stream."""
    log = stores.log
    with log.pool.connection() as connection, connection.transaction():
        create_version(
            connection,
            "stock_levels",
            edition=TODAY,
            epoch=log.identity.epoch,
            shards=log.identity.shards,
            redis_prefix="unused",
        )
        move_version(connection, "stock_levels", 2, wanted=["building"], to="following")
    projection = StockLevels(log.pool, epoch=log.identity.epoch, version=2)
    (event, *_) = append(stores)
    drain(log, Refusing(projection, event), event.shard)
    return projection


def test_streams_that_another_fed_version_has_parked_are_replayed_too(stores: World) -> None:
    """A version that is not read yet is not promoted while anything is parked in it."""
    projection = beside(stores)
    retrying = replaying(stores, lambda _: projection)
    first, second = retrying.replay(["stock_levels"])
    assert (first.version, first.state, first.replayed) == (1, "active", [])
    assert (second.version, second.state, second.still_parked) == (2, "following", [])
    assert [each.stream for each in second.replayed] == [STREAM]


def test_a_version_alone_is_asked_for_by_its_number(stores: World) -> None:
    projection = beside(stores)
    retrying = replaying(stores, lambda _: projection)
    with pytest.raises(SelectionError, match=r"v7 is not fed; there is v1 .active., v2 .following"):
        retrying.replay(["stock_levels"], version=7)
    with pytest.raises(SelectionError, match="give one --projection"):
        retrying.replay(version=2)
    assert [each.version for each in retrying.replay(["stock_levels"], version=1)] == [1]
    (found,) = retrying.replay(["stock_levels"], version=2)
    assert [each.stream for each in found.replayed] == [STREAM]


def test_code_that_did_not_build_a_version_leaves_its_streams_to_that_which_did(
    stores: World,
) -> None:
    park(stores, "stock_levels")
    before = stores.stock_levels.data()
    stores.plant(
        "UPDATE projections SET fingerprints = fingerprints || %s::jsonb"
        " WHERE projection = 'stock_levels'",
        '{"stock.returned.v1": "other"}',
    )
    found = retry(stores, "stock_levels", seconds_max=0.3)
    assert [each.stream for each in found.still_parked] == [STREAM]
    assert "other code for stock.returned.v1" in (found.other_code or "")
    assert stores.stock_levels.data() == before


def test_dead_letters_of_every_version_are_listed_and_the_active_ones_shown(
    stores: World, postgres_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    beside(stores)
    for name in ("KAFKA_BOOTSTRAP", "REDIS_URL", "CLICKHOUSE_URL"):
        monkeypatch.setenv(f"BACKSTOCK_{name}", "127.0.0.1:1")
    for name in ("POSTGRES_DSN", "POSTGRES_LOG_DSN"):
        monkeypatch.setenv(f"BACKSTOCK_{name}", postgres_database.log)

    def told(*words: str) -> dict[str, Any]:
        command = ["deadletters", *words, "--json", "--data", str(tmp_path)]
        done = CliRunner().invoke(app, command, catch_exceptions=False)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    (listed,) = told("list")["parked"]
    assert (listed["version"], listed["state"], listed["stream"]) == (2, "following", STREAM)
    parked = ("stock_levels", LEDGER, STREAM)
    assert told("show", *parked) == {"version": 1, "dead_letters": []}
    assert len(told("show", *parked, "--version", "2")["dead_letters"]) == 3
    assert told("retry", *parked) == {"requested": False, "version": 1}
    stores.plant(
        "UPDATE projections SET state = 'kept' WHERE version = 1 AND projection = %s", parked[0]
    )
    stores.plant("UPDATE projections SET state = 'active' WHERE version = 2")
    assert told("retry", *parked) == {"requested": True, "version": 2}


def test_an_unknown_projection_is_refused(stores: World) -> None:
    with pytest.raises(SelectionError, match="no projection 'stock'"):
        retry(stores, "stock")
