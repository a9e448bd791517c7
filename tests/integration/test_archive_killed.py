"""An archive run or a restore is killed at its worst moments: run again, it is as if undisturbed.

`python test_archive_killed.py write|restore DSN PLACE KEYS` is the process that dies.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.crash_points import CRASH_EXIT_CODE, CRASH_VARIABLE
from eventlog.heads import HeadKey
from replay.archive.faults import TargetError
from replay.archive.reader import ArchiveReader
from tests.appends import log
from tests.archives import LEDGERS, Archived, archived_store, fill, one, rows
from tests.parts import Database, migrated_database

ROOT = Path(__file__).parents[2]


@pytest.fixture
def archived(postgres_database: Database, tmp_path: Path) -> Archived:
    return archived_store(postgres_database, tmp_path)


@pytest.fixture
def empty_database(postgres_server: str, migrated_template: str) -> Iterator[Database]:
    with migrated_database(postgres_server, migrated_template) as database:
        yield database


def killed(archived: Archived, what: str, at: str, database: Database | None = None) -> None:
    target = database or archived.database
    keys = archived.place.parent / "keys"
    child = subprocess.run(
        (sys.executable, __file__, what, target.admin, target.log, archived.place, keys),
        cwd=ROOT,
        env={**os.environ, CRASH_VARIABLE: at, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == CRASH_EXIT_CODE, child.stderr[-2000:]


@pytest.mark.parametrize(
    "at",
    [
        "archive.before_segments",
        "archive.after_segment:1",
        "archive.after_segment:3",
        "archive.before_manifest",
        "archive.after_manifest",
    ],
)
def test_a_killed_run_leaves_the_run_before_and_the_next_one_goes_on(
    archived: Archived, empty_database: Database, at: str
) -> None:
    archived.write(segment_events=3)
    with log(archived.database.log, *LEDGERS) as store:
        for ledger in LEDGERS:
            fill(store, ledger, first=10, count=4)
    sealed = archived.files()
    killed(archived, "write", at)
    now = archived.files()
    finished = at == "archive.after_manifest"
    segments = {name for name in sealed if name.startswith("events")}
    assert {name: now[name] for name in segments} == {name: sealed[name] for name in segments}
    assert archived.check().events == (30 if finished else 18)
    archived.write(segment_events=3)
    named = {entry.file for entry in archived.target.known_manifest().files()}
    assert set(archived.files()) == named | {"manifest.json"}
    assert archived.check().events == 30
    archived.restore(empty_database)
    assert rows(empty_database) == rows(archived.database)


def test_a_killed_first_run_is_finished_by_the_next_one(archived: Archived) -> None:
    killed(archived, "write", "archive.after_segment:2")
    with pytest.raises(TargetError, match="its first run was not finished"):
        archived.check()
    with pytest.raises(TargetError, match="its first run was not finished"):
        ArchiveReader(archived.target)
    before = {name: digest for name, digest in archived.files().items() if "events/" in name}
    assert len(before) == 2
    assert archived.write(segment_events=3).events == 18
    assert before.items() <= archived.files().items(), "what was sealed is not written again"
    assert archived.check().events == 18


@pytest.mark.parametrize("at", ["archive.segment_copied:2", "archive.before_commit"])
def test_a_killed_restore_leaves_an_empty_store_that_can_be_restored_into(
    archived: Archived, empty_database: Database, at: str
) -> None:
    archived.write()
    killed(archived, "restore", at, empty_database)
    for table in ("events", "command_keys", "tenants"):
        assert one(empty_database, f"SELECT count(*) FROM {table}") == 0
    assert one(empty_database, "SELECT epoch FROM store_identity") == 1
    archived.restore(empty_database)
    assert rows(empty_database) == rows(archived.database)


if __name__ == "__main__":
    what, admin, of_log, place, keys = sys.argv[1:]
    dying = Archived(
        database=Database(admin=admin, log=of_log, read=""),
        place=Path(place),
        key=HeadKey.in_directory(Path(keys)),
    )
    if what == "write":
        dying.write(segment_events=3)
    else:
        dying.restore(dying.database)
