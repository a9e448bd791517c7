"""A command that meets a fault says so in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.stack import ports

ROOT = Path(__file__).parents[3]
SECONDS_MAX = 60


@pytest.mark.parametrize(
    "command",
    [
        ("tenant", "add", "x"),
        ("deadletters", "list"),
        ("project", "orders"),
        ("migrate",),
    ],
)
def test_a_database_that_is_down_is_told_in_one_line(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    port = ports.choose(set())
    address = f"postgresql://backstock:no-secret@127.0.0.1:{port}/backstock"
    others = dict.fromkeys(("KAFKA_BOOTSTRAP", "REDIS_URL", "CLICKHOUSE_URL"), "127.0.0.1:1")
    done = subprocess.run(
        (sys.executable, "-m", "ops.main", *command, "--data", str(tmp_path / "data")),
        cwd=ROOT,
        env=os.environ
        | {f"BACKSTOCK_{name}": value for name, value in others.items()}
        | {"BACKSTOCK_POSTGRES_DSN": address},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert str(port) in line
    assert "no-secret" not in line
