"""A store is brought to this code's shape once, forward only, and never on top of a surprise."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from migrations.roles import LOG, OWNER, READ
from migrations.runner import (
    POSTGRES_FILES,
    MigrationEditedError,
    MigrationOrderError,
    ShardCountError,
    StoreNewerError,
    migrate,
)
from migrations.sql_files import MigrationNameError, sql_files
from tests.parts import LOG_PASSWORD, READ_PASSWORD

Migrate = Callable[..., None]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the migrations that a test may alter."""
    return shutil.copytree(POSTGRES_FILES, tmp_path / "postgres")


def run(dsn: str, directory: Path = POSTGRES_FILES, *, shards: int | None = None) -> None:
    migrate(
        dsn,
        # The roles belong to the whole server, which other tests use as well.
        log_password=LOG_PASSWORD,
        read_password=READ_PASSWORD,
        shards=shards,
        directory=directory,
    )


def query(dsn: str, statement: str, *parameters: Any) -> Sequence[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement, parameters).fetchall()


def shape(dsn: str) -> Sequence[tuple[Any, ...]]:
    return query(
        dsn,
        "SELECT table_name, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY 1, 2",
    )


def test_an_empty_database_gets_every_file_in_order(blank_database: str) -> None:
    run(blank_database)
    files = [path.name for path in sorted(POSTGRES_FILES.glob("*.sql"))]
    applied = query(blank_database, "SELECT name FROM applied_migrations ORDER BY applied_at, name")
    assert [name for (name,) in applied] == files
    assert query(blank_database, "SELECT version_num FROM alembic_version") == [(files[-1][:4],)]
    assert query(blank_database, "SELECT shard, position FROM shards ORDER BY shard") == [
        (shard, 0) for shard in range(16)
    ]


def test_a_second_run_changes_nothing(blank_database: str) -> None:
    run(blank_database)
    before = (
        shape(blank_database),
        query(blank_database, "TABLE applied_migrations"),
        query(blank_database, "TABLE store_identity"),
    )
    run(blank_database)
    assert before == (
        shape(blank_database),
        query(blank_database, "TABLE applied_migrations"),
        query(blank_database, "TABLE store_identity"),
    )


def test_several_starters_migrate_once(blank_database: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(run, blank_database) for _ in range(4)]:
            done.result(60)
    assert len(query(blank_database, "TABLE store_identity")) == 1
    applied = query(blank_database, "SELECT name FROM applied_migrations")
    assert len(applied) == len(sql_files(POSTGRES_FILES))


def test_a_later_file_is_added_to_a_store_in_use(blank_database: str, directory: Path) -> None:
    run(blank_database, directory)
    (directory / "9000_notes.sql").write_text(
        "CREATE TABLE notes (tenant text NOT NULL, note text);\nSELECT protect_table('notes');\n"
    )
    run(blank_database, directory)
    assert ("notes", "note", "text") in shape(blank_database)
    assert query(blank_database, "SELECT version_num FROM alembic_version") == [("9000",)]


def test_a_file_that_fails_leaves_nothing_behind(blank_database: str, directory: Path) -> None:
    (directory / "9000_notes.sql").write_text("CREATE TABLE notes (note text);\nSELECT 1/0;\n")
    with pytest.raises(Exception, match="division by zero"):
        run(blank_database, directory)
    assert shape(blank_database) == []
    (directory / "9000_notes.sql").write_text("CREATE TABLE notes (note text);\n")
    run(blank_database, directory)


def test_an_edited_file_that_was_applied_is_refused(blank_database: str, directory: Path) -> None:
    run(blank_database, directory)
    edited = directory / "0001_log.sql"
    edited.write_text(edited.read_text() + "-- an afterthought\n")
    (directory / "9000_notes.sql").write_text("CREATE TABLE notes (note text);\n")
    with pytest.raises(MigrationEditedError) as caught:
        run(blank_database, directory)
    assert caught.value.name == "0001_log.sql"
    assert query(blank_database, "SELECT to_regclass('notes')") == [(None,)]


def test_a_store_that_is_newer_than_the_code_is_refused(
    blank_database: str, directory: Path
) -> None:
    (directory / "9000_notes.sql").write_text("CREATE TABLE notes (note text);\n")
    run(blank_database, directory)
    with pytest.raises(StoreNewerError) as caught:
        run(blank_database)
    assert caught.value.name == "9000_notes.sql"


def test_a_file_numbered_before_an_applied_one_is_refused(
    blank_database: str, directory: Path
) -> None:
    run(blank_database, directory)
    (directory / "0000_early.sql").write_text("CREATE TABLE early (note text);\n")
    with pytest.raises(MigrationOrderError) as caught:
        run(blank_database, directory)
    assert caught.value.name == "0000_early.sql"


@pytest.mark.parametrize("name", ["9000.sql", "900_notes.sql", "9000-notes.sql", "0001_again.sql"])
def test_a_file_by_another_name_is_refused(directory: Path, name: str) -> None:
    (directory / name).write_text("")
    with pytest.raises(MigrationNameError):
        sql_files(directory)


def test_the_number_of_shards_is_for_ever(blank_database: str) -> None:
    run(blank_database, shards=4)
    assert len(query(blank_database, "TABLE shards")) == 4
    with pytest.raises(ShardCountError) as caught:
        run(blank_database, shards=8)
    assert (caught.value.stored, caught.value.wanted) == (4, 8)
    assert len(query(blank_database, "TABLE shards")) == 4


def test_a_store_keeps_its_number_of_shards_when_none_is_asked_for(blank_database: str) -> None:
    run(blank_database, shards=8)
    run(blank_database)
    assert len(query(blank_database, "TABLE shards")) == 8


def test_everything_belongs_to_a_role_that_cannot_log_in(blank_database: str) -> None:
    run(blank_database)
    owners = query(
        blank_database,
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace",
    )
    assert owners == [(OWNER,)]
    roles = query(
        blank_database,
        "SELECT rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb"
        " FROM pg_roles WHERE rolname LIKE 'backstock%%' ORDER BY 1",
    )
    assert roles == [
        (LOG, True, False, True, False, False),
        (OWNER, False, False, False, False, False),
        (READ, True, False, False, False, False),
    ]
