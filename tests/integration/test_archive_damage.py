"""What was lost, altered or forged in an archive, and disks that are full."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psycopg
import pytest
from msgspec.structs import replace

from eventlog.chain import chain_over
from eventlog.heads import HeadKey
from eventlog.log import GENESIS_HASH, RecordedEvent
from replay.archive.faults import DamagedError, TargetError
from replay.archive.proof import check
from replay.archive.restoring import restore
from replay.archive.tables import EVENTS, event_columns, recorded_events
from replay.archive.target import ParquetFile, Target
from tests.appends import log
from tests.archives import LEDGERS, Archived, archived_store, fill, one
from tests.parts import Database, migrated_database


@pytest.fixture
def archived(postgres_database: Database, tmp_path: Path) -> Archived:
    return archived_store(postgres_database, tmp_path)


@pytest.fixture
def empty_database(postgres_server: str, migrated_template: str) -> Iterator[Database]:
    with migrated_database(postgres_server, migrated_template) as database:
        yield database


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x20
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "file", "words"),
    [
        (Path.unlink, "events/*/*-000000000004.parquet", "is missing; bring it back"),
        (cut, "events/*/*-000000000004.parquet", "bytes, .* were written; bring it back"),
        (change, "events/*/*-000000000004.parquet", "was altered: its hash is another one"),
        (change, "command_keys/*.parquet", "was altered"),
        (Path.unlink, "tables/*-tenants.parquet", "is missing"),
        (cut, "manifest.json", "is cut or no manifest"),
        (change, "manifest.json", "manifest"),
    ],
)
def test_what_was_lost_cut_or_changed_is_named_and_nothing_is_restored(
    archived: Archived,
    empty_database: Database,
    damage: Callable[[Path], None],
    file: str,
    words: str,
) -> None:
    archived.write()
    damaged = min(archived.place.glob(file))
    damage(damaged)
    with pytest.raises(DamagedError, match=words) as found:
        archived.check()
    assert str(damaged) in str(found.value)
    with pytest.raises(DamagedError, match=words):
        archived.restore(empty_database)
    assert one(empty_database, "SELECT count(*) FROM events") == 0
    assert one(empty_database, "SELECT count(*) FROM tenants") == 0
    assert one(empty_database, "SELECT epoch FROM store_identity") == 1


def forge(archived: Archived, *, chained: bool) -> RecordedEvent:
    """Change one event's bytes, and every hash that an insider without the key can change."""
    manifest = archived.target.known_manifest()
    at = next(n for n, each in enumerate(manifest.events) if each.spans[0].ledger == LEDGERS[0])
    segment = manifest.events[at]
    events = [
        each
        for batch in archived.target.batches(segment, EVENTS)
        for each in recorded_events(batch)
    ]
    events[1] = replace(events[1], data=b'{"sku":"A","location":"hall","quantity":9}')
    if chained:
        previous = GENESIS_HASH
        for number, each in enumerate(events):
            previous = chain_over(previous, [each])
            events[number] = replace(each, chain_hash=previous)
    file = ParquetFile(EVENTS)
    file.add(event_columns(events))
    entry = file.seal(archived.target, segment.file)
    span = replace(segment.spans[0], chain_after=events[-1].chain_hash.hex())
    forged = replace(segment, bytes=entry.bytes, sha256=entry.sha256, spans=(span,))
    segments = (*manifest.events[:at], forged, *manifest.events[at + 1 :])
    archived.target.save(replace(manifest, events=segments))
    return events[1]


def test_an_edited_event_is_named_though_every_file_hash_fits(archived: Archived) -> None:
    archived.write(segment_events=100)
    forged = forge(archived, chained=False)
    with pytest.raises(DamagedError, match=rf"event 2 of ledger {forged.ledger} was altered"):
        archived.check()


def test_a_history_that_was_hashed_anew_does_not_fit_its_signed_head(archived: Archived) -> None:
    archived.write(segment_events=100)
    forge(archived, chained=True)
    with pytest.raises(DamagedError, match=r"event 5 of ledger acme/main .* was signed"):
        archived.check()


