"""The saga of an order that waits for payment: it goes on when enough was authorised or captured,
and is compensated (cancelled, its stock released) when a payment failed or none came in time.

An instance is an order. Which came first in the log decides: what happens to a payment after the
saga has turned one way turns it no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from commands.processes.process import Happened, Instance, Reaction, Sent, Task, said_again
from domain.events import (
    OrderCancelled,
    OrderPaid,
    OrderPlaced,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentFailed,
    PaymentRefunded,
    PaymentTimedOut,
)
from domain.refusals_payments import PaymentNotDue
from eventlog.upcasters import stored_names

PLACED: Final = frozenset(stored_names(["order.placed.v2"]))
# Most orders wait for nothing: seen by their bytes.
MARK_OF_WAITING: Final = b'"payment":"required"'
NO_CURRENCY: Final = "XXX"

Step = Literal["unplaced", "waiting", "confirming", "cancelling", "completed", "compensated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedPayment:
    """Sums of what was reported of one payment, in millionths."""

    currency: str
    authorised_micros: int = 0
    captured_micros: int = 0
    refunded_micros: int = 0
    is_failed: bool = False

    @property
    def covers_micros(self) -> int:
        """What is the business's, or can still be."""
        reaches = 0 if self.is_failed else self.authorised_micros
        return max(reaches, self.captured_micros) - self.refunded_micros


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedPayment:
    """`unplaced`: payments were reported, and the order is not known to wait for any. `payments`
    are by id; `due_micros` is what the order comes to.
    """

    step: Step = "unplaced"
    currency: str = NO_CURRENCY
    due_micros: int = 0
    payments: Mapping[str, ReportedPayment] = field(default_factory=dict)

    @property
    def covered_by(self) -> str | None:
        """The payment with which enough was reported, if it was."""
        found = 0
        for payment_id, payment in self.payments.items():
            if self.currency in (NO_CURRENCY, payment.currency):
                found += payment.covers_micros
                if payment.covers_micros and found >= self.due_micros:
                    return payment_id
        return None


Answer = Reaction[AwaitedPayment]


class OrderSaga:
    """A `ProcessManager`. How long an order waits is in its terms, from when it was placed."""

    name = "orders"
    handles = frozenset(
        {
            "order.placed.v2",
            "order.paid.v1",
            "order.cancelled.v1",
            "payment.authorised.v1",
            "payment.captured.v1",
            "payment.failed.v1",
            "payment.refunded.v1",
            "payment.timed_out.v1",
        }
    )
    state_type = AwaitedPayment

    def may_concern(self, type_name: str, data: bytes) -> bool:
        return type_name not in PLACED or MARK_OF_WAITING in data

    def instances(self, happened: Happened) -> Iterable[Instance]:
        order_id = getattr(happened.event, "order_id", None)
        return () if order_id is None else (Instance(ledger=happened.ledger, id=order_id),)

    def react(self, happened: Happened, instance: Instance, state: AwaitedPayment | None) -> Answer:
        match happened.event:
            case OrderPlaced() as placed:
                return self._placed(happened, instance, placed, state)
            case OrderPaid():
                return _ended(instance, state, "completed")
            case OrderCancelled():
                ended = _ended(instance, state, "compensated")
                return replace(ended, tasks=tuple(_refunds(happened, instance, state)))
            case PaymentTimedOut():
                if state is None or state.step != "waiting":
                    return Reaction(state=state)
                return _compensation(happened, instance, state, "payment timed out")
            case (
                PaymentAuthorised()
                | PaymentCaptured()
                | PaymentFailed()
                | PaymentRefunded() as report
            ):
                return _decided(happened, instance, _reported(state, report))
            case _:
                return Reaction(state=state)

    def answered(self, sent: Sent, instance: Instance, state: AwaitedPayment | None) -> Answer:
        """Refused is what was done by hand meanwhile: its own events say what."""
        if sent.command["type"] == "time_out_payment" and state and state.step == "waiting":
            due_at = sent.not_due_before(PaymentNotDue.code, "due_at")
            return Reaction(state=state, tasks=said_again(sent, due_at))
        if state is None or sent.command["type"] not in {"confirm_payment", "cancel_order"}:
            return Reaction(state=state)
        confirms = sent.command["type"] == "confirm_payment"
        if sent.answer.outcome == "accepted" and not confirms:
            # Also when it was paid by hand while this was under way.
            return Reaction(state=replace(state, step="compensated"))
        if sent.answer.outcome == "accepted":
            return _ended(instance, state, "completed")
        cancelled = sent.refusal.get("status") == "cancelled"
        return _ended(instance, state, "compensated" if cancelled else "completed")

    def _placed(
        self,
        happened: Happened,
        instance: Instance,
        placed: OrderPlaced,
        state: AwaitedPayment | None,
    ) -> Answer:
        if placed.payment != "required":
            return Reaction(state=state)
        waiting = replace(
            state or AwaitedPayment(),
            step="waiting",
            currency=placed.currency,
            due_micros=sum(
                line.quantity * line.unit_price_micros
                for line in placed.lines
                if line.part_of is None
            ),
        )
        decided = _decided(happened, instance, waiting)
        if decided.tasks:
            return decided
        due_at = happened.occurred_at + timedelta(seconds=placed.payment_seconds)
        return Reaction(state=waiting, tasks=(_time_out(instance, due_at),))


