"""Facts about items that are tracked by lot or serial say which of them they moved."""

from datetime import date
from uuid import UUID

import pytest

from domain.events import (
    CountRestated,
    DiscrepancyFound,
    Removal,
    StockAdjusted,
    StockCounted,
    StockHeld,
    StockReceived,
    StockReturned,
    StockShipped,
    StockTraced,
    StockUnpicked,
    StockWrittenOff,
    TracedUnits,
    Tracking,
)
from domain.holds import release
from domain.named_units import LotQuantity, NamedUnits
from domain.promises import reserve, ship
from domain.refusals import InsufficientStock, Refusal
from domain.refusals_lots import (
    LotNamedTwice,
    LotsDoNotAddUp,
    LotShort,
    LotsMissing,
    LotsNotTaken,
    LotsShort,
)
from domain.stock_facts import accept_return, adjust, count, receive
from tests.builders import PLACE, SKU, minute
from tests.tracked_goods import (
    NOON,
    Goods,
    held,
    lots,
    milk,
    on,
    parcel,
    phones,
    picked,
    serials,
    sold,
)


def test_a_receipt_is_followed_by_its_lots_and_when_they_expire() -> None:
    found = milk(("L1", 5, date(2026, 4, 1)))
    event, trace = [event for event, _ in found.logs[found.stock().stream]]
    assert event == StockReceived(sku=SKU, location=PLACE, quantity=5)
    assert trace == StockTraced(
        sku=SKU,
        location=PLACE,
        cause_event_id=str(UUID(int=3)),
        units=(TracedUnits(lot="L1", on_hand=5, expires_on=date(2026, 4, 1)),),
        cause="received",
    )
    assert found.stock().lots["L1"].expires_on == date(2026, 4, 1)


def test_an_item_that_is_not_tracked_leaves_no_trace_and_takes_no_lots() -> None:
    found = Goods("none")
    assert found.record(receive(found.shelf(), 5, on())) == [
        StockReceived(sku=SKU, location=PLACE, quantity=5)
    ]
    refused = receive(found.shelf(), 5, on(), units=lots(L1=5))
    assert refused == LotsNotTaken(sku=SKU, tracking="none")
    assert ship(found.shelf(), 5, on(), units=serials("S")) == LotsNotTaken(
        sku=SKU, tracking="none"
    )


@pytest.mark.parametrize(
    ("tracking", "named", "refusal"),
    [
        ("lot", NamedUnits(), LotsMissing),
        ("lot", serials("a", "b", "c"), LotsNotTaken),
        ("lot", lots(L1=2), LotsDoNotAddUp),
        ("serial", NamedUnits(), LotsMissing),
        ("serial", lots(L1=3), LotsNotTaken),
        ("serial", serials("a", "b"), LotsDoNotAddUp),
        ("serial", serials("a", "b", "a"), LotNamedTwice),
    ],
)
def test_what_comes_in_names_its_lots_exactly(
    tracking: Tracking, named: NamedUnits, refusal: type[Refusal]
) -> None:
    found = Goods(tracking)
    for decided in (
        receive(found.shelf(), 3, on(), units=named),
        adjust(found.shelf(), 3, "found", on(), units=named),
        accept_return(found.shelf(), 3, on(), units=named),
        count(found.shelf(), "c", 3, on(), units=named),
    ):
        assert isinstance(decided, refusal)
        assert decided.sentence().endswith(".")


@pytest.mark.parametrize(
    ("removal", "sent"),
    [("fefo", {"NEW": 2, "OLD": 2}), ("fifo", {"OLD": 4}), ("lifo", {"NEW": 2, "MID": 2})],
)
def test_the_removal_order_chooses_what_leaves(removal: Removal, sent: dict[str, int]) -> None:
    found = milk(
        ("OLD", 4, date(2026, 6, 1)),
        ("MID", 3, None),
        ("NEW", 2, date(2026, 5, 1)),
        removal=removal,
    )
    *_, trace = found.record(ship(found.shelf(), 4, on(9)))
    assert isinstance(trace, StockTraced)
    assert trace.cause == "shipped"
    assert {each.lot: -each.on_hand for each in trace.units} == sent


