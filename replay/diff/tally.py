"""What a comparison comes to: counts, sums and checksums by shard, causes with examples.

It grows with causes and shards, and holds a bounded number of examples, whatever differs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from replay.diff.cells import Cause, EventName, Finding, Key
from replay.diff.sides import Sides

EXAMPLES_MAX: Final = 20
EXAMPLES_PER_CAUSE_MAX: Final = 5
CAUSES_MAX: Final = 500
WORD: Final = 2**64
OTHERS: Final = "further causes"


@dataclass(slots=True)
class Digest:
    """Order-free digest of a version's rows of one shard: their count, the sums of their numbers,
    and two sums of 64-bit hashes modulo 2**64.
    """

    rows: int = 0
    hashes: tuple[int, int] = (0, 0)
    sums: Counter[str] = field(default_factory=Counter)

    def add(self, rows: int, hashes: tuple[int, int], sums: Mapping[str, int]) -> None:
        """Count rows in, or out again with a negative `rows`; hashes and sums then as well."""
        self.rows += rows
        self.hashes = (
            (self.hashes[0] + hashes[0]) % WORD,
            (self.hashes[1] + hashes[1]) % WORD,
        )
        self.sums.update(sums)

    def same(self, other: Digest) -> bool:
        return (self.rows, self.hashes) == (other.rows, other.hashes)

    @property
    def hex(self) -> str:
        return f"{self.hashes[0]:016x}{self.hashes[1]:016x}"


Digests = defaultdict[tuple[str, int], Digest]
"""By place and shard, of one version."""


@dataclass(slots=True)
class _Group:
    cells: int = 0
    expected: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)


class Tally:
    """Of one projection. `each` is told of every differing cell."""

    def __init__(self, sides: Sides, each: Callable[[Finding], None]) -> None:
        self._sides = sides
        self._each = each
        self.digests: tuple[Digests, Digests] = (defaultdict(Digest), defaultdict(Digest))
        self.cells = 0
        self.differing = 0
        self.expected = 0
        self.covered: Counter[int] = Counter()
        self._at: dict[int, tuple[int, int]] = {}
        self._causes: dict[Cause, _Group] = {}
        self._examples: list[dict[str, Any]] = []

    @property
    def surprises(self) -> int:
        return self.differing - self.expected

    def compared_at(self, shard: int, position: int) -> None:
        """Some keys of the shard were compared at this position."""
        first, last = self._at.get(shard, (position, position))
        self._at[shard] = (min(first, position), max(last, position))

    def add(self, finding: Finding) -> None:
        self.differing += 1
        self.expected += finding.expected
        self.covered.update(finding.rules)
        cause = finding.cause
        if cause not in self._causes and len(self._causes) >= CAUSES_MAX:
            cause = Cause(type=OTHERS, field=OTHERS, code=cause.code)
        group = self._causes.setdefault(cause, _Group())
        group.cells += 1
        group.expected += finding.expected
        if len(group.examples) < EXAMPLES_PER_CAUSE_MAX:
            group.examples.append(_example(finding))
        if not finding.expected and len(self._examples) < EXAMPLES_MAX:
            self._examples.append(_example(finding))
        self._each(finding)

    def at(self) -> dict[str, list[int]]:
        """Shard -> first and last position at which keys were compared."""
        return {str(shard): list(place) for shard, place in sorted(self._at.items())}

    def as_dict(self) -> dict[str, Any]:
        causes = sorted(self._causes.items(), key=lambda each: -each[1].cells)
        return {
            "versions": [model.version for model in self._sides.both],
            "editions": [model.edition for model in self._sides.both],
            "cells": self.cells,
            "differing": self.differing,
            "expected": self.expected,
            "surprises": self.surprises,
            "checksums": {
                "from": _checksum(self.digests[0]),
                "to": _checksum(self.digests[1]),
            },
            "shards": self._shards(),
            "causes": [
                {
                    "type": cause.type,
                    "field": cause.field,
                    "code": cause.code,
                    "cells": group.cells,
                    "expected": group.expected,
                    "examples": group.examples,
                }
                for cause, group in causes
            ],
            "examples": self._examples,
        }

    def _shards(self) -> list[dict[str, Any]]:
        older, newer = self.digests
        found = []
        for place, shard in sorted(older.keys() | newer.keys()):
            pair = (older[place, shard], newer[place, shard])
            if not any(digest.rows for digest in pair):
                continue
            names = sorted(pair[0].sums.keys() | pair[1].sums.keys())
            found.append(
                {
                    "place": place,
                    "shard": shard,
                    "rows": [each.rows for each in pair],
                    "sums": {name: [each.sums[name] for each in pair] for name in names},
                    "checksums": [each.hex for each in pair],
                    "same": pair[0].same(pair[1]),
                }
            )
        return found


def _checksum(digests: Digests) -> str:
    lines = (
        f"{place} {shard} {digest.rows} {digest.hex}"
        for (place, shard), digest in sorted(digests.items())
        if digest.rows
    )
    return sha256("\n".join(lines).encode()).hexdigest()


def _example(finding: Finding) -> dict[str, Any]:
    return {
        **_named(finding.key),
        "field": finding.field,
        "older": finding.older,
        "newer": finding.newer,
        "expected": finding.expected,
        "type": finding.cause.type,
        "code": finding.cause.code,
        "event_count": finding.events,
        "events": _events(finding.examples),
    }


def _named(key: Key) -> dict[str, Any]:
    return {"place": key.place, "tenant": key.tenant, "ledger": key.ledger, **dict(key.names)}


def _events(names: Iterable[EventName]) -> list[dict[str, Any]]:
    return [
        {
            "ledger": name.ledger,
            "position": name.position,
            "event_id": str(name.event_id),
            "type": name.type,
            "stream": name.stream,
        }
        for name in names
    ]
