"""What a selective replay did to one read model: cells, digests, and what it let be."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from replay.selective.selection import SelectiveError, StreamKey

CHANGES_SHOWN_MAX: Final = 1_000
CELLS_SHOWN_MAX: Final = 10_000
Cells = Mapping[str, Any]
"""What a key shows: column or field -> value, as JSON has it."""


class OthersChangedError(SelectiveError):
    """Keys that were not selected are not what they were. In PostgreSQL nothing was changed."""

    def __init__(self, projection: str, what: str) -> None:
        super().__init__(f"{projection}: keys that were not selected differ: {what}")
        self.projection = projection


class KeysBusyError(SelectiveError):
    """The shard was not to be had in time; the keys of this chunk are as they were."""

    def __init__(self, projection: str, shard: int, why: str) -> None:
        super().__init__(
            f"{projection}, shard {shard}: {why}; nothing of it was changed, run it again"
        )
        self.projection = projection
        self.shard = shard


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """One key whose cells differ. The digests are SHA-256 over its cells; None: no such key."""

    ledger: str
    key: str
    cells: Mapping[str, tuple[Any, Any]]
    digest_before: str | None
    digest_after: str | None

    def as_dict(self) -> dict[str, Any]:
        return {
            "ledger": self.ledger,
            "key": self.key,
            "cells": {name: {"old": old, "new": new} for name, (old, new) in self.cells.items()},
            "digest_before": self.digest_before,
            "digest_after": self.digest_after,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """The keys that were not selected, before and after: order-free sums over their digests."""

    keys: int
    before: str
    after: str
    moved_on: int = 0

    @property
    def equal(self) -> bool:
        return self.before == self.after


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One read model. `atomic`: what readers see change at once; `writes`: how many times.

    `moved_on`, of its digests: keys that live events changed meanwhile, left out of the sums.
    """

    projection: str
    version: int
    edition: str
    store: str
    technique: str
    atomic: str
    writes: int = 0
    keys: int = 0
    events: int = 0
    changed_keys: int = 0
    changed_cells: int = 0
    locked_ms: float = 0.0
    changes: list[KeyChange] = field(default_factory=list)
    parked: list[StreamKey] = field(default_factory=list)
    refused: dict[StreamKey, str] = field(default_factory=dict)
    others: list[Others] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def others_equal(self) -> bool:
        return all(each.equal for each in self.others)

    def compare(self, ledger: str, key: str, before: Cells | None, after: Cells | None) -> bool:
        """Note what differs of one key; whether anything does."""
        old, new = before or {}, after or {}
        names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        if not names and (before is None) == (after is None):
            return False
        self.changed_keys += 1
        self.changed_cells += len(names)
        if len(self.changes) < CHANGES_SHOWN_MAX and self.changed_cells <= CELLS_SHOWN_MAX:
            change = KeyChange(
                ledger=ledger,
                key=key,
                cells={name: (old.get(name), new.get(name)) for name in names},
                digest_before=None if before is None else digest(before),
                digest_after=None if after is None else digest(after),
            )
            self.changes.append(change)
        return True

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "projection": self.projection,
            "version": self.version,
            "edition": self.edition,
            "store": self.store,
            "atomic": self.atomic,
            "writes": self.writes,
            "keys": self.keys,
            "events": self.events,
            "changed_keys": self.changed_keys,
            "changed_cells": self.changed_cells,
            "changes": [each.as_dict() for each in self.changes],
            "parked": [{"ledger": key.ledger, "stream": key.stream} for key in self.parked],
            "refused": [
                {"ledger": key.ledger, "stream": key.stream, "error": error}
                for key, error in self.refused.items()
            ],
            "others": {
                "technique": self.technique,
                "equal": self.others_equal,
                "keys": max((each.keys for each in self.others), default=0),
                "moved_on": sum(each.moved_on for each in self.others),
                "digests": [[each.before, each.after] for each in self.others],
            },
            "locked_ms": round(self.locked_ms, 3),
            "notes": self.notes,
        }


def digest(cells: Cells) -> str:
    """SHA-256 over the cells, by name, as hex."""
    return hashlib.sha256(msgspec.json.encode(dict(cells), order="sorted")).hexdigest()
