"""What is registered once, described often and charged once."""

from dataclasses import replace

import pytest

from domain.charge import Charge, record
from domain.charge import evolve as evolve_charge
from domain.events import ChargeRecorded, ItemDescribed, ItemDiscontinued, LocationNested
from domain.item import Item, describe, discontinue, register
from domain.item import evolve as evolve_item
from domain.location import evolve as evolve_location
from domain.location import register as register_location
from domain.order import Order
from domain.refusals import (
    ChargeExists,
    ItemDiscontinuedAlready,
    ItemExists,
    LocationExists,
    UnknownItem,
    UnknownLocation,
    UnknownOrder,
)
from tests.builders import (
    PLACE,
    SKU,
    happened,
    item,
    item_registered,
    location_registered,
    minute,
    occasion,
)

ENDED = item(discontinued_at=minute(3))
LIT = ItemDescribed(
    sku=SKU, name="Lamp", gtin="4006381333931", reorder_point=5, attributes={"volt": "230"}
)
POSTAGE = ChargeRecorded(
    charge_id="c", code="POST", quantity=1, unit_price_micros=18_000_000, currency="GBP"
)


def test_an_item_is_registered_once() -> None:
    assert happened(register(None, item_registered(), occasion())) == [item_registered()]
    assert register(item(), item_registered(), occasion()) == ItemExists(sku=SKU)


def test_describing_keeps_what_is_not_named() -> None:
    known = evolve_item(item(), LIT, minute(0))
    decided = describe(known, SKU, {"name": "Desk lamp", "gtin": None}, occasion())
    assert happened(decided) == [replace(LIT, name="Desk lamp", gtin=None)]


def test_a_described_item_is_the_description_and_stays_discontinued() -> None:
    described = evolve_item(ENDED, LIT, minute(9))
    assert described == Item(
        sku=SKU,
        name="Lamp",
        gtin="4006381333931",
        reorder_point=5,
        attributes={"volt": "230"},
        discontinued_at=minute(3),
    )


def test_an_item_ends_once_and_takes_its_backorder_along() -> None:
    known = item(backorder_limit=5)
    (ended,) = happened(discontinue(known, SKU, "out of fashion", occasion(3)))
    assert ended == ItemDiscontinued(sku=SKU, reason="out of fashion")
    after = evolve_item(known, ended, minute(3))
    assert after is not None
    assert (known.status, known.promise_limit) == ("active", 5)
    assert (after.status, after.promise_limit) == ("discontinued", 0)
    assert discontinue(after, SKU, "", occasion(4)) == ItemDiscontinuedAlready(
        sku=SKU, discontinued_at=minute(3)
    )


def test_what_was_never_registered_is_neither_described_nor_discontinued() -> None:
    assert describe(None, SKU, {"name": "Lamp"}, occasion()) == UnknownItem(sku=SKU)
    assert discontinue(None, SKU, "", occasion()) == UnknownItem(sku=SKU)
    assert evolve_item(None, ItemDiscontinued(sku=SKU), minute(0)) is None


def test_a_location_is_registered_once() -> None:
    decided = register_location(None, location_registered(), occasion())
    assert happened(decided) == [location_registered()]
    known = evolve_location(None, location_registered(), minute(0))
    assert register_location(known, location_registered(), occasion()) == LocationExists(
        location=PLACE
    )


def test_a_bin_is_registered_as_a_part_of_a_location() -> None:
    hall = evolve_location(None, location_registered(), minute(0))
    proposed = location_registered("WH/01")
    nested = LocationNested(location="WH/01", parent=PLACE)
    decided = register_location(None, proposed, occasion(), parent_id=PLACE, parent=hall)
    assert happened(decided) == [proposed, nested]
    known = evolve_location(None, proposed, minute(0))
    after = evolve_location(known, nested, minute(0))
    assert after is not None
    assert after.parent == PLACE


def test_a_bin_of_nowhere_is_refused() -> None:
    decided = register_location(None, location_registered("B"), occasion(), parent_id="nowhere")
    assert decided == UnknownLocation(location="nowhere")


@pytest.mark.parametrize("order", [None, Order(order_id="o", status="shipped", lines=())])
def test_a_charge_is_recorded_once_and_for_a_known_order_only(order: Order | None) -> None:
    assert happened(record(None, POSTAGE, order, occasion())) == [POSTAGE]
    known = evolve_charge(None, POSTAGE, minute(0))
    of_order = replace(POSTAGE, order_id="o")
    assert record(known, of_order, None, occasion()) == ChargeExists(charge_id="c")
    decided = record(None, of_order, order, occasion())
    if order is None:
        assert decided == UnknownOrder(order_id="o")
    else:
        assert happened(decided) == [of_order]
    assert known == Charge(charge_id="c")
