"""`backstock up|status|backup|down` as a user and a program use them, on one running stack."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from ops.stack.child import Identity
from ops.stack.directory import DataDirectory
from ops.stack.state import StackState

ROOT = Path(__file__).parents[2]
PARTS = ("postgres", "kafka", "redis", "clickhouse")
COMMAND_SECONDS_MAX = 280


def backstock(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "ops.main", *arguments),
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )


def pids(directory: DataDirectory) -> dict[str, int]:
    state = StackState.running(directory)
    return {unit.name: unit.pid for unit in state.units if unit.pid is not None}


def up(data: str) -> dict[str, Any]:
    result = backstock("up", "--detach", "--json", "--data", data)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What `up --detach --json` says of the stack of this file."""
    data = str(tmp_path_factory.mktemp("stack") / "data")
    try:
        yield up(data)
    finally:
        backstock("down", "--data", data)


@pytest.fixture
def found(shared: dict[str, Any]) -> dict[str, Any]:
    """The shared stack, started again if a test has stopped it."""
    running = DataDirectory(root=Path(shared["data"])).holder() is not None
    return shared if running else up(shared["data"])


@pytest.fixture
def directory(found: dict[str, Any]) -> DataDirectory:
    return DataDirectory(root=Path(found["data"]))


def test_up_tells_where_everything_is(found: dict[str, Any], directory: DataDirectory) -> None:
    addresses = StackState.running(directory).addresses
    assert {name: found[name] for name in PARTS} == addresses
    assert found["started_in_seconds"] > 0


def test_a_second_up_is_refused_and_a_detached_one_finds_the_running_stack(
    found: dict[str, Any], directory: DataDirectory
) -> None:
    before = pids(directory)
    refused = backstock("up", "--data", found["data"])
    assert refused.returncode == 1
    assert "in use by process" in refused.stderr
    again = backstock("up", "--detach", "--json", "--data", found["data"])
    assert {name: json.loads(again.stdout)[name] for name in PARTS} == {
        name: found[name] for name in PARTS
    }
    assert pids(directory) == before


def test_status_shows_every_part_without_passwords(
    found: dict[str, Any], directory: DataDirectory
) -> None:
    secret = (directory.secrets / "postgres_password").read_text()
    assert secret in found["postgres"]
    report = json.loads(backstock("status", "--json", "--data", found["data"]).stdout)
    units = {unit["name"]: unit for unit in report["parts"]}
    assert {name: units[name]["state"] for name in PARTS} == dict.fromkeys(PARTS, "ready")
    assert {name: unit["pid"] for name, unit in units.items()} == pids(directory)
    table = backstock("status", "--data", found["data"])
    assert table.returncode == 0
    assert all(name in table.stdout for name in PARTS)
    for text in (table.stdout, json.dumps(report), (directory.logs / "supervisor.log").read_text()):
        assert secret not in text


def test_nothing_in_the_data_directory_is_open_to_others(directory: DataDirectory) -> None:
    assert stat.S_IMODE(directory.root.stat().st_mode) == stat.S_IRWXU
    for path in directory.root.iterdir():
        assert path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) == 0, path
    for path in directory.secrets.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR, path


def test_everything_listens_on_the_loopback_interface_only(directory: DataDirectory) -> None:
    listening = 0
    for pid in pids(directory).values():
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                for connection in process.net_connections():
                    if connection.status == psutil.CONN_LISTEN:
                        assert connection.laddr.ip in {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
                        listening += 1
    assert listening >= len(PARTS)


def test_a_stack_is_stopped_for_a_backup_only_when_that_was_asked_for(
    found: dict[str, Any], directory: DataDirectory, tmp_path: Path
) -> None:
    data = found["data"]
    archive = tmp_path / "backup.tar.zst"
    refused = backstock("backup", str(archive), "--data", data)
    assert refused.returncode == 1
    assert "backstock down" in refused.stderr
    assert not archive.exists()
    running = [Identity.of(pid) for pid in pids(directory).values()]
    assert all(identity is not None for identity in running)
    copied = backstock("backup", str(archive), "--stop", "--json", "--data", data)
    assert "stopped the stack" in copied.stderr
    assert json.loads(copied.stdout)["files"] > 0
    assert not any(identity is not None and identity.is_alive() for identity in running)
    status = backstock("status", "--json", "--data", data)
    assert status.returncode == 1
    assert json.loads(status.stdout)["running"] is False
    down = backstock("down", "--json", "--data", data)
    assert json.loads(down.stdout) == {"data": data, "was_running": False}
    assert directory.holder() is None


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = backstock("up", "--data", str(tmp_path / "file" / "data"))
    assert result.returncode == 1
    assert "Choose another one with --data" in result.stderr


def test_an_unknown_option_is_wrong_use() -> None:
    assert backstock("up", "--detatch").returncode == 2
