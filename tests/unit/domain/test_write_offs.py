"""Write-offs, and what a policy asks for before units are written off or adjusted."""

import pytest

from domain.events import Event, StockAdjusted, StockHeld, StockWrittenOff
from domain.grounds import GroundRules, Grounds, rules_of
from domain.policy import Policy
from domain.refusals import Refusal
from domain.refusals_grounds import (
    ApprovalNeeded,
    ApproverIsActor,
    UnknownReasonCode,
)
from domain.refusals_lots import ExceedsHold, UnknownHold
from domain.stock import Stock
from domain.stock_facts import adjust
from domain.values import Facts, Occasion
from domain.write_offs import write_off
from tests.builders import (
    PLACE,
    SKU,
    discrepancy,
    happened,
    lost_reservation,
    minute,
    occasion,
    received,
    reserved,
    shelf,
    shortfall,
)

ANN, BOB = "sub_" + "a" * 32, "sub_" + "b" * 32
STRICT = GroundRules(reason_codes=("broken", "stolen"), approval_units=10)
HELD = StockHeld(sku=SKU, location=PLACE, hold_id="h", kind="quality", quantity=3)


def gone(quantity: int, hold_id: str | None = None, **more: str) -> StockWrittenOff:
    return StockWrittenOff(
        sku=SKU,
        location=PLACE,
        quantity=quantity,
        hold_id=hold_id,
        **{"reason_code": "broken", **more},
    )


def by_bob() -> Occasion:
    return Occasion(occurred_at=minute(0), now=minute(0), new_id=occasion().new_id, actor=BOB)


def events(decided: Facts | Refusal) -> list[Event]:
    return happened(decided)


def test_units_are_written_off_with_their_reason_and_document() -> None:
    proposed = gone(2, document="W 7", approved_by=ANN)
    assert events(write_off(shelf(received(5)), proposed, occasion())) == [proposed]


def test_units_of_a_hold_leave_the_hold() -> None:
    known = shelf(received(5), HELD)
    decided = write_off(known, gone(3, "h"), occasion())
    assert events(decided) == [gone(3, "h")]
    assert not isinstance(decided, Refusal)
    after = decided[-1].after
    assert isinstance(after, Stock)
    assert (after.on_hand, after.held, after.holds) == (2, 0, {})


def test_no_more_leaves_a_hold_than_it_has() -> None:
    known = shelf(received(5), HELD)
    more = write_off(known, gone(4, "h"), occasion())
    assert more == ExceedsHold(hold_id="h", requested=4, held=3)
    none = write_off(known, gone(1, "other"), occasion())
    assert none == UnknownHold(hold_id="other", sku=SKU, location=PLACE)


def test_a_write_off_is_a_fact_that_states_what_it_leaves_uncovered() -> None:
    known = shelf(received(5), reserved("r", 5))
    assert events(write_off(known, gone(2), occasion())) == [
        gone(2),
        shortfall(2, lost_reservation("r", 2)),
    ]
    assert events(write_off(shelf(received(1)), gone(3), occasion())) == [
        discrepancy(2),
        gone(3),
    ]


@pytest.mark.parametrize(
    ("units", "grounds", "refusal"),
    [
        (1, Grounds(reason_code="broken"), None),
        (
            1,
            Grounds(reason_code="eaten"),
            UnknownReasonCode(
                sku=SKU, location=PLACE, reason_code="eaten", allowed=("broken", "stolen")
            ),
        ),
        (
            1,
            Grounds(),
            UnknownReasonCode(sku=SKU, location=PLACE, reason_code="", allowed=STRICT.reason_codes),
        ),
        (9, Grounds(reason_code="stolen"), None),
        (
            10,
            Grounds(reason_code="stolen"),
            ApprovalNeeded(sku=SKU, location=PLACE, units=10, approval_units=10),
        ),
        (
            10,
            Grounds(reason_code="stolen", approved_by=BOB),
            ApproverIsActor(sku=SKU, location=PLACE, units=10),
        ),
        (10, Grounds(reason_code="stolen", approved_by=ANN), None),
    ],
)
def test_a_policy_is_asked_before_units_are_adjusted_or_written_off(
    units: int, grounds: Grounds, refusal: Refusal | None
) -> None:
    known = shelf(received(50))
    adjusted = adjust(known, -units, "gone", by_bob(), grounds=grounds, rules=STRICT)
    proposed = StockWrittenOff(
        sku=SKU,
        location=PLACE,
        quantity=units,
        reason_code=grounds.reason_code,
        approved_by=grounds.approved_by,
    )
    written_off = write_off(known, proposed, by_bob(), rules=STRICT)
    if refusal is not None:
        assert adjusted == written_off == refusal
        return
    assert events(written_off) == [proposed]
    assert events(adjusted) == [
        StockAdjusted(
            sku=SKU,
            location=PLACE,
            delta=-units,
            reason="gone",
            reason_code=grounds.reason_code,
            approved_by=grounds.approved_by,
        )
    ]


def test_without_a_policy_nothing_is_asked() -> None:
    assert rules_of(None) == GroundRules()
    policy = Policy(reason_codes=("broken",), approval_units=5)
    assert rules_of(policy) == GroundRules(reason_codes=("broken",), approval_units=5)
    assert events(adjust(shelf(received(50)), -40, "gone", occasion()))
    assert events(write_off(shelf(received(50)), gone(40, reason_code="eaten"), occasion()))
