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

SKUS: Final = 24
LOCATION: Final = "DRILL"
PAGE_ROWS: Final = 7
READERS_PER_API: Final = 2
READ_PAUSE_SECONDS: Final = 0.02
TICKS_PER_SECOND: Final = 10
ANSWER_SECONDS_MAX: Final = 30.0
FAILURES_SHOWN_MAX: Final = 5
STOP_SECONDS_MAX: Final = 60.0
LISTS: Final = ("/v1/stock", "/v1/movements")


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the threads count together."""

    reads: int = 0
    failed_reads: int = 0
    writes: int = 0
    failed_writes: int = 0
    mixed_lists: int = 0
    went_back: int = 0
    generations: set[int] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, fault: str | None = None) -> None:
        with self.lock:
            self.reads += 1
            self.failed_reads += fault is not None
            self._keep(fault)

    def wrote(self, commands: int, failed: int, fault: str | None = None) -> None:
        with self.lock:
            self.writes += commands
            self.failed_writes += failed
            self._keep(fault)

    def as_dict(self) -> dict[str, Any]:
        return {
            "reads": self.reads,
            "failed_reads": self.failed_reads,
            "writes": self.writes,
            "failed_writes": self.failed_writes,
            "mixed_lists": self.mixed_lists,
            "answers_that_went_back": self.went_back,
            "generations": sorted(self.generations),
            "failures": self.failures,
        }

    def _keep(self, fault: str | None) -> None:
        if fault is not None and len(self.failures) < FAILURES_SHOWN_MAX:
            self.failures.append(fault)


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

    def begin(self) -> None:
        """Make the items and the place that the commands speak of, whoever made them before."""
        with self._client(self.urls[0]) as http:
            self._send(http, [{"type": "register_location", "location": LOCATION, "name": "Drill"}])
            items = [{"type": "register_item", "sku": sku, "name": sku} for sku in self.skus]
            self._send(http, items)
            self._send(http, [self._receipt(sku) for sku in self.skus])

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
            url = self.urls[number % len(self.urls)]
            threads.append(threading.Thread(target=self._read, args=(url,), name="drill-reader"))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(STOP_SECONDS_MAX)

    def _write(self) -> None:
        size = max(1, self.commands_per_second // TICKS_PER_SECOND)
        pause = size / self.commands_per_second
        due = time.monotonic()
        with self._client(self.urls[0]) as http:
            skus = cycle(self.skus)
            while not self._stop.is_set():
                self._send(http, [self._receipt(next(skus)) for _ in range(size)])
                due = max(due + pause, time.monotonic() - 1.0)
                self._stop.wait(max(0.0, due - time.monotonic()))

    def _receipt(self, sku: str) -> dict[str, Any]:
        return {"type": "receive_stock", "sku": sku, "location": LOCATION, "quantity": 1}

    def _send(self, http: httpx2.Client, commands: Sequence[Mapping[str, Any]]) -> None:
        lines = [{"key": f"{self.run}/{next(self._numbers)}", **each} for each in commands]
        try:
            answer = http.post("/v1/commands", json={"mode": "independent", "commands": lines})
            results = answer.json()["results"]
        except (httpx2.HTTPError, ValueError, KeyError) as error:
            self.tally.wrote(len(lines), len(lines), f"write: {type(error).__name__}: {error}")
            return
        failed = [each for each in results if each["outcome"] not in ("accepted", "refused")]
        self.tally.wrote(len(lines), len(failed), f"write: {failed[0]}" if failed else None)

    def _read(self, url: str) -> None:
        seen: dict[str, tuple[int, int]] = {}
        with self._client(url) as http:
            while not self._stop.is_set():
                for path in LISTS:
                    self._page(http, path, seen)
                sku = {"sku": self.skus}
                self._asked(http, "/v1/availability", sku, seen, is_first=True)
                self._stop.wait(READ_PAUSE_SECONDS)

    def _page(self, http: httpx2.Client, path: str, seen: dict[str, tuple[int, int]]) -> None:
        """A list to its end (of movements, some pages), which must be of one version throughout."""
        cursor: str | None = None
        versions = set()
        for number in range(SKUS // PAGE_ROWS + 1):
            parameters: dict[str, Any] = {"limit": PAGE_ROWS}
            if cursor is not None:
                parameters["cursor"] = cursor
            page = self._asked(http, path, parameters, seen, is_first=number == 0)
            if page is None:
                return
            versions.add(page["as_of"]["version"])
            cursor = page["next_cursor"]
            if cursor is None:
                break
        if len(versions) > 1:
            with self.tally.lock:
                self.tally.mixed_lists += 1

    def _asked(
        self,
        http: httpx2.Client,
        path: str,
        parameters: Mapping[str, Any],
        seen: dict[str, tuple[int, int]],
        *,
        is_first: bool,
    ) -> dict[str, Any] | None:
        try:
            answer = http.get(path, params=parameters)
            answer.raise_for_status()
            body: dict[str, Any] = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            self.tally.read(f"read {path}: {type(error).__name__}: {error}")
            return None
        self.tally.read()
        as_of = body["as_of"]
        generation, position = as_of["generation"], as_of["position"]
        before = seen.get(path, (0, 0))
        latest = max((generation for generation, _ in seen.values()), default=0)
        with self.tally.lock:
            self.tally.generations.add(generation)
            # A later page may be of the version that its list was begun on.
            if generation < latest or (is_first and position < before[1]):
                self.tally.went_back += 1
        if is_first:
            seen[path] = (generation, position)
        return body

    def _client(self, url: str) -> httpx2.Client:
        return httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {self.api_key}"},
            timeout=ANSWER_SECONDS_MAX,
            trust_env=False,
        )
