"""Backup and restore of a data directory: the same data again, or nothing at all."""

import gzip
import io
import json
import stat
import tarfile
from contextlib import ExitStack, closing
from pathlib import Path

import clickhouse_connect
import psycopg
import pytest
import redis

from ops.stack.backup import MANIFEST, back_up, restore
from ops.stack.clickhouse import ClickHousePart
from ops.stack.directory import DataDirectory
from ops.stack.errors import BackupError, DirectoryBusyError, DirectoryError
from ops.stack.parts import Part, running
from ops.stack.postgres import PostgresPart
from ops.stack.redis import RedisPart

SUFFIXES = pytest.mark.parametrize("suffix", ["tar.zst", "tar.gz"])


@pytest.fixture
def small(tmp_path: Path) -> DataDirectory:
    """A data directory with a file, an empty directory, a secret and a link, but no part."""
    directory = DataDirectory(root=tmp_path / "small")
    directory.create()
    directory.secret("key")
    (directory.part("store") / "empty").mkdir()
    (directory.root / "store" / "rows").write_bytes(bytes(range(256)) * 100)
    (directory.root / "store" / "link").symlink_to("empty")
    (directory.logs / "store.log").write_text("chatter")
    return directory


def restored(root: Path) -> DataDirectory:
    return DataDirectory(root=root)


def test_a_backup_is_not_restored_beside_parts_that_may_be_newer(
    small: DataDirectory, tmp_path: Path
) -> None:
    archive = tmp_path / "backup.tar.gz"
    back_up(small, archive)
    again = restored(tmp_path / "again")
    with pytest.raises(BackupError, match="holds no kafka, redis, which may be newer"):
        restore(archive, again, elsewhere=("redis", "kafka"))
    assert not again.root.exists()
    assert restore(archive, again, elsewhere=("postgres", "kafka")).files == 2


