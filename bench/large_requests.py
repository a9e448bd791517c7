"""The two largest requests there are, over HTTP, on an embedded stack of its own: a count of 20,000
lines, with and without 50 bad ones, its submission, and a bulk of 10,000 commands.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from bench.figures import Figure, figure

COUNT_LINES = 20_000
BAD_LINES = 50
BULK_LINES = 10_000
REPETITIONS = 3
PLACE = "hall"
STACK_SECONDS_MAX = 300


def measure() -> list[Figure]:
    """Each figure is of single requests, from the first byte sent to the last one read."""
    with tempfile.TemporaryDirectory() as directory:
        data = str(Path(directory) / "data")
        facts = _backstock("up", "--detach", "--data", data)
        try:
            headers = {"Authorization": f"Bearer {facts['api_key']}"}
            with httpx2.Client(
                base_url=facts["api"], headers=headers, trust_env=False, timeout=120
            ) as http:
                return _measured(http)
        finally:
            _backstock("down", "--data", data)


def _measured(http: httpx2.Client) -> list[Figure]:
    skus = [f"S-{number:05}" for number in range(COUNT_LINES)]
    place = {"type": "register_location", "key": "hall", "location": PLACE, "name": PLACE}
    known = [{"type": "register_item", "key": sku, "sku": sku, "name": sku} for sku in skus]
    for start in range(0, COUNT_LINES, BULK_LINES):
        _post(http, "", {"commands": known[start : start + BULK_LINES]})
    _post(http, "", {"commands": [place]})
    times: dict[str, list[float]] = {}
    for turn in range(REPETITIONS):
        for name, seconds in _turn(http, turn, skus).items():
            times.setdefault(name, []).append(seconds)
    return [figure(name, "s", seconds) for name, seconds in times.items()]


def _turn(http: httpx2.Client, turn: int, skus: list[str]) -> Mapping[str, float]:
    count = {"count_id": f"C-{turn}"}
    plan = {**count, "key": f"plan-{turn}", "location": PLACE}
    _post(http, "/plan_count", plan)
    good = [{"line": n, "sku": sku, "counted": n % 90} for n, sku in enumerate(skus, 1)]
    bad = [line.copy() for line in good]
    for place in range(0, COUNT_LINES, COUNT_LINES // BAD_LINES):
        bad[place] |= {"sku": "NOBODY"} if place % 800 else {"counted": -1}
    receipts = [
        {
            "type": "receive_stock",
            "key": f"in-{turn}-{sku}",
            "sku": sku,
            "location": PLACE,
            "quantity": 90,
        }
        for sku in skus[:BULK_LINES]
    ]
    return {
        "bulk_10000": _post(http, "", {"commands": receipts}),
        "count_20000_50_bad": _post(
            http, "/enter_count", {**count, "key": f"bad-{turn}", "lines": bad}, status=422
        ),
        "count_20000": _post(http, "/enter_count", {**count, "key": f"good-{turn}", "lines": good}),
        "count_20000_submit": _post(http, "/submit_count", {**count, "key": f"submit-{turn}"}),
    }


def _post(
    http: httpx2.Client, path: str, body: Mapping[str, object], *, status: int = 200
) -> float:
    began = time.perf_counter()
    answer = http.post(f"/v1/commands{path}", json=body)
    took = time.perf_counter() - began
    assert answer.status_code == status, answer.text[:500]
    if status != 200:
        assert answer.json()["refusal"]["wrong_lines"] == BAD_LINES
    return took


def _backstock(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        (sys.executable, "-m", "ops.main", *arguments, "--json"),
        check=True,
        capture_output=True,
        text=True,
        timeout=STACK_SECONDS_MAX,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
