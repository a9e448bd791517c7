"""docs/replay-traps.md has a row for every trap, and names only tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "replay-traps.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
TRAPS = (
    "stale completed-set",
    "replay path without the live path's transforms",
    "cross-aggregate views",
    "bounds by `since`",
    "version column older than the live row",
    "partition pruning",
    "DLQ replay bypassing idempotency",
    "dedup by offset",
    "archived streams",
    "long transactions",
    "zero events",
    "lock expiry",
    "crash between store writes and tracking",
)
BAD_INPUT = (
    "unknown projection",
    "overlapping replay",
    "edited history",
    "missing archive segment",
    "disk full",
    "a fold that raises",
)


@pytest.mark.parametrize("trap", TRAPS + BAD_INPUT)
def test_every_trap_has_a_row_that_names_a_test(trap: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith("|") and trap in line]
    assert "::test_" in row.rsplit("|", 2)[1]


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_what_the_page_names_is_a_test(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
