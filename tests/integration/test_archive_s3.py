"""An archive in an object store that speaks S3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from replay.archive.faults import DamagedError, TargetError
from replay.archive.reader import ArchiveReader
from tests.appends import log
from tests.archives import LEDGERS, SHARDS, Archived, archived_store, fill, rows
from tests.parts import Database, migrated_database
from tests.s3_server import Bucket, s3_bucket


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with s3_bucket() as found:
        yield found


@pytest.fixture
def archived(postgres_database: Database, tmp_path: Path, bucket: Bucket) -> Archived:
    return replace(archived_store(postgres_database, tmp_path), uri=bucket.uri("archive/shop"))


@pytest.fixture
def empty_database(postgres_server: str, migrated_template: str) -> Iterator[Database]:
    with migrated_database(postgres_server, migrated_template) as database:
        yield database


def test_an_archive_in_a_bucket_is_added_to_read_and_restored(
    archived: Archived, bucket: Bucket, empty_database: Database
) -> None:
    archived.write()
    sealed = {key: content for key, content in bucket.objects.items() if "/events/" in key}
    with log(archived.database.log, *LEDGERS) as store:
        fill(store, LEDGERS[0], first=6, count=3)
    bucket.objects["archive/shop/events/shard-0001/left-over.parquet"] = b"of a run that died"
    assert archived.write().events == 3
    assert sealed.items() <= bucket.objects.items()
    named = {entry.file for entry in archived.target.known_manifest().files()}
    # Arrow marks a folder by an empty object that ends in a slash.
    files = (key for key in bucket.objects if not key.endswith("/"))
    found = {key.removeprefix("archive/shop/") for key in files}
    assert found == named | {"manifest.json"}
    assert archived.check().events == 21
    reader = ArchiveReader(archived.target)
    pages = (reader.read_shard(shard, 0, 100) for shard in range(SHARDS))
    assert sum(map(len, pages)) == 21
    archived.restore(empty_database)
    assert rows(empty_database) == rows(archived.database)


def test_an_object_that_is_gone_is_named(archived: Archived, bucket: Bucket) -> None:
    archived.write()
    lost = min(key for key in bucket.objects if "/events/" in key)
    del bucket.objects[lost]
    with pytest.raises(DamagedError, match=f"s3://stock/{lost}: is missing"):
        archived.check()


def test_a_bucket_that_takes_nothing_more_keeps_the_archive_of_the_run_before(
    archived: Archived, bucket: Bucket
) -> None:
    archived.write()
    with log(archived.database.log, *LEDGERS) as store:
        fill(store, LEDGERS[0], first=6, count=3)
    bucket.is_full = True
    with pytest.raises(TargetError, match=r"cannot be written: .*QuotaExceeded.*"):
        archived.write()
    assert archived.check().events == 18
    bucket.is_full = False
    assert archived.write().events == 3
