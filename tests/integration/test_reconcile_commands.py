"""The commands of verification in processes of their own: exit codes, JSON, metrics."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops import reconciliation
from ops.main import app
from ops.processes.verifier import NICENESS
from ops.reconciliation import NotReconciledError
from tests.log_running import ROOT, WAIT_SECONDS_MAX, wait_until
from tests.parts import SharedParts
from tests.stories import LAMP, STORY
from tests.whole_store import Places, WholeStore, places_of, whole_store

pytestmark = pytest.mark.xdist_group("verify")


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
