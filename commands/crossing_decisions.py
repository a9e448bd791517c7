"""What the domain decides on crossings: pure. Facts or a refusal, as in `commands.decisions`."""

# ruff: noqa: D103 - each is named for its command, and the module's docstring is the contract of all

from __future__ import annotations

from commands import crossing_messages as say
from commands.own_units import in_own_units
from commands.view import CommandView, shelves_of
from domain import crossing_legs
from domain.events import CrossingArrived, CrossingDispatched, CrossingLine, LineLot
from domain.line_lots import NamedLine
from domain.refusals import Refusal
from domain.streams import stock_stream
from domain.values import Facts, Occasion


@in_own_units
def dispatch_crossing(
    command: say.DispatchCrossing, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = CrossingDispatched(
        crossing_id=command.crossing_id,
        to_ledger=command.to_ledger,
        origin=command.origin,
        destination=command.destination,
        lines=tuple(
            CrossingLine(line=line.line, sku=line.sku, quantity=line.quantity)
            for line in command.lines
        ),
    )
    named = [
        NamedLine(line=line.line, quantity=line.quantity, units=line.named_units())
        for line in command.lines
    ]
    shelves = view.shelves(
        dict.fromkeys(stock_stream(line.sku, command.origin) for line in command.lines)
    )
    known = view.crossing(command.crossing_id)
    return crossing_legs.dispatch(known, proposed, named, shelves, occasion, ledger=command.ledger)


def arrive_crossing(
    command: say.ArriveCrossing, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = CrossingArrived(
        crossing_id=command.crossing_id,
        from_ledger=command.from_ledger,
        destination=command.destination,
        lines=tuple(
            CrossingLine(
                line=line.line,
                sku=line.sku,
                quantity=line.quantity,
                lots=tuple(
                    LineLot(lot=each.lot, quantity=each.quantity, expires_on=each.expires_on)
                    for each in line.lots
                ),
            )
            for line in command.lines
        ),
    )
    shelves = view.shelves(
        dict.fromkeys(stock_stream(line.sku, command.destination) for line in command.lines)
    )
    return crossing_legs.arrive(view.crossing(command.crossing_id), proposed, shelves, occasion)


def hand_over_crossing(
    command: say.HandOverCrossing, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    known = view.crossing(command.crossing_id)
    shelves = shelves_of(known, view)
    return crossing_legs.hand_over(known, command.crossing_id, shelves, occasion)


def return_crossing(
    command: say.ReturnCrossing, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    known = view.crossing(command.crossing_id)
    shelves = shelves_of(known, view)
    return crossing_legs.give_back(known, command.crossing_id, command.code, shelves, occasion)
