"""Lots and serials are bought, travel and are put away by name."""

from dataclasses import replace
from datetime import date

import pytest

from domain.events import LineLot, ReceivedLine, SerialLeft, SerialPlaced, Tracking
from domain.named_units import LotQuantity, NamedUnits
from domain.purchase_arrivals import DeliveredLine
from domain.refusals_lots import LotsDoNotAddUp, LotShort, LotsMissing, LotsNotTaken, SerialInPlace
from domain.refusals_transfers import LotNotSent
from domain.serial import Serial
from domain.streams import serial_stream
from tests.supply import BIN, HALL, SHOP, SKUS, TR, Supply, ordered, some, wanted
from tests.tracked_goods import lots, serials

A, B = SKUS
SPRING, SUMMER = date(2026, 4, 1), date(2026, 7, 1)


def tracked(tracking: Tracking) -> Supply:
    supply = Supply()
    supply.items[A] = replace(supply.items[A], tracking=tracking)
    return supply


@pytest.fixture
def dairy() -> Supply:
    """Five of lot L1, which expires first, and five of L2 in the hall."""
    supply = tracked("lot")
    for lot, expires_on in (("L2", SUMMER), ("L1", SPRING)):
        named = NamedUnits(lots=(LotQuantity(lot=lot, quantity=5, expires_on=expires_on),))
        supply.stock_up(A, HALL, 5, named)
    supply.record(supply.plan(wanted(1, 8)))
    return supply


@pytest.fixture
def phones() -> Supply:
    supply = tracked("serial")
    supply.stock_up(A, HALL, 3, serials("S1", "S2", "S3"))
    supply.record(supply.plan(wanted(1, 2)))
    return supply


def place_of(supply: Supply, serial: str) -> str | None:
    state = supply.states[serial_stream(A, serial)]
    assert isinstance(state, Serial)
    return state.location


def test_a_delivery_names_the_lots_of_what_was_taken() -> None:
    supply = tracked("lot")
    supply.record(supply.place(ordered(1, 9)))
    supply.record(supply.approve())
    units = NamedUnits(lots=(LotQuantity(lot="L1", quantity=4, expires_on=SPRING),))
    delivered = DeliveredLine(line=1, accepted=4, rejected=1, reason="wet", units=units)
    event = supply.record(supply.receive("d1", delivered))[0]
    lot = LineLot(lot="L1", quantity=4, expires_on=SPRING)
    assert getattr(event, "lines", None) == (
        ReceivedLine(line=1, accepted=4, rejected=1, reason="wet", lots=(lot,)),
    )
    assert supply.lots_at(A, HALL) == {"L1": 4}
    assert supply.receive("d2", DeliveredLine(line=1, accepted=2)) == LotsMissing(
        sku=A, location=HALL, tracking="lot", quantity=2, line=1
    )


def test_lots_of_an_item_that_is_not_tracked_are_refused() -> None:
    supply = Supply()
    supply.record(supply.place(ordered(1, 9)))
    supply.record(supply.approve())
    delivered = DeliveredLine(line=1, accepted=2, units=lots(L1=2))
    assert supply.receive("d1", delivered) == LotsNotTaken(sku=A, tracking="none", line=1)


def test_the_lots_that_were_sent_are_those_that_arrive(dairy: Supply) -> None:
    dairy.record(dairy.dispatch())
    (line,) = dairy.sent().lines
    assert [(each.lot, each.quantity) for each in line.lots] == [("L1", 5), ("L2", 3)]
    assert dairy.lots_at(A, HALL) == {"L2": 2}
    dairy.record(dairy.arrive("r1", some(1, 6)))
    assert dairy.lots_at(A, SHOP) == {"L1": 5, "L2": 1}
    shop = dairy.stock(A, SHOP)
    assert [lot.expires_on for lot in shop.lots.values()] == [SPRING, SUMMER]
    assert [(each.lot, each.quantity) for each in dairy.sent().lines[0].lots] == [("L2", 2)]


def test_named_lots_are_sent_and_arrive_in_any_order(dairy: Supply) -> None:
    dairy.record(dairy.dispatch(some(1, 4, lots(L2=3, L1=1))))
    dairy.record(dairy.arrive("r1", some(1, 3, lots(L2=3))))
    assert (dairy.lots_at(A, SHOP), dairy.stock(A, SHOP).in_transit) == ({"L2": 3}, 1)


