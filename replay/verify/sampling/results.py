"""What a round of sampling says: per version of a read model, how many cells are explained."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from replay.verify.catalogue import Entry

# What is wrong everywhere is named a few times only.
DIFFERENCES_KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongCell:
    read_model: str
    ledger: str
    stream: str
    where: str
    expected: str
    found: str

    def as_dict(self) -> dict[str, object]:
        return {
            "read_model": self.read_model,
            "ledger": self.ledger,
            "stream": self.stream,
            "where": self.where,
            "expected": self.expected,
            "found": self.found,
        }


def percent(explained: int, checked: int) -> float | None:
    """100 only when every cell is explained, whatever rounding would say; None without a cell."""
    if checked == 0:
        return None
    if explained == checked:
        return 100.0
    return min(99.9999, round(100 * explained / checked, 4))


@dataclass(slots=True, kw_only=True)
class ModelTally:
    """`skipped`: reason to how many cells could not be compared just now."""

    entry: Entry
    checked: int = 0
    explained: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    wrong: list[WrongCell] = field(default_factory=list)

    @property
    def percent(self) -> float | None:
        return percent(self.explained, self.checked)

    def skip(self, reason: str) -> None:
        self.skipped[reason] += 1

    def compare(
        self, ledger: str, stream: str, where: str, expected: object, found: object
    ) -> None:
        """One cell."""
        self.checked += 1
        if expected == found:
            self.explained += 1
        else:
            self.wrong.append(
                WrongCell(
                    read_model=self.entry.name,
                    ledger=ledger,
                    stream=stream,
                    where=where,
                    expected="no such cell" if expected is None else str(expected),
                    found="none: it is missing" if found is None else str(found),
                )
            )

    def as_dict(self) -> dict[str, object]:
        return {
            "projection": self.entry.projection,
            "version": self.entry.version,
            "state": self.entry.state,
            "checked": self.checked,
            "explained": self.explained,
            "explained_percent": self.percent,
            "skipped": {why: cells for why, cells in self.skipped.items() if cells},
        }


@dataclass(slots=True, kw_only=True)
class Round:
    tallies: list[ModelTally]

    @property
    def checked(self) -> int:
        return sum(tally.checked for tally in self.tallies)

    @property
    def explained(self) -> int:
        return sum(tally.explained for tally in self.tallies)

    @property
    def percent(self) -> float | None:
        return percent(self.explained, self.checked)

    @property
    def wrong(self) -> list[WrongCell]:
        return [cell for tally in self.tallies for cell in tally.wrong]

    @property
    def ok(self) -> bool:
        """No cell is wrong."""
        return self.explained == self.checked

    def as_dict(self) -> dict[str, object]:
        return {
            "ok": self.ok,
            "explained_percent": self.percent,
            "checked": self.checked,
            "explained": self.explained,
            "read_models": [tally.as_dict() for tally in self.tallies],
            "differences": [cell.as_dict() for cell in self.wrong[:DIFFERENCES_KEPT]],
        }
