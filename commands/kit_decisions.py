"""What the domain decides on units of measure, kits and assemblies; as in `decisions`."""

# ruff: noqa: D103 - each is named for its command, and the module's docstring is the contract of all

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from commands import kit_messages as say
from commands.view import CommandView
from domain import assembly, kits, units
from domain.events import Component, KitComposed, UnitDefined
from domain.refusals import Refusal
from domain.values import Facts, Occasion


def own_quantity(view: CommandView, sku: str, quantity: int, unit: str | None) -> int | Refusal:
    """`quantity` in the item's own unit, which is read only when another one is named."""
    if unit is None:
        return quantity
    return units.in_own(view.item(sku), sku, quantity, unit)


def own_quantities(
    view: CommandView, wanted: Iterable[tuple[int, str, int, str | None]]
) -> list[int] | Refusal:
    """The same of many lines: number, SKU, quantity, unit. A refusal names all bad lines."""
    found: list[int] = []
    wrong: list[Any] = []
    for line, sku, quantity, unit in wanted:
        own = own_quantity(view, sku, quantity, unit)
        if isinstance(own, Refusal):
            wrong.append(replace(own, line=line))  # type: ignore[type-var] # each is a dataclass
        else:
            found.append(own)
    return replace(wrong[0], also=tuple(wrong[1:])) if wrong else found


def unit_of(line: object) -> str | None:
    """What a line is counted in; one that was recovered from its event is in own units."""
    unit: str | None = getattr(line, "unit", None)
    return unit


def define_unit(command: say.DefineUnit, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    proposed = UnitDefined(
        sku=command.sku,
        unit=command.unit,
        numerator=command.numerator,
        denominator=command.denominator,
    )
    return units.define(view.item(command.sku), proposed, occasion)


def compose_kit(command: say.ComposeKit, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    components = []
    for part in command.components:
        quantity = own_quantity(view, part.sku, part.quantity, part.unit)
        if isinstance(quantity, Refusal):
            return quantity
        components.append(Component(sku=part.sku, quantity=quantity))
    proposed = KitComposed(sku=command.sku, components=tuple(components))
    return kits.compose(view.item(command.sku), proposed, view.item, occasion)


def assemble(command: say.Assemble, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    return _worked(assembly.assemble, command, view, occasion)


def disassemble(command: say.Disassemble, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    return _worked(assembly.disassemble, command, view, occasion)


def _worked(
    work: Callable[..., Facts | Refusal],
    command: say.Assemble | say.Disassemble,
    view: CommandView,
    occasion: Occasion,
) -> Facts | Refusal:
    quantity = own_quantity(view, command.sku, command.quantity, command.unit)
    if isinstance(quantity, Refusal):
        return quantity
    wanted = assembly.Wanted(
        assembly_id=command.assembly_id,
        sku=command.sku,
        location=command.location,
        quantity=quantity,
        units={
            command.sku: command.named_units(),
            **{part.sku: part.named_units() for part in command.parts},
        },
    )
    known = view.assembly(command.assembly_id)
    shelves = view.shelves(wanted.stock_streams(view.item(command.sku)))
    return work(known, wanted, shelves, occasion)
