"""The HTML report: one file, nothing fetched, everything escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from replay.diff.report import html_report

EXAMPLE: dict[str, Any] = {
    "place": "stock_levels",
    "tenant": "acme",
    "ledger": "acme/main",
    "sku": "<script>alert(1)</script>",
    "location": 'W"H&',
    "field": "held",
    "older": 1,
    "newer": 2,
    "expected": False,
    "type": "stock.returned.v1",
    "code": "edition 1 → 2",
    "event_count": 9,
    "events": [
        {
            "ledger": "acme/main",
            "position": 17,
            "event_id": "01980c5e",
            "type": "stock.returned.v1",
            "stream": "stock-A@WH",
        }
    ],
}
DOCUMENT: dict[str, Any] = {
    "at": {"stock_levels": {"3": [10, 12]}},
    "surprises": 1,
    "accepted": False,
    "history": {
        "events": 12,
        "edited": 1,
        "missing": 0,
        "examples": [
            {
                "ledger": "acme/main",
                "position": 17,
                "type": "stock.returned.v1",
                "event_id": "01980c5e",
            }
        ],
        "heads": ["acme/main at 20"],
    },
    "rules": [{"text": "to=<b>damaged</b>", "cells": 0}],
    "projections": {
        "stock_levels": {
            "versions": [1, 2],
            "editions": ["1", "2"],
            "cells": 1_000,
            "differing": 1,
            "expected": 0,
            "surprises": 1,
            "checksums": {"from": "aa", "to": "bb"},
            "shards": [
                {
                    "place": "stock_levels",
                    "shard": 3,
                    "rows": [4, 4],
                    "sums": {},
                    "checksums": ["cc", "dd"],
                    "same": False,
                }
            ],
            "causes": [
                {
                    "type": "stock.returned.v1",
                    "field": "held",
                    "code": "edition 1 → 2",
                    "cells": 1,
                    "expected": 0,
                    "examples": [EXAMPLE],
                }
            ],
            "examples": [EXAMPLE],
        }
    },
}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {"src", "href"} & {name for name, _ in attrs}
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_is_one_file_that_fetches_and_runs_nothing() -> None:
    page = html_report("01980c5e-0000", DOCUMENT)
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not tags.seen & {"script", "link", "img", "iframe"}
    assert re.search(r"https?:|url\(|@import", page) is None
    assert "color-scheme: light dark" in page


def test_the_report_says_what_differs_and_where_it_comes_from() -> None:
    page = html_report("01980c5e-0000", DOCUMENT)
    for told in (
        "1 differing cells are surprises",
        "stock_levels: v1 → v2",
        "stock.returned.v1",
        "edition 1 → 2",
        "17 stock.returned.v1 01980c5e; 8 more",
        "10 to 12",
        "matched nothing",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "W&quot;H&amp;",
        "1 events do not fit the hash chain, the first is stock.returned.v1 at position 17",
        "the head of acme/main at 20",
    ):
        assert told in page
