"""A lot is registered once and known wherever it went; a serial is in one place at a time."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from domain.drafts import Drafts
from domain.events import (
    LotLocated,
    LotRegistered,
    SerialLeft,
    SerialPlaced,
    StockMovedIn,
    StockMovedOut,
    StockTraced,
)
from domain.lot import register
from domain.named_units import UNNAMED, LotQuantity, NamedUnits
from domain.promises import ship
from domain.refusals import UnknownItem
from domain.refusals_lots import LotExists, LotExpiryDiffers, LotsNotTaken, SerialInPlace
from domain.stock_facts import accept_return, adjust, count, receive
from domain.streams import stock_stream
from tests.builders import PLACE, SKU
from tests.tracked_goods import Goods, lots, milk, on, phones, serials

NEXT = "SHOP"


def moved(goods: Goods, units: int, named: NamedUnits = UNNAMED) -> Drafts:
    """Units go from the one place to the other in one command."""
    drafts = Drafts(goods.shelves(PLACE, NEXT), on(5))
    out = drafts.of(stock_stream(SKU, PLACE))
    out.move(
        StockMovedOut(sku=SKU, location=PLACE, quantity=units, move_id="m", destination=NEXT),
        units=named,
    )
    drafts.of(stock_stream(SKU, NEXT)).move(
        StockMovedIn(sku=SKU, location=NEXT, quantity=units, move_id="m", origin=PLACE),
        units=out.units,
    )
    return drafts


def test_the_first_receipt_registers_a_lot_and_each_location_is_told_once() -> None:
    goods = milk(("L1", 5, date(2026, 4, 1)))
    assert goods.lot("L1").expires_on == date(2026, 4, 1)
    assert goods.lot("L1").locations == (PLACE,)
    again = goods.record(receive(goods.shelf(), 2, on(1), units=lots(L1=2)))
    assert not any(isinstance(event, LotRegistered | LotLocated) for event in again)
    assert goods.stock().lots["L1"].expires_on == date(2026, 4, 1)
    elsewhere = goods.record(receive(goods.shelf(NEXT), 2, on(2), units=lots(L1=2)))
    assert elsewhere[0] == LotLocated(sku=SKU, lot="L1", location=NEXT)
    assert goods.lot("L1").locations == (PLACE, NEXT)


def test_a_lot_expires_on_one_day() -> None:
    goods = milk(("L1", 5, date(2026, 4, 1)))
    named = NamedUnits(lots=(LotQuantity(lot="L1", quantity=1, expires_on=date(2026, 4, 2)),))
    assert receive(goods.shelf(), 1, on(1), units=named) == LotExpiryDiffers(
        sku=SKU, lot="L1", expires_on=date(2026, 4, 1), given=date(2026, 4, 2)
    )


def test_a_shelf_life_tells_the_day_of_a_lot_and_of_a_serial_that_come_without_one() -> None:
    for goods, named in ((milk(), lots(L1=1)), (phones(), serials("L1"))):
        goods.item = replace(goods.item, shelf_life_days=10)
        goods.record(receive(goods.shelf(), 1, on(), units=named))
        assert goods.stock().lots["L1"].expires_on == date(2026, 1, 11)
        goods.record(moved(goods, 1).facts())
        assert goods.stock(NEXT).lots["L1"].expires_on == date(2026, 1, 11)


def test_a_lot_is_registered_once_of_an_item_that_is_tracked_by_lot() -> None:
    goods = milk()
    proposed = LotRegistered(sku=SKU, lot="L1", expires_on=date(2026, 4, 1))
    goods.record(register(None, goods.item, proposed, on()))
    goods.record(receive(goods.shelf(), 2, on(1), units=lots(L1=2)))
    assert goods.stock().lots["L1"].expires_on == date(2026, 4, 1)
    assert register(goods.lot("L1"), goods.item, proposed, on()) == LotExists(sku=SKU, lot="L1")
    assert register(None, None, proposed, on()) == UnknownItem(sku=SKU)
    serial = replace(goods.item, tracking="serial")
    assert register(None, serial, proposed, on()) == LotsNotTaken(sku=SKU, tracking="serial")


def test_a_serial_says_where_it_is_and_what_it_left_for() -> None:
    goods = phones("S1", "S2")
    received, trace, *placed = goods.record(receive(goods.shelf(), 1, on(1), units=serials("S3")))
    assert placed == [
        SerialPlaced(
            sku=SKU, serial="S3", location=PLACE, cause="received", cause_event_id=str(UUID(int=1))
        )
    ]
    *_, left = goods.record(ship(goods.shelf(), 1, on(2)))
    assert left == SerialLeft(
        sku=SKU, serial="S1", location=PLACE, cause="shipped", cause_event_id=str(UUID(int=1))
    )
    assert received != trace


def test_a_serial_that_was_sent_may_come_back_to_another_place() -> None:
    goods = phones("S1")
    goods.record(ship(goods.shelf(), 1, on(1)))
    goods.record(accept_return(goods.shelf(NEXT), 1, on(2), units=serials("S1")))
    assert goods.on_hand(NEXT) == {"S1": 1}


def test_a_serial_moves_in_one_command() -> None:
    goods = phones("S1", "S2")
    events = goods.record(moved(goods, 1, serials("S2")).facts())
    told = [type(event) for event in events]
    assert told == [
        StockMovedOut, StockTraced, StockMovedIn, StockTraced, SerialLeft, SerialPlaced,
    ]  # fmt: skip
    assert (goods.on_hand(), goods.on_hand(NEXT)) == ({"S1": 1}, {"S2": 1})


def test_two_stocks_of_one_command_cannot_both_get_a_serial() -> None:
    goods = phones()
    drafts = Drafts(goods.shelves(PLACE, NEXT), on())
    for place in (PLACE, NEXT):
        drafts.of(stock_stream(SKU, place)).move(
            StockMovedIn(sku=SKU, location=place, quantity=1, move_id="m", origin="X"),
            units=serials("S1"),
        )
    assert drafts.facts() == SerialInPlace(sku=SKU, serial="S1", location=PLACE)


def test_a_count_moves_only_the_serials_it_found_otherwise() -> None:
    goods = phones("S1", "S2")
    events = goods.record(count(goods.shelf(), "c", 2, on(1), units=serials("S2", "S3")))
    of_serials = [event for event in events if isinstance(event, SerialPlaced | SerialLeft)]
    assert [(type(event), event.serial) for event in of_serials] == [
        (SerialLeft, "S1"),
        (SerialPlaced, "S3"),
    ]


def test_a_late_receipt_of_a_serial_that_a_count_found_moves_no_serial() -> None:
    goods = phones("S1")
    goods.record(count(goods.shelf(), "c", 2, on(10), units=serials("S1", "S2")))
    events = goods.record(receive(goods.shelf(), 1, on(3), units=serials("S2")))
    assert not any(isinstance(event, SerialPlaced | SerialLeft) for event in events)
    assert goods.on_hand() == {"S1": 1, "S2": 1}


def test_a_lot_moves_with_the_day_it_expires_on() -> None:
    goods = milk(("L1", 5, date(2026, 4, 1)))
    goods.record(moved(goods, 2).facts())
    assert goods.stock(NEXT).lots["L1"].expires_on == date(2026, 4, 1)
    assert goods.lot("L1").locations == (PLACE, NEXT)


def test_a_count_registers_no_lot_that_it_does_not_name() -> None:
    """A lot of which more went than ever came is set right by it, and was still never here."""
    goods = milk(("L1", 1, None))
    goods.record(count(goods.shelf(), "later", 0, on(9)))
    goods.record(adjust(goods.shelf(), -1, "lost", on(4), units=lots(L3=1)))
    goods.record(count(goods.shelf(), "c", 0, on(5)))
    assert goods.lots(SKU, ["L3"]) == {"L3": None}
