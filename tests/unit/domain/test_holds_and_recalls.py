"""Units kept back for their condition, and whole lots for what has become of them."""

from dataclasses import replace
from datetime import UTC, date, datetime

from domain.events import HoldReleased, LotRecalled, RecallEnded, StockHeld
from domain.grounds import GroundRules, Grounds
from domain.holds import expire_lot, hold, release
from domain.promises import ship
from domain.recalls import end_recall, recall, stock_streams
from domain.refusals import InsufficientStock, Refusal, UnknownItem
from domain.refusals_grounds import ApprovalNeeded, UnknownReasonCode
from domain.refusals_lots import (
    ExceedsHold,
    HoldExists,
    HoldOfItsLot,
    LotNotExpired,
    LotRecalledAlready,
    LotShort,
    LotsMissing,
    LotsNotTaken,
    LotsShort,
    NothingToHold,
    RecallNotOpen,
    UnknownHold,
    UnknownLot,
)
from domain.stock_facts import accept_return, adjust, count, receive
from domain.streams import stock_stream
from domain.values import Facts
from tests.builders import (
    PLACE,
    SKU,
    committed,
    happened,
    lost_order,
    occasion,
    received,
    returned,
    shelf,
    shortfall,
)
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

NEXT = "SHOP"
AFTER = datetime(2026, 4, 2, tzinfo=UTC)
RECALL = LotRecalled(sku=SKU, lot="L1", recall_id="R1", reason_code="glass")
END = RecallEnded(sku=SKU, lot="L1", recall_id="R1")


def quality(quantity: int, hold_id: str, **told: str) -> StockHeld:
    """A hold on units of an item that is not tracked."""
    return StockHeld(
        sku=SKU, location=PLACE, hold_id=hold_id, kind="quality", quantity=quantity, **told
    )


def recalled(goods: Goods, minutes: int = 5) -> Facts | Refusal:
    found = goods.lots(SKU, ["L1"])["L1"]
    streams = stock_streams(found)
    shelves = {each: goods.shelf(each.rpartition("@")[2]) for each in streams}
    return recall(found, RECALL, shelves, on(minutes))


def ended(goods: Goods, end: RecallEnded = END) -> Facts | Refusal:
    found = goods.lots(SKU, [end.lot])[end.lot]
    shelves = {each: goods.shelf(each.rpartition("@")[2]) for each in stock_streams(found)}
    return end_recall(found, end, shelves, on(9, now=NOON))


def test_a_hold_keeps_units_from_being_promised_and_names_what_they_were_for() -> None:
    here = shelf(received(5), committed("o1", 4))
    decided = hold(here, quality(3, "h", reason_code="smell"), occasion())
    assert not isinstance(decided, Refusal)
    assert [fact.event for fact in decided] == [
        StockHeld(
            sku=SKU, location=PLACE, hold_id="h", kind="quality", quantity=3, reason_code="smell"
        ),
        shortfall(2, lost_order("o1", 2)),
    ]


def test_a_hold_is_refused_for_units_that_are_not_there_or_not_told() -> None:
    plain, goods = shelf(received(5)), milk(("L1", 5, None))
    at = occasion()
    assert hold(shelf(), quality(1, "h"), at) == InsufficientStock(
        sku=SKU, location=PLACE, requested=1, available=0
    )
    assert hold(plain, held(1, "L1", "h"), at) == LotsNotTaken(sku=SKU, tracking="none")
    assert hold(plain, quality(1, "recalled:L1"), at) == HoldExists(
        hold_id="recalled:L1", sku=SKU, location=PLACE
    )
    assert hold(goods.shelf(), quality(1, "h"), at) == LotsMissing(
        sku=SKU, location=PLACE, tracking="lot", quantity=1
    )
    short = hold(goods.shelf(), held(6, "L1", "h"), at)
    assert isinstance(short, LotShort)
    assert (short.available, short.trouble) == (5, "absent")
    goods.record(hold(goods.shelf(), held(2, "L1", "h"), on(1)))
    assert isinstance(hold(goods.shelf(), held(2, "L1", "h"), on(2)), HoldExists)
    unknown = replace(shelf(), item=None)
    assert hold(unknown, quality(1, "h"), at) == UnknownItem(sku=SKU)


