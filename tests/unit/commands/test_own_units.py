"""Every quantity of a command may be told in another unit, and becomes whole own units or none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter

from commands.folds import Folded
from commands.handlers import HANDLERS
from commands.memory import ShardMemory
from commands.messages import COMMAND, COMMAND_TYPES
from commands.own_units import QUANTITIES, in_own_units
from commands.view import CommandView, StreamNotLoadedError
from domain.events import OrderLine, OrderPlaced
from domain.item import Ratio
from domain.order import evolve
from domain.refusals import Refusal, UnknownItem
from domain.refusals_units import NotWholeUnits, UnknownUnit
from domain.streams import item_stream, order_stream
from domain.values import Occasion
from tests.builders import START, ids, item

LEDGER = "acme/main"
OCCASION = Occasion(occurred_at=START, now=START, new_id=ids())
CASES = MappingProxyType(
    {"case": Ratio(numerator=12, denominator=1), "gram": Ratio(numerator=1, denominator=5)}
)
# Their quantities are own units or money by their nature.
IN_OWN_UNITS = {"LotUnits", "RecordCharge", "SetPolicy"}


def view_of(**states: Any) -> CommandView:
    memory = ShardMemory(known_position=0)
    for stream, state in states.items():
        memory.put((LEDGER, stream), Folded(1, state, 0))
    return CommandView(LEDGER, memory)


def known(*skus: str) -> dict[str, Any]:
    return {item_stream(sku): replace(item(sku), units=dict(CASES)) for sku in skus}


@in_own_units
def own(command: Any, view: CommandView, occasion: Occasion) -> Any:
    """The command as a decision sees it."""
    del view, occasion
    return command


def converted(view: CommandView, **fields: Any) -> Any:
    return own(COMMAND.validate_python({"key": "k", **fields}), view, OCCASION)


def models(hint: Any) -> Iterator[type[BaseModel]]:
    """A message, and those its fields are made of."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        yield hint
        for field in hint.model_fields.values():
            yield from models(field.annotation)
    for part in get_args(hint):
        yield from models(part)


@pytest.mark.parametrize("name", COMMAND_TYPES)
def test_whatever_has_a_quantity_has_a_unit_and_is_decided_in_own_units(name: str) -> None:
    message = COMMAND_TYPES[name]
    counted = [
        model
        for model in models(message)
        if model.__name__ not in IN_OWN_UNITS and set(QUANTITIES) & model.model_fields.keys()
    ]
    assert [model.__name__ for model in counted if "unit" not in model.model_fields] == []
    if counted and name != "compose_kit":
        assert hasattr(HANDLERS[message].decide, "__wrapped__"), "@in_own_units"


def test_a_quantity_in_another_unit_is_that_many_of_the_item_s_own() -> None:
    moved = converted(
        view_of(**known("A")),
        type="move_stock",
        sku="A",
        origin="dock",
        destination="bin",
        move_id="m",
        quantity=2,
        unit="case",
    )
    assert (moved.quantity, moved.unit) == (24, None)


def test_a_command_in_own_units_reads_no_item_and_stays_as_it_is() -> None:
    command = COMMAND.validate_python(
        {"type": "release_hold", "key": "k", "sku": "A", "location": "X", "hold_id": "h"}
    )
    assert own(command, view_of(), OCCASION) is command


def test_every_line_that_does_not_come_out_whole_is_named() -> None:
    lines = [
        {"line": 1, "sku": "A", "location": "X", "quantity": 10, "unit": "gram"},
        {"line": 2, "sku": "A", "location": "X", "quantity": 7, "unit": "gram"},
        {"line": 3, "sku": "B", "location": "X", "quantity": 7},
        {"line": 4, "sku": "A", "location": "X", "quantity": 7, "unit": "barrel"},
    ]
    cart = {"type": "reserve_cart", "reservation_id": "c", "expires_at": START + timedelta(1)}
    refused = converted(view_of(**known("A")), **cart, lines=lines)
    assert isinstance(refused, NotWholeUnits)
    assert (refused.line, refused.multiple) == (2, 5)
    assert [type(each) for each in refused.also] == [UnknownUnit]
    reserved = converted(view_of(**known("A")), **cart, lines=[lines[0], lines[2]])
    assert [line.quantity for line in reserved.lines] == [2, 7]


def test_lines_that_name_no_item_are_of_what_their_order_says() -> None:
    placed = OrderPlaced(
        order_id="o",
        lines=tuple(OrderLine(line=n, sku=sku, quantity=99) for n, sku in ((1, "A"), (2, "B"))),
    )
    states = {order_stream("o"): evolve(None, placed, START), **known("A")}
    back = {"type": "request_return", "order_id": "o", "return_id": "r"}
    lines = [
        {"line": 1, "quantity": 3, "unit": "case"},
        {"line": 2, "quantity": 3},
        {"line": 7, "quantity": 3, "unit": "case"},
    ]
    asked = converted(view_of(**states), **back, lines=lines)
    assert [(line.quantity, line.unit) for line in asked.lines] == [
        (36, None),
        (3, None),
        (3, "case"),
    ], "the order itself refuses a line it does not have"


def test_all_items_that_must_be_read_are_named_at_once() -> None:
    lines = [{"line": n, "sku": f"S{n}", "quantity": 1, "unit": "case"} for n in range(1, 30)]
    transfer = {"type": "place_transfer", "transfer_id": "t", "origin": "X", "destination": "Y"}
    with pytest.raises(StreamNotLoadedError) as caught:
        converted(view_of(), **transfer, lines=lines)
    assert len(caught.value.keys) == 29
    nobody = converted(view_of(**{item_stream("S1"): None}), **transfer, lines=lines[:1])
    assert nobody == UnknownItem(sku="S1", line=1)
    assert isinstance(nobody, Refusal)


def test_what_was_taken_and_what_was_not_of_a_delivery_are_of_one_unit() -> None:
    line = {"line": 1, "accepted": 2, "rejected": 1, "reason": "wet", "unit": "case"}
    delivery = TypeAdapter(COMMAND_TYPES["receive_purchase"]).validate_python(
        {"type": "receive_purchase", "key": "k", "purchase_id": "p", "receipt_id": "r"}
        | {"lines": [line]}
    )
    lines = (OrderLine(line=1, sku="A", quantity=99),)
    states = {"purchase-p": evolve(None, OrderPlaced(order_id="p", lines=lines), START)}
    taken = own(delivery, view_of(**states, **known("A")), OCCASION)
    assert (taken.lines[0].accepted, taken.lines[0].rejected) == (24, 12)
