"""Units of measure: exact or refused, with the remedy."""

from dataclasses import replace

import pytest

from domain import item as items
from domain.events import UnitDefined
from domain.item import Ratio
from domain.refusals import Refusal, UnknownItem
from domain.refusals_units import NotWholeUnits, TooManyUnits, UnitIsOwn, UnknownUnit
from domain.units import define, in_own, in_unit
from domain.values import QUANTITY_MAX
from tests.builders import SKU, happened, item, occasion

LAMP = replace(
    item(),
    units={
        "case": Ratio(numerator=12, denominator=1),
        "slice": Ratio(numerator=1, denominator=8),
        "lot": Ratio(numerator=3, denominator=2),
    },
)


def case(numerator: int, denominator: int = 1, unit: str = "case") -> UnitDefined:
    return UnitDefined(sku=SKU, unit=unit, numerator=numerator, denominator=denominator)


def test_a_unit_is_defined_in_lowest_terms() -> None:
    assert happened(define(item(), case(24, 16), occasion())) == [case(3, 2)]


def test_a_unit_is_not_defined_of_an_unknown_item_nor_by_the_name_of_its_own() -> None:
    assert define(None, case(12), occasion()) == UnknownItem(sku=SKU)
    refused = define(item(), case(12, unit="each"), occasion())
    assert refused == UnitIsOwn(sku=SKU, unit="each")


def test_a_defined_unit_does_not_become_the_item_s_own() -> None:
    refused = items.describe(LAMP, SKU, {"unit": "case"}, occasion())
    assert refused == UnitIsOwn(sku=SKU, unit="case")


@pytest.mark.parametrize(
    ("quantity", "unit", "units"),
    [
        (5, None, 5),
        (5, "each", 5),
        (5, "case", 60),
        (-2, "case", -24),
        (16, "slice", 2),
        (4, "lot", 6),
    ],
)
def test_a_quantity_is_converted_exactly(quantity: int, unit: str | None, units: int) -> None:
    assert in_own(LAMP, SKU, quantity, unit) == units


def test_what_does_not_come_out_whole_is_refused_with_the_multiple_that_does() -> None:
    assert in_own(LAMP, SKU, 12, "slice") == NotWholeUnits(
        sku=SKU, unit="slice", quantity=12, own_unit="each", multiple=8
    )
    refused = in_own(LAMP, SKU, 3, "lot")
    assert isinstance(refused, NotWholeUnits)
    assert refused.multiple == 2
    assert refused.sentence() == (
        "3 lot of A-1 is no whole number of each: use a multiple of 2, or another unit."
    )


def test_a_unit_nobody_defined_is_refused_with_those_there_are() -> None:
    assert in_own(LAMP, SKU, 1, "box") == UnknownUnit(
        sku=SKU, unit="box", known=("case", "slice", "lot")
    )
    assert in_own(None, SKU, 1, "box") == UnknownItem(sku=SKU)


def test_more_than_a_fact_can_hold_is_refused_not_cut() -> None:
    refused = in_own(LAMP, SKU, QUANTITY_MAX, "case")
    assert isinstance(refused, TooManyUnits)
    assert refused.units == 12 * QUANTITY_MAX


def test_units_are_told_in_another_unit_only_when_whole() -> None:
    assert in_unit(LAMP, 24, "case") == 2
    assert in_unit(LAMP, 25, "case") is None
    assert in_unit(LAMP, 2, "slice") == 16
    assert in_unit(LAMP, 2, "box") is None


def test_a_unit_of_nothing_else_reads_no_item() -> None:
    assert not isinstance(in_own(None, SKU, 5, None), Refusal)
