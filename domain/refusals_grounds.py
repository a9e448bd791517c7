"""Why an adjustment or a write-off was refused for its reasons or its approval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from domain.refusals import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownReasonCode(Refusal):
    """The ledger's policy lists the codes it takes."""

    code: ClassVar[str] = "unknown_reason_code"
    sku: str
    location: str
    reason_code: str
    allowed: tuple[str, ...] = ()

    def sentence(self) -> str:
        given = f"Reason code {self.reason_code}" if self.reason_code else "No reason code"
        return f"{given} is none of this ledger's policy for {self.sku}; give one that it allows."


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalNeeded(Refusal):
    code: ClassVar[str] = "approval_needed"
    sku: str
    location: str
    units: int
    approval_units: int

    def sentence(self) -> str:
        return (
            f"{self.units} of {self.sku} at {self.location} need an approver, as "
            f"{self.approval_units} or more do; name one in approved_by."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproverIsActor(Refusal):
    code: ClassVar[str] = "approver_is_actor"
    sku: str
    location: str
    units: int

    def sentence(self) -> str:
        return (
            f"{self.units} of {self.sku} at {self.location} were approved by whoever asks; "
            "somebody else has to agree."
        )


GroundsRefusal = UnknownReasonCode | ApprovalNeeded | ApproverIsActor
