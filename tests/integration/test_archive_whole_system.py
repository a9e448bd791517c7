"""A whole system from its archive alone: Kafka and the read models come back by themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from eventlog.postgres.connections import open_log_pool
from eventlog.postgres.identity import store_identity
from replay.archive.restoring import restore
from tests.archives import Archived
from tests.parts import SharedParts
from tests.stories import STORY, busy, catalogue, goods
from tests.whole_store import WholeStore, places_of, whole_store

pytestmark = pytest.mark.xdist_group("verify")

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stores(
    shared_parts: SharedParts, postgres_server: str, migrated_template: str, tmp_path: Path
) -> Iterator[tuple[WholeStore, WholeStore]]:
    """Two stores with topics, keys and tables of their own; the second is empty."""
    with ExitStack() as stack:
        found = []
        for name in ("first", "second"):
            places = stack.enter_context(
                places_of(shared_parts, postgres_server, migrated_template, tmp_path / name)
            )
            found.append(stack.enter_context(whole_store(places)))
        yield found[0], found[1]


def test_read_models_of_a_restored_store_equal_its_log_and_it_goes_on(
    stores: tuple[WholeStore, WholeStore], tmp_path: Path
) -> None:
    store, again = stores
    store.tell(*STORY)
    store.sign()
    store.catch_up()
    key = store.places.head_key()
    archived = Archived(database=store.database, place=tmp_path / "archive", key=key)
    archived.write(segment_events=40)
    restored = restore(
        archived.target,
        admin_dsn=again.database.admin,
        key_id=again.places.head_key().key_id,
    )
    assert restored.heads_left_out > 0
    with open_log_pool(again.database.log, size=1, name="identity") as pool:
        assert store_identity(pool).epoch == restored.epoch == 2
    again.catch_up()
    again.sign()
    report = again.verify()
    assert report.ok, report.first_difference
    assert report.events == restored.events
    again.tell(busy(seed=3, count=40))
    again.catch_up()
    assert again.verify().ok


def test_a_command_sent_again_to_a_restored_store_gets_its_first_answer(
    stores: tuple[WholeStore, WholeStore], tmp_path: Path
) -> None:
    store, again = stores
    store.tell(catalogue, goods)
    key = store.places.head_key()
    archived = Archived(database=store.database, place=tmp_path / "archive", key=key)
    written = archived.write()
    archived.restore(again.database)
    again.tell(catalogue, goods)
    with psycopg.connect(again.database.admin) as connection:
        found = connection.execute("SELECT count(*) FROM events").fetchone()
    assert found == (written.events,)


def backstock(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        (sys.executable, "-m", "ops.main", *arguments, "--json"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_command_line_restores_into_a_new_data_directory(
    stores: tuple[WholeStore, WholeStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = stores
    store.tell(*STORY)
    place, data = str(tmp_path / "archive"), str(tmp_path / "data")
    monkeypatch.setenv("BACKSTOCK_POSTGRES_DSN", store.database.admin)
    monkeypatch.setenv("BACKSTOCK_POSTGRES_LOG_DSN", store.database.log)
    written = backstock("archive", "write", place, "--data", str(tmp_path / "none"))
    monkeypatch.delenv("BACKSTOCK_POSTGRES_DSN")
    monkeypatch.delenv("BACKSTOCK_POSTGRES_LOG_DSN")
    checked = backstock("archive", "check", place)
    assert (checked["ok"], checked["events"]) == (True, written["events"])
    assert checked["unproven"] == written["events"], "nobody has signed a head yet"
    restored = backstock("archive", "restore", place, "--data", data)
    assert restored["events"] == written["events"]
    assert restored["command_keys"] == written["command_keys"]
