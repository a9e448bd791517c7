"""What was due when it was sent, and was not when it was decided: the clock had been set back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from commands.answers import declined
from commands.processes.clock import Clock, OpenCart, OpenReservation
from commands.processes.lot_expiry import ExpiringLot, ExpiringStock, LotExpiry
from commands.processes.order_saga import AwaitedPayment, OrderSaga
from commands.processes.process import AGAIN_AFTER, AnyManager, Instance, Sent, Task
from commands.refusals import OccurredInFuture
from domain.refusals import Refusal, ReservationNotDue
from domain.refusals_lots import LotNotExpired
from domain.refusals_payments import PaymentNotDue
from domain.refusals_reservations import UnknownCart

DUE = datetime(2026, 4, 1, tzinfo=UTC)
LAST_GOOD_DAY = date(2026, 3, 31)
A_BIT = timedelta(milliseconds=3)
CLOCK, LOTS, ORDERS = Clock(), LotExpiry(), OrderSaga()
OPEN = OpenReservation(cart=OpenCart(expires_at=DUE, stocks=()))
THERE = ExpiringStock(lots={"L1": ExpiringLot(units=1, expires_on=LAST_GOOD_DAY)})
WAITING = AwaitedPayment(step="waiting")
COMMANDS = {"clock": "expire_cart", "lots": "expire_lot", "orders": "time_out_payment"}


def not_due(manager: AnyManager, days: int = 0) -> Refusal:
    """As the domain says it of what is due so many days after it was."""
    match manager.name:
        case "clock":
            return ReservationNotDue(reservation_id="c", expires_at=DUE + timedelta(days=days))
        case "lots":
            return LotNotExpired(sku="A", lot="L1", expires_on=LAST_GOOD_DAY + timedelta(days=days))
        case _:
            return PaymentNotDue(payment_id="o", due_at=DUE + timedelta(days=days))


def sent(manager: AnyManager, refusal: Refusal) -> Sent:
    return Sent(
        id="expire/c",
        due_at=DUE,
        command={"type": COMMANDS[manager.name], "ledger": "main"},
        answered_at=DUE - A_BIT,
        answer=declined("refused", "main", refusal),
    )


def said(manager: AnyManager, told: Sent, state: Any) -> tuple[Task, ...]:
    reaction = manager.answered(told, Instance(ledger="acme/main", id="c"), state)
    assert reaction.state is state
    assert reaction.cancelled == ()
    return reaction.tasks


@pytest.mark.parametrize(("manager", "state"), [(CLOCK, OPEN), (LOTS, THERE), (ORDERS, WAITING)])
def test_it_is_sent_again_under_another_key_when_it_is_due(manager: AnyManager, state: Any) -> None:
    first = sent(manager, not_due(manager))
    (again,) = said(manager, first, state)
    future = OccurredInFuture(occurred_at=DUE, latest=DUE - timedelta(days=1))
    assert said(manager, sent(manager, future), state) == (again,)
    assert (again.command, again.id != first.id) == (first.command, True)
    assert again.due_at == first.answered_at + AGAIN_AFTER
    answered_at = again.due_at + A_BIT
    late = replace(first, id=again.id, due_at=again.due_at, answered_at=answered_at)
    (third,) = said(manager, late, state)
    assert len({first.id, again.id, third.id}) == 3
    assert len(third.id) == len("expire/c~") + len(answered_at.isoformat())


@pytest.mark.parametrize(("manager", "state"), [(CLOCK, OPEN), (LOTS, THERE), (ORDERS, WAITING)])
def test_what_was_put_off_has_a_task_at_its_new_time(manager: AnyManager, state: Any) -> None:
    assert said(manager, sent(manager, not_due(manager, days=1)), state) == ()


@pytest.mark.parametrize(
    ("manager", "over"),
    [(CLOCK, None), (LOTS, None), (ORDERS, None), (ORDERS, replace(WAITING, step="confirming"))],
)
def test_what_nobody_waits_for_is_not_said_again(manager: AnyManager, over: Any) -> None:
    assert said(manager, sent(manager, not_due(manager)), over) == ()


def test_what_is_refused_for_another_reason_is_not_said_again() -> None:
    assert said(CLOCK, sent(CLOCK, UnknownCart(reservation_id="c")), OPEN) == ()
    forever = LotNotExpired(sku="A", lot="L1", expires_on=None)
    assert said(LOTS, sent(LOTS, forever), THERE) == ()