def test_an_expired_or_held_lot_is_never_sent() -> None:
    found = milk(("OLD", 4, date(2026, 3, 9)), ("LAST", 2, date(2026, 3, 10)), ("BAD", 3, None))
    draft = found.draft(on(3))
    draft.note(held(3, "BAD"))
    found.record(draft.facts())
    at_noon = on(5, now=NOON)
    assert ship(found.shelf(), 3, at_noon) == LotsShort(
        sku=SKU, location=PLACE, requested=3, available=2, expired=4
    )
    for lot, trouble in (("OLD", "expired"), ("BAD", "taken"), ("NONE", "absent")):
        refused = ship(found.shelf(), 1, at_noon, units=lots(**{lot: 1}))
        assert isinstance(refused, LotShort)
        assert (refused.lot, refused.trouble) == (lot, trouble)
    found.record(ship(found.shelf(), 2, at_noon))
    assert found.on_hand() == {"OLD": 4, "BAD": 3}


def test_what_has_expired_is_promised_to_nobody() -> None:
    found = milk(("OLD", 4, date(2026, 3, 9)), ("GOOD", 1, None))
    at_noon = on(5, now=NOON)
    refused = reserve(found.shelf(), "r", 2, minute(10**6), at_noon)
    assert isinstance(refused, InsufficientStock)
    assert refused.available == 1
    found.record(reserve(found.shelf(), "r", 1, minute(10**6), at_noon))


def test_picked_lots_stay_with_their_order_line() -> None:
    found = milk(("A", 2, date(2026, 5, 1)), ("B", 5, None))
    draft = found.draft(on(2))
    draft.note(sold(3))
    draft.note(sold(2, "o2"))
    draft.note(picked(3))
    draft.note(picked(2, "o2"))
    found.record(draft.facts())
    assert found.stock().lots["A"].picked_for == {"order#o1#1": 2}
    assert found.stock().lots["B"].picked_for == {"order#o1#1": 1, "order#o2#1": 2}
    draft = found.draft(on(3))
    draft.move(parcel(3))
    trace = found.record(draft.facts())[-1]
    assert trace == StockTraced(
        sku=SKU,
        location=PLACE,
        cause_event_id=str(UUID(int=1)),
        units=(
            TracedUnits(lot="A", on_hand=-2, picked=-2),
            TracedUnits(lot="B", on_hand=-1, picked=-1),
        ),
        cause="shipped",
        order_id="o1",
        line=1,
        reference="box",
    )
    assert found.stock().lots["B"].picked_for == {"order#o2#1": 2}


def test_units_held_after_they_were_picked_go_back_but_not_out() -> None:
    found = milk(("A", 2, None))
    draft = found.draft(on(2))
    draft.note(sold(2))
    draft.note(picked(2))
    found.record(draft.facts())
    draft = found.draft(on(3))
    draft.note(held(2, "A"))
    found.record(draft.facts())
    assert found.stock().uncovered_stated == 2
    draft = found.draft(on(4))
    draft.move(parcel(1))
    assert draft.facts() == LotShort(
        sku=SKU, location=PLACE, lot="A", requested=1, available=0, trouble="held", line=1
    )
    draft = found.draft(on(4))
    draft.note(StockUnpicked(sku=SKU, location=PLACE, order_id="o1", line=1, quantity=2))
    found.record(draft.facts())
    assert found.stock().lots["A"].free == 0


def test_a_fact_that_takes_more_of_a_lot_than_there_was_finds_the_rest_first() -> None:
    found = milk(("A", 2, None), ("B", 5, None))
    events = found.record(adjust(found.shelf(), -3, "spilt", on(2), units=lots(A=3)))
    kinds = [type(event) for event in events]
    assert kinds == [DiscrepancyFound, StockTraced, StockAdjusted, StockTraced]
    assert events[0] == DiscrepancyFound(
        sku=SKU, location=PLACE, quantity=1, cause_event_id=str(UUID(int=1))
    )
    assert found.on_hand() == {"B": 5}
    assert found.stock().on_hand == 5


def test_damaged_units_are_held_in_their_lot_and_leave_from_it() -> None:
    found = milk(("A", 2, None), ("B", 5, None))
    found.record(accept_return(found.shelf(), 1, on(2), to="damaged", units=lots(A=1)))
    assert (found.stock().lots["A"].held, found.stock().lots["A"].free) == (1, 2)
    refused = adjust(found.shelf(), -1, "bin", on(3), condition="damaged", units=lots(B=1))
    assert isinstance(refused, LotShort)
    found.record(adjust(found.shelf(), -1, "bin", on(3), condition="damaged", units=lots(A=1)))
    assert found.on_hand() == {"A": 2, "B": 5}


