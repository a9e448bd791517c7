"""Readers over two API processes while versions are switched: old or new, never a mix, never back.

What tells the versions apart is in the rows: the planted edition counts damaged returns twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api.authentication import READ
from domain import events as facts
from ops.access import add_key
from tests.api_world import Places, api_process
from tests.cutover_side import fed, promoted, ready, rolled_back
from tests.happenings import item
from tests.parts import Database
from tests.projection_side import TENANT
from tests.replay_side import World, world

NAMES = ("availability", "movements", "stock_levels")
LEDGER = f"{TENANT}/main"
SKUS = 30
# Of this one some are returned damaged all the time: a list of movements begins with the newest,
# and whatever of it is read shows of which version it is.
RETURNED = "SKU-RETURNED"
WRITES_PER_RETURN = 5
PAGE_ROWS = 4
READERS = 4
TURN_SECONDS = 0.6
# By generation.
ANSWERING = {1: 1, 2: 2, 3: 1, 4: 2}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An answer's `as_of`, and when it was asked for and given. `doubled`: what its rows say."""

    asked: float
    answered: float
    path: str
    generation: int
    version: int
    position: int
    is_first: bool
    doubled: frozenset[bool]


@dataclass(kw_only=True)
class Reader:
    """Pages through both lists and asks for availability, over and over."""

    url: str
    api_key: str
    stop: threading.Event
    seen: list[Seen] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    lists: list[tuple[str, set[int], set[bool]]] = field(default_factory=list)

    def run(self) -> None:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        with httpx2.Client(base_url=self.url, headers=headers, trust_env=False, timeout=30) as http:
            while not self.stop.is_set():
                self._list(http, "/v1/stock", _levels)
                self._list(http, "/v1/movements", _movements)
                self._ask(http, "/v1/availability", {"sku": ["SKU-1", "SKU-2"]}, lambda _: [])

    def _list(
        self, http: httpx2.Client, path: str, doubled: Callable[[dict[str, Any]], list[bool]]
    ) -> None:
        versions: set[int] = set()
        told: set[bool] = set()
        cursor: str | None = None
        for number in range(SKUS):
            parameters: dict[str, Any] = {"limit": PAGE_ROWS, "cursor": cursor}
            if cursor is None:
                del parameters["cursor"]
            page = self._ask(http, path, parameters, doubled, is_first=number == 0)
            if page is None:
                return
            versions.add(page["as_of"]["version"])
            told.update(doubled(page))
            cursor = page["next_cursor"]
            if cursor is None:
                break
        self.lists.append((path, versions, told))

    def _ask(
        self,
        http: httpx2.Client,
        path: str,
        parameters: dict[str, Any],
        doubled: Callable[[dict[str, Any]], list[bool]],
        *,
        is_first: bool = True,
    ) -> dict[str, Any] | None:
        asked = time.monotonic()
        answer = http.get(path, params=parameters)
        answered = time.monotonic()
        if not answer.is_success:
            self.failures.append(f"{path}: {answer.status_code} {answer.text}")
            return None
        page: dict[str, Any] = answer.json()
        self.seen.append(
            Seen(
                asked=asked,
                answered=answered,
                path=path,
                generation=page["as_of"]["generation"],
                version=page["as_of"]["version"],
                position=page["as_of"]["position"],
                is_first=is_first,
                doubled=frozenset(doubled(page)),
            )
        )
        return page


def _levels(page: dict[str, Any]) -> list[bool]:
    """Three of a SKU's units came back damaged: held is 3, or doubled 6."""
    return [row["held"] == 6 for row in page["levels"] if row["sku"] != RETURNED]


def _movements(page: dict[str, Any]) -> list[bool]:
    return [
        row["held_delta"] == 2 * row["quantity"]
        for row in page["movements"]
        if row["type"] == "stock.returned.v1"
    ]


