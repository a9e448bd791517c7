"""kill -9 of every part and role, one after the other, while an import runs."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Stack
from tests.e2e.retail_files import many, write

pytestmark = pytest.mark.xdist_group("stack")

INVOICES = 1_500
LINES = 12
RECOVERY_SECONDS_MAX = 60.0
VICTIMS = (
    "api",
    "relay",
    "stock_levels",
    "orders",
    "availability",
    "movements",
    "redis",
    "clickhouse",
    "kafka",
    "postgres",
)


def kill_and_await(stack: Stack, name: str) -> None:
    """Kill a part and return when the supervisor has brought it back."""
    before = stack.parts()[name]["pid"]
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + RECOVERY_SECONDS_MAX
    while time.monotonic() < deadline:
        part = stack.parts()[name]
        if part["pid"] not in {None, before} and part["state"] == "ready":
            return
        time.sleep(0.2)
    pytest.fail(f"{name} did not come back: {stack.parts()[name]}")


def test_whatever_is_killed_during_an_import_nothing_is_lost_or_doubled(
    stack: Stack, tmp_path: Path
) -> None:
    api_key = stack.tenant("kill-all")
    path = write(tmp_path / "retail.csv", many(invoices=INVOICES, lines=LINES))
    arguments = ("import", "online-retail", str(path), "--api-key", api_key, "--no-verify")
    importer = stack.start(*arguments, "--json")
    for name in VICTIMS:
        kill_and_await(stack, name)
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
