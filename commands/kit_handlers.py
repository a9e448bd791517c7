"""The handlers of units of measure, kits and assemblies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from commands import kit_decisions as decide
from commands import kit_messages as say
from commands.answers import Result
from commands.handler import Decide, Handler
from commands.message import Message
from commands.view import CommandView
from domain.kits import KIT_LEVELS_MAX, level_below
from domain.streams import assembly_stream, item_stream, location_stream, stock_stream


def _bill_streams(command: say.ComposeKit, view: CommandView) -> Iterable[str]:
    """The items of the bill, level by level: each level is known when the one above was read."""
    yield item_stream(command.sku)
    level: Iterable[str] = tuple(part.sku for part in command.components)
    for _ in range(KIT_LEVELS_MAX):
        yield from map(item_stream, level)
        level = level_below(map(view.item, level))


def _assembly_streams(command: Any, view: CommandView) -> Iterable[str]:  # noqa: ANN401 - either
    """The kit's parts are known once the kit is: until then this raises, and is asked again."""
    place = command.location
    yield from (
        assembly_stream(command.assembly_id),
        location_stream(place),
        item_stream(command.sku),
        stock_stream(command.sku, place),
    )
    for sku in level_below((view.item(command.sku),)):
        yield item_stream(sku)
        yield stock_stream(sku, place)


def _assembly_result(command: Any, view: CommandView) -> Result:  # noqa: ANN401 - either
    stock, made = view.stock(command.sku, command.location), view.assembly(command.assembly_id)
    assert made is not None
    return {
        "quantity": made.quantity,
        "on_hand": stock.on_hand,
        "available": stock.available,
        "parts": [{"sku": part.sku, "quantity": part.quantity} for part in made.parts],
    }


def _assembly_command(decision: Decide) -> Handler:
    return Handler(
        main=lambda command: assembly_stream(command.assembly_id),
        streams=_assembly_streams,
        decide=decision,
        result=_assembly_result,
    )


KIT_HANDLERS: Mapping[type[Message], Handler] = {
    say.DefineUnit: Handler(
        main=lambda command: item_stream(command.sku),
        streams=lambda command, _: (item_stream(command.sku),),
        decide=decide.define_unit,
        result=lambda *_: {},
    ),
    say.ComposeKit: Handler(
        main=lambda command: item_stream(command.sku),
        streams=_bill_streams,
        decide=decide.compose_kit,
        result=lambda *_: {},
    ),
    say.Assemble: _assembly_command(decide.assemble),
    say.Disassemble: _assembly_command(decide.disassemble),
}
