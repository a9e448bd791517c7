"""Of an order that takes what there is, a kit is promised whole: so many of each of its parts as
make whole kits of all of them. An order that takes all or nothing needs no such care.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from domain.order import LineState, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """So many were ordered on a line; `parts` are its lines, each with its units in one kit."""

    line: int
    quantity: int
    parts: tuple[tuple[LineState, int], ...]


class WholeKits:
    """Of one order at one moment: which of its lines are parts of which kit, and how much of each
    may be promised. A short pick may have left a kit without some of its parts: those come first.
    """

    def __init__(self, order: Order) -> None:
        self._kits = _kits_by_part(order)
        self._done: dict[int, int] = {}
        self._most: dict[int, int] = {}
        if self._kits:
            self._done = {line.line: line.shipped for line in order.lines}
            for allotment in order.so_far().allotments.values():
                self._done[allotment.line] += allotment.held

    def of(self, line: int) -> int | None:
        """The line of the kit that this one is a part of."""
        kit = self._kits.get(line)
        return None if kit is None else kit.line

    def most(self, line: int, units: int, room: Callable[[LineState], int]) -> int:
        """Of so many units of the line those that may be promised; `room`: how many of a part's
        could be, asked once of each of a kit's parts, when the first of them is.
        """
        kit = self._kits.get(line)
        if kit is None:
            return units
        if line not in self._most:
            whole = min((self._done[part.line] + room(part)) // each for part, each in kit.parts)
            for part, each in kit.parts:
                further = min(whole, kit.quantity) * each - self._done[part.line]
                self._most[part.line] = max(0, further)
        return min(units, self._most[line])


def _kits_by_part(order: Order) -> dict[int, Kit]:
    if order.terms.allocation == "all":
        return {}
    found: dict[int, Kit] = {}
    for line in order.lines:
        if line.is_kit:
            parts = [part for part in order.lines if part.part_of == line.line]
            in_one = tuple((part, part.quantity // line.quantity) for part in parts)
            kit = Kit(line=line.line, quantity=line.quantity, parts=in_one)
            found |= {part.line: kit for part in parts}
    return found
