"""Pages that say which test holds what: every case has its row, and each named test is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = {
    "replay-traps.md": (
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
        "unknown projection",
        "overlapping replay",
        "edited history",
        "missing archive segment",
        "disk full",
        "a fold that raises",
    ),
    "yardsticks.md": (
        "20 parallel reserves of 10 units",
        "last-unit checkout",
        "bundle lines sharing stock",
        "quantities and orders drift apart",
        "same serial twice",
        "orders without an allocation",
        "receipt dated before an existing count",
        "issue dated before its receipt",
        "count dated before a sale",
        "a transition twice does not move twice",
        "a cancelled fulfilment restores both quantities",
        "a count while reserved",
        "closing partly delivered work releases the rest",
        "every order flow, cancellation and expiry leaves events with before and after",
        "a shortfall is an event",
        "batch lines of one SKU",
        "reservations that nobody releases",
        "partial and discrepant receipt",
        "the same key with another body",
        "20,000-line count with 50 bad lines",
        "projector killed in mid replay",
        "replay with writes live",
    ),
}
PAGES = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in CASES}
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", "".join(PAGES.values()))))


@pytest.mark.parametrize(
    ("page", "case"), [(page, case) for page, cases in CASES.items() for case in cases]
)
def test_every_case_has_a_row_that_names_a_test(page: str, case: str) -> None:
    (row,) = [each for each in PAGES[page].splitlines() if each.startswith("|") and case in each]
    assert "::test_" in row.rsplit("|", 2)[1]


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_what_a_page_names_is_a_test(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    tests = (each for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    assert name in {each.name for each in tests}
