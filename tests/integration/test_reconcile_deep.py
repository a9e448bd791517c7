"""`verify` in depth: every fed version, the ids of what it applied, and what it keeps back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from eventlog.parked import ParkedStreams
from eventlog.projection import Projection
from projections.catalogue import State
from projections.editions import EDITIONS, RETURNS_TWICE, TODAY, Edition
from projections.movements.projection import Movements
from projections.stock_levels.projection import StockLevels
from projections.versions import create_version, move_version
from replay.verify import applied_ids
from replay.verify.report import APPLIED, Report
from replay.verify.run import verify
from tests.contracts.projection import Refusing
from tests.parts import SharedParts
from tests.planting import table_restored
from tests.projection_side import drain
from tests.stories import LAMP, STORY
from tests.whole_store import READ_MODELS, Places, WholeStore, places_of, whole_store

pytestmark = pytest.mark.xdist_group("verify")

LEDGER = "acme/main"


@pytest.fixture
def places(
    shared_parts: SharedParts, postgres_server: str, migrated_template: str, tmp_path: Path
) -> Iterator[Places]:
    with places_of(shared_parts, postgres_server, migrated_template, tmp_path) as found:
        yield found


@pytest.fixture
def store(places: Places) -> Iterator[WholeStore]:
    with whole_store(places) as found:
        found.tell(*STORY)
        found.catch_up()
        found.sign()
        yield found


def in_depth(store: WholeStore) -> Report:
    return verify(store.addresses, deep=True)


def lawful(report: Report) -> Report:
    first = report.first_difference
    assert first is None, first.sentence()
    assert report.ok
    return report


def broken(report: Report, law: str, *words: str) -> None:
    first = report.first_difference
    assert first is not None, "the fault was not found"
    assert first.law == law, first.sentence()
    assert [word for word in words if word not in first.sentence()] == [], first.sentence()


def second_version(
    store: WholeStore, projection: str, state: State, edition: Edition = TODAY
) -> None:
    """Build it from the log, and let it be in this state."""
    with store.projections() as (log, _), closing(store.clickhouse()) as rows:
        with log.pool.connection() as connection:
            create_version(
                connection,
                projection,
                edition=edition,
                epoch=log.identity.epoch,
                shards=log.identity.shards,
                redis_prefix=store.places.prefix,
            )
        epoch = log.identity.epoch
        built: Projection
        if projection == "stock_levels":
            built = StockLevels(log.pool, epoch=epoch, version=2, edition=edition)
        else:
            built = Movements(rows, log.pool, log.reader, epoch=epoch, version=2, edition=edition)
        for shard in range(log.identity.shards):
            drain(log, built, shard)
        with log.pool.connection() as connection:
            move_version(connection, projection, 2, wanted=["building"], to=state)


# --- versions -------------------------------------------------------------------------------------


def test_every_active_version_is_lawful_in_depth(store: WholeStore) -> None:
    report = lawful(in_depth(store))
    assert report.laws[APPLIED].checked > 20
    assert {(each.name, each.state) for each in report.versions} == {
        ("availability v1", "active"),
        ("documents v1", "active"),
        ("movements v1", "active"),
        ("orders v1", "active"),
        ("stock_levels v1", "active"),
    }
    assert APPLIED not in store.verify().laws


@pytest.mark.parametrize("state", ["following", "kept"])
@pytest.mark.parametrize(
    ("projection", "fault"),
    [
        ("stock_levels", "UPDATE stock_levels_v2 SET on_hand = 7000 WHERE location = 'hall'"),
        (
            "movements",
            (
                "UPDATE projection_checkpoints SET epoch = 9"
                " WHERE projection = 'movements' AND version = 2"
            ),
        ),
    ],
)
def test_a_version_that_nobody_reads_is_checked_in_depth_only(
    store: WholeStore, projection: str, fault: str, state: State
) -> None:
    second_version(store, projection, state)
    versions = lawful(in_depth(store)).versions
    assert (f"{projection} v2", state) in {(each.name, each.state) for each in versions}
    store.plant(fault)
    lawful(store.verify())
    law = "folds" if projection == "stock_levels" else APPLIED
    broken(in_depth(store), law, "v2")


def test_a_kept_version_of_older_code_may_differ_and_a_followed_one_may_not(
    store: WholeStore,
) -> None:
    planted = EDITIONS[RETURNS_TWICE]
    second_version(store, "stock_levels", "following", planted)
    broken(in_depth(store), "folds", "stock_levels_v2")
    store.plant("UPDATE projections SET state = 'kept' WHERE version = 2")
    report = lawful(in_depth(store))
    (version,) = [each for each in report.versions if each.version == 2]
    assert version.may_differ
    assert not version.law.ok
    assert any("differs by its own code (returns_twice)" in note for note in report.notes)


# --- ids ------------------------------------------------------------------------------------------


def without_one(rows: Client) -> None:
    keep = "position <> (SELECT max(position) FROM movements_v2 WHERE ledger = 'acme/main')"
    _replaced(rows, f"SELECT * FROM movements_v2 WHERE ledger <> 'acme/main' OR {keep}")


def one_twice(rows: Client) -> None:
    rows.command(
        "INSERT INTO movements_v2 SELECT * FROM movements_v2 ORDER BY position LIMIT 1",
        settings={"insert_deduplicate": 0},
    )


def a_foreign_one(rows: Client) -> None:
    rows.command(
        "INSERT INTO movements_v2 SELECT * REPLACE (generateUUIDv4() AS event_id)"
        " FROM movements_v2 ORDER BY position LIMIT 1"
    )


def another_id(rows: Client) -> None:
    _replaced(
        rows,
        "SELECT * REPLACE (if(ledger = 'acme/main' AND stream_version = 1, generateUUIDv4(),"
        " event_id) AS event_id) FROM movements_v2",
    )


def _replaced(rows: Client, select: str) -> None:
    rows.command("CREATE TABLE other AS movements_v2")
    rows.command(f"INSERT INTO other {select}")
    rows.command("EXCHANGE TABLES other AND movements_v2")
    rows.command("DROP TABLE other SYNC")


FAULTY: Sequence[tuple[Callable[[Client], None], str]] = (
    (without_one, "none: it is missing"),
    (one_twice, "2 rows of"),
    (a_foreign_one, "an event of the log"),
    (another_id, "none: it is missing"),
)


def test_rows_that_are_not_each_event_once_are_named_by_id(
    store: WholeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applied_ids, "RANGE_POSITIONS", 7)
    monkeypatch.setattr(applied_ids, "WINDOW_POSITIONS", 21)
    second_version(store, "movements", "following")
    lawful(in_depth(store))
    for fault, words in FAULTY:
        with table_restored(store, "movements_v2") as rows:
            fault(rows)
            broken(in_depth(store), APPLIED, "movements_v2", words)
    lawful(in_depth(store))


# --- parked streams -------------------------------------------------------------------------------


@pytest.fixture(params=["stock_levels", "availability", "movements"])
def parked(request: pytest.FixtureRequest, places: Places) -> Iterator[tuple[WholeStore, str]]:
    """A store in which one read model has parked a stream of several events."""
    name: str = request.param
    with whole_store(places) as store:
        store.tell(*STORY)
        with store.projections() as (log, found):
            event = next(iter(log.reader.read_stream(LEDGER, f"stock-{LAMP}@hall", 0)))
            drain(log, Refusing(found[name], event), event.shard)
            streams = ParkedStreams(log.pool, name, 1).streams()
            assert list(streams) == [(LEDGER, f"stock-{LAMP}@hall")]
        store.catch_up(*({*READ_MODELS} - {name}))
        yield store, name


FIRST_LETTER = "shard_position = (SELECT min(shard_position) FROM dead_letters)"
KEPT_BACK: Sequence[tuple[str, str]] = (
    (f"DELETE FROM dead_letters WHERE {FIRST_LETTER}", "expected a letter"),
    (f"UPDATE dead_letters SET type = 'order.x.v1' WHERE {FIRST_LETTER}", "the log's event there"),
    (f"UPDATE dead_letters SET ledger = 'a/b' WHERE {FIRST_LETTER}", "the log's event there"),
    ("UPDATE parked_streams SET position = 1", "where it is parked"),
    ("DELETE FROM parked_streams", "no longer parked"),
)


def test_what_is_kept_back_must_be_what_the_log_has(parked: tuple[WholeStore, str]) -> None:
    store, name = parked
    lawful(in_depth(store))
    store.keep()
    for fault, words in KEPT_BACK:
        store.plant(fault)
        difference = in_depth(store).laws[APPLIED].difference
        assert difference is not None, "the fault was not found"
        assert f"{name} v1" in difference.where
        assert words in difference.sentence()
        store.restore()
    lawful(in_depth(store))


# --- the commands ---------------------------------------------------------------------------------