def _reported(
    state: AwaitedPayment | None,
    report: PaymentAuthorised | PaymentCaptured | PaymentFailed | PaymentRefunded,
) -> AwaitedPayment:
    before = state or AwaitedPayment()
    known = before.payments.get(report.payment_id) or ReportedPayment(currency=report.currency)
    amount = report.amount_micros
    match report:
        case PaymentAuthorised():
            known = replace(known, authorised_micros=known.authorised_micros + amount)
        case PaymentCaptured():
            known = replace(known, captured_micros=known.captured_micros + amount)
        case PaymentRefunded():
            known = replace(known, refunded_micros=known.refunded_micros + amount)
        case PaymentFailed():
            known = replace(known, is_failed=True)
    return replace(before, payments={**before.payments, report.payment_id: known})


def _decided(happened: Happened, instance: Instance, state: AwaitedPayment) -> Answer:
    """Go on, compensate, or wait."""
    if state.step != "waiting":
        return Reaction(state=state)
    payment_id = state.covered_by
    if payment_id is not None:
        command = {"type": "confirm_payment", "order_id": instance.id, "payment_id": payment_id}
        return Reaction(
            state=replace(state, step="confirming"),
            tasks=(_task(instance, f"confirm/{instance.id}", happened.recorded_at, command),),
            cancelled=(_time_out_id(instance),),
        )
    if any(payment.is_failed for payment in state.payments.values()):
        return _compensation(happened, instance, state, "payment failed")
    return Reaction(state=state)


def _compensation(
    happened: Happened, instance: Instance, state: AwaitedPayment, reason: str
) -> Answer:
    command = {"type": "cancel_order", "order_id": instance.id, "reason": reason}
    return Reaction(
        state=replace(state, step="cancelling"),
        tasks=(_task(instance, _cancelling_id(instance), happened.recorded_at, command),),
        cancelled=(_time_out_id(instance),),
    )


def _ended(
    instance: Instance, state: AwaitedPayment | None, step: Literal["completed", "compensated"]
) -> Answer:
    if state is None or state.step in {"unplaced", "completed", "compensated"}:
        # An order that nobody waits for may be cancelled as well.
        return Reaction(state=state)
    needless = [_time_out_id(instance)]
    if state.step == "cancelling" and step == "completed":
        # Paid by hand meanwhile.
        needless.append(_cancelling_id(instance))
    return Reaction(state=replace(state, step=step), cancelled=tuple(needless))


def _refunds(
    happened: Happened, instance: Instance, state: AwaitedPayment | None
) -> Iterator[Task]:
    """What was captured for an order that is cancelled is to be given back. Of what is captured
    later that very command says so.
    """
    for payment_id, payment in (state.payments if state else {}).items():
        if payment.captured_micros > payment.refunded_micros:
            command = {
                "type": "note_refund_due", "order_id": instance.id, "payment_id": payment_id,
            }  # fmt: skip
            name = f"refund/{instance.id}/{payment_id}"
            yield _task(instance, name, happened.recorded_at, command)


def _time_out(instance: Instance, due_at: datetime) -> Task:
    command = {
        "type": "time_out_payment",
        "payment_id": instance.id,
        "order_id": instance.id,
        "due_at": due_at,
        "occurred_at": due_at,
    }
    return _task(instance, _time_out_id(instance), due_at, command)


def _cancelling_id(instance: Instance) -> str:
    return f"cancel/{instance.id}"


def _time_out_id(instance: Instance) -> str:
    return f"time-out/{instance.id}"


def _task(
    instance: Instance, task_id: str, due_at: datetime, command: Mapping[str, object]
) -> Task:
    ledger = instance.ledger.partition("/")[2]
    return Task(id=task_id, due_at=due_at, command={**command, "ledger": ledger})
