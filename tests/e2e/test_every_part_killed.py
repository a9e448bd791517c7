"""kill -9 of every part and role while an import runs."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ops.stack.directory import DataDirectory
from ops.stack.state import StackState, State, UnitState
from tests.e2e.conftest import Stack
from tests.e2e.retail_files import many, write

INVOICES = 2_500
LINES = 12
RECOVERY_SECONDS_MAX = 60.0
# Those of a line are killed at once; the next line when they are back.
VICTIMS = (
    ("api",),
    (
        "relay",
        "stock_levels",
        "orders",
        "documents",
        "availability",
        "movements",
        "processes",
        "verifier",
    ),
    ("redis", "clickhouse"),
    ("kafka",),
    ("postgres",),
)


def unit(stack: Stack, name: str) -> UnitState:
    """A part or role as the supervisor has noted it: quicker than asking `backstock status`."""
    units = StackState.running(DataDirectory(root=stack.data)).units
    return next(each for each in units if each.name == name)


def kill(stack: Stack, name: str, importer: subprocess.Popen[str]) -> int:
    """Kill a part while the import runs; the process id that it had."""
    pid = unit(stack, name).pid
    assert pid is not None, unit(stack, name)
    assert importer.poll() is None, f"the import was over before {name} was killed"
    os.kill(pid, signal.SIGKILL)
    return pid


def await_successor(stack: Stack, name: str, killed: int) -> None:
    """Return when the supervisor has brought a part back."""
    deadline = time.monotonic() + RECOVERY_SECONDS_MAX
    while time.monotonic() < deadline:
        now = unit(stack, name)
        if now.pid not in {None, killed} and now.state is State.READY:
            return
        time.sleep(0.05)
    pytest.fail(f"{name} did not come back: {unit(stack, name)}")


def first_order(stack: Stack, api_key: str, importer: subprocess.Popen[str]) -> None:
    """Return when the import has begun to ship orders."""
    with stack.client(api_key) as client:
        while client.get("/v1/orders", limit=1)["orders"] == []:
            assert importer.poll() is None, "the import was over before its first order was seen"
            time.sleep(0.05)


def test_whatever_is_killed_during_an_import_nothing_is_lost_or_doubled(
    stack: Stack, tmp_path: Path
) -> None:
    api_key = stack.tenant("kill-all")
    path = write(tmp_path / "retail.csv", many(invoices=INVOICES, lines=LINES))
    arguments = ("import", "online-retail", str(path), "--api-key", api_key, "--no-verify")
    importer = stack.start(*arguments, "--json")
    first_order(stack, api_key, importer)
    for line in VICTIMS:
        killed = {name: kill(stack, name, importer) for name in line}
        for name, pid in killed.items():
            await_successor(stack, name, pid)
    out, err = importer.communicate(timeout=240)
    if importer.returncode != 0:
        # Whoever was given up on for a while goes on when run again.
        again = stack.backstock(*arguments, "--json")
        assert again.code == 0, (out, err, again.stderr)
    with stack.client(api_key) as client:
        pages = client.pages("/v1/orders", limit=200, status="shipped")
        orders = [order for page in pages for order in page["orders"]]  # type: ignore[union-attr]
    assert len(orders) == INVOICES
    verified = stack.backstock("verify", "--json")
    assert verified.json["ok"], verified.json["first_difference"]
