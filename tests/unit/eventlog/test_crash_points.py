from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from eventlog.crash_points import CRASH_VARIABLE, STOP_VARIABLE

WALK = """
from eventlog.crash_points import crash_point
for step in range(4):
    crash_point("elsewhere")
    crash_point("here")
    with open(1, "w", closefd=False) as out:
        out.write(f"{step}\\n")
"""


def walk(variable: str, value: str) -> subprocess.Popen[str]:
    environment = {**os.environ, variable: value}
    return subprocess.Popen(
        [sys.executable, "-c", WALK], env=environment, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    ("armed", "steps", "code"),
    [("here", [], 137), ("here:3", ["0", "1"], 137), ("nowhere", ["0", "1", "2", "3"], 0)],
)
def test_an_armed_process_ends_there_and_then(armed: str, steps: list[str], code: int) -> None:
    with walk(CRASH_VARIABLE, armed) as process:
        output, _ = process.communicate(timeout=60)
    assert (output.split(), process.returncode) == (steps, code)


def test_a_process_armed_to_stop_goes_on_when_told_to() -> None:
    with walk(STOP_VARIABLE, "here:2") as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        process.send_signal(signal.SIGCONT)
        output, _ = process.communicate(timeout=60)
    assert output.split() == ["0", "1", "2", "3"]
