"""The handlers of commands about payments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from commands import payment_decisions as decisions
from commands import payment_messages as say
from commands.answers import Result
from commands.handler import Decide, Handler
from commands.message import Message
from commands.view import CommandView
from domain.streams import order_stream, payment_stream


def _payment_command(decide: Decide) -> Handler:
    def streams(command: Any, view: CommandView) -> Iterable[str]:  # noqa: ANN401 - any of them
        yield payment_stream(command.payment_id)
        if command.order_id is not None:
            yield order_stream(command.order_id)
        elif (known := view.payment(command.payment_id)) is not None and known.order_id is not None:
            yield order_stream(known.order_id)

    def result(command: Any, view: CommandView) -> Result:  # noqa: ANN401 - as above
        payment = view.payment(command.payment_id)
        return {} if payment is None else {"status": payment.status}

    return Handler(
        main=lambda command: payment_stream(command.payment_id),
        streams=streams,
        decide=decide,
        result=result,
    )


PAYMENT_HANDLERS: Mapping[type[Message], Handler] = {
    say.RecordPayment: _payment_command(decisions.record_payment),
    say.NoteRefundDue: _payment_command(decisions.note_refund_due),
    say.TimeOutPayment: _payment_command(decisions.time_out_payment),
}
