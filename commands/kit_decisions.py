"""What the domain decides on units of measure, kits and assemblies; as in `decisions`."""

# ruff: noqa: D103 - each is named for its command, and the module's docstring is the contract of all

from __future__ import annotations

from collections.abc import Callable

from commands import kit_messages as say
from commands.own_units import in_own_units, own_quantity
from commands.view import CommandView
from domain import assembly, kits, units
from domain.events import Component, KitComposed, UnitDefined
from domain.refusals import Refusal
from domain.values import Facts, Occasion


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


@in_own_units
def assemble(command: say.Assemble, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    return _worked(assembly.assemble, command, view, occasion)


@in_own_units
def disassemble(command: say.Disassemble, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    return _worked(assembly.disassemble, command, view, occasion)


def _worked(
    work: Callable[..., Facts | Refusal],
    command: say.Assemble | say.Disassemble,
    view: CommandView,
    occasion: Occasion,
) -> Facts | Refusal:
    wanted = assembly.Wanted(
        assembly_id=command.assembly_id,
        sku=command.sku,
        location=command.location,
        quantity=command.quantity,
        units={
            command.sku: command.named_units(),
            **{part.sku: part.named_units() for part in command.parts},
        },
    )
    known = view.assembly(command.assembly_id)
    shelves = view.shelves(wanted.stock_streams(view.item(command.sku)))
    return work(known, wanted, shelves, occasion)
