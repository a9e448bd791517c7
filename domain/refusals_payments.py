"""Refusals about payments.

reports    PaymentReportExists PaymentDiffers PaymentState CaptureExceedsAuthorised
           RefundExceedsCaptured
time-outs  PaymentNotDue
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from domain.refusals import Refusal

PaymentStatus = Literal["authorised", "captured", "failed", "refunded", "timed_out", "to_refund"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReportExists(Refusal):
    """Said again under another key: it had its one effect."""

    code: ClassVar[str] = "payment_report_exists"
    payment_id: str
    report: str
    reference: str

    def sentence(self) -> str:
        return (
            f"That payment {self.payment_id} was {self.report} under {self.reference} is recorded "
            "already; give what is new a reference of its own."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDiffers(Refusal):
    code: ClassVar[str] = "payment_differs"
    payment_id: str
    field: str

    def sentence(self) -> str:
        return (
            f"Payment {self.payment_id} has another {self.field}; send that one, or use a new "
            "payment_id."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentState(Refusal):
    """`wanted` is what was reported."""

    code: ClassVar[str] = "payment_state"
    payment_id: str
    status: PaymentStatus
    wanted: str

    def sentence(self) -> str:
        return (
            f"Payment {self.payment_id} is {self.status}: it cannot be {self.wanted} any more. "
            "Report a new payment, or a refund of what was captured."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureExceedsAuthorised(Refusal):
    code: ClassVar[str] = "capture_exceeds_authorised"
    payment_id: str
    left_micros: int
    amount_micros: int

    def sentence(self) -> str:
        return (
            f"{self.left_micros} micros of payment {self.payment_id} are authorised and not "
            f"captured, not {self.amount_micros}; report a further authorisation first."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundExceedsCaptured(Refusal):
    code: ClassVar[str] = "refund_exceeds_captured"
    payment_id: str
    left_micros: int
    amount_micros: int

    def sentence(self) -> str:
        return (
            f"{self.left_micros} micros of payment {self.payment_id} were captured and not "
            f"refunded, not {self.amount_micros}; report the capture first."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentNotDue(Refusal):
    code: ClassVar[str] = "payment_not_due"
    payment_id: str
    due_at: datetime

    def sentence(self) -> str:
        return (
            f"Payment {self.payment_id} may still come until {self.due_at.isoformat()}; wait "
            "until then, or cancel the order."
        )
