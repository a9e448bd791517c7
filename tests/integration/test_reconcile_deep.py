"""`verify` in depth: every fed version, the ids of what it applied, and what it keeps back."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from typer.testing import CliRunner

from eventlog.parked import ParkedStreams
from eventlog.projection import Projection
from ops import reconciliation
from ops.main import app
from ops.processes.verifier import NICENESS
from ops.reconciliation import NotReconciledError
from projections.catalogue import State
from projections.editions import EDITIONS, RETURNS_TWICE, TODAY, Edition
from projections.movements.projection import Movements
from projections.stock_levels.projection import StockLevels
from projections.versions import create_version, move_version
from replay.verify import applied_ids
from replay.verify.report import APPLIED, Report
from replay.verify.run import verify
from tests.contracts.projection import Refusing
from tests.log_running import ROOT, WAIT_SECONDS_MAX, wait_until
from tests.parts import SharedParts
from tests.planting import table_restored
from tests.projection_side import drain
from tests.stories import LAMP, STORY
from tests.whole_store import Places, WholeStore, places_of, whole_store

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
        store.catch_up(*({"stock_levels", "orders", "availability", "movements"} - {name}))
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


def environment(store: WholeStore) -> dict[str, str]:
    places = store.places
    return {
        "BACKSTOCK_DATA": str(places.keys.parent),
        "BACKSTOCK_POSTGRES_DSN": store.database.admin,
        "BACKSTOCK_POSTGRES_LOG_DSN": store.database.log,
        "BACKSTOCK_KAFKA_BOOTSTRAP": places.bootstrap,
        "BACKSTOCK_KAFKA_PREFIX": places.prefix,
        "BACKSTOCK_REDIS_URL": places.redis_url,
        "BACKSTOCK_REDIS_PREFIX": places.prefix,
        "BACKSTOCK_CLICKHOUSE_URL": places.clickhouse_url,
    }


def backstock(store: WholeStore, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (sys.executable, "-m", "ops.main", *arguments),
        cwd=ROOT,
        env=environment(store),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(store: WholeStore, *arguments: str) -> tuple[int, dict[str, object]]:
    with backstock(store, *arguments, "--json") as child:
        out, err = child.communicate(timeout=120)
    assert out, err
    told: dict[str, object] = json.loads(out)
    return child.returncode, told


def test_the_commands_answer_with_exit_code_and_json(store: WholeStore) -> None:
    code, told = answer(store, "verify", "--deep")
    assert (code, told["ok"]) == (0, True)
    assert isinstance(told["kafka"], dict)
    assert told["kafka"]["behind"] == told["events"], "no relay has published anything yet"
    code, told = answer(store, "reconcile", "kafka", "--repair")
    assert (code, told["ok"]) == (0, True)
    code, told = answer(store, "verify", "--sample")
    assert (code, told["explained_percent"]) == (0, 100.0)
    store.plant("UPDATE stock_levels_v1 SET on_hand = 7000")
    code, told = answer(store, "verify", "--sample")
    assert code == 1
    assert isinstance(told["differences"], list)
    assert "on_hand" in told["differences"][0]["where"]
    with backstock(store, "verify", "--sample", "--deep") as child:
        assert child.wait(60) == 2, "they do not go together"


def test_what_the_laws_find_is_told_though_kafka_went_away_meanwhile(
    store: WholeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise NotReconciledError("Kafka went away")

    monkeypatch.setattr(reconciliation, "compare_kafka", gone)
    store.plant("UPDATE stock_levels_v1 SET on_hand = 7000")
    done = CliRunner().invoke(app, ["verify", "--deep", "--json"], env=environment(store))
    assert isinstance(done.exception, NotReconciledError)
    told = json.loads(done.stdout)
    assert (told["ok"], told["first_difference"]["law"]) == (False, "folds")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def scraped(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answered:
            body: bytes = answered.read()
            return body.decode()
    except OSError:
        return ""


def test_the_verifier_samples_behind_all_others_and_logs_a_wrong_cell_once(
    store: WholeStore,
) -> None:
    port = free_port()
    with backstock(store, "verifier", "--port", str(port), "--every", "1") as child:
        try:
            wait_until(lambda: "backstock_explained_percent_overall 100.0" in scraped(port))
            assert os.getpriority(os.PRIO_PROCESS, child.pid) == NICENESS
            store.plant(f"UPDATE stock_levels_v1 SET on_hand = 7000 WHERE sku = '{LAMP}'")
            wrong = 'backstock_explained_percent{projection="stock_levels",version="1"} 100.0'
            wait_until(lambda: wrong not in scraped(port))
            before = rounds_checked(scraped(port))
            wait_until(lambda: rounds_checked(scraped(port)) > before)
        finally:
            child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=WAIT_SECONDS_MAX)
    assert (child.returncode, out) == (0, "")
    named = [line for line in err.splitlines() if "a cell is not what the log says" in line]
    assert named
    assert len(named) == len({line.partition("where=")[2] for line in named})


def rounds_checked(figures: str) -> float:
    name = 'backstock_checked_cells_total{projection="stock_levels",version="1"} '
    return float(figures.partition(name)[2].partition("\n")[0])


def test_it_samples_until_it_is_stopped_and_publishes_the_percentage(store: WholeStore) -> None:
    port = free_port()
    shown = partial(scraped, port)
    options = ("--sample", "--every", "0.2", "--metrics-port", str(port), "--json")
    with backstock(store, "verify", *options) as child:
        try:
            wait_until(lambda: "backstock_explained_percent_overall 100.0" in shown())
            figures = shown()
            assert 'backstock_explained_percent{projection="movements",version="1"} 100' in figures
            assert 'backstock_explained_age_seconds{projection="orders",version="1"} ' in figures
            store.plant("UPDATE stock_levels_v1 SET on_hand = 7000")
            wait_until(
                lambda: (
                    'backstock_explained_percent{projection="stock_levels",version="1"} 100.0'
                    not in shown()
                )
            )
        finally:
            child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=WAIT_SECONDS_MAX)
    lines = [json.loads(line) for line in out.splitlines()]
    assert child.returncode == 1, err
    assert [line["round"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[0]["explained_percent"] == 100.0
    assert lines[-1]["explained_percent"] < 100
    assert {"projection", "version", "state", "age_seconds"} <= set(lines[0]["read_models"][0])
