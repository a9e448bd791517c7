"""An archive written from a real store: sealed, read back, proven, and restored."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest

from eventlog.heads import HeadKey
from eventlog.postgres.connections import open_log_pool
from eventlog.postgres.reader import PostgresReader
from replay.archive.faults import DamagedError, NotEmptyError, OtherStoreError, TargetError
from replay.archive.proof import Checked, check
from replay.archive.reader import ArchiveReader
from replay.archive.restoring import Restored, restore
from replay.archive.target import Target
from replay.archive.writing import Written, write
from tests.appends import Store, event, key_row, log
from tests.parts import Database, migrated_database

LEDGERS = ("acme/main", "acme/outlet", "globex/main")
ARCHIVED = ("tenants", "ledgers", "api_keys", "subjects", "events", "command_keys", "signed_heads")


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """A store, the place of its archive, and the key that signs its heads."""

    database: Database
    place: Path
    key: HeadKey

    @property
    def target(self) -> Target:
        return Target.of(str(self.place))

    def write(self, *, segment_events: int = 4, database: Database | None = None) -> Written:
        dsn = (database or self.database).log
        with open_log_pool(dsn, size=1, name="archive") as pool:
            return write(
                self.target,
                log_dsn=dsn,
                reader=PostgresReader(pool),
                key=self.key,
                now=lambda: datetime.now(UTC),
                segment_events=segment_events,
            )

    def check(self) -> Checked:
        return check(self.target)

    def restore(self, database: Database, *, key_id: str | None = None) -> Restored:
        return restore(self.target, admin_dsn=database.admin, key_id=key_id or self.key.key_id)

    def files(self) -> dict[str, str]:
        """Every file's hash."""
        return {
            str(path.relative_to(self.place)): sha256(path.read_bytes()).hexdigest()
            for path in self.place.rglob("*")
            if path.is_file()
        }

    def segment(self, index: int = 0) -> Path:
        return sorted(self.place.glob("events/*/*.parquet"))[index]


@pytest.fixture
def archived(postgres_database: Database, tmp_path: Path) -> Archived:
    """A store of three ledgers with events, keys, a refusal, an API key and a subject."""
    with log(postgres_database.log, *LEDGERS) as store:
        for number, ledger in enumerate(LEDGERS):
            fill(store, ledger, first=1, count=5 + number)
    with psycopg.connect(postgres_database.log) as connection:
        connection.execute(
            "INSERT INTO api_keys (key_id, tenant, secret_hash, scopes, name) VALUES"
            " ('k1', 'acme', '\\x01', '{inventory:read,inventory:write}', 'till')"
        )
        connection.execute("INSERT INTO subjects VALUES ('acme', 'sub_1', 'customer', 'Ada')")
    key = HeadKey.in_directory(tmp_path / "keys")
    return Archived(database=postgres_database, place=tmp_path / "archive", key=key)


def fill(store: Store, ledger: str, *, first: int, count: int) -> None:
    """Append so many events, one by one, each of a command of its own; and one refusal."""
    from eventlog.shards import shard_of
    from tests.appends import Batch

    for version in range(first, first + count):
        rows = [key_row(f"c{version}", ledger=ledger, answer=b'{"at":%d}' % version)]
        if version == first:
            rows.append(key_row(f"refused-{version}", 0, ledger=ledger))
        batch = Batch(events=[event(version=version, ledger=ledger)], rows=rows, ledgers=(ledger,))
        store.appender.append(shard_of(ledger, 16), batch)


@pytest.fixture
def empty_database(postgres_server: str, migrated_template: str) -> Iterator[Database]:
    with migrated_database(postgres_server, migrated_template) as database:
        yield database


def rows(database: Database) -> dict[str, list[Any]]:
    with psycopg.connect(database.admin) as connection:
        return {
            table: connection.execute(
                f"SELECT t.* FROM {table} AS t ORDER BY t".encode()
            ).fetchall()
            for table in (*ARCHIVED, "shards")
        }


def one(database: Database, query: str) -> Any:
    with psycopg.connect(database.admin) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def test_a_store_comes_back_from_its_archive_with_every_row_as_it_was(
    archived: Archived, empty_database: Database
) -> None:
    written = archived.write()
    assert (written.events, written.command_keys) == (18, 21)
    checked = archived.check()
    assert (checked.events, checked.command_keys, checked.unproven) == (18, 21, 0)
    assert checked.signed_heads == 3
    restored = archived.restore(empty_database)
    assert (restored.events, restored.command_keys, restored.ledgers) == (18, 21, 3)
    assert rows(empty_database) == rows(archived.database)
    identity = "SELECT store_id || ' ' || epoch FROM store_identity"
    before, after = one(archived.database, identity), one(empty_database, identity)
    assert after == before.replace(" 1", " 2")


def test_a_second_run_only_adds(archived: Archived, empty_database: Database) -> None:
    archived.write()
    sealed = archived.files()
    with log(archived.database.log, *LEDGERS) as store:
        fill(store, LEDGERS[0], first=6, count=3)
    again = archived.write()
    assert (again.run, again.events, again.command_keys) == (2, 3, 4)
    now = archived.files()
    kept = {name for name in sealed if name.startswith(("events", "command_keys"))}
    assert {name: now[name] for name in kept} == {name: sealed[name] for name in kept}
    nothing = archived.write()
    assert (nothing.events, nothing.command_keys, nothing.segments) == (0, 0, 0)
    assert archived.check().events == 21
    archived.restore(empty_database)
    assert rows(empty_database) == rows(archived.database)
