"""The whole embedded stack, started once for all end-to-end tests of a run."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.client import Client
from ops.stack.child import Identity

ROOT = Path(__file__).parents[2]
COMMAND_SECONDS_MAX = 1_800
END_SECONDS_MAX = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        assert self.stdout, self.stderr[-3000:]
        answer: dict[str, Any] = json.loads(self.stdout)
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A running stack: `facts` as `backstock up --json` told them."""

    data: Path
    facts: dict[str, Any]

    def backstock(self, *arguments: str) -> Done:
        """Run a command on this stack's data directory."""
        return backstock(*arguments, "--data", str(self.data))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command on this stack's data directory and return while it runs."""
        return subprocess.Popen(
            (sys.executable, "-m", "ops.main", *arguments, "--data", str(self.data)),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def client(self, api_key: str | None = None) -> Client:
        return Client(self.facts["api"], api_key or self.facts["api_key"])

    def parts(self) -> dict[str, dict[str, Any]]:
        """Every part and role by name, as `backstock status --json` shows it."""
        return {part["name"]: part for part in self.backstock("status", "--json").json["parts"]}

    def tenant(self, name: str) -> str:
        """Make a tenant with a ledger `main`; returns an API key of it."""
        self.backstock("tenant", "add", name)
        key: str = self.backstock("key", "add", name, "--json").json["api_key"]
        return key


def backstock(*arguments: str) -> Done:
    """Run the command line in a process of its own."""
    done = subprocess.run(
        (sys.executable, "-m", "ops.main", *arguments),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )
    return Done(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for every test of the group `stack`, which runs in one worker."""
    data = tmp_path_factory.mktemp("stack") / "data"
    started = backstock("up", "--detach", "--data", str(data), "--json")
    assert started.code == 0, started.stderr
    yield Stack(data=data, facts=started.json)
    status = backstock("status", "--data", str(data), "--json").json
    assert backstock("down", "--data", str(data)).code == 0
    deadline = time.monotonic() + END_SECONDS_MAX
    while Identity.of(status["supervisor"]) is not None:
        assert time.monotonic() < deadline, "the supervisor outlives `backstock down`"
        time.sleep(0.05)
