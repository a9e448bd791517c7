"""How many stocks an order may reach: each is read before the order is decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from commands.order_messages import SOURCED_STOCKS_MAX, OrderedLine
from commands.view import CommandView
from domain.kits import KIT_COMPONENTS_MAX
from domain.refusals_orders import NotSourceable, OrderTooLong

STOCKS_MAX: Final = 10_000  # with those of its kits' parts


def unsourced(lines: Sequence[OrderedLine], locations: Sequence[str]) -> NotSourceable | None:
    """The first line that names no location, where none may be sourced from."""
    if locations:
        return None
    for line in lines:
        if line.location is None:
            return NotSourceable(
                line=line.line, sku=line.sku, requested=line.quantity, available=0, locations=()
            )
    return None


def too_many_places(
    order_id: str, lines: Sequence[OrderedLine], locations: Sequence[str]
) -> OrderTooLong | None:
    """For lines that may be sourced from too many stocks."""
    unlocated = sum(line.location is None for line in lines) if locations else 0
    if unlocated * len(locations) <= SOURCED_STOCKS_MAX:
        return None
    lines_max = SOURCED_STOCKS_MAX // len(locations)
    return OrderTooLong(order_id=order_id, lines=unlocated, lines_max=lines_max)


def too_wide(
    order_id: str, lines: Sequence[OrderedLine], locations: Sequence[str], view: CommandView
) -> OrderTooLong | None:
    """For an order that reaches too many stocks with the parts of its kits."""
    places = len(locations) or 1
    if len(lines) * places * (1 + KIT_COMPONENTS_MAX) <= STOCKS_MAX:
        return None  # Whatever its kits are made of: as most orders.
    stocks = 0
    for line in lines:
        item = view.item(line.sku)
        reached = 1 if item is None else 1 + len(item.components)
        stocks += reached * (places if line.location is None else 1)
    if stocks <= STOCKS_MAX:
        return None
    lines_max = STOCKS_MAX // places
    return OrderTooLong(order_id=order_id, lines=-(-stocks // places), lines_max=lines_max)
