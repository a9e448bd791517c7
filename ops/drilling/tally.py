"""What the traffic of a drill has seen: counts, and whether two answers ever contradicted."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

FAILURES_SHOWN_MAX: Final = 5

Rows = tuple[tuple[str | int, int], ...]


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the threads count together. `generation`: the latest that anybody was answered."""

    reads: int = 0
    failed_reads: int = 0
    writes: int = 0
    failed_writes: int = 0
    mixed_lists: int = 0
    went_back: int = 0
    generation: int = 0
    commands_per_second: float = 0.0
    slowest_read_seconds: float = 0.0
    slowest_write_seconds: float = 0.0
    generations: set[int] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    told: dict[tuple[str, int], Rows] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, *, asked: float, fault: str | None = None) -> None:
        """An answer, or a `fault`, to what was asked at this time of the monotonic clock."""
        with self.lock:
            self.reads += 1
            self.failed_reads += fault is not None
            self.slowest_read_seconds = max(self.slowest_read_seconds, time.monotonic() - asked)
            self._keep(fault)

    def wrote(self, commands: int, failed: int, *, asked: float, fault: str | None = None) -> None:
        """So many commands in one request."""
        with self.lock:
            self.writes += commands
            self.failed_writes += failed
            self.slowest_write_seconds = max(self.slowest_write_seconds, time.monotonic() - asked)
            self._keep(fault)

    def answered(self, generation: int, *, floor: int, is_behind: bool) -> None:
        """`floor`: the latest generation that anybody had been answered when this was asked."""
        with self.lock:
            self.generations.add(generation)
            self.generation = max(self.generation, generation)
            if generation < floor or is_behind:
                self.went_back += 1

    def listed(self, path: str, versions: Collection[int], rows: Rows) -> None:
        """A list to its end: of one version, and of that version always with the same rows."""
        with self.lock:
            version = min(versions)
            if len(versions) > 1 or self.told.setdefault((path, version), rows) != rows:
                self.mixed_lists += 1
                self._keep(f"mixed {path}: versions {sorted(versions)}, {rows}")

    def as_dict(self) -> dict[str, Any]:
        return {
            "commands_per_second": self.commands_per_second,
            "reads": self.reads,
            "failed_reads": self.failed_reads,
            "slowest_read_seconds": round(self.slowest_read_seconds, 3),
            "writes": self.writes,
            "failed_writes": self.failed_writes,
            "slowest_write_seconds": round(self.slowest_write_seconds, 3),
            "mixed_lists": self.mixed_lists,
            "answers_that_went_back": self.went_back,
            "generations": sorted(self.generations),
            "mistake_seen": self._is_mistake_seen(),
            "failures": self.failures,
        }

    def _is_mistake_seen(self) -> bool:
        """Whether every list was met with rows of both kinds: so a mix of them would have been."""
        paths = {path for path, _ in self.told}
        kinds = [{rows for (of, _), rows in self.told.items() if of == path} for path in paths]
        return bool(kinds) and all(len(each) > 1 for each in kinds)

    def _keep(self, fault: str | None) -> None:
        if fault is not None and len(self.failures) < FAILURES_SHOWN_MAX:
            self.failures.append(fault)
