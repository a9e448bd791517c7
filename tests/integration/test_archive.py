"""An archive written from a real store: sealed, read back, proven, and restored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from eventlog.postgres.connections import open_log_pool
from eventlog.postgres.heads import ledger_heads, save_signed_heads
from eventlog.shards import shard_of
from replay.archive.faults import NotEmptyError, OtherStoreError, TargetError
from replay.archive.reader import ArchiveReader
from tests.appends import key_row, log
from tests.archives import LEDGERS, SHARDS, Archived, append, archived_store, fill, one, rows
from tests.parts import Database, migrated_database


@pytest.fixture
def archived(postgres_database: Database, tmp_path: Path) -> Archived:
    return archived_store(postgres_database, tmp_path)


@pytest.fixture
def empty_database(postgres_server: str, migrated_template: str) -> Iterator[Database]:
    with migrated_database(postgres_server, migrated_template) as database:
        yield database


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


def test_the_reader_gives_what_the_log_gives_in_pages_of_any_size(archived: Archived) -> None:
    archived.write(segment_events=3)
    with log(archived.database.log, *LEDGERS) as store:
        fill(store, LEDGERS[0], first=6, count=4)
        archived.write(segment_events=3)
        from_archive = ArchiveReader(archived.target)
        for shard in {shard_of(ledger, SHARDS) for ledger in LEDGERS}:
            head = store.reader.shard_position(shard)
            assert from_archive.shard_position(shard) == head
            for limit in (1, 2, 3, 5, 100):
                for after in range(head + 1):
                    page = list(from_archive.read_shard(shard, after, limit))
                    assert page == store.reader.read_shard(shard, after, limit)
        with pytest.raises(LookupError, match="no shard 16"):
            from_archive.shard_position(SHARDS)


def test_another_stores_archive_is_not_written_to(
    archived: Archived, empty_database: Database
) -> None:
    archived.write()
    with psycopg.connect(empty_database.admin) as connection:
        connection.execute("UPDATE store_identity SET store_id = gen_random_uuid()")
    with pytest.raises(OtherStoreError, match="is the archive of store"):
        archived.write(database=empty_database)


def test_a_place_that_holds_other_things_is_left_alone(archived: Archived) -> None:
    archived.place.mkdir()
    (archived.place / "dear.txt").write_text("dear")
    with pytest.raises(TargetError, match=r"not empty and no archive: it holds dear\.txt"):
        archived.write()
    assert [path.name for path in archived.place.iterdir()] == ["dear.txt"]


def test_the_old_store_does_not_go_on_in_the_archive_of_the_restored_one(
    archived: Archived, empty_database: Database
) -> None:
    archived.write()
    archived.restore(empty_database)
    with log(empty_database.log, *LEDGERS) as store:
        fill(store, LEDGERS[0], first=6, count=2)
    assert archived.write(database=empty_database).events == 2
    with pytest.raises(OtherStoreError, match="restored elsewhere"):
        archived.write()
    assert archived.check().events == 20


def test_a_store_that_went_back_is_refused(archived: Archived) -> None:
    archived.write()
    with psycopg.connect(archived.database.admin) as connection:
        connection.execute("UPDATE ledgers SET position = 2 WHERE ledger = 'acme/main'")
    with pytest.raises(OtherStoreError, match=r"archived up to 5; this store has 2"):
        archived.write()


def test_only_an_empty_unused_store_of_as_many_shards_is_restored_into(
    archived: Archived, empty_database: Database
) -> None:
    archived.write()
    with pytest.raises(NotEmptyError, match="holds events, command keys, subjects"):
        archived.restore(archived.database)
    with (
        open_log_pool(empty_database.log, size=1, name="backstock-api"),
        pytest.raises(NotEmptyError, match="in use by backstock-api: stop every role"),
    ):
        archived.restore(empty_database)
    with psycopg.connect(empty_database.admin) as connection:
        connection.execute("INSERT INTO shards (shard) VALUES (16)")
    with pytest.raises(OtherStoreError, match="BACKSTOCK_SHARDS=16"):
        archived.restore(empty_database)


def test_what_a_development_stack_has_made_for_itself_stays_beside_what_is_restored(
    archived: Archived, empty_database: Database
) -> None:
    archived.write()
    with log(empty_database.log, "acme/main", "demo/main"):
        pass
    archived.restore(empty_database)
    assert one(empty_database, "SELECT count(*) FROM ledgers") == 4
    secret = "SELECT subject_secret FROM tenants WHERE tenant = 'acme'"
    assert one(empty_database, secret) == one(archived.database, secret)


def test_heads_of_another_key_stay_out_of_a_store_that_could_not_prove_them(
    archived: Archived, empty_database: Database
) -> None:
    with open_log_pool(archived.database.log, size=1, name="signer") as pool:
        save_signed_heads(pool, [archived.key.sign(head) for head in ledger_heads(pool)])
    archived.write()
    restored = archived.restore(empty_database, key_id="another")
    assert (restored.signed_heads, restored.heads_left_out) == (0, 3)


def test_a_refusal_recorded_by_a_writer_whose_clock_is_behind_is_archived_once(
    archived: Archived, empty_database: Database
) -> None:
    ledger = LEDGERS[0]
    later = datetime.now(UTC) + timedelta(hours=2)
    with log(archived.database.log, *LEDGERS, clock=lambda: later) as ahead:
        append(ahead, ledger, [], [key_row("ahead-1", 0)])
    archived.write()
    with log(archived.database.log, *LEDGERS) as store:
        append(store, ledger, [], [key_row("behind", 0)])
    with log(archived.database.log, *LEDGERS, clock=lambda: later) as ahead:
        append(ahead, ledger, [], [key_row("ahead-2", 0)])
    assert archived.write().command_keys == 2
    with log(archived.database.log, *LEDGERS, clock=lambda: later) as ahead:
        append(ahead, ledger, [], [key_row("ahead-3", 0)])
    assert archived.write().command_keys == 1
    archived.check()
    archived.restore(empty_database)
    assert rows(empty_database) == rows(archived.database)


def test_a_forgotten_person_is_forgotten_by_the_archive_at_its_next_run(
    archived: Archived,
) -> None:
    archived.write()
    with psycopg.connect(archived.database.log) as connection:
        connection.execute("DELETE FROM subjects")
    archived.write()
    assert not [path for path in archived.place.rglob("*subjects*") if b"Ada" in path.read_bytes()]
    assert [path.name for path in archived.place.glob("tables/*subjects*")] == [
        "000002-subjects.parquet"
    ]
