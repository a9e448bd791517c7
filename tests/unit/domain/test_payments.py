"""Payments: what is reported of them adds up, once, and cannot contradict itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import order, payment
from domain.events import (
    OrderCancelled,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentEvent,
    PaymentFailed,
    PaymentRefundDue,
    PaymentRefunded,
    PaymentTimedOut,
)
from domain.payment import Payment, PaymentReport
from domain.refusals import OrderState, Refusal, UnknownOrder
from domain.refusals_orders import PaymentNotAwaited
from domain.refusals_payments import (
    CaptureExceedsAuthorised,
    PaymentDiffers,
    PaymentNotDue,
    PaymentReportExists,
    PaymentState,
    RefundExceedsCaptured,
)
from domain.values import Occasion

NOW = datetime(2026, 3, 1, tzinfo=UTC)
UNPAID = order.evolve(
    None,
    OrderPlaced(
        order_id="o",
        lines=(OrderLine(line=1, sku="A", location="WH", quantity=1),),
        payment="required",
    ),
    NOW,
)
OCCASION = Occasion(occurred_at=NOW, now=NOW, new_id=lambda: UUID(int=1))


def said(kind: type[Any], amount: int, reference: str = "r", **more: Any) -> Any:
    given = {"payment_id": "p", "amount_micros": amount, "currency": "GBP", "reference": reference}
    return kind(**given | more)


def after(*events: PaymentEvent) -> Payment | None:
    known = None
    for event in events:
        known = payment.evolve(known, event, NOW)
    return known


def answer(known: Payment | None, report: PaymentReport) -> PaymentEvent | Refusal:
    decided = payment.record(known, report, None, OCCASION)
    if isinstance(decided, Refusal):
        return decided
    (fact,) = decided
    assert fact.stream == "payment-p"
    return fact.event  # type: ignore[return-value]


def test_a_payment_is_authorised_captured_in_parts_and_refunded() -> None:
    reports: list[PaymentReport] = [
        said(PaymentAuthorised, 100, "a", order_id="o"),
        said(PaymentCaptured, 60, "c1"),
        said(PaymentCaptured, 40, "c2", order_id="o"),
        said(PaymentRefunded, 30, "r1", reason="late"),
    ]
    known: Payment | None = None
    told = []
    for report in reports:
        found: Any = answer(known, report)
        assert found == replace(report, order_id="o")
        known = payment.evolve(known, report, NOW)
        told.append(known.status)
    assert told == ["authorised", "captured", "captured", "captured"]
    assert known is not None
    assert (known.order_id, known.captured_micros, known.refunded_micros) == ("o", 100, 30)
    whole = payment.evolve(known, said(PaymentRefunded, 70, "r2"), NOW)
    assert whole.status == "refunded"


def test_a_capture_beyond_the_authorisation_is_refused() -> None:
    known = after(said(PaymentAuthorised, 100, "a"), said(PaymentCaptured, 60, "c"))
    assert answer(known, said(PaymentCaptured, 41, "d")) == CaptureExceedsAuthorised(
        payment_id="p", left_micros=40, amount_micros=41
    )
    more = payment.evolve(known, said(PaymentAuthorised, 1, "b"), NOW)
    assert not isinstance(answer(more, said(PaymentCaptured, 41, "d")), Refusal)


def test_a_payment_in_one_step_is_captured_without_an_authorisation() -> None:
    assert not isinstance(answer(None, said(PaymentCaptured, 60, "c")), Refusal)


def test_a_report_that_comes_twice_has_one_effect() -> None:
    known = after(said(PaymentAuthorised, 100, "a"))
    assert answer(known, said(PaymentAuthorised, 100, "a")) == PaymentReportExists(
        payment_id="p", report="authorised", reference="a"
    )
    # A provider may name its capture as it named the authorisation.
    assert not isinstance(answer(known, said(PaymentCaptured, 100, "a")), Refusal)


def test_no_more_is_refunded_than_was_captured() -> None:
    known = after(said(PaymentAuthorised, 100, "a"), said(PaymentCaptured, 60, "c"))
    assert answer(known, said(PaymentRefunded, 61, "r")) == RefundExceedsCaptured(
        payment_id="p", left_micros=60, amount_micros=61
    )
    assert isinstance(answer(None, said(PaymentRefunded, 1, "r")), RefundExceedsCaptured)


def test_what_failed_is_neither_authorised_nor_captured_any_more() -> None:
    known = after(said(PaymentAuthorised, 100, "a"), said(PaymentFailed, 100, "f"))
    assert known is not None
    assert known.status == "failed"
    for report in (PaymentAuthorised, PaymentCaptured, PaymentFailed):
        refusal = answer(known, said(report, 1, "x"))
        assert isinstance(refusal, PaymentState)
        assert refusal.status == "failed"


def test_what_was_captured_cannot_fail() -> None:
    refusal = answer(after(said(PaymentCaptured, 1, "c")), said(PaymentFailed, 1, "f"))
    assert refusal == PaymentState(payment_id="p", status="captured", wanted="failed")


@pytest.mark.parametrize(("field", "other"), [("currency", "EUR"), ("order_id", "o2")])
def test_a_report_for_another_order_or_currency_is_refused(field: str, other: str) -> None:
    known = after(said(PaymentAuthorised, 100, "a", order_id="o"))
    refusal = answer(known, said(PaymentCaptured, 1, "c", **{field: other}))
    assert refusal == PaymentDiffers(payment_id="p", field=field)


def test_what_an_order_waits_for_times_out_once_it_is_due() -> None:
    due = NOW + timedelta(hours=1)
    event = PaymentTimedOut(payment_id="p", order_id="o", due_at=due)
    early = payment.time_out(None, event, UNPAID, OCCASION)
    assert early == PaymentNotDue(payment_id="p", due_at=due)
    later = Occasion(occurred_at=due, now=due, new_id=OCCASION.new_id)
    for known in (None, after(said(PaymentAuthorised, 1, "too little"))):
        decided = payment.time_out(known, event, UNPAID, later)
        assert not isinstance(decided, Refusal)
        assert decided[0].event == event
        again = payment.time_out(payment.evolve(known, event, NOW), event, UNPAID, later)
        assert isinstance(again, PaymentState)
    paid = order.evolve(UNPAID, OrderPaid(order_id="o", payment_id="p"), NOW)
    cancelled = order.evolve(UNPAID, OrderCancelled(order_id="o"), NOW)
    for settled in (paid, cancelled):
        assert payment.time_out(None, event, settled, later) == PaymentNotAwaited(order_id="o")
    assert payment.time_out(None, event, None, later) == UnknownOrder(order_id="o")


def test_a_payment_that_comes_after_its_time_out_is_recorded() -> None:
    known = after(PaymentTimedOut(payment_id="p", order_id="o", due_at=NOW))
    assert known is not None
    assert known.status == "timed_out"
    assert not isinstance(answer(known, said(PaymentAuthorised, 5, "a")), Refusal)


CANCELLED = order.evolve(UNPAID, OrderCancelled(order_id="o"), NOW)


def due(amount: int) -> PaymentRefundDue:
    return PaymentRefundDue(payment_id="p", order_id="o", amount_micros=amount, currency="GBP")


def test_what_is_captured_for_a_cancelled_order_is_to_be_refunded() -> None:
    captured = said(PaymentCaptured, 5, "c", order_id="o")
    decided = payment.record(None, captured, CANCELLED, OCCASION)
    assert not isinstance(decided, Refusal)
    assert [fact.event for fact in decided] == [captured, due(5)]
    known = after(captured, due(5), said(PaymentRefunded, 2, "r"))
    assert known is not None
    assert (known.status, known.to_refund_micros) == ("to_refund", 3)
    back = after(captured, due(5), said(PaymentRefunded, 5, "r"))
    assert back is not None
    assert back.status == "refunded"
    only_reserved = payment.record(None, said(PaymentAuthorised, 5), CANCELLED, OCCASION)
    assert len(only_reserved) == 1  # type: ignore[arg-type]


def test_what_was_captured_before_its_order_was_cancelled_is_to_be_refunded_once() -> None:
    known = after(said(PaymentCaptured, 5, "c", order_id="o"), said(PaymentRefunded, 1, "r"))
    decided = payment.note_refund_due(known, "p", CANCELLED, "o", OCCASION)
    assert not isinstance(decided, Refusal)
    assert [fact.event for fact in decided] == [due(4)]
    again = payment.note_refund_due(
        payment.evolve(known, due(4), NOW), "p", CANCELLED, "o", OCCASION
    )
    assert again == PaymentState(payment_id="p", status="to_refund", wanted="to_refund")
    assert isinstance(payment.note_refund_due(known, "p", UNPAID, "o", OCCASION), OrderState)
    assert isinstance(payment.note_refund_due(None, "p", CANCELLED, "o", OCCASION), PaymentState)
    assert payment.note_refund_due(known, "p", None, "o", OCCASION) == UnknownOrder(order_id="o")


@given(
    st.lists(
        st.tuples(
            st.sampled_from([PaymentAuthorised, PaymentCaptured, PaymentFailed, PaymentRefunded]),
            st.integers(1, 50),
            st.sampled_from("abcdef"),
        ),
        max_size=20,
    )
)
def test_whatever_is_reported_no_more_is_refunded_than_captured_nor_captured_than_authorised(
    reports: list[tuple[type[Any], int, str]],
) -> None:
    known: Payment | None = None
    for kind, amount, reference in reports:
        report = said(kind, amount, reference)
        had = known.authorised_micros if known else 0
        decided = payment.record(known, report, None, OCCASION)
        if isinstance(decided, Refusal):
            assert decided.sentence().endswith(".")
            continue
        known = payment.evolve(known, report, NOW)
        assert 0 <= known.refunded_micros <= known.captured_micros
        if kind is PaymentCaptured and had:
            assert known.captured_micros <= known.authorised_micros
        assert len(set(known.reports)) == len(known.reports)
