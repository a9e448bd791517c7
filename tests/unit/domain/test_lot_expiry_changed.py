"""A lot's last good day is put right: what its units are held for follows."""

from datetime import date

import pytest

from domain.events import LotExpiryChanged, StockTraced, TracedUnits
from domain.holds import expire_lot, hold
from domain.lot import Lot
from domain.lot_expiry import change
from domain.named_units import LotQuantity, NamedUnits
from domain.recalls import stock_streams
from domain.refusals import Refusal
from domain.refusals_lots import LotExpiryDiffers, LotExpiryUnchanged, UnknownLot
from domain.stock_facts import receive
from domain.streams import sku_and_location
from domain.values import Facts
from tests.builders import SKU
from tests.tracked_goods import NOON, Goods, held, lots, milk, on

OLD, NEW = date(2026, 3, 9), date(2026, 5, 1)
NEXT = "SHOP"


def redated(goods: Goods, expires_on: date = NEW) -> Facts | Refusal:
    lot = goods.lot("L1")
    places = [sku_and_location(stream)[1] for stream in stock_streams(lot)]
    proposed = LotExpiryChanged(sku=SKU, lot="L1", expires_on=expires_on, reason="misread")
    return change(lot, proposed, goods.shelves(*places), on(20, now=NOON))


def test_every_place_is_told_of_the_new_day_in_the_same_command() -> None:
    goods = milk(("L1", 5, OLD))
    goods.record(receive(goods.shelf(NEXT), 3, on(6), units=lots(L1=3)))
    facts = redated(goods)
    assert not isinstance(facts, Refusal)
    traces = [fact.event for fact in facts if isinstance(fact.event, StockTraced)]
    assert [trace.units for trace in traces] == [(TracedUnits(lot="L1", expires_on=NEW),)] * 2
    assert {trace.cause_event_id for trace in traces} == {str(facts[0].event_id)}
    goods.record(facts)
    assert goods.stock().lots["L1"].expires_on == goods.stock(NEXT).lots["L1"].expires_on == NEW
    assert goods.lot("L1").expires_on == NEW


def test_what_was_held_as_expired_is_let_go_and_other_holds_stay() -> None:
    goods = milk(("L1", 5, OLD))
    goods.record(hold(goods.shelf(), held(2, "L1", "h"), on(1)))
    goods.record(expire_lot(goods.shelf(), "L1", on(2, now=NOON)))
    assert goods.stock().available == 0
    goods.record(redated(goods))
    assert goods.stock().holds.keys() == {"h"}
    assert goods.stock().available == 3


def test_what_has_expired_by_the_new_day_is_held() -> None:
    goods = milk(("L1", 5, NEW))
    goods.record(redated(goods, OLD))
    assert goods.stock().holds["expired:L1"].quantity == 5
    goods.record(redated(goods, NEW))
    assert goods.stock().available == 5


@pytest.mark.parametrize("told", [OLD, NEW])
def test_what_speaks_of_a_former_day_means_the_lot_all_the_same(told: date) -> None:
    goods = milk(("L1", 5, OLD))
    goods.record(redated(goods))
    units = NamedUnits(lots=(LotQuantity(lot="L1", quantity=1, expires_on=told),))
    goods.record(receive(goods.shelf(), 1, on(21), units=units))
    assert goods.stock().lots["L1"].expires_on == NEW
    wrong = NamedUnits(lots=(LotQuantity(lot="L1", quantity=1, expires_on=date(2027, 1, 1)),))
    assert isinstance(receive(goods.shelf(), 1, on(22), units=wrong), LotExpiryDiffers)


def test_a_lot_nobody_knows_or_a_day_it_has_already_is_refused() -> None:
    goods = milk(("L1", 5, NEW))
    assert redated(goods) == LotExpiryUnchanged(sku=SKU, lot="L1", expires_on=NEW)
    proposed = LotExpiryChanged(sku=SKU, lot="X", expires_on=NEW, reason="misread")
    assert change(None, proposed, {}, on()) == UnknownLot(sku=SKU, lot="X")
    assert Lot(sku=SKU, lot="L1").formerly == ()
