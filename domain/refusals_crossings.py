"""Refusals about crossings: UnknownCrossing CrossingExists CrossingState SameLedger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from domain.refusals import Refusal

CrossingStatus = Literal["in_transit", "handed_over", "returned", "arrived"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownCrossing(Refusal):
    code: ClassVar[str] = "unknown_crossing"
    crossing_id: str

    def sentence(self) -> str:
        return f"There is no crossing {self.crossing_id}; dispatch one first."


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingExists(Refusal):
    code: ClassVar[str] = "crossing_exists"
    crossing_id: str

    def sentence(self) -> str:
        return f"Crossing {self.crossing_id} is known here already; use a new id."


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingState(Refusal):
    code: ClassVar[str] = "crossing_state"
    crossing_id: str
    status: CrossingStatus
    wanted: str

    def sentence(self) -> str:
        return (
            f"Crossing {self.crossing_id} is {self.status}: it cannot be {self.wanted} any more. "
            "Dispatch another one."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SameLedger(Refusal):
    code: ClassVar[str] = "same_ledger"
    ledger: str

    def sentence(self) -> str:
        return (
            f"The units are in ledger {self.ledger} already; name another one, or place a "
            "transfer between two of its locations."
        )
