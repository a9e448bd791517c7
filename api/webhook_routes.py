"""POST /v1/webhooks/payments/{endpoint}: what payment providers report, by Standard Webhooks.

A message is a `record_payment` whose key is its `webhook-id`, in a key space of the endpoint's own:
sent again it gets the same answer, and no client's key can be the same. But for one that is refused
for what may still come, such as a refund before its capture: its sender sends it again, and each
attempt is then a command of its own. A report counts once, by its reference, whatever its key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import orjson
from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.answer_schemas import problem_responses
from api.command_answers import single_response
from api.command_schemas import CommandAnswer
from api.problems import FieldError, Problem, invalid
from api.requests import read_body
from api.strict_json import MalformedJsonError, pointer, read
from api.webhooks import Endpoint, Signed, Webhooks
from api.write_side import WriteSide
from commands.complaints import complaints
from commands.fields import Currency, Id, Instant, Note
from commands.payment_messages import Amount, RecordPayment, Reference
from commands.submission import Answer, Submission
from domain.refusals_payments import CaptureExceedsAuthorised, RefundExceedsCaptured

# Before every key of a message. No tenant's key can begin so: it is no printable character.
KEY_MARK: Final = "\x03webhook/"
# Between a message's key and its attempt. No webhook-id can have it.
ATTEMPT_MARK: Final = "\x03"
MAY_COME_TRUE: Final = frozenset({CaptureExceedsAuthorised.code, RefundExceedsCaptured.code})
EXAMPLE: Final = {
    "type": "payment.captured",
    "timestamp": "2026-03-01T09:30:00Z",
    "data": {
        "payment_id": "PAY-1",
        "order_id": "SO-1",
        "amount_micros": 99_000_000,
        "currency": "GBP",
        "reference": "cap_17",
    },
}


class PaymentData(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    payment_id: Id
    order_id: Id | None = None
    amount_micros: Amount
    currency: Currency
    reference: Reference
    reason: Note = ""


class PaymentMessage(BaseModel):
    """The payload of a message. `timestamp` is when it happened, which may be long before it is
    sent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: Literal["payment.authorised", "payment.captured", "payment.failed", "payment.refunded"]
    timestamp: Annotated[Instant | None, Field(description="When it happened.")] = None
    data: PaymentData

    def command(self, *, key: str, ledger: str) -> RecordPayment:
        """As the write side takes it. `key` is checked by nobody: no client may use it."""
        command = RecordPayment.model_validate(
            {
                "type": "record_payment",
                "key": "webhook",
                "ledger": ledger,
                "occurred_at": self.timestamp,
                "report": self.type.removeprefix("payment."),
                **self.data.model_dump(),
            }
        )
        return command.model_copy(update={"key": key})


def webhook_routes(
    write_side: WriteSide, webhooks: Webhooks, *, clock: Callable[[], datetime]
) -> APIRouter:
    """One address; who reports is told by the signature, not by an API key."""
    router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

    @router.post(
        "/payments/{endpoint}",
        operation_id="report_payment",
        summary="Report a payment",
        responses={
            200: {"model": CommandAnswer, "description": "Recorded, now or before."},
            **problem_responses(400, 401, 404, 409, 413, 415, 422, 429, 503),
        },
        openapi_extra=_documented(),
    )
    async def report_payment(
        request: Request, endpoint: Annotated[str, Path(max_length=64)]
    ) -> Response:
        """By Standard Webhooks: `webhook-id`, `webhook-timestamp` (at most 5 minutes off) and
        `webhook-signature` under the secret that `backstock webhook add` showed.
        """
        signed = Signed.of(request.headers)
        found = await run_sync(webhooks.endpoint, endpoint)
        body = await read_body(request)
        signed.check(found.secret, body, clock())
        submission = _submission(found, signed, body)
        (answer,) = await write_side.submit([submission], "independent")
        if answer.replayed and answer.code in MAY_COME_TRUE:
            attempt = _attempt(submission, signed)
            (answer,) = await write_side.submit([attempt], "independent")
        if answer.code == "payment_report_exists":
            return _known_already(answer)
        ledger = submission.command.ledger
        positions = {} if answer.last_position is None else {ledger: answer.last_position}
        return single_response(answer, write_side.positions.token(found.tenant, positions))

    return router


def _submission(endpoint: Endpoint, signed: Signed, body: bytes) -> Submission:
    """Raises Problem when the body is no message."""
    key = f"{KEY_MARK}{endpoint.id}/{signed.message_id}"
    return Submission(
        tenant=endpoint.tenant,
        actor=endpoint.actor,
        command=_message(body).command(key=key, ledger=endpoint.ledger),
    )


def _attempt(submission: Submission, signed: Signed) -> Submission:
    """The same message once more: an attempt is known by when it was signed."""
    key = f"{submission.command.key}{ATTEMPT_MARK}{signed.timestamp}"
    return replace(submission, command=submission.command.model_copy(update={"key": key}))


def _message(body: bytes) -> PaymentMessage:
    try:
        document = read(body)
    except MalformedJsonError as error:
        raise Problem("malformed_json", error.detail) from None
    flaws = [FieldError(pointer=pointer(each.path), detail=each.detail) for each in document.flaws]
    try:
        message = PaymentMessage.model_validate(document.value)
    except ValidationError as error:
        flaws += [
            FieldError(pointer=each.pointer, detail=each.detail) for each in complaints(error)
        ]
    if flaws:
        raise invalid("Some fields of the message are wrong.", *flaws)
    return message


def _known_already(answer: Answer) -> Response:
    """Under another id, by another endpoint or by hand: nothing for the sender to put right."""
    told = orjson.loads(answer.body)
    return Response(
        orjson.dumps({"outcome": "accepted", "ledger": told["ledger"], "known": True}),
        200,
        {"Idempotent-Replayed": "true"},
        media_type="application/json",
    )


def _documented() -> dict[str, Any]:
    schema = PaymentMessage.model_json_schema()
    definitions = schema.pop("$defs")
    schema["properties"]["data"] = definitions["PaymentData"]
    headers = {
        "webhook-id": "The message's own id: the same whenever it is sent again.",
        "webhook-timestamp": "Whole seconds since 1970, when it was signed.",
        "webhook-signature": "`v1,` and Base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`.",
    }
    return {
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": words,
                "schema": {"type": "string"},
            }
            for name, words in headers.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": EXAMPLE}},
        },
    }
