"""What wrong rules decided is found once, and made up for by commands that today's rules take."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given

from commands.view import CommandView
from domain.refusals import Refusal
from domain.stock import Stock
from domain.values import Facts, Occasion
from replay.compensation import differences
from replay.compensation.approval import NotApprovableError, read_approved
from replay.compensation.plan import Corrected, Plan, compensation_plan
from replay.compensation.planted import IGNORES_HELD
from replay.compensation.rules import RULES, UnknownRulesError
from replay.fork.policy import AS_IT_WAS, Policy
from replay.fork.rules import TODAY, Rules
from replay.fork.walk import Window
from replay.fork.what_if import what_if
from tests.builders import minute
from tests.pasts import LEDGER, MemoryLedger
from tests.unit.replay.test_fork_laws import simple_trade, trade, traded

SHELF: dict[str, Any] = {"sku": "A", "location": "WH"}
LATER = minute(100_000).isoformat()


def planned(ledger: MemoryLedger, *, start: int | None = None, **corrected: Any) -> Plan:
    return compensation_plan(
        LEDGER,
        ledger.pasts,
        ledger.refusals,
        ledger,
        corrected=Corrected(**corrected),
        now=ledger.clock,
        start=start,
    )


def apply(plan: Plan, ledger: MemoryLedger) -> list[str]:
    """Send the proposals in their order; the codes of those that are refused."""
    answers = [ledger.send(**proposal.body) for proposal in plan.proposals]
    return [answer.code for answer in answers if isinstance(answer, Refusal)]


def damaged_goods() -> MemoryLedger:
    """Ten units, six of them held, under rules that promise the held ones too."""
    ledger = MemoryLedger(rules=IGNORES_HELD)
    ledger.send(type="register_item", sku="A", name="A")
    ledger.send(type="register_location", location="WH", name="WH")
    ledger.send(type="receive_stock", **SHELF, quantity=4)
    ledger.send(type="return_stock", **SHELF, quantity=6, to="damaged")
    return ledger


def order(ledger: MemoryLedger, name: str, quantity: int, **more: Any) -> None:
    lines = [{"line": 1, **SHELF, "quantity": quantity}]
    assert not isinstance(
        ledger.send(type="place_order", order_id=name, lines=lines, **more), Refusal
    )


def test_an_order_that_was_promised_held_units_is_cancelled_the_sound_ones_stay() -> None:
    ledger = damaged_goods()
    order(ledger, "o1", 3)
    order(ledger, "o2", 4)
    hold: dict[str, Any] = {"type": "reserve_stock", **SHELF, "expires_at": LATER}
    ledger.send(**hold, reservation_id="r1", quantity=1)
    ledger.send(**hold, reservation_id="r2", quantity=2)
    plan = planned(ledger)
    assert [each.kind for each in plan.differences] == ["not_promised", "not_promised"]
    about = [
        (p.body["type"], p.body.get("order_id", p.body.get("reservation_id")))
        for p in plan.proposals
    ]
    assert about == [("cancel_order", "o2"), ("release_reservation", "r2")]
    assert plan.by_hand == []
    ledger.rules = TODAY
    assert apply(plan, ledger) == []
    again = planned(ledger)
    assert again.proposals == []
    assert len(again.settled) == 2


def test_what_has_left_is_told_with_its_order_and_left_to_people() -> None:
    ledger = damaged_goods()
    order(ledger, "o1", 4)
    ledger.send(type="adjust_stock", **SHELF, delta=3, reason="found")
    order(ledger, "o2", 5)
    ledger.send(type="return_stock", **SHELF, quantity=9)
    ledger.send(type="ship_order", order_id="o2")
    ledger.send(
        type="record_charge",
        charge_id="c",
        code="POST",
        quantity=1,
        order_id="o2",
        unit_price_micros=1,
        currency="GBP",
    )
    plan = planned(ledger)
    (difference,) = plan.differences
    assert (difference.kind, difference.followed_count) == ("not_promised", 2)
    assert plan.proposals == []
    (by_hand,) = plan.by_hand
    assert "o2 is shipped" in by_hand.why


def test_a_fact_that_meant_something_else_is_adjusted_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the corrected rules, what came back torn was damaged."""
    kind = next(kind for kind in TODAY if kind.type_name == "return_stock")

    def torn_is_damaged(command: Any, view: CommandView, occasion: Occasion) -> Facts | Refusal:
        to = "damaged" if command.reason == "torn" else command.to
        return TODAY[kind](command.model_copy(update={"to": to}), view, occasion)

    known = cast("dict[str, Rules]", RULES)
    monkeypatch.setitem(known, "torn", {**TODAY, kind: torn_is_damaged})
    ledger = MemoryLedger()
    ledger.send(type="register_item", sku="A", name="A")
    ledger.send(type="register_location", location="WH", name="WH")
    for quantity, reason in ((2, "torn"), (3, "torn"), (4, "late")):
        ledger.send(type="return_stock", **SHELF, quantity=quantity, reason=reason)
    order(ledger, "o1", 5)
    plan = planned(ledger, rules="torn")
    kinds = [each.kind for each in plan.differences]
    assert kinds == ["other_effect", "other_effect", "not_promised"]
    assert apply(plan, ledger) == []
    stock = cast("Stock", ledger.streams[LEDGER, "stock-A@WH"].state)
    assert (stock.on_hand, stock.held, stock.committed, stock.uncovered) == (9, 5, 0, 0)
    assert planned(ledger, rules="torn").proposals == []