def test_a_hold_is_let_go_in_parts_and_no_further() -> None:
    goods = milk(("L1", 5, None))
    goods.record(hold(goods.shelf(), held(3, "L1", "h"), on(1)))
    assert release(goods.shelf(), "h", 4, on(2)) == ExceedsHold(hold_id="h", requested=4, held=3)
    goods.record(release(goods.shelf(), "h", 1, on(2)))
    assert goods.stock().lots["L1"].held == 2
    goods.record(release(goods.shelf(), "h", None, on(3), reason="tested"))
    assert release(goods.shelf(), "h", None, on(4)) == UnknownHold(
        hold_id="h", sku=SKU, location=PLACE
    )


def test_a_lot_expires_by_the_clock_and_not_a_day_early() -> None:
    goods = milk(("L1", 5, date(2026, 4, 1)), ("L2", 1, None))
    last_day = on(2, now=datetime(2026, 4, 1, 23, 59, tzinfo=UTC))
    assert expire_lot(goods.shelf(), "L1", last_day) == LotNotExpired(
        sku=SKU, lot="L1", expires_on=date(2026, 4, 1)
    )
    assert isinstance(expire_lot(goods.shelf(), "L2", on(2, now=AFTER)), LotNotExpired)
    goods.record(expire_lot(goods.shelf(), "L1", on(2, now=AFTER)))
    assert goods.stock().holds["expired:L1"].quantity == 5
    assert goods.stock().available == 1
    for lot in ("L1", "L9"):
        assert expire_lot(goods.shelf(), lot, on(3, now=AFTER)) == NothingToHold(
            sku=SKU, location=PLACE, lot=lot
        )
    assert release(goods.shelf(), "expired:L1", None, on(3)) == HoldOfItsLot(
        hold_id="expired:L1", kind="expired"
    )


def test_what_comes_in_expired_is_held_by_the_command_that_brings_it() -> None:
    goods = milk(("L1", 2, date(2026, 3, 1)))
    events = goods.record(accept_return(goods.shelf(), 1, on(4, now=NOON), units=lots(L1=1)))
    assert [event.quantity for event in events if isinstance(event, StockHeld)] == [3]
    phone = phones()
    phone.item = replace(phone.item, shelf_life_days=1)
    phone.record(receive(phone.shelf(), 1, on(0, now=NOON), units=serials("S1")))
    assert phone.stock().lots["S1"].held == 1


def test_a_recall_holds_every_unit_everywhere_in_one_command() -> None:
    goods = milk(("L1", 5, None), ("L2", 4, None))
    goods.record(receive(goods.shelf(NEXT), 3, on(2), units=lots(L1=3)))
    draft = goods.draft(on(3))
    draft.note(sold(2))
    draft.note(picked(2))
    goods.record(draft.facts())
    goods.record(hold(goods.shelf(), held(1, "L1", "h"), on(4)))
    events = goods.record(recalled(goods))
    assert events[0] == RECALL
    found = {(each.location, each.quantity) for each in events if isinstance(each, StockHeld)}
    assert found == {(PLACE, 4), (NEXT, 3)}
    assert goods.stock().lots["L1"].held == 5
    draft = goods.draft(on(6))
    draft.move(parcel(2))
    refused = draft.facts()
    assert isinstance(refused, LotShort)
    assert refused.trouble == "held"
    assert isinstance(ship(goods.shelf(NEXT), 1, on(6)), InsufficientStock | LotsShort)
    goods.record(ship(goods.shelf(), 2, on(6)))
    assert goods.on_hand() == {"L1": 5, "L2": 2}


