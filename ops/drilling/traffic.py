"""Reads and writes over HTTP that go on during a drill, and what became of each of them.

Nothing is sent twice: an answer that a client of ours would have got at its second try is a failure
here. Readers page through lists and check what a cut-over must never show.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any, Final

import httpx2

from ops.drilling.tally import Rows, Tally

SKUS: Final = 24
LOCATION: Final = "DRILL"
PAGE_ROWS: Final = 7
PAGES_MAX: Final = SKUS // PAGE_ROWS + 1
RETURNS: Final = "/v1/movements"
LISTS: Final[Mapping[str, Mapping[str, str]]] = {
    "/v1/stock": {},
    RETURNS: {"type": "stock.returned.v1"},
}
READERS_PER_API: Final = 2
READ_PAUSE_SECONDS: Final = 0.02
TICK_SECONDS: Final = 0.1
# What the writer is behind by more than this is not made up for.
ARREARS_SECONDS_MAX: Final = 1.0
ANSWER_SECONDS_MAX: Final = 30.0
STOP_SECONDS_MAX: Final = 60.0
ROUND_POLL_SECONDS: Final = 0.05


@dataclass(slots=True, kw_only=True)
class Traffic:
    """One writer and READERS_PER_API readers for each URL. `run` begins every command's key."""

    urls: Sequence[str]
    api_key: str
    run: str
    commands_per_second: int
    tally: Tally = field(default_factory=Tally)
    _stop: threading.Event = field(default_factory=threading.Event)
    _numbers: Iterator[int] = field(default_factory=count)
    _rounds: dict[int, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Make the items and the place that the commands speak of, whoever made them before, and
        ask every URL once.
        """
        with self._client(self.urls[0]) as http:
            place = {"type": "register_location", "location": LOCATION, "name": "Drill"}
            items = [{"type": "register_item", "sku": sku, "name": sku} for sku in self.skus]
            self._send(http, [place, *items], may_be_refused=True)
            self._send(http, [self._receipt(sku) for sku in self.skus])
        for url in self.urls:
            with self._client(url) as http:
                self._asked(http, "/v1/items", {"limit": 1}, {})

    @property
    def skus(self) -> list[str]:
        return [f"DRILL-{n:02}" for n in range(SKUS)]

    def return_damaged(self, units: Sequence[int]) -> None:
        """One damaged return for each of `units`, on SKUs in turn."""
        with self._client(self.urls[0]) as http:
            returns = [
                {**self._receipt(sku), "type": "return_stock", "quantity": quantity}
                | {"to": "damaged", "reason": "a drill"}
                for sku, quantity in zip(self.skus, units, strict=False)
            ]
            self._send(http, returns)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Until the end of the block; then every thread has ended."""
        threads = [threading.Thread(target=self._write, name="drill-writer")]
        for number in range(READERS_PER_API * len(self.urls)):
            self._rounds[number] = 0
            threads.append(
                threading.Thread(target=self._read, args=(number,), name=f"drill-reader-{number}")
            )
        for thread in threads:
            thread.start()
        began, before = time.monotonic(), self.tally.writes
        try:
            yield
        finally:
            seconds = time.monotonic() - began
            self.tally.commands_per_second = round((self.tally.writes - before) / seconds, 1)
            self._stop.set()
            for thread in threads:
                thread.join(STOP_SECONDS_MAX)

    def await_lists(self) -> None:
        """Until no reader is in a list that it began before this call."""
        # A round may have begun before; the one behind it has not.
        wanted = {number: done + 2 for number, done in self._rounds.items()}
        until = time.monotonic() + ANSWER_SECONDS_MAX
        while any(self._rounds[number] < done for number, done in wanted.items()):
            if time.monotonic() > until or self._stop.wait(ROUND_POLL_SECONDS):
                return

    def _write(self) -> None:
        """What is due is sent together, so that a slow answer does not lower the rate."""
        sent, began = 0, time.monotonic()
        at_most = max(1, int(self.commands_per_second * ARREARS_SECONDS_MAX))
        with self._client(self.urls[0]) as http:
            skus = cycle(self.skus)
            while not self._stop.is_set():
                due = int((time.monotonic() - began) * self.commands_per_second) - sent
                if due > 0:
                    self._send(http, [self._receipt(next(skus)) for _ in range(min(due, at_most))])
                    sent += due
                self._stop.wait(TICK_SECONDS)

    def _receipt(self, sku: str) -> dict[str, Any]:
        return {"type": "receive_stock", "sku": sku, "location": LOCATION, "quantity": 1}

    def _send(
        self,
        http: httpx2.Client,
        commands: Sequence[Mapping[str, Any]],
        *,
        may_be_refused: bool = False,
    ) -> None:
        lines = [{"key": f"{self.run}/{next(self._numbers)}", **each} for each in commands]
        asked = time.monotonic()
        try:
            answer = http.post("/v1/commands", json={"mode": "independent", "commands": lines})
            results = answer.json()["results"]
        except (httpx2.HTTPError, ValueError, KeyError) as error:
            told = f"write: {type(error).__name__}: {error}"
            self.tally.wrote(len(lines), len(lines), asked=asked, fault=told)
            return
        fine = ("accepted", "refused") if may_be_refused else ("accepted",)
        failed = [each for each in results if each["outcome"] not in fine]
        fault = f"write: {failed[0]}" if failed else None
        self.tally.wrote(len(lines), len(failed), asked=asked, fault=fault)

    def _read(self, number: int) -> None:
        positions: dict[str, int] = {}
        with self._client(self.urls[number % len(self.urls)]) as http:
            while not self._stop.is_set():
                for path in LISTS:
                    self._list(http, path, positions)
                self._asked(http, "/v1/availability", {"sku": self.skus}, positions)
                self._rounds[number] += 1
                self._stop.wait(READ_PAUSE_SECONDS)

    def _list(self, http: httpx2.Client, path: str, positions: dict[str, int]) -> None:
        """To its end (of a long one, some pages)."""
        cursor: str | None = None
        versions: set[int] = set()
        rows: Rows = ()
        for number in range(PAGES_MAX):
            parameters: dict[str, Any] = {"limit": PAGE_ROWS, **LISTS[path]}
            if cursor is not None:
                parameters["cursor"] = cursor
            page = self._asked(http, path, parameters, positions, is_first=number == 0)
            if page is None:
                return
            versions.add(page["as_of"]["version"])
            rows += _told(path, page)
            cursor = page["next_cursor"]
            if cursor is None:
                break
        self.tally.listed(path, versions, rows)

    def _asked(
        self,
        http: httpx2.Client,
        path: str,
        parameters: Mapping[str, Any],
        positions: dict[str, int],
        *,
        is_first: bool = True,
    ) -> dict[str, Any] | None:
        floor = self.tally.generation
        asked = time.monotonic()
        try:
            answer = http.get(path, params=parameters)
            answer.raise_for_status()
            body: dict[str, Any] = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            told = f"read {path}: {type(error).__name__}: {error}"
            self.tally.read(asked=asked, fault=told)
            return None
        self.tally.read(asked=asked)
        as_of = body["as_of"]
        # A later page stands where its list was begun.
        is_behind = is_first and as_of["position"] < positions.get(path, 0)
        self.tally.answered(as_of["generation"], floor=floor, is_behind=is_behind)
        if is_first:
            positions[path] = as_of["position"]
        return body

    def _client(self, url: str) -> httpx2.Client:
        return httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {self.api_key}"},
            timeout=ANSWER_SECONDS_MAX,
            trust_env=False,
        )


def _told(path: str, page: Mapping[str, Any]) -> Rows:
    """What the planted mistake changes in these rows, and the traffic does not."""
    if path == RETURNS:
        return tuple((row["position"], row["held_delta"]) for row in page["movements"])
    return tuple((row["sku"], row["held"]) for row in page["levels"])
