"""What the domain decides on payments: pure. Facts or a refusal, as in `commands.decisions`."""

# ruff: noqa: D103 - each is named for its command, and the module's docstring is the contract of all

from __future__ import annotations

from typing import Any

from commands import payment_messages as say
from commands.view import CommandView
from domain import payment
from domain.events import (
    PaymentAuthorised,
    PaymentCaptured,
    PaymentFailed,
    PaymentRefunded,
    PaymentTimedOut,
)
from domain.payment import PaymentReport
from domain.refusals import Refusal
from domain.values import Facts, Occasion


def record_payment(
    command: say.RecordPayment, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    known = view.payment(command.payment_id)
    order_id = command.order_id or (known.order_id if known else None)
    order = None if order_id is None else view.order(order_id)
    return payment.record(known, _report(command), order, occasion)


def note_refund_due(
    command: say.NoteRefundDue, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    known, order = view.payment(command.payment_id), view.order(command.order_id)
    return payment.note_refund_due(known, command.payment_id, order, command.order_id, occasion)


def time_out_payment(
    command: say.TimeOutPayment, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = PaymentTimedOut(
        payment_id=command.payment_id, order_id=command.order_id, due_at=command.due_at
    )
    known, order = view.payment(command.payment_id), view.order(command.order_id)
    return payment.time_out(known, proposed, order, occasion)


def _report(command: say.RecordPayment) -> PaymentReport:
    said: dict[str, Any] = {
        "payment_id": command.payment_id,
        "order_id": command.order_id,
        "amount_micros": command.amount_micros,
        "currency": command.currency,
        "reference": command.reference,
    }
    match command.report:
        case "authorised":
            return PaymentAuthorised(**said)
        case "captured":
            return PaymentCaptured(**said)
        case "failed":
            return PaymentFailed(**said, reason=command.reason)
        case "refunded":
            return PaymentRefunded(**said, reason=command.reason)
