"""Past commands, recovered from their events: everything that a decision was made of is in there.

What is not: the version a command expected, a customer's own name, and whether a shipment (or the
dispatch of a transfer) named its lines or asked for all that was left. None of these changes what
is decided. What does is said by `is_whole`: which lots were named and which were chosen by removal
order, and whether loose units were asked for beside parcels.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from commands import count_messages as count_say
from commands import kit_messages as kit_say
from commands import lot_messages as lot_say
from commands import messages as say
from commands import payment_messages as payment_say
from commands import reservation_messages as reserve_say
from commands.message import Message
from domain import events as facts
from domain.values import Fact
from replay.fork import rebuilt_orders, rebuilt_stock, rebuilt_supply
from replay.fork.rebuilding import Rebuilds

AS_THEY_WERE: frozenset[type[Message]] = frozenset(
    {
        say.RegisterItem,
        say.DescribeItem,
        say.DiscontinueItem,
        say.RegisterLocation,
        lot_say.SetHandling,
        kit_say.DefineUnit,
        kit_say.ComposeKit,
        reserve_say.SetPolicy,
        reserve_say.OpenQuota,
        count_say.PlanCount,
        count_say.EnterCount,
        count_say.AskRecount,
        count_say.CancelCount,
        payment_say.RecordPayment,
        payment_say.NoteRefundDue,
    }
)
"""Commands that are not decided again: they say what is so, and move no stock. Every other command
is one of REBUILT.
"""

REBUILT: Rebuilds = {
    **rebuilt_orders.REBUILT,
    **rebuilt_supply.REBUILT,
    **rebuilt_stock.REBUILT,
}
# The first of these that a command's events hold says which command it was.
_RANK = {event: rank for rank, event in enumerate(REBUILT)}
_CHOOSING_LOTS = (
    facts.StockShipped,
    facts.StockCounted,
    facts.OrderPicked,
    facts.OrderShipped,
    facts.KitAssembled,
    facts.KitDisassembled,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One command's events, as they stand in the ledger. `key` is None for what came without."""

    key: str | None
    first_position: int
    last_position: int
    recorded_at: datetime
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """`main` is the fact that says what was asked for, and when it happened. Unless it `is_whole`,
    the message leaves open some of what was asked for: decided again on the same states it may come
    to other lots.
    """

    message: Message
    main: Fact
    is_whole: bool = True


def recovered(past: Past) -> Recovered | None:
    """The command that led to these events, or None: of AS_THEY_WERE, or not a command's. Pure."""
    if past.key is None:
        return None
    known = [fact for fact in past.facts if type(fact.event) in _RANK]
    if not known:
        return None
    main = min(known, key=lambda fact: _RANK[type(fact.event)])
    message = REBUILT[type(main.event)](main.event, past.facts)
    return Recovered(message=message, main=main, is_whole=not _leaves_open(main, past.facts))


def _leaves_open(main: Fact, all_of_it: tuple[Fact, ...]) -> bool:
    event = main.event
    if isinstance(event, facts.OrderShipped) and event.parcels:
        return True
    if isinstance(event, facts.StockCounted) and event.counted == event.expected:
        return True  # Nothing moved, so nothing says whether lots were named.
    if isinstance(event, facts.StockWrittenOff):
        chosen = event.hold_id is not None
    else:
        chosen = isinstance(event, _CHOOSING_LOTS)
    return chosen and any(isinstance(fact.event, facts.StockTraced) for fact in all_of_it)