def test_more_of_a_lot_than_was_sent_is_over_lot_by_lot(dairy: Supply) -> None:
    dairy.record(dairy.dispatch(some(1, 4, lots(L2=3, L1=1))))
    dairy.record(dairy.arrive("r1", some(1, 4, lots(L2=4))))
    (line,) = dairy.sent().lines
    assert (line.arrived, line.in_transit) == (4, 1)
    assert [(each.lot, each.quantity) for each in line.lots] == [("L1", 1)]
    assert dairy.stock(A, SHOP).in_transit == 1


def test_a_lot_that_is_not_in_transit_cannot_arrive(dairy: Supply) -> None:
    dairy.record(dairy.dispatch(some(1, 2, lots(L2=2))))
    assert dairy.arrive("r1", some(1, 2, lots(L1=1, L2=1))) == LotNotSent(
        transfer_id=TR, line=1, sku=A, lot="L1"
    )
    assert dairy.arrive("r1", some(1, 2, lots(L2=1))) == LotsDoNotAddUp(
        sku=A, location=SHOP, quantity=2, named=1, line=1
    )
    assert isinstance(dairy.arrive("r1", some(1, 5)), LotsMissing)


def test_more_of_a_lot_than_there_is_cannot_be_sent(dairy: Supply) -> None:
    refused = dairy.dispatch(some(1, 6, lots(L1=6)))
    assert isinstance(refused, LotShort)
    assert (refused.line, refused.lot, refused.available) == (1, "L1", 5)


def test_a_cancelled_transfer_puts_the_same_lots_back(dairy: Supply) -> None:
    dairy.record(dairy.dispatch())
    dairy.record(dairy.cancel_transfer())
    assert dairy.lots_at(A, HALL) == {"L1": 5, "L2": 5}
    assert dairy.sent().lines[0].lots == ()


def test_the_rest_that_returns_is_the_lots_that_did_not_arrive(dairy: Supply) -> None:
    dairy.record(dairy.dispatch())
    dairy.record(dairy.arrive("r1", some(1, 5, lots(L1=4, L2=1))))
    dairy.record(dairy.close_transfer("returned"))
    assert (dairy.lots_at(A, HALL), dairy.lots_at(A, SHOP)) == (
        {"L1": 1, "L2": 4},
        {"L1": 4, "L2": 1},
    )


def test_a_serial_in_transit_is_in_no_place_and_then_in_one(phones: Supply) -> None:
    events = phones.record(phones.dispatch(some(1, 2, serials("S1", "S3"))))
    assert [e.serial for e in events if isinstance(e, SerialLeft)] == ["S1", "S3"]
    assert [place_of(phones, each) for each in ("S1", "S2", "S3")] == [None, HALL, None]
    events = phones.record(phones.arrive("r1", some(1, 1, serials("S3"))))
    assert [e.serial for e in events if isinstance(e, SerialPlaced)] == ["S3"]
    phones.record(phones.close_transfer("returned"))
    assert [place_of(phones, each) for each in ("S1", "S2", "S3")] == [HALL, HALL, SHOP]


def test_the_same_serial_twice_is_bought_once() -> None:
    supply = tracked("serial")
    supply.record(supply.place(ordered(1, 2)))
    supply.record(supply.approve())
    supply.record(supply.receive("d1", DeliveredLine(line=1, accepted=1, units=serials("S1"))))
    again = supply.receive("d2", DeliveredLine(line=1, accepted=1, units=serials("S1")))
    assert isinstance(again, SerialInPlace)
    assert supply.stock(A, HALL).on_hand == 1


def test_a_put_away_takes_the_lots_along(dairy: Supply) -> None:
    dairy.record(dairy.move(A, HALL, BIN, 6))
    assert (dairy.lots_at(A, BIN), dairy.lots_at(A, HALL)) == ({"L1": 5, "L2": 1}, {"L2": 4})
    dairy.record(dairy.move(A, HALL, BIN, 2, lots(L2=2)))
    assert dairy.lots_at(A, BIN) == {"L1": 5, "L2": 3}
    refused = dairy.move(A, HALL, BIN, 1, lots(L1=1))
    assert isinstance(refused, LotShort)
    assert refused.also == ()


def test_a_put_away_takes_serials_along(phones: Supply) -> None:
    phones.record(phones.move(A, HALL, BIN, 1, serials("S2")))
    assert [place_of(phones, each) for each in ("S1", "S2", "S3")] == [HALL, BIN, HALL]
