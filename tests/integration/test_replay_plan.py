"""Plans: what is derived from the code, what is touched, how it is best done, what it takes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from domain.events import OrderPlaced, StockReceived
from eventlog.codec import TYPE_NAMES
from eventlog.log import RecordedEvent
from ops.main import app
from projections.catalogue import STORES
from projections.editions import CURRENT, RETURNS_TWICE
from projections.item_facts import ITEM_STORED
from projections.stock_facts import RETURNED, STOCK_TYPES
from replay import planning, touching
from replay.measuring import Sample
from replay.planning import (
    NothingChangedError,
    Plan,
    PlantedEditionError,
    Request,
    UnknownEditionPlannedError,
    UnknownProjectionError,
    UnknownTypeError,
)
from replay.touching import Selection
from tests.happenings import year
from tests.parts import Database
from tests.replay_side import ALL, World, world

OF_STOCK = ("stock_levels", "availability", "movements")


@pytest.fixture
def stores(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[World]:
    with world(postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path) as opened:
        for ledger in opened.log.ledgers_of_one_shard(2):
            opened.log.append_dated(ledger, year(3, 900))
        opened.log.append_dated(opened.log.ledger("other"), year(4, 300))
        yield opened


def plan(stores: World, **wanted: Any) -> Plan:
    selection = Selection(**wanted.pop("selection", {}))
    request = Request(selection=selection, **wanted)
    return planning.plan(stores.log.pool, stores.log.reader, request)


def by_hand(stores: World, **wanted: Any) -> Plan:
    return plan(stores, selection=wanted)


def events(stores: World) -> list[RecordedEvent]:
    with stores.log.pool.connection() as connection:
        ledgers = connection.execute("SELECT ledger FROM ledgers ORDER BY ledger").fetchall()
    return [
        event for (ledger,) in ledgers for event in stores.log.reader.read_ledger(ledger, 0, 9_999)
    ]


def test_read_models_that_the_edition_folds_alike_are_left_out(stores: World) -> None:
    found = plan(stores, edition=RETURNS_TWICE, planted=True)
    assert {each.projection for each in found.targets} == set(OF_STOCK)
    assert (found.left_out, found.strategy) == (["orders", "documents"], "full")
    assert all(each.changed_types == [RETURNED] for each in found.targets)
    assert set(found.forecast) == set(found.touched.rows) == set(OF_STOCK)
    returns = [event for event in events(stores) if event.type == RETURNED]
    keys = {(event.ledger, event.stream) for event in returns}
    assert found.touched.events == len(returns)
    assert found.touched.streams == found.touched.rows["stock_levels"] == len(keys)
    assert found.touched.rows["movements"] == len(returns)


def test_named_read_models_are_all_built_and_unknown_code_is_all_of_it(stores: World) -> None:
    found = plan(stores, projections=ALL, edition=RETURNS_TWICE, planted=True)
    assert (len(found.targets), found.left_out) == (len(STORES), [])
    with stores.log.pool.connection() as connection:
        connection.execute("UPDATE projections SET fingerprints = '{}'")
    found = plan(stores)
    assert {each.changed_types for each in found.targets} == {None}
    assert (len(found.targets), found.strategy) == (len(STORES), "full")
    assert found.touched.events == len(events(stores))


REFUSED: list[tuple[dict[str, Any], type[planning.PlanError], str]] = [
    ({}, NothingChangedError, "--anyway"),
    ({"projections": ["stock"]}, UnknownProjectionError, "stock_levels, orders"),
    ({"edition": "2"}, UnknownEditionPlannedError, "no edition '2'"),
    ({"edition": RETURNS_TWICE}, PlantedEditionError, "--planted"),
    ({"selection": {"types": {"stock.lost.v1"}}}, UnknownTypeError, "stock.lost.v1"),
]


def test_what_cannot_be_planned_is_refused_with_what_there_is(stores: World) -> None:
    for wanted, refused, said in REFUSED:
        with pytest.raises(refused, match=said):
            plan(stores, **wanted)


def counted(stores: World, wanted: Mapping[str, Any]) -> tuple[int, set[tuple[str, str]]]:
    """The events that a selection means, and their streams, by reading the whole log."""
    found = [event for event in events(stores) if matches(event, wanted)]
    return len(found), {(event.ledger, event.stream) for event in found}


def matches(event: RecordedEvent, wanted: Mapping[str, Any]) -> bool:
    sku = event.stream.partition("-")[2].partition("@")[0]
    speaks_of_one = event.stream.startswith(("item-", "stock-", "lot-", "serial-"))
    is_of_sku = speaks_of_one and sku in wanted.get("skus", ())
    return (
        event.type in wanted.get("types", {event.type})
        and event.tenant in wanted.get("tenants", {event.tenant})
        and (is_of_sku or "skus" not in wanted)
        and wanted.get("first_position", 0) <= event.ledger_position
        and event.ledger_position <= wanted.get("last_position", 10**9)
    )


SELECTIONS: list[dict[str, Any]] = [
    {"types": {RETURNED, "stock.received.v1"}},
    {"types": {TYPE_NAMES[OrderPlaced]}, "first_position": 200},
    {"tenants": {"acme"}, "last_position": 100},
    {"first_position": 50, "last_position": 59},
    {"skus": {"SKU-1"}},
    {"skus": {"SKU-1", "SKU-2"}, "types": {"stock.shipped.v1"}, "tenants": {"acme"}},
]


def test_a_selection_touches_what_the_log_says(stores: World) -> None:
    for wanted in SELECTIONS:
        found = by_hand(stores, **wanted).touched
        count, streams = counted(stores, wanted)
        assert count > 0, wanted
        assert (found.events, found.streams, found.estimated) == (count, len(streams), False)
        assert sum(found.events_by_type.values()) == count
        names = sorted(f"{ledger} {stream}" for ledger, stream in streams)
        assert list(found.keys) == names[: touching.EXAMPLES_MAX]
        assert list(found.shards) == sorted({stores.log.shard(ledger) for ledger, _ in streams})


def test_rows_are_those_that_each_read_model_has_of_the_keys(stores: World) -> None:
    for projection in ALL:
        stores.feed(projection, 1)
    found = plan(stores, anyway=True).touched
    with stores.log.pool.connection() as connection:

        def rows(*tables: str) -> int:
            return sum(
                connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()[0][0]
                for table in tables
            )

        assert found.rows["stock_levels"] == rows("stock_levels_v1", "items_v1", "locations_v1")
        assert found.rows["orders"] == rows("orders_v1", "charges_v1")
        assert found.rows["availability"] == rows("stock_levels_v1", "items_v1")
        assert rows("documents_v1") <= found.rows["documents"] < found.streams
    moved = sum(event.type in STOCK_TYPES for event in events(stores))
    assert found.rows["movements"] - moved == rows_of_dimensions(stores)


def rows_of_dimensions(stores: World) -> int:
    return len(
        {
            (event.ledger, event.stream)
            for event in events(stores)
            if event.type in ITEM_STORED or event.stream.startswith("location-")
        }
    )


def test_of_a_long_log_a_range_is_counted_alone_and_the_rest_is_scaled_up(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(touching, "COUNTED_EVENTS_MAX", 1_000)
    early = by_hand(stores, last_position=100).touched
    assert (early.events, early.estimated) == (300, False)
    whole = by_hand(stores, first_position=1).touched
    count, streams = counted(stores, {})
    assert whole.estimated
    assert whole.events == pytest.approx(count, rel=0.1)
    assert whole.streams == pytest.approx(len(streams), rel=0.5)
    assert by_hand(stores, skus={"SKU-1"}).touched.estimated is False


def test_instants_are_those_at_which_events_were_recorded(stores: World) -> None:
    ledger = stores.log.ledger("other")
    start = datetime.now(UTC)
    late = StockReceived(sku="SKU-1", location="WH", quantity=1)
    stores.log.append(ledger, late)
    assert by_hand(stores, since=start).touched.events == 1
    assert by_hand(stores, until=start).touched.events == len(events(stores)) - 1


def test_keys_to_be_put_right_in_the_live_version_come_with_their_commands(stores: World) -> None:
    one = by_hand(stores, skus={"SKU 1"})
    assert (one.strategy, one.commands) == ("single key", ["backstock replay key --sku 'SKU 1'"])
    some = plan(
        stores,
        projections=["orders"],
        selection={"types": {"order.placed.v1"}, "tenants": {"acme"}, "first_position": 7},
    )
    assert some.strategy == "slice"
    assert some.commands == [
        (
            "backstock replay key --tenant acme --type order.placed.v1 --from-position 7"
            " --projection orders"
        )
    ]
    many = by_hand(stores, skus={f"SKU-{n}" for n in range(planning.COMMANDS_MAX + 1)})
    assert (many.strategy, many.commands) == ("full", [planning.RUN])


def test_the_commands_of_a_plan_reach_just_the_keys_that_it_says(stores: World) -> None:
    for projection in ALL:
        stores.feed(projection, 1)
    for wanted in SELECTIONS:
        planned = by_hand(stores, **wanted)
        assert planned.strategy != "full"
        said = [streams_replayed(stores, command) for command in planned.commands]
        # A stream may be meant by several of them.
        assert max(said) <= planned.touched.streams <= sum(said)


def streams_replayed(stores: World, command: str) -> int:
    arguments = [*shlex.split(command)[1:], "--dry-run", "--json"]
    ran = CliRunner().invoke(app, arguments, env=stores.environment())
    assert ran.exit_code == 0, (command, ran.output, ran.exception)
    return int(json.loads(ran.stdout)["streams"])


def test_a_built_version_tells_how_long_the_next_one_takes(stores: World) -> None:
    first = plan(stores, projections=["stock_levels", "orders"], anyway=True)
    assert {each["seconds_by"] for each in first.forecast.values()} == {"sample"}
    replay_id = stores.plan("stock_levels", "orders")
    stores.run(replay_id)
    progress = stores.replay(replay_id).progress
    again = plan(stores, projections=["orders", "stock_levels"], anyway=True)
    for each in again.forecast.values():
        assert each["seconds_by"] == f"replay {replay_id}"
        assert each["seconds"] == pytest.approx(
            len(events(stores)) / progress["events_per_second"], abs=0.01
        )
    other = plan(stores, projections=["orders"], anyway=True)
    assert other.forecast["orders"]["seconds_by"] == "sample"


def test_what_grows_with_keys_is_forecast_by_keys() -> None:
    levels = Sample(events=1_000, seconds=1.0, size=50_000, keys=100)
    movements = replace(levels, keys=0)
    assert levels.forecast(10_000, 2, keys=200)["bytes"] == 100_000
    assert levels.forecast(100_000, 2, keys=200)["bytes"] == 100_000
    assert levels.forecast(10_000, 2, keys=0)["bytes"] == 50_000
    assert movements.forecast(10_000, 2, keys=200)["bytes"] == 500_000
    assert levels.forecast(10_000, 2)["seconds"] == 10.0
    assert Sample(events=0, seconds=0.0, size=0).forecast(10, 1)["seconds"] == 0.0


def test_a_plan_is_kept_as_the_row_of_the_replay(stores: World) -> None:
    replay_id = stores.plan("orders", edition=CURRENT)
    kept = stores.replay(replay_id).plan
    assert kept["commands"] == [planning.RUN]
    assert kept["left_out"] == []
    assert set(kept["touched"]["rows"]) == {"orders"} < set(STORES)
