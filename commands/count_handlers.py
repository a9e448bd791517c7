"""The handlers of counts of many SKUs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from commands import count_decisions as decide
from commands import count_messages as say
from commands.answers import Result
from commands.handler import Decide, Handler, Streams
from commands.message import Message
from commands.view import CommandView
from domain import counting
from domain.streams import (
    count_stream,
    item_stream,
    location_stream,
    lot_stream,
    serial_stream,
    sku_and_location,
    stock_stream,
)


def _plan_streams(command: say.PlanCount, _: CommandView) -> Iterable[str]:
    yield count_stream(command.count_id)
    yield location_stream(command.location)
    yield from map(item_stream, command.skus)


def _entered_streams(command: say.EnterCount, _: CommandView) -> Iterable[str]:
    yield count_stream(command.count_id)
    for line in command.sound:
        yield item_stream(line.sku)


def _own_stream(command: Any, _: CommandView) -> Iterable[str]:  # noqa: ANN401 - any of them
    yield count_stream(command.count_id)


def _submitted_streams(command: say.SubmitCount, view: CommandView) -> Iterable[str]:
    """Its stocks are known once the count is: until then this raises, and is asked again."""
    yield count_stream(command.count_id)
    yield from _shelves(counting.submitted_streams(view.count(command.count_id)), view)


def _part_streams(command: say.PostCountPart, view: CommandView) -> Iterable[str]:
    yield count_stream(command.count_id)
    yield from _shelves(counting.part_streams(view.count(command.count_id)), view)


def _shelves(stock_streams: Iterable[str], view: CommandView) -> Iterable[str]:
    """Their lots and serials are known once they are: until then this raises."""
    places = [sku_and_location(stream) for stream in stock_streams]
    for sku, place in places:
        yield stock_stream(sku, place)
        yield item_stream(sku)
        yield location_stream(place)
    for sku, place in places:
        item = view.item(sku)
        if item is not None and item.tracking != "none":
            of = lot_stream if item.tracking == "lot" else serial_stream
            yield from (of(sku, name) for name in view.stock(sku, place).lots)


def _count_command(decision: Decide, streams: Streams) -> Handler:
    def result(command: Any, view: CommandView) -> Result:  # noqa: ANN401 - any of them
        count = view.count(command.count_id)
        assert count is not None
        return {
            "status": count.status,
            "lines": len(count.lines),
            "to_recount": len(count.recount),
            "left": count.left,
        }

    return Handler(
        main=lambda command: count_stream(command.count_id),
        streams=streams,
        decide=decision,
        result=result,
    )


COUNT_HANDLERS: Mapping[type[Message], Handler] = {
    say.PlanCount: _count_command(decide.plan_count, _plan_streams),
    say.EnterCount: _count_command(decide.enter_count, _entered_streams),
    say.AskRecount: _count_command(decide.ask_recount, _own_stream),
    say.SubmitCount: _count_command(decide.submit_count, _submitted_streams),
    say.PostCountPart: _count_command(decide.post_count_part, _part_streams),
    say.CancelCount: _count_command(decide.cancel_count, _own_stream),
}
