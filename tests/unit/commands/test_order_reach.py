"""An order that reaches too many stocks is refused before they are read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from commands import order_reach
from commands.folds import beginning
from commands.handlers import HANDLERS
from commands.memory import ShardMemory
from commands.messages import COMMAND
from commands.order_messages import OrderedLine, PlaceOrder
from commands.view import CommandView
from domain.events import Component
from domain.kits import KIT_COMPONENTS_MAX
from domain.refusals_orders import OrderTooLong
from domain.streams import item_stream, kind_of
from domain.values import Occasion
from tests.builders import ids, item

LEDGER = "acme/main"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SET = replace(item("SET"), components=tuple(Component(sku=f"P{n}", quantity=1) for n in range(9)))


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch) -> CommandView:
    """A writer that knows a set of nine parts, and a plain item, and nothing else."""
    monkeypatch.setattr(order_reach, "STOCKS_MAX", 30)
    memory = ShardMemory(known_position=0)
    for known in (SET, item("A")):
        stream = item_stream(known.sku)
        memory.put((LEDGER, stream), beginning(stream)._replace(state=known))
    return CommandView(LEDGER, memory)


def lines(*skus: str, location: str | None = "hall") -> tuple[OrderedLine, ...]:
    return tuple(
        OrderedLine(line=number, sku=sku, location=location, quantity=1)
        for number, sku in enumerate(skus, 1)
    )


def test_parts_count_at_every_place_they_may_come_from(view: CommandView) -> None:
    assert order_reach.too_wide("o", lines("SET", "SET", "SET"), (), view) is None
    assert order_reach.too_wide("o", lines("SET", "SET", "SET", "A"), (), view) == OrderTooLong(
        order_id="o", lines=31, lines_max=30
    )
    anywhere = lines("SET", "A", location=None)
    assert order_reach.too_wide("o", anywhere, ("hall", "shop"), view) is None
    assert order_reach.too_wide("o", anywhere, ("hall", "shop", "dock"), view) == OrderTooLong(
        order_id="o", lines=11, lines_max=10
    )


def test_of_what_is_short_enough_for_any_kit_no_item_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(order_reach, "STOCKS_MAX", 1 + KIT_COMPONENTS_MAX)
    nothing_known = CommandView(LEDGER, ShardMemory(known_position=0))
    assert order_reach.too_wide("o", lines("ANY"), (), nothing_known) is None


def test_an_order_that_reaches_too_far_reads_no_part_and_is_refused(view: CommandView) -> None:
    named = [
        {"line": n, "sku": "SET", "location": f"place-{n}", "quantity": 1} for n in range(1, 5)
    ]
    command = COMMAND.validate_python(
        {"type": "place_order", "key": "k", "order_id": "o", "lines": named}
    )
    assert isinstance(command, PlaceOrder)
    handler = HANDLERS[PlaceOrder]
    read = set(handler.streams(command, view))
    assert {stream for stream in read if kind_of(stream) == "item"} == {item_stream("SET")}
    decided = handler.decide(command, view, Occasion(occurred_at=NOW, now=NOW, new_id=ids()))
    assert decided == OrderTooLong(order_id="o", lines=40, lines_max=30)
