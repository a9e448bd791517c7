"""How a past command's message is made again out of its events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from commands.message import Message
from domain.events import (
    Event,
    LineLot,
    SerialLeft,
    SerialPlaced,
    StockReturned,
    StockTraced,
)
from domain.values import Fact

Rebuild = Callable[[Any, Sequence[Fact]], Message]
"""Of the event that says what was asked for, and all events of the command."""
Rebuilds = Mapping[type[Event], Rebuild]


def command(kind: type[Message], /, **fields: Any) -> Message:  # noqa: ANN401 - of any command
    """One that was checked when it came the first time; decisions read no key."""
    return kind.model_construct(key="", **fields)


def same_fields(message: type[Message], *names: str, **renamed: str) -> Rebuild:
    """A message whose fields are the event's, by the same or another name."""

    def rebuilt(event: object, _: Sequence[Fact]) -> Message:
        given = {name: getattr(event, name) for name in names}
        given |= {name: getattr(event, theirs) for name, theirs in renamed.items()}
        return command(message, **given)

    return rebuilt


def with_lots(rebuild: Rebuild) -> Rebuild:
    """The same, with the lots (or serials) of the event's units, if its item is tracked."""

    def rebuilt(event: Event, all_of_it: Sequence[Fact]) -> Message:
        lots = lots_of(event, all_of_it)
        message = rebuild(event, all_of_it)
        return message.model_copy(update=named(lots, all_of_it)) if lots else message

    return rebuilt


def lots_of(event: Event, all_of_it: Iterable[Fact]) -> tuple[LineLot, ...]:
    """The lots that a fact of the command moved; none if its item is not tracked."""
    causes = {str(fact.event_id) for fact in all_of_it if fact.event is event}
    return tuple(
        LineLot(lot=each.lot, quantity=abs(each.on_hand), expires_on=each.expires_on)
        for fact in all_of_it
        if isinstance(fact.event, StockTraced) and fact.event.cause_event_id in causes
        for each in fact.event.units
        if each.on_hand
    )


def named(lots: Sequence[LineLot], all_of_it: Iterable[Fact]) -> dict[str, Any]:
    """Lots as a command names them: as serials, if that is what the facts say they are."""
    serials = {
        fact.event.serial for fact in all_of_it if isinstance(fact.event, SerialPlaced | SerialLeft)
    }
    if lots and all(each.lot in serials for each in lots):
        return {"serials": tuple(each.lot for each in lots)}
    return {"lots": tuple(lots)}


def returned_lots(count: int, all_of_it: Sequence[Fact]) -> list[dict[str, Any]]:
    """What so many lines that came back name, in their order. Nothing when they came to several
    stocks: a fact does not say which line it is of.
    """
    back = [fact for fact in all_of_it if isinstance(fact.event, StockReturned)]
    if len(back) != count or len({fact.stream for fact in back}) != 1:
        return [{} for _ in range(count)]
    return [named(lots_of(fact.event, all_of_it), all_of_it) for fact in back]
