"""A kit in an order is sold out of its parts: its line is followed by one for each of them, which
is what is promised, picked and sent. What lies assembled at the line's own location goes as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from domain.events import OrderLine, OrderPlaced
from domain.item import Item
from domain.kits import explode
from domain.refusals import Refusal
from domain.refusals_orders import OrderTooLong
from domain.values import ORDER_LINES_MAX


def with_parts(
    proposed: OrderPlaced,
    find: Callable[[str], Item | None],
    assembled: Callable[[str, str], int],
) -> OrderPlaced | Refusal:
    """The order with the parts of its kits, numbered after its highest line. `assembled`: how many
    of a kit could be promised at a location as they are.
    """
    kits = _kits(proposed.lines, find, assembled)
    if not kits:
        return proposed
    lines: list[OrderLine] = []
    number = max(line.line for line in proposed.lines)
    for line in proposed.lines:
        kit = kits.get(line.line)
        if kit is None:
            lines.append(line)
            continue
        parts = explode(kit, line.quantity)
        if isinstance(parts, Refusal):
            return parts
        lines.append(replace(line, is_kit=True))
        for part in parts:
            number += 1
            lines.append(
                OrderLine(
                    line=number,
                    sku=part.sku,
                    location=line.location,
                    quantity=part.quantity,
                    part_of=line.line,
                )
            )
    if len(lines) > ORDER_LINES_MAX:
        return OrderTooLong(order_id=proposed.order_id, lines=len(lines), lines_max=ORDER_LINES_MAX)
    return replace(proposed, lines=tuple(lines))


def _kits(
    lines: Iterable[OrderLine],
    find: Callable[[str], Item | None],
    assembled: Callable[[str, str], int],
) -> dict[int, Item]:
    """The kits that are to be sold out of their parts, by line."""
    found: dict[int, Item] = {}
    taken: dict[tuple[str, str], int] = {}
    for line in lines:
        item = find(line.sku)
        if item is None or not item.components:
            continue
        if line.location is not None:
            here = (line.sku, line.location)
            units = taken.get(here, 0) + line.quantity
            if units <= assembled(*here):
                taken[here] = units
                continue
        found[line.line] = item
    return found
