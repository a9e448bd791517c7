"""Rules of what is expected to differ: how they are written, and what they cover."""

from __future__ import annotations

import pytest

from domain.events import StockReturned
from replay.diff.expectations import RULES_MAX, Expectation, ExpectationError, parse_all

FACT = StockReturned(sku="A 1", location="WH", quantity=2, to="damaged", reason="wet box")
CELL = {
    "projection": "stock_levels",
    "tenant": "acme",
    "ledger": "acme/main",
    "field": "held",
    "type": "stock.returned.v1",
}


@pytest.mark.parametrize(
    ("text", "covers"),
    [
        ("type=stock.returned.v1 field=held to=damaged", True),
        ("type=stock.returned.v1 field=on_hand", False),
        ("field=on_hand field=held", True),
        ("sku='A 1' reason=\"wet box\"", True),
        ("quantity=2 tenant=acme projection=stock_levels", True),
        ("quantity=3", False),
        ("order_id=x", False),
        ("nothing=held", False),
        ("ledger=acme/other", False),
    ],
)
def test_all_words_of_a_rule_must_hold(text: str, *, covers: bool) -> None:
    assert Expectation.parse(text).covers(CELL, FACT) == covers


def test_a_column_of_what_was_moved_goes_by_the_quantity_s_name_as_well() -> None:
    cell = {**CELL, "field": "held_delta"}
    assert Expectation.parse("field=held").covers(cell, FACT)
    assert Expectation.parse("field=held_delta").covers(cell, FACT)
    assert not Expectation.parse("field=on_hand").covers(cell, FACT)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "would expect everything"),
        ("damaged", "no name=value"),
        ("=held", "no name=value"),
        ("to='damaged", "No closing quotation"),
    ],
)
def test_a_rule_that_cannot_be_read_says_how_to_write_it(text: str, why: str) -> None:
    with pytest.raises(ExpectationError, match=why) as raised:
        parse_all(["to=stock", text])
    assert "type=stock.returned.v1 field=held to=damaged" in str(raised.value)


def test_rules_are_bounded() -> None:
    with pytest.raises(ExpectationError, match="no more than"):
        parse_all(["to=stock"] * (RULES_MAX + 1))