@SUFFIXES
def test_a_restored_directory_is_the_same_but_for_logs_and_runs(
    small: DataDirectory, tmp_path: Path, suffix: str
) -> None:
    archive = tmp_path / f"backup.{suffix}"
    report = back_up(small, archive)
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert report.files == 2
    again = restored(tmp_path / "again")
    assert restore(archive, again).data_bytes == report.data_bytes
    assert again.secret("key") == small.secret("key")
    assert (again.root / "store" / "rows").read_bytes() == bytes(range(256)) * 100
    assert (again.root / "store" / "empty").is_dir()
    assert (again.root / "store" / "link").readlink() == Path("empty")
    assert not again.logs.exists()
    assert all(
        path.lstat().st_mode & 0o077 == 0
        for path in (again.root, *again.root.rglob("*"))
        if not path.is_symlink()
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", archive.name, "small"]


def test_stores_answer_from_a_restored_directory_as_they_did(tmp_path: Path) -> None:
    parts: dict[str, Part] = {
        "postgres": PostgresPart(settings={"fsync": "off"}),
        "redis": RedisPart(),
        "clickhouse": ClickHousePart(),
    }

    def start(stack: ExitStack, root: Path) -> dict[str, str]:
        # Each in a directory of its own: one supervisor would hold them all.
        return {n: stack.enter_context(running(p, root / n)) for n, p in parts.items()}

    with ExitStack() as stack:
        found = start(stack, tmp_path / "first")
        with psycopg.connect(found["postgres"]) as postgres:
            postgres.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        with redis.Redis.from_url(found["redis"]) as client:
            client.set("kept", 1000)
        server = found["clickhouse"].removesuffix("/backstock")
        with closing(clickhouse_connect.get_client(dsn=server)) as house:
            house.command("CREATE DATABASE backstock ENGINE = Atomic")
            house.command("CREATE TABLE backstock.kept (n Int64) ENGINE = MergeTree ORDER BY n")
            house.insert("backstock.kept", [[n] for n in range(1000)], column_names=["n"])
            house.command("ALTER TABLE backstock.kept DELETE WHERE n = 0 SETTINGS mutations_sync=1")
    for name in parts:
        archive = tmp_path / f"{name}.tar.zst"
        back_up(DataDirectory(root=tmp_path / "first" / name), archive)
        restore(archive, restored(tmp_path / "second" / name))
    with ExitStack() as stack:
        found = start(stack, tmp_path / "second")
        with psycopg.connect(found["postgres"]) as postgres:
            assert postgres.execute("SELECT sum(n) FROM kept").fetchone() == (500_500,)
        with redis.Redis.from_url(found["redis"], decode_responses=True) as client:
            assert client.get("kept") == "1000"
        with closing(clickhouse_connect.get_client(dsn=found["clickhouse"])) as house:
            assert house.query("SELECT count() FROM kept").result_rows == [(999,)]


def test_a_directory_in_use_is_not_backed_up(small: DataDirectory, tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar.zst"
    with small.held(), pytest.raises(DirectoryBusyError, match="backstock down"):
        back_up(small, archive)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small"]


def test_a_directory_that_is_not_empty_is_not_restored_into(
    small: DataDirectory, tmp_path: Path
) -> None:
    archive = tmp_path / "backup.tar.zst"
    back_up(small, archive)
    with pytest.raises(DirectoryError, match="is not empty"):
        restore(archive, small)


def test_a_name_that_is_taken_or_tells_no_format_is_refused(
    small: DataDirectory, tmp_path: Path
) -> None:
    (tmp_path / "taken.tar.gz").write_text("dear")
    for name, reason in (
        ("taken.tar.gz", "exists already"),
        ("backup.zip", "must end in"),
        ("small/backup.tar.gz", "inside the data directory"),
        ("absent/backup.tar.gz", "cannot be written"),
    ):
        with pytest.raises(BackupError, match=reason):
            back_up(small, tmp_path / name)
    assert (tmp_path / "taken.tar.gz").read_text() == "dear"


@SUFFIXES
def test_an_archive_cut_off_anywhere_is_refused(
    small: DataDirectory, tmp_path: Path, suffix: str
) -> None:
    archive = tmp_path / f"backup.{suffix}"
    back_up(small, archive)
    whole = archive.read_bytes()
    for length in range(0, len(whole) - 1, max(1, len(whole) // 20)):
        archive.write_bytes(whole[:length])
        with pytest.raises(BackupError):
            restore(archive, restored(tmp_path / "again"))
        assert sorted(path.name for path in tmp_path.iterdir()) == [archive.name, "small"]


@SUFFIXES
def test_an_archive_with_one_changed_byte_is_refused_or_says_the_same(
    small: DataDirectory, tmp_path: Path, suffix: str
) -> None:
    archive = tmp_path / f"backup.{suffix}"
    back_up(small, archive)
    whole = archive.read_bytes()
    refused = 0
    for place in range(0, len(whole), max(1, len(whole) // 40)):
        archive.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        again = restored(tmp_path / f"again-{place}")
        try:
            restore(archive, again)
        except BackupError:
            refused += 1
            assert not again.root.exists()
        else:
            # A byte that means nothing, as the time in gzip's header.
            assert (again.root / "store" / "rows").read_bytes() == bytes(range(256)) * 100
    assert refused > 30


def packed(*members: tuple[tarfile.TarInfo, bytes], manifest: dict[str, object]) -> bytes:
    raw = io.BytesIO()
    with gzip.GzipFile(fileobj=raw, mode="wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        document = json.dumps({"format": 1, "files": manifest}).encode()
        for member, content in (*members, (tarfile.TarInfo(MANIFEST), document)):
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return raw.getvalue()


def folder(name: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = tarfile.DIRTYPE
    return member


def link(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = tarfile.SYMTYPE
    member.linkname = target
    return member


@pytest.mark.parametrize(
    "members",
    [
        [(tarfile.TarInfo("../escaped"), b"x")],
        [(tarfile.TarInfo("/tmp/escaped-from-a-backup"), b"x")],
        [(link("link", "/etc"), b"")],
        [(link("link", "../.."), b"")],
        [(link("here", "."), b""), (tarfile.TarInfo("here/../../escaped"), b"x")],
        [
            # To the eye p/q/out stays inside; through p/q/top it does not.
            *((folder(name), b"") for name in ("p", "p/q")),
            (link("p/q/out", "top/.."), b""),
            (link("p/q/top", "../.."), b""),
            (tarfile.TarInfo("p/q/out/escaped"), b"x"),
        ],
    ],
    ids=["parent", "absolute", "absolute-link", "link-out", "through-parent", "through-links"],
)
def test_an_archive_that_reaches_outside_is_refused(
    members: list[tuple[tarfile.TarInfo, bytes]], tmp_path: Path
) -> None:
    archive = tmp_path / "evil.tar.gz"
    archive.write_bytes(packed(*members, manifest={}))
    with pytest.raises(BackupError):
        restore(archive, restored(tmp_path / "deep" / "again"))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["deep", "evil.tar.gz"]
    assert not Path("/tmp/escaped-from-a-backup").exists()


def test_a_file_that_the_manifest_does_not_know_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "more.tar.gz"
    archive.write_bytes(packed((tarfile.TarInfo("added"), b"x"), manifest={}))
    with pytest.raises(BackupError, match="added is not as the manifest says"):
        restore(archive, restored(tmp_path / "again"))