def test_what_comes_in_of_a_recalled_lot_or_is_let_go_is_held_again() -> None:
    goods = milk(("L1", 5, None))
    goods.record(hold(goods.shelf(), held(2, "L1", "h"), on(1)))
    goods.record(recalled(goods))
    goods.record(receive(goods.shelf(NEXT), 3, on(6), units=lots(L1=3)))
    assert goods.stock(NEXT).lots["L1"].held == 3
    goods.record(release(goods.shelf(), "h", None, on(7)))
    assert goods.stock().holds["recalled:L1"].quantity == 5
    assert release(goods.shelf(), "recalled:L1", None, on(8)) == HoldOfItsLot(
        hold_id="recalled:L1", kind="recalled"
    )


def test_the_end_of_a_recall_lets_go_but_what_has_expired() -> None:
    goods = milk(("L1", 5, None))
    goods.record(recalled(goods))
    events = goods.record(ended(goods))
    assert [type(event) for event in events][:2] == [RecallEnded, HoldReleased]
    assert goods.stock().available == 5
    old = milk(("L1", 5, date(2026, 3, 9)))
    old.record(recalled(old))
    old.record(ended(old))
    assert old.stock().holds.keys() == {"expired:L1"}


def test_a_lot_has_one_recall_at_a_time() -> None:
    goods = milk(("L1", 5, None))
    assert ended(goods) == RecallNotOpen(sku=SKU, lot="L1", recall_id="R1")
    assert ended(goods, RecallEnded(sku=SKU, lot="X", recall_id="R1")) == UnknownLot(
        sku=SKU, lot="X"
    )
    goods.record(recalled(goods))
    assert recalled(goods) == LotRecalledAlready(sku=SKU, lot="L1", recall_id="R1")
    assert recall(None, RECALL, {}, on()) == UnknownLot(sku=SKU, lot="L1")
    assert stock_streams(goods.lot("L1")) == (stock_stream(SKU, PLACE),)


def test_damaged_units_that_leave_are_not_those_of_a_hold() -> None:
    here = shelf(received(5), returned(1, "damaged"), quality(2, "h"))
    refused = adjust(here, -2, "bin", occasion(), condition="damaged")
    assert refused == InsufficientStock(sku=SKU, location=PLACE, requested=2, available=1, held=1)
    assert not isinstance(adjust(here, -1, "bin", occasion(), condition="damaged"), Refusal)


def test_a_hold_and_its_end_need_what_the_policy_asks_for() -> None:
    here = shelf(received(5), quality(3, "h"))
    rules = GroundRules(reason_codes=("smell",), approval_units=2)
    asked = {"sku": SKU, "location": PLACE}
    assert hold(here, quality(1, "n"), occasion(), rules=rules) == UnknownReasonCode(
        **asked, reason_code="", allowed=("smell",)
    )
    smell = {"reason_code": "smell", "document": "QC 7"}
    assert hold(here, quality(2, "n", **smell), occasion(), rules=rules) == ApprovalNeeded(
        **asked, units=2, approval_units=2
    )
    assert release(here, "h", None, occasion(), rules=rules) == ApprovalNeeded(
        **asked, units=3, approval_units=2
    )
    proposed = quality(1, "n", **smell)
    assert happened(hold(here, proposed, occasion(), rules=rules)) == [proposed]
    agreed = Grounds(approved_by="ann")
    (released,) = happened(release(here, "h", None, occasion(), grounds=agreed, rules=rules))
    assert isinstance(released, HoldReleased)
    assert released.approved_by == "ann"


def test_units_of_a_recalled_lot_that_a_count_sets_right_are_held_too() -> None:
    """The count does not name the lot, of which more had gone by then than ever came."""
    goods = milk(("L1", 1, None))
    goods.record(receive(goods.shelf(NEXT), 1, on(8), units=lots(L2=1)))
    goods.record(recalled(goods, 9))
    goods.record(adjust(goods.shelf(NEXT), -1, "lost", on(4), units=lots(L1=1)))
    goods.record(count(goods.shelf(NEXT), "c", 0, on(5)))
    assert (goods.on_hand(NEXT)["L1"], goods.stock(NEXT).lots["L1"].sendable) == (1, 0)
