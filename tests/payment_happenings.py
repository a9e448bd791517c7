"""What happens to payments, for `tests.happenings`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from domain import events as facts
from domain.events import Event

DUE_AT = datetime(2026, 3, 1, tzinfo=UTC)


def payment(number: int, units: int, _: dict[str, Any]) -> list[Event]:
    begun: dict[str, Any] = {"payment_id": f"pay{number}", "currency": "GBP"}
    amount = units * 1_250_000
    return [
        facts.PaymentTimedOut(payment_id=f"o{number}", order_id=f"o{number}", due_at=DUE_AT),
        facts.PaymentAuthorised(
            **begun, order_id=f"o{number}", amount_micros=amount, reference="auth"
        ),
        facts.PaymentCaptured(**begun, amount_micros=amount, reference="capture"),
        facts.PaymentRefundDue(**begun, order_id=f"o{number}", amount_micros=amount),
        facts.PaymentRefunded(**begun, amount_micros=amount, reference="refund", reason="late"),
        facts.PaymentFailed(
            payment_id=f"no{number}",
            order_id=f"o{number}",
            amount_micros=amount,
            currency="GBP",
            reference="declined",
            reason="declined",
        ),
    ]
