"""What an order's saga says to events: pure, without a log or a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from commands.messages import COMMAND
from commands.order_messages import CancelOrder, ConfirmPayment
from commands.payment_messages import NoteRefundDue, TimeOutPayment
from commands.processes.order_saga import AwaitedPayment, OrderSaga
from commands.processes.process import Happened, Reaction, Task
from domain.events import (
    Event,
    OrderCancelled,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentFailed,
    PaymentRefunded,
    PaymentTimedOut,
)

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SAGA = OrderSaga()
LINES = (
    OrderLine(line=1, sku="KIT", location="hall", quantity=2, unit_price_micros=50, is_kit=True),
    OrderLine(line=2, sku="A", location="hall", quantity=2, unit_price_micros=7, part_of=1),
)
PLACED = OrderPlaced(
    order_id="o", currency="GBP", lines=LINES, payment="required", payment_seconds=7_200
)
TIMED_OUT = PaymentTimedOut(payment_id="o", order_id="o", due_at=START)


def said(kind: Any, amount: int = 100, payment_id: str = "p", currency: str = "GBP") -> Any:
    return kind(
        payment_id=payment_id,
        order_id="o",
        amount_micros=amount,
        currency=currency,
        reference="r",
    )


def reactions(*events: Event) -> list[Reaction[AwaitedPayment]]:
    found: list[Reaction[AwaitedPayment]] = []
    state = None
    for event in events:
        happened = Happened(
            tenant="acme",
            ledger="acme/main",
            stream="order-o",
            stream_version=1,
            position=1,
            event_id=UUID(int=1),
            occurred_at=START,
            recorded_at=START,
            event=event,
        )
        (instance,) = SAGA.instances(happened)
        found.append(SAGA.react(happened, instance, state))
        state = found[-1].state
    return found


def ends(*events: Event) -> tuple[str, list[str]]:
    """The step it comes to, and the commands it says, but for the time-out."""
    found = reactions(*events)
    state = found[-1].state
    tasks = [task for reaction in found for task in reaction.tasks]
    said = [str(task.command["type"]) for task in tasks]
    return "" if state is None else state.step, [
        each for each in said if each != "time_out_payment"
    ]


def message(task: Task, model: type[Any] | None = None) -> Any:
    body = {**task.command, "key": "k"}
    return COMMAND.validate_python(body) if model is None else model.model_validate(body)


def test_an_order_that_waits_is_timed_out_unless_it_is_paid() -> None:
    waiting, paid = reactions(PLACED, said(PaymentAuthorised))
    (time_out,) = waiting.tasks
    assert time_out.due_at == START + timedelta(hours=2)
    assert message(time_out, TimeOutPayment).order_id == "o"
    assert paid.cancelled == (time_out.id,)
    (confirm,) = paid.tasks
    command = message(confirm)
    assert isinstance(command, ConfirmPayment)
    assert (command.order_id, command.payment_id) == ("o", "p")


@pytest.mark.parametrize("trouble", [said(PaymentFailed), TIMED_OUT])
def test_trouble_before_it_is_paid_compensates(trouble: Event) -> None:
    assert ends(PLACED, trouble) == ("cancelling", ["cancel_order"])
    command = message(reactions(PLACED, trouble)[-1].tasks[0])
    assert isinstance(command, CancelOrder)


@pytest.mark.parametrize("trouble", [said(PaymentFailed, payment_id="other"), TIMED_OUT])
def test_once_it_went_on_nothing_turns_it_back(trouble: Event) -> None:
    assert ends(PLACED, said(PaymentCaptured), trouble) == ("confirming", ["confirm_payment"])


def test_once_it_is_compensated_a_late_payment_does_not_go_on() -> None:
    late = said(PaymentAuthorised)
    assert ends(PLACED, TIMED_OUT, late) == ("cancelling", ["cancel_order"])
    cancelled = OrderCancelled(order_id="o")
    assert ends(PLACED, TIMED_OUT, cancelled, late) == ("compensated", ["cancel_order"])


def test_what_was_captured_for_an_order_that_is_cancelled_is_noted_as_due() -> None:
    little, cancelled = said(PaymentCaptured, 60), OrderCancelled(order_id="o")
    refunded = said(PaymentRefunded, 60)
    assert ends(PLACED, little, cancelled) == ("compensated", ["note_refund_due"])
    note = message(reactions(PLACED, little, cancelled)[-1].tasks[0], NoteRefundDue)
    assert (note.payment_id, note.order_id) == ("p", "o")
    assert ends(PLACED, little, refunded, cancelled) == ("compensated", [])
    assert ends(little, cancelled) == ("unplaced", ["note_refund_due"])


def test_what_is_authorised_has_to_cover_the_order() -> None:
    little, rest = said(PaymentAuthorised, 60), said(PaymentAuthorised, 40, payment_id="q")
    assert ends(PLACED, little) == ("waiting", [])
    assert ends(PLACED, little, rest) == ("confirming", ["confirm_payment"])
    foreign = said(PaymentAuthorised, 100, payment_id="q", currency="EUR")
    assert ends(PLACED, little, foreign) == ("waiting", [])


def test_a_capture_of_what_was_authorised_counts_once() -> None:
    assert ends(PLACED, said(PaymentAuthorised, 60), said(PaymentCaptured, 60))[0] == "waiting"


def test_what_was_refunded_covers_nothing() -> None:
    captured, back = said(PaymentCaptured, 60), said(PaymentRefunded, 60)
    assert ends(PLACED, captured, back, captured) == ("waiting", [])
    assert ends(PLACED, captured, back, captured, said(PaymentCaptured, 40))[0] == "confirming"


def test_what_is_paid_by_hand_while_it_is_to_be_cancelled_is_not_cancelled() -> None:
    _, trouble, paid = reactions(
        PLACED, said(PaymentFailed), OrderPaid(order_id="o", payment_id="cash")
    )
    assert trouble.tasks[0].id in paid.cancelled
    assert paid.state is not None
    assert paid.state.step == "completed"


@pytest.mark.parametrize(
    ("early", "step"), [(PaymentAuthorised, "confirming"), (PaymentFailed, "cancelling")]
)
def test_a_payment_that_is_reported_before_its_order_counts(early: Any, step: str) -> None:
    assert ends(said(early), PLACED)[0] == step


def test_what_is_done_by_hand_ends_it() -> None:
    paid = OrderPaid(order_id="o", payment_id="p")
    for event, step in ((paid, "completed"), (OrderCancelled(order_id="o"), "compensated")):
        placed, ended = reactions(PLACED, event)
        assert ended.state is not None
        assert (ended.state.step, ended.tasks) == (step, ())
        assert ended.cancelled == (placed.tasks[0].id,)


def test_orders_that_wait_for_nothing_are_none_of_its_business() -> None:
    plain = OrderPlaced(order_id="o", lines=LINES)
    assert [reaction.state for reaction in reactions(plain, OrderCancelled(order_id="o"))] == [
        None,
        None,
    ]
