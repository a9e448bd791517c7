"""The data directory: secrets, ports, the lock."""

import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ops.stack.directory import LOG_BYTES_MAX, DataDirectory, tail
from ops.stack.errors import DirectoryBusyError, DirectoryError
from ops.stack.report import without_password


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    made = DataDirectory(root=tmp_path / "data")
    made.create()
    return made


def test_a_secret_is_made_once_and_readable_by_its_owner_only(directory: DataDirectory) -> None:
    secret = directory.secret("key")
    assert len(secret) >= 40
    assert directory.secret("key") == secret
    assert directory.secret("other") != secret
    assert stat.S_IMODE((directory.secrets / "key").stat().st_mode) == 0o600


def test_a_port_stays_while_its_owner_uses_it_and_the_directory_is_held(
    directory: DataDirectory,
) -> None:
    with directory.held():
        port = directory.port("api")
        with socket.create_server(("127.0.0.1", port)):
            assert directory.port("api") == port
        assert directory.port("other") != port
    assert DataDirectory(root=directory.root).port("api") == port


def test_the_holder_of_a_directory_is_known_until_it_dies(directory: DataDirectory) -> None:
    program = (
        "import sys, time, pathlib; from ops.stack.directory import DataDirectory\n"
        f"with DataDirectory(root=pathlib.Path({str(directory.root)!r})).held():\n"
        "    sys.stdout.write('held\\n'); sys.stdout.flush(); time.sleep(3600)"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen((sys.executable, "-c", program), stdout=-1, cwd=root) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"held\n"
            assert directory.holder() == other.pid
            with pytest.raises(DirectoryBusyError, match=f"process {other.pid}"):
                directory.held().__enter__()
        finally:
            other.kill()
    assert directory.holder() is None
    with directory.held():
        pass


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DirectoryError, match="file/data: cannot be used"):
        DataDirectory(root=tmp_path / "file" / "data").create()


def test_a_big_log_is_put_aside_at_the_next_start(directory: DataDirectory) -> None:
    log = directory.log("part")
    for number in range(5):
        with log.open("wb") as file:
            file.write(f"{number}".encode())
            file.truncate(LOG_BYTES_MAX + 1)
        assert directory.log("part") == log
        assert log.stat().st_size == 0
    kept = sorted(path.name for path in directory.logs.iterdir())
    assert kept == ["part.log", "part.log.1", "part.log.2", "part.log.3"]
    assert (directory.logs / "part.log.1").read_bytes()[:1] == b"4"


def test_the_tail_of_a_log_is_its_last_lines(directory: DataDirectory) -> None:
    assert tail(directory.logs / "absent.log") == []
    log = directory.log("part")
    log.write_text("".join(f"line {number}\n\n" for number in range(5000)))
    assert tail(log)[-1] == "line 4999"
    assert len(tail(log)) == 12


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redis://:secret@127.0.0.1:6379/0", "redis://:***@127.0.0.1:6379/0"),
        ("postgresql://me:se%40cret@host/db", "postgresql://me:***@host/db"),
        ("http://127.0.0.1:8123/backstock", "http://127.0.0.1:8123/backstock"),
        ("127.0.0.1:9092", "127.0.0.1:9092"),
    ],
)
def test_a_password_is_not_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown
