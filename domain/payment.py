"""A payment: what its provider has reported, added up, and what may still be reported of it.

Reports are facts of somebody else's, in any order: a capture may come before its authorisation. One
that cannot be true beside those that are known is refused. The same one twice is one effect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from domain.events import (
    PaymentAuthorised,
    PaymentCaptured,
    PaymentEvent,
    PaymentFailed,
    PaymentRefundDue,
    PaymentRefunded,
    PaymentTimedOut,
)
from domain.order import Order
from domain.refusals import OrderState, Refusal, UnknownOrder
from domain.refusals_orders import PaymentNotAwaited
from domain.refusals_payments import (
    CaptureExceedsAuthorised,
    PaymentDiffers,
    PaymentNotDue,
    PaymentReportExists,
    PaymentState,
    PaymentStatus,
    RefundExceedsCaptured,
)
from domain.streams import payment_stream
from domain.values import Fact, Facts, Occasion

PaymentReport = PaymentAuthorised | PaymentCaptured | PaymentFailed | PaymentRefunded
ReportKind = Literal["authorised", "captured", "failed", "refunded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Sums of what was reported. `reports` are `<kind> <reference>`, each once. `is_refund_due`:
    its order is cancelled.
    """

    payment_id: str
    order_id: str | None = None
    currency: str | None = None
    authorised_micros: int = 0
    captured_micros: int = 0
    refunded_micros: int = 0
    is_failed: bool = False
    is_timed_out: bool = False
    is_refund_due: bool = False
    reason: str = ""
    reports: tuple[str, ...] = ()

    @property
    def status(self) -> PaymentStatus:
        if self.captured_micros:
            if self.to_refund_micros:
                return "to_refund" if self.is_refund_due else "captured"
            return "refunded"
        if self.is_failed:
            return "failed"
        if self.authorised_micros:
            return "authorised"
        return "timed_out"

    @property
    def to_refund_micros(self) -> int:
        """What was captured and not given back, whether it is due or not."""
        return self.captured_micros - self.refunded_micros


def evolve(
    payment: Payment | None,
    event: PaymentEvent,
    occurred_at: datetime,  # noqa: ARG001 - every aggregate evolves with the same arguments
) -> Payment:
    """The state after one more fact of its stream."""
    known = payment or Payment(payment_id=event.payment_id)
    if known.order_id is None and event.order_id is not None:
        known = replace(known, order_id=event.order_id)
    if isinstance(event, PaymentTimedOut):
        return replace(known, is_timed_out=True)
    if isinstance(event, PaymentRefundDue):
        return replace(known, is_refund_due=True)
    known = replace(known, currency=event.currency, reports=(*known.reports, _name(event)))
    match event:
        case PaymentAuthorised(amount_micros=amount):
            return replace(known, authorised_micros=known.authorised_micros + amount)
        case PaymentCaptured(amount_micros=amount):
            return replace(known, captured_micros=known.captured_micros + amount)
        case PaymentRefunded(amount_micros=amount, reason=reason):
            return replace(known, refunded_micros=known.refunded_micros + amount, reason=reason)
        case PaymentFailed(reason=reason):
            return replace(known, is_failed=True, authorised_micros=0, reason=reason)


def record(
    payment: Payment | None, report: PaymentReport, order: Order | None, occasion: Occasion
) -> Facts | Refusal:
    """A provider's report becomes a fact, unless it is known or cannot be true. What is captured
    when its `order` is cancelled is to be refunded.
    """
    if payment is not None:
        refusal = _already(payment, report) or _differs(payment, report)
        if refusal is not None:
            return refusal
    known = payment or Payment(payment_id=report.payment_id)
    refusal = _impossible(known, report)
    if refusal is not None:
        return refusal
    # Whoever waits for the order's payments is told by each of them.
    named = replace(report, order_id=report.order_id or known.order_id)
    fact = _fact(named, occasion)
    if order is None or order.status != "cancelled" or not isinstance(named, PaymentCaptured):
        return (fact,)
    return fact, _refund_due(evolve(payment, named, occasion.occurred_at), order, occasion)


