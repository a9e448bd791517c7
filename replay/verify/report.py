"""What a verification says: per law how much was checked, and the first difference, explained."""

from __future__ import annotations

from dataclasses import dataclass, field

LAWS = ("order", "once", "no_oversell", "conservation", "folds", "chain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where what is stored is not what the log says. `where` names the event or the cell."""

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
    """Keeps the first difference only: what follows one is mostly its echo."""

    law: str
    checked: int = 0
    difference: Difference | None = None

    def expect(self, *, where: str, expected: object, found: object) -> None:
        self.checked += 1
        if expected != found:
            self.differ(where=where, expected=expected, found=found)

    def differ(self, *, where: str, expected: object, found: object) -> None:
        if self.difference is None:
            self.difference = Difference(
                law=self.law, where=where, expected=str(expected), found=str(found)
            )

    @property
    def ok(self) -> bool:
        return self.difference is None


@dataclass(slots=True, kw_only=True)
class Report:
    """`events` counts the log's rows; `notes` says what was left out and why (parked streams, …)."""

    events: int = 0
    laws: dict[str, LawResult] = field(
        default_factory=lambda: {law: LawResult(law=law) for law in LAWS}
    )
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(result.ok for result in self.laws.values())

    @property
    def first_difference(self) -> Difference | None:
        return next((r.difference for r in self.laws.values() if r.difference is not None), None)

    def as_dict(self) -> dict[str, object]:
        first = self.first_difference
        return {
            "ok": self.ok,
            "events": self.events,
            "laws": {
                law: {
                    "ok": result.ok,
                    "checked": result.checked,
                    **({} if result.difference is None else result.difference.as_dict()),
                }
                for law, result in self.laws.items()
            },
            "first_difference": None if first is None else first.as_dict(),
            "notes": self.notes,
        }
