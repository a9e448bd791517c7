"""Quantities in the items' own units: what all decisions take, and all events say.

A command, or a line of one, may name another `unit`. It is then decided as if it had been written
in own units, or refused where they do not come out whole. One that was made out of events names
none. Lots and serials are always told in own units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from commands.message import has_field
from commands.view import CommandView
from domain import units
from domain.refusals import Refusal
from domain.streams import item_stream
from domain.values import Facts, Occasion

Decision = TypeVar("Decision", bound=Callable[[Any, CommandView, Occasion], Facts | Refusal])
Named = TypeVar("Named", bound=BaseModel)
QUANTITIES = ("quantity", "delta", "accepted", "rejected")
LINES = ("lines", "replacement_lines")


def in_own_units(decide: Decision) -> Decision:
    """The decision, on the command in own units. A refusal names every line that is wrong."""

    @wraps(decide)
    def decided(command: Any, view: CommandView, occasion: Occasion) -> Facts | Refusal:  # noqa: ANN401 - any command
        own = _converted(command, view)
        return own if isinstance(own, Refusal) else decide(own, view, occasion)

    return cast("Decision", decided)


def own_quantity(view: CommandView, sku: str, quantity: int, unit: str | None) -> int | Refusal:
    """`quantity` in the item's own unit, which is read only when another one is named."""
    if unit is None:
        return quantity
    return units.in_own(view.item(sku), sku, quantity, unit)


def _converted(command: Any, view: CommandView) -> Any | Refusal:  # noqa: ANN401 - any command
    if _unit_of(command) is not None:
        return _one(command, command.sku, view)
    changed: dict[str, tuple[Any, ...]] = {}
    for name in LINES:
        lines = (getattr(command, name) or ()) if has_field(command, name) else ()
        if any(_unit_of(line) is not None for line in lines):
            named = all(hasattr(line, "sku") for line in lines)
            own = _each(lines, {} if named else _skus_of(command, view), view)
            if isinstance(own, Refusal):
                return own
            changed[name] = own
    return command.model_copy(update=changed) if changed else command


def _each(
    lines: Iterable[Any], skus: Mapping[int, str], view: CommandView
) -> tuple[Any, ...] | Refusal:
    """A line of which nobody knows the item stays as it is: the decision refuses it."""
    known = [(line, getattr(line, "sku", None) or skus.get(line.line)) for line in lines]
    named = (sku for line, sku in known if sku is not None and _unit_of(line) is not None)
    view.require(map(item_stream, dict.fromkeys(named)))
    found: list[Any] = []
    wrong: list[Any] = []
    for line, sku in known:
        own = line if sku is None or _unit_of(line) is None else _one(line, sku, view)
        if isinstance(own, Refusal):
            wrong.append(replace(own, line=line.line))  # type: ignore[type-var] # each is a dataclass
        else:
            found.append(own)
    return replace(wrong[0], also=tuple(wrong[1:])) if wrong else tuple(found)


def _one(named: Named, sku: str, view: CommandView) -> Named | Refusal:
    changed: dict[str, int | None] = {"unit": None}
    for name in QUANTITIES:
        quantity = getattr(named, name, None)
        if quantity is not None:
            own = own_quantity(view, sku, quantity, _unit_of(named))
            if isinstance(own, Refusal):
                return own
            changed[name] = own
    return named.model_copy(update=changed)


def _skus_of(command: object, view: CommandView) -> Mapping[int, str]:
    """What each line is of that stands in the document of which the command speaks."""
    document: Any = None
    match command:
        case object(order_id=str(order_id)):
            document = view.order(order_id)
        case object(transfer_id=str(transfer_id)):
            document = view.transfer(transfer_id)
        case object(purchase_id=str(purchase_id)):
            document = view.purchase(purchase_id)
        case _:
            pass
    return {} if document is None else {line.line: line.sku for line in document.lines}


def _unit_of(named: Any) -> str | None:  # noqa: ANN401 - any command, any line
    unit: str | None = named.unit if has_field(named, "unit") else None
    return unit
