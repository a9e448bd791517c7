"""What the write side itself says no to, beside the domain's refusals: values with fields.

stored under the key     OccurredInFuture (and VersionMismatch, the domain's)
told, not stored         UnknownLedger AtomicOverLedgers AtomicTooLarge KeyConflict NotApplied
no answer could be had   Busy OutcomeUnknown Unavailable TooMuchHistory Internal
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain.refusals import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class OccurredInFuture(Refusal):
    code: ClassVar[str] = "invalid"
    field: str = "occurred_at"
    occurred_at: datetime
    latest: datetime

    def sentence(self) -> str:
        return (
            f"occurred_at {self.occurred_at.isoformat()} lies ahead; "
            f"{self.latest.isoformat()} is the latest that is taken."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownLedger(Refusal):
    code: ClassVar[str] = "unknown_ledger"
    name: str

    def sentence(self) -> str:
        return f"There is no ledger {self.name}; leave the field out to use main."


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyConflict(Refusal):
    code: ClassVar[str] = "key_conflict"
    key: str

    def sentence(self) -> str:
        return f"Key {self.key} was used for another command; use a new key for this one."


@dataclass(frozen=True, slots=True, kw_only=True)
class AtomicOverLedgers(Refusal):
    code: ClassVar[str] = "atomic_over_ledgers"
    ledgers: tuple[str, ...]

    def sentence(self) -> str:
        named = " and ".join(self.ledgers)
        return f"All or nothing holds inside one ledger, these are {named}: send one bulk for each."


@dataclass(frozen=True, slots=True, kw_only=True)
class AtomicTooLarge(Refusal):
    code: ClassVar[str] = "atomic_too_large"
    events: int
    events_max: int

    def sentence(self) -> str:
        return (
            f"This bulk leads to about {self.events} events, {self.events_max} can be all or "
            "nothing: send smaller ones, or independent lines."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotApplied(Refusal):
    code: ClassVar[str] = "not_applied"

    def sentence(self) -> str:
        return "Another line of this all-or-nothing bulk failed; this line alone would be accepted."


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy(Refusal):
    code: ClassVar[str] = "busy"

    def sentence(self) -> str:
        return "The ledger is busy; nothing was written. Send the same key again."


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeUnknown(Refusal):
    code: ClassVar[str] = "outcome_unknown"

    def sentence(self) -> str:
        return "The store broke off before it answered. Send the same key again: it tells."


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable(Refusal):
    code: ClassVar[str] = "unavailable"

    def sentence(self) -> str:
        return "The store cannot be reached; nothing was written. Send the same key again."


@dataclass(frozen=True, slots=True, kw_only=True)
class TooMuchHistory(Refusal):
    code: ClassVar[str] = "too_much_history"
    events: int
    events_max: int

    def sentence(self) -> str:
        return (
            f"What this is dated before comes to about {self.events} events, and "
            f"{self.events_max} can be gone through at once: send smaller parts. "
            "Nothing was written."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Internal(Refusal):
    code: ClassVar[str] = "internal"

    def sentence(self) -> str:
        return "This command met a fault of ours; nothing was written. It is logged."