def note_refund_due(
    payment: Payment | None,
    payment_id: str,
    order: Order | None,
    order_id: str,
    occasion: Occasion,
) -> Facts | Refusal:
    """The order was cancelled after the payment was captured."""
    if order is None:
        return UnknownOrder(order_id=order_id)
    if order.status != "cancelled":
        return OrderState(order_id=order_id, status=order.status, wanted="refunded")
    known = payment or Payment(payment_id=payment_id)
    if known.is_refund_due or not known.to_refund_micros or known.order_id != order_id:
        return PaymentState(payment_id=payment_id, status=known.status, wanted="to_refund")
    return (_refund_due(known, order, occasion),)


def _refund_due(payment: Payment, order: Order, occasion: Occasion) -> Fact:
    assert payment.currency is not None, "something was captured"
    due = PaymentRefundDue(
        payment_id=payment.payment_id,
        order_id=order.order_id,
        amount_micros=payment.to_refund_micros,
        currency=payment.currency,
    )
    return _fact(due, occasion)


def time_out(
    payment: Payment | None, proposed: PaymentTimedOut, order: Order | None, occasion: Occasion
) -> Facts | Refusal:
    """What the order waits for did not come in time. Due is what the clock says."""
    if order is None:
        return UnknownOrder(order_id=proposed.order_id)
    if order.status == "cancelled" or not order.unpaid:
        return PaymentNotAwaited(order_id=proposed.order_id)
    if proposed.due_at > occasion.now:
        return PaymentNotDue(payment_id=proposed.payment_id, due_at=proposed.due_at)
    if payment is not None and payment.is_timed_out:
        return PaymentState(
            payment_id=proposed.payment_id, status=payment.status, wanted="timed_out"
        )
    return (_fact(proposed, occasion),)


def _already(payment: Payment, report: PaymentReport) -> Refusal | None:
    if _name(report) not in payment.reports:
        return None
    return PaymentReportExists(
        payment_id=payment.payment_id, report=_kind(report), reference=report.reference
    )


def _differs(payment: Payment, report: PaymentReport) -> Refusal | None:
    if payment.currency not in (None, report.currency):
        return PaymentDiffers(payment_id=payment.payment_id, field="currency")
    if None not in (payment.order_id, report.order_id) and payment.order_id != report.order_id:
        return PaymentDiffers(payment_id=payment.payment_id, field="order_id")
    return None


def _impossible(known: Payment, report: PaymentReport) -> Refusal | None:
    kind, amount = _kind(report), report.amount_micros
    match report:
        case PaymentCaptured():
            left = known.authorised_micros - known.captured_micros
            if known.authorised_micros and amount > left:
                return CaptureExceedsAuthorised(
                    payment_id=known.payment_id, left_micros=max(left, 0), amount_micros=amount
                )
        case PaymentRefunded():
            left = known.captured_micros - known.refunded_micros
            if amount > left:
                return RefundExceedsCaptured(
                    payment_id=known.payment_id, left_micros=left, amount_micros=amount
                )
        case PaymentFailed():
            if known.captured_micros or known.is_failed:
                return PaymentState(payment_id=known.payment_id, status=known.status, wanted=kind)
        case PaymentAuthorised():
            pass
    if known.is_failed and kind in {"authorised", "captured"}:
        return PaymentState(payment_id=known.payment_id, status=known.status, wanted=kind)
    return None


def _kind(report: PaymentReport) -> ReportKind:
    match report:
        case PaymentAuthorised():
            return "authorised"
        case PaymentCaptured():
            return "captured"
        case PaymentFailed():
            return "failed"
        case PaymentRefunded():
            return "refunded"


def _name(report: PaymentReport) -> str:
    return f"{_kind(report)} {report.reference}"


def _fact(event: PaymentEvent, occasion: Occasion) -> Fact:
    return Fact(
        stream=payment_stream(event.payment_id),
        event=event,
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
    )
