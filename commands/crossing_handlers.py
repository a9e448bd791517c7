"""The handlers of commands about crossings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from commands import crossing_decisions as decisions
from commands import crossing_messages as say
from commands.answers import Result
from commands.handler import Decide, Handler, shelf_streams
from commands.message import Message
from commands.view import CommandView
from domain.streams import crossing_stream, sku_and_location


def _proposed_streams(command: Any, _: CommandView) -> Iterable[str]:  # noqa: ANN401 - either leg
    yield crossing_stream(command.crossing_id)
    leaves = isinstance(command, say.DispatchCrossing)
    for line in command.lines:
        yield from shelf_streams(line.sku, command.origin if leaves else command.destination)


def _known_streams(command: Any, view: CommandView) -> Iterable[str]:  # noqa: ANN401 - either end
    """Its stocks are known once the crossing is: until then this raises, and is asked again."""
    yield crossing_stream(command.crossing_id)
    crossing = view.crossing(command.crossing_id)
    for stream in crossing.stock_streams if crossing else ():
        yield from shelf_streams(*sku_and_location(stream))


def _crossing_command(decide: Decide, *, known: bool) -> Handler:
    def result(command: Any, view: CommandView) -> Result:  # noqa: ANN401 - any crossing command
        crossing = view.crossing(command.crossing_id)
        return {} if crossing is None else {"status": crossing.status}

    return Handler(
        main=lambda command: crossing_stream(command.crossing_id),
        streams=_known_streams if known else _proposed_streams,
        decide=decide,
        result=result,
    )


CROSSING_HANDLERS: Mapping[type[Message], Handler] = {
    say.DispatchCrossing: _crossing_command(decisions.dispatch_crossing, known=False),
    say.ArriveCrossing: _crossing_command(decisions.arrive_crossing, known=False),
    say.HandOverCrossing: _crossing_command(decisions.hand_over_crossing, known=True),
    say.ReturnCrossing: _crossing_command(decisions.return_crossing, known=True),
}
