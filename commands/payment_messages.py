"""Commands about payments."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from commands.fields import Currency, Id, Instant, Note
from commands.message import Message
from domain.payment import ReportKind
from domain.values import PRICE_MICROS_MAX

Amount = Annotated[int, Field(strict=True, ge=1, le=PRICE_MICROS_MAX)]
Reference = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    Field(description="The provider's own name for what it reports: said twice, it counts once."),
]


class RecordPayment(Message):
    """A payment was authorised, captured, refunded, or failed. A fact of the provider's: refused
    when it cannot be true beside what was reported before.
    """

    type_name: ClassVar = "record_payment"

    type: Literal["record_payment"]
    report: ReportKind
    payment_id: Annotated[Id, Field(description="The payment's id, unique in the ledger for ever.")]
    order_id: Annotated[Id | None, Field(description="What it pays for.")] = None
    amount_micros: Annotated[
        Amount, Field(description="Of this report alone, in millionths of the major unit.")
    ]
    currency: Currency
    reference: Reference
    reason: Annotated[Note, Field(description="Why it failed or was refunded.")] = ""


class NoteRefundDue(Message):
    """What process managers send, and no client can: the order was cancelled after the payment was
    captured.
    """

    type_name: ClassVar = "note_refund_due"

    type: Literal["note_refund_due"]
    payment_id: Id
    order_id: Id


class TimeOutPayment(Message):
    """What process managers send, and no client can: the payment that an order waits for did not
    come in time.
    """

    type_name: ClassVar = "time_out_payment"

    type: Literal["time_out_payment"]
    payment_id: Id
    order_id: Id
    due_at: Instant