def test_heads_are_held_against_a_key_that_is_given(archived: Archived, tmp_path: Path) -> None:
    archived.write()
    assert check(archived.target, trusted=archived.key.public).unproven == 0
    other = HeadKey.in_directory(tmp_path / "other").public
    with pytest.raises(DamagedError, match="not signed by key"):
        check(archived.target, trusted=other)


def test_an_edited_log_is_not_sealed(archived: Archived) -> None:
    archived.write()
    sealed = archived.files()
    with log(archived.database.log, *LEDGERS) as store:
        fill(store, LEDGERS[0], first=6, count=2)
    with psycopg.connect(archived.database.admin) as connection:
        connection.execute("ALTER TABLE events DISABLE TRIGGER facts_stay")
        connection.execute("UPDATE events SET data = 'x' WHERE ledger_position = 7")
        connection.execute("ALTER TABLE events ENABLE ALWAYS TRIGGER facts_stay")
    with pytest.raises(DamagedError, match=r"event 7 of ledger acme/main was altered"):
        archived.write()
    assert sealed.items() <= archived.files().items()
    assert archived.check().events == 18


def test_a_full_disk_leaves_the_archive_of_the_run_before(archived: Archived) -> None:
    archived.write()
    sealed = archived.files()
    with log(archived.database.log, *LEDGERS) as store:
        fill(store, LEDGERS[0], first=6, count=2)
    (archived.place / "manifest.json.unfinished").symlink_to("/dev/full")
    with pytest.raises(TargetError, match=r"No space left on device.* make room"):
        archived.write()
    assert sealed.items() <= archived.files().items()
    assert archived.check().events == 18
    assert archived.write().events == 2
    assert archived.check().events == 20


def test_a_target_that_cannot_be_written_is_refused(archived: Archived) -> None:
    archived.place.write_text("a file")
    with pytest.raises(TargetError, match="cannot be"):
        archived.write()
    with pytest.raises(TargetError, match="is no place for an archive"):
        Target.of("gopher://hole/archive")


def dropped_heads(archived: Archived, *, key: HeadKey | None) -> None:
    """As somebody would forge it who can write files: a manifest that names no head."""
    manifest = archived.target.known_manifest()
    archived.target.save(replace(manifest, heads=()), key)


def test_a_forged_archive_whose_heads_were_dropped_is_refused_by_the_key(
    archived: Archived, empty_database: Database
) -> None:
    archived.write()
    assert check(archived.target, trusted=archived.key.public).signed_by == archived.key.key_id
    dropped_heads(archived, key=None)
    with pytest.raises(DamagedError, match=r"is not signed, so key .* proves nothing"):
        check(archived.target, trusted=archived.key.public)
    with pytest.raises(DamagedError, match="is not signed"):
        restore(
            archived.target,
            admin_dsn=empty_database.admin,
            key_id=archived.key.key_id,
            trusted=archived.key.public,
        )
    assert one(empty_database, "SELECT count(*) FROM events") == 0
    without = archived.check()
    assert (without.signed_by, without.signed_heads, without.unproven) == ("", 0, 18)


def test_an_archive_that_another_key_has_signed_is_refused(
    archived: Archived, tmp_path: Path
) -> None:
    archived.write()
    dropped_heads(archived, key=HeadKey.in_directory(tmp_path / "other"))
    with pytest.raises(DamagedError, match=f"not signed by key {archived.key.key_id}"):
        check(archived.target, trusted=archived.key.public)


def test_with_a_key_every_ledger_that_has_events_must_have_a_head(archived: Archived) -> None:
    archived.write()
    dropped_heads(archived, key=archived.key)
    assert archived.check().unproven == 18
    with pytest.raises(DamagedError, match=r"ledger acme/main has 5 events and no signed head"):
        check(archived.target, trusted=archived.key.public)


def test_a_signature_that_does_not_fit_is_refused_without_a_key_too(
    archived: Archived,
) -> None:
    archived.write()
    path = archived.place / "manifest.json"
    signed = msgspec.json.decode(path.read_bytes())
    signed["signature"] = "AAAA" + signed["signature"][4:]
    path.write_bytes(msgspec.json.encode(signed))
    with pytest.raises(DamagedError, match="is not signed by key"):
        archived.check()