@pytest.fixture
def stores(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[World]:
    with world(postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path) as found:
        ledger = found.log.ledger("main")
        for number in range(SKUS):
            at = {"sku": f"SKU-{number}", "location": "WH"}
            found.log.append(
                ledger,
                item(at["sku"]),
                facts.StockReceived(**at, quantity=9),
                facts.StockReturned(**at, quantity=3, to="damaged"),
            )
        for name in (*NAMES, "documents", "orders"):
            found.feed(name, 1)
        yield found


@pytest.fixture
def readers(
    stores: World,
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
) -> Iterator[list[Reader]]:
    """READERS of them, over two API processes."""
    places = Places(
        database=postgres_database,
        redis_url=redis_url,
        redis_prefix=redis_prefix,
        clickhouse_url=clickhouse_url,
    )
    key = add_key(postgres_database.log, TENANT, name="reader", scopes=(READ,)).api_key
    stop = threading.Event()
    with ExitStack() as opened:
        urls = [opened.enter_context(api_process(places, projections=False)).url for _ in range(2)]
        # FastAPI makes its routes at the first request that passes them all, with the warnings of
        # the whole process held back: not in two threads of this one at once.
        for url in urls:
            httpx2.get(f"{url}/v1/nothing", trust_env=False)
        found = [
            Reader(url=urls[number % len(urls)], api_key=key, stop=stop)
            for number in range(READERS)
        ]
        threads = [threading.Thread(target=reader.run) for reader in found]
        for thread in threads:
            thread.start()
        yield found
        stop.set()
        for thread in threads:
            thread.join()


def write(stores: World, stop: threading.Event) -> None:
    number = 0
    while not stop.wait(0.01):
        number += 1
        fact: facts.StockEvent = facts.StockReceived(
            sku=f"SKU-{number % SKUS}", location="WH", quantity=1
        )
        if number % WRITES_PER_RETURN == 0:
            fact = facts.StockReturned(sku=RETURNED, location="WH", quantity=1, to="damaged")
        stores.log.append(LEDGER, fact)


def test_across_cut_overs_no_answer_mixes_versions_and_none_goes_back(
    stores: World, readers: list[Reader]
) -> None:
    replay_id = ready(stores, *NAMES)
    every = [(name, version) for name in NAMES for version in (1, 2)]
    writing = threading.Event()
    writer = threading.Thread(target=write, args=(stores, writing))
    with fed(stores, LEDGER, every):
        writer.start()
        for step in (promoted, rolled_back, promoted):
            time.sleep(TURN_SECONDS)
            step(stores, replay_id, wait=True)
        time.sleep(TURN_SECONDS)
        for reader in readers:
            reader.stop.set()
        writing.set()
        writer.join()
    assert [reader.failures for reader in readers] == [[]] * READERS
    seen = sorted((each for reader in readers for each in reader.seen), key=lambda s: s.asked)
    assert {each.generation for each in seen} == {1, 2, 3, 4}
    for path, versions, doubled in (one for reader in readers for one in reader.lists):
        assert len(versions) == 1, f"a list of {path} is of one version"
        assert doubled == {versions == {2}}, path
    for each in seen:
        # A later page is of the version that its list was begun on.
        assert not each.is_first or each.version == ANSWERING[each.generation]
        assert each.doubled <= {each.version == 2}
    assert_never_back(seen)


def assert_never_back(seen: list[Seen]) -> None:
    """Over all readers of both processes: what was asked after an answer was given."""
    answered = sorted(seen, key=lambda each: each.answered)
    latest: dict[str, int] = {}
    generation, number = 0, 0
    for each in seen:
        while number < len(answered) and answered[number].answered < each.asked:
            before = answered[number]
            generation = max(generation, before.generation)
            # Of a kept version later pages say where that one stands: each is fed for itself.
            if before.version == ANSWERING[before.generation]:
                latest[before.path] = max(latest.get(before.path, 0), before.position)
            number += 1
        assert each.generation >= generation, each
        if each.is_first:
            assert each.position >= latest.get(each.path, 0), each