def test_a_hold_is_let_go_and_written_off_out_of_its_lot() -> None:
    found = milk(("A", 5, None))
    draft = found.draft(on(1))
    draft.note(held(3, "A"))
    draft.move(StockWrittenOff(sku=SKU, location=PLACE, quantity=2, reason_code="rot", hold_id="h"))
    trace = found.record(draft.facts())[-1]
    assert isinstance(trace, StockTraced)
    assert trace.units == (TracedUnits(lot="A", on_hand=-2, held=-2),)
    assert (trace.cause, trace.reference) == ("written_off", "h")


def test_a_count_sets_every_lot_and_those_it_does_not_name_were_not_there() -> None:
    found = milk(("A", 2, None), ("B", 5, None))
    events = found.record(count(found.shelf(), "c", 7, on(5), units=lots(A=4, C=3)))
    assert any(isinstance(event, StockCounted) for event in events)
    assert found.on_hand() == {"A": 4, "C": 3}
    assert found.record(count(found.shelf(), "d", 0, on(6)))
    assert found.on_hand() == {}


def test_a_late_receipt_restates_the_count_and_its_lots_follow() -> None:
    found = milk(("A", 2, None))
    found.record(count(found.shelf(), "c", 5, on(10), units=lots(A=5)))
    events = found.record(receive(found.shelf(), 4, on(3), units=lots(B=4)))
    kinds = [type(event) for event in events[2:]]
    assert kinds == [StockReceived, StockTraced, CountRestated, StockTraced]
    assert isinstance(events[-1], StockTraced)
    assert events[-1].units == (TracedUnits(lot="B", on_hand=-4),)
    assert found.on_hand() == {"A": 5}


def test_a_count_of_an_earlier_instant_is_held_against_the_lots_of_then() -> None:
    found = milk(("A", 5, None))
    found.record(ship(found.shelf(), 5, on(10)))
    found.record(receive(found.shelf(), 2, on(12), units=lots(B=2)))
    found.record(count(found.shelf(), "c", 7, on(5), units=lots(A=7)))
    assert found.on_hand() == {"A": 2, "B": 2}


def test_a_count_that_only_swaps_lots_is_taken_back_by_a_later_one() -> None:
    found = milk(("A", 5, None))
    found.record(count(found.shelf(), "later", 5, on(10), units=lots(A=5)))
    events = found.record(count(found.shelf(), "c", 5, on(5), units=lots(A=3, B=2)))
    (restated,) = [event for event in events if isinstance(event, CountRestated)]
    assert restated.delta == 0
    assert found.on_hand() == {"A": 5}


def test_the_other_half_of_a_move_names_what_the_first_has_moved() -> None:
    found = milk(("A", 2, date(2026, 5, 1)), ("B", 5, None))
    draft = found.draft(on(3))
    draft.move(StockShipped(sku=SKU, location=PLACE, quantity=3))
    assert draft.units == NamedUnits(
        lots=(
            LotQuantity(lot="A", quantity=2, expires_on=date(2026, 5, 1)),
            LotQuantity(lot="B", quantity=1),
        )
    )


def test_a_return_says_which_order_it_came_from() -> None:
    found = phones()
    draft = found.draft(on())
    draft.move(
        StockReturned(sku=SKU, location=PLACE, quantity=1, order_id="o9"), units=serials("S1")
    )
    _, trace, *_ = found.record(draft.facts())
    assert isinstance(trace, StockTraced)
    assert (trace.cause, trace.order_id, trace.units[0].lot) == ("returned", "o9", "S1")


def test_missing_units_are_held_in_whatever_lots_come_next_and_found_again_there() -> None:
    found = milk(("OLD", 2, date(2026, 1, 1)), ("NEW", 5, None))
    draft = found.draft(on(2, now=NOON))
    draft.note(StockHeld(sku=SKU, location=PLACE, hold_id="short/1", kind="missing", quantity=4))
    found.record(draft.facts())
    assert {lot.lot: lot.held_by for lot in found.stock().lots.values()} == {
        "OLD": {"short/1": 2},
        "NEW": {"short/1": 2},
    }
    assert isinstance(release(found.shelf(), "short/1", 5, on(3)), Refusal)
    found.record(release(found.shelf(), "short/1", 3, on(3)))
    draft = found.draft(on(4))
    draft.move(
        StockWrittenOff(sku=SKU, location=PLACE, quantity=1, reason_code="x", hold_id="short/1")
    )
    found.record(draft.facts())
    assert found.on_hand() == {"OLD": 2, "NEW": 4}
