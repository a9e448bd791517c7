"""A small store and the place of its archive; what its tables hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg

from eventlog.heads import HeadKey
from eventlog.log import KeyRow, NewEvent
from eventlog.postgres.connections import open_log_pool
from eventlog.postgres.reader import PostgresReader
from eventlog.shards import shard_of
from replay.archive.proof import Checked, check
from replay.archive.restoring import Restored, restore
from replay.archive.target import Target
from replay.archive.writing import Written, write
from tests.appends import Batch, Store, event, key_row, log
from tests.parts import Database

SHARDS = 16
LEDGERS = ("acme/main", "acme/outlet", "globex/main")
ARCHIVED = ("tenants", "ledgers", "api_keys", "subjects", "events", "command_keys", "signed_heads")


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """A store, the place of its archive (or its URI), and the key that signs its heads."""

    database: Database
    place: Path
    key: HeadKey
    uri: str = ""

    @property
    def target(self) -> Target:
        return Target.of(self.uri or str(self.place))

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


def archived_store(database: Database, directory: Path) -> Archived:
    """A store of three ledgers with events, keys, refusals, an API key and a subject, its archive
    still to be written.
    """
    with log(database.log, *LEDGERS) as store:
        for number, ledger in enumerate(LEDGERS):
            fill(store, ledger, first=1, count=5 + number)
    with psycopg.connect(database.log) as connection:
        connection.execute(
            "INSERT INTO api_keys (key_id, tenant, secret_hash, scopes, name) VALUES"
            " ('k1', 'acme', '\\x01', '{inventory:read,inventory:write}', 'till')"
        )
        connection.execute("INSERT INTO subjects VALUES ('acme', 'sub_1', 'customer', 'Ada')")
    key = HeadKey.in_directory(directory / "keys")
    return Archived(database=database, place=directory / "archive", key=key)


def fill(store: Store, ledger: str, *, first: int, count: int) -> None:
    """Append so many events, one by one, each of a command of its own; and one refusal."""
    for version in range(first, first + count):
        rows = [key_row(f"c{version}", ledger=ledger, answer=b'{"at":%d}' % version)]
        if version == first:
            rows.append(key_row(f"refused-{version}", 0, ledger=ledger))
        append(store, ledger, [event(version=version, ledger=ledger)], rows)


def append(store: Store, ledger: str, events: list[NewEvent], keys: list[KeyRow]) -> None:
    store.appender.append(
        shard_of(ledger, SHARDS), Batch(events=events, rows=keys, ledgers=(ledger,))
    )


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