def expired_early() -> MemoryLedger:
    """Four units; two reservations of two, both ended by a clock that ran ahead."""
    ledger = MemoryLedger()
    kind = next(kind for kind in TODAY if kind.type_name == "expire_reservation")
    ledger.rules = {
        **TODAY,
        kind: lambda command, view, occasion: TODAY[kind](
            command,
            view,
            type(occasion)(
                occurred_at=occasion.occurred_at, now=minute(10**6), new_id=occasion.new_id
            ),
        ),
    }
    ledger.send(type="register_item", sku="A", name="A")
    ledger.send(type="register_location", location="WH", name="WH")
    ledger.send(type="receive_stock", **SHELF, quantity=4)
    hold: dict[str, Any] = {"type": "reserve_stock", **SHELF, "quantity": 2}
    ledger.send(**hold, reservation_id="r1", expires_at=LATER)
    ledger.send(**hold, reservation_id="r2", expires_at=minute(200).isoformat())
    for name in ("r1", "r2"):
        ledger.send(type="expire_reservation", **SHELF, reservation_id=name)
    ledger.clock = minute(300)
    ledger.rules = TODAY
    return ledger


def test_a_reservation_that_was_expired_too_early_is_made_again_while_it_may_be() -> None:
    ledger = expired_early()
    plan = planned(ledger)
    (proposal,) = plan.proposals
    assert (proposal.body["reservation_id"], proposal.body["quantity"]) == ("r1/again", 2)
    (by_hand,) = plan.by_hand
    assert "r2" in by_hand.why
    assert apply(plan, ledger) == []


def test_what_was_refused_once_is_proposed_again_under_another_key_and_is_nobodys_demand() -> None:
    ledger = expired_early()
    first = planned(ledger)
    hold: dict[str, Any] = {"type": "reserve_stock", **SHELF, "expires_at": LATER}
    ledger.send(**hold, reservation_id="r3", quantity=3)
    assert apply(first, ledger) == ["insufficient_stock"]
    ledger.send(type="release_reservation", **SHELF, reservation_id="r3")
    second = planned(ledger)
    assert "promised" not in {each.kind for each in second.differences}
    (key,) = (each.body["key"] for each in first.proposals)
    (next_key,) = (each.body["key"] for each in second.proposals)
    assert next_key == f"{key}~2"
    asked = what_if(
        LEDGER, ledger.pasts, ledger.refusals, ledger, policy=AS_IT_WAS, window=Window()
    )
    assert asked.happened.asked == 2 + 2 + 3
    assert apply(second, ledger) == []
    again = planned(ledger)
    assert again.proposals == []


def test_differences_beyond_what_a_plan_holds_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "DIFFERENCES_MAX", 2)
    ledger = damaged_goods()
    for number in range(5):
        order(ledger, f"o{number}", 2)
    plan = planned(ledger)
    assert [proposal.body["order_id"] for proposal in plan.proposals] == ["o2", "o3"]
    assert plan.as_dict()["counts"] == {
        "differences": 2,
        "beyond": 1,
        "proposals": 2,
        "by_hand": 0,
        "settled": 0,
    }
    rest = planned(ledger, start=plan.next_start)
    assert [each.body["order_id"] for each in rest.proposals] == ["o4"]


def test_what_rules_would_have_promised_is_left_to_people() -> None:
    ledger = MemoryLedger()
    ledger.send(type="register_item", sku="A", name="A")
    ledger.send(type="register_location", location="WH", name="WH")
    ledger.send(type="ship_stock", **SHELF, quantity=2)
    hold: dict[str, Any] = {"type": "reserve_stock", **SHELF, "expires_at": LATER}
    ledger.send(**hold, reservation_id="r1", quantity=3)
    plan = planned(ledger, policy=Policy(backorder_limit=9))
    assert [each.kind for each in plan.differences] == ["promised", "promised"]
    assert all("ask the customer again" in each.why for each in plan.by_hand)


def test_rules_that_nobody_knows_are_named() -> None:
    with pytest.raises(UnknownRulesError, match="ignores_held, today"):
        planned(MemoryLedger(), rules="yesterday")


@given(trade)
def test_what_todays_rules_decided_needs_no_compensation(happenings: list[Any]) -> None:
    plan = planned(traded(happenings))
    assert plan.differences == []
    assert plan.proposals == []


@given(simple_trade)
def test_every_proposal_is_taken_and_none_is_made_twice(happenings: list[Any]) -> None:
    ledger = traded(happenings, rules=IGNORES_HELD)
    plan = planned(ledger)
    keys = [proposal.body["key"] for proposal in plan.proposals]
    assert len(keys) == len(set(keys))
    ledger.rules = TODAY
    ledger.clock += timedelta(minutes=1)
    assert apply(plan, ledger) == []
    again = planned(ledger)
    assert [each.body for each in again.proposals] == []
    assert len(again.differences) == len(plan.differences)


def test_an_approved_file_is_taken_as_it_stands(tmp_path: Path) -> None:
    ledger = damaged_goods()
    order(ledger, "o1", 9)
    path = tmp_path / "plan.jsonl"
    path.write_bytes(b"".join(planned(ledger).lines()))
    approved = read_approved(path)
    assert [body["type"] for body in approved.bodies] == ["cancel_order"]
    assert len(approved.digest) == 64


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "holds no command"),
        ('{"type": "cancel_order", "key": "k"}\n', "line 1: /order_id"),
        ('\n{"type": "cancel_order"', "line 2"),
        ('{"type":"cancel_order","key":"k","order_id":"o"}\n' * 2, "line 2: key k stands twice"),
    ],
)
def test_a_file_that_cannot_be_sent_whole_is_not_sent_at_all(
    tmp_path: Path, text: str, named: str
) -> None:
    path = tmp_path / "plan.jsonl"
    path.write_text(text)
    with pytest.raises(NotApprovableError, match=named):
        read_approved(path)
