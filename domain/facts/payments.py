"""Stream `payment-<id>`: what a payment provider reported about a payment. Money is in millionths
of the currency's major unit; `reference` is the provider's own name for what it reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAuthorised:
    """So much more may be captured. `order_id` is what it pays for, if it was said."""

    payment_id: str
    order_id: str | None = None
    amount_micros: int
    currency: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCaptured:
    """So much more was taken. Without an authorisation: a payment in one step."""

    payment_id: str
    order_id: str | None = None
    amount_micros: int
    currency: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed:
    """It will come to nothing: of so much, none can be taken. What was authorised is void."""

    payment_id: str
    order_id: str | None = None
    amount_micros: int
    currency: str
    reference: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefunded:
    """So much more of what was captured was given back."""

    payment_id: str
    order_id: str | None = None
    amount_micros: int
    currency: str
    reference: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefundDue:
    """So much was captured, not refunded yet, and pays for nothing: the order is cancelled. It is
    to be given back.
    """

    payment_id: str
    order_id: str
    amount_micros: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentTimedOut:
    """What the order waits for did not come by `due_at`. Where no payment was begun, the stream is
    named for the order.
    """

    payment_id: str
    order_id: str
    due_at: datetime
