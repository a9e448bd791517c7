"""What a verification says: per law how much was checked, and the first difference, explained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

LAWS = ("order", "once", "no_oversell", "conservation", "folds", "chain")
# Checked in depth only: that every fed version has applied each event it handles, and once.
APPLIED = "applied"
# A log that was altered makes every other law fail as well: causes are told before their echoes.
CAUSES_FIRST = ("order", "chain", "once", "no_oversell", "conservation", APPLIED, "folds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where what is stored is not what it must be. `where` names the event, the cell or the row."""

    law: str
    where: str
    expected: str
    found: str

    def sentence(self) -> str:
        return f"{self.where}: expected {self.expected}, found {self.found}"

    def as_dict(self) -> dict[str, str]:
        return {
            "law": self.law,
            "where": self.where,
            "expected": self.expected,
            "found": self.found,
            "sentence": self.sentence(),
        }


@dataclass(slots=True, kw_only=True)
class LawResult:
    """Keeps the first difference only: what follows one is mostly its echo.

    `checked` counts comparisons. Compare first and call `differ` only then: a text for each of a
    million comparisons would take longer than all the rest.
    """

    law: str
    checked: int = 0
    difference: Difference | None = None

    def differ(self, *, where: str, expected: object, found: object) -> None:
        if self.difference is None:
            self.difference = Difference(
                law=self.law, where=where, expected=str(expected), found=str(found)
            )

    def expect(self, *, where: str, expected: object, found: object) -> None:
        """For what is compared once a ledger or once a table."""
        self.checked += 1
        if expected != found:
            self.differ(where=where, expected=expected, found=found)

    def add(self, other: LawResult) -> None:
        """What another check of this law has found."""
        self.checked += other.checked
        self.difference = self.difference or other.difference

    @property
    def ok(self) -> bool:
        return self.difference is None

    def as_dict(self) -> dict[str, object]:
        told: dict[str, object] = {"ok": self.ok, "checked": self.checked}
        return told if self.difference is None else {**told, **self.difference.as_dict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionResult:
    """One fed version of a read model. A kept one that other code folds may differ: that is told,
    and breaks no law.
    """

    projection: str
    version: int
    state: str
    edition: str
    may_differ: bool
    law: LawResult

    @property
    def name(self) -> str:
        return f"{self.projection} v{self.version}"

    def as_dict(self) -> dict[str, object]:
        return {
            "projection": self.projection,
            "version": self.version,
            "state": self.state,
            "edition": self.edition,
            "may_differ": self.may_differ,
            **self.law.as_dict(),
        }


@dataclass(slots=True, kw_only=True)
class Report:
    """`events` counts the log's rows; `notes` says what was left out, or seen, and why."""

    events: int = 0
    laws: dict[str, LawResult] = field(
        default_factory=lambda: {law: LawResult(law=law) for law in LAWS}
    )
    notes: list[str] = field(default_factory=list)
    versions: list[VersionResult] = field(default_factory=list)

    @classmethod
    def in_depth(cls) -> Self:
        """With the law that is checked in depth only."""
        return cls(laws={law: LawResult(law=law) for law in (*LAWS, APPLIED)})

    @property
    def ok(self) -> bool:
        return all(result.ok for result in self.laws.values())

    @property
    def first_difference(self) -> Difference | None:
        found = (self.laws[law].difference for law in CAUSES_FIRST if law in self.laws)
        return next(filter(None, found), None)

    def as_dict(self) -> dict[str, object]:
        first = self.first_difference
        told: dict[str, object] = {
            "ok": self.ok,
            "events": self.events,
            "laws": {law: result.as_dict() for law, result in self.laws.items()},
            "first_difference": None if first is None else first.as_dict(),
            "notes": self.notes,
        }
        if self.versions:
            told["versions"] = [version.as_dict() for version in self.versions]
        return told
