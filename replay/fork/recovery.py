"""Past commands, recovered from their events: everything that a decision was made of is in there.

What is not: the version a command expected, a customer's own name, and whether a shipment named its
lines or asked for all that was left. None of these changes what is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from commands import kit_messages as kit_say
from commands import messages as say
from commands import order_messages as order_say
from commands import reservation_messages as reserve_say
from commands import write_off_messages as write_off_say
from commands.message import Message
from domain import events as facts
from domain.events import Event
from domain.values import Fact


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
    """`main` is the fact that says what was asked for, and when it happened."""

    message: Message
    main: Fact


# The first of these that a command's events hold says which command it was.
_MAIN: tuple[type[Event], ...] = (
    facts.OrderPlaced,
    facts.OrderAllocated,
    facts.OrderShipped,
    facts.OrderCancelled,
    facts.CartReserved,
    facts.CartExtended,
    facts.CartReleased,
    facts.CartExpired,
    facts.KitAssembled,
    facts.KitDisassembled,
    facts.StockWrittenOff,
    facts.StockReceived,
    facts.StockAdjusted,
    facts.StockCounted,
    facts.StockReturned,
    facts.StockReserved,
    facts.ReservationExtended,
    facts.ReservationReleased,
    facts.StockShipped,
    facts.ReservationExpired,
    facts.ChargeRecorded,
)
_RANK: Mapping[type, int] = {fact: rank for rank, fact in enumerate(_MAIN)}
# What the commands known here lead to beside those. One that led to anything else is no command
# that could be decided again here.
_BESIDE: tuple[type[Event], ...] = (
    facts.StockCommitted,
    facts.CommitmentReleased,
    facts.StockConsumed,
    facts.StockProduced,
    facts.StockTraced,
    facts.CountRestated,
    facts.DiscrepancyFound,
    facts.ShortfallStated,
)
_KNOWN = frozenset((*_MAIN, *_BESIDE))


def recovered(past: Past) -> Recovered | None:
    """The command that led to these events, or None: about items and locations, of a kind that is
    not recovered, or not a command's. Pure.
    """
    if past.key is None or any(type(fact.event) not in _KNOWN for fact in past.facts):
        return None
    known = [fact for fact in past.facts if type(fact.event) in _RANK]
    if not known:
        return None
    main = min(known, key=lambda fact: _RANK[type(fact.event)])
    message = _REBUILT[type(main.event)](main.event, past.facts)
    return Recovered(message=message, main=main)


def command(kind: type[Message], **fields: Any) -> Message:  # noqa: ANN401 - of any command
    """One that was checked when it came the first time; decisions read no key."""
    return kind.model_construct(key="", **fields)


def _placed(event: facts.OrderPlaced, all_of_it: Sequence[Fact]) -> Message:
    kinds = {type(fact.event) for fact in all_of_it}
    return command(
        order_say.PlaceOrder,
        order_id=event.order_id,
        customer=event.customer,
        currency=event.currency,
        lines=event.lines,
        allocate=facts.OrderAllocated in kinds,
        ship=facts.OrderShipped in kinds,
    )


def _same_fields(
    message: type[Message], *names: str, **renamed: str
) -> Callable[[Any, Sequence[Fact]], Message]:
    """A message whose fields are the event's, by the same or another name."""

    def rebuilt(event: object, _: Sequence[Fact]) -> Message:
        given = {name: getattr(event, name) for name in names}
        given |= {name: getattr(event, theirs) for name, theirs in renamed.items()}
        return command(message, **given)

    return rebuilt


_SHELF = ("sku", "location")
_GROUNDS = ("reason_code", "document", "approved_by")
_HOLD = (*_SHELF, "reservation_id")
_REBUILT: Mapping[type, Callable[[Any, Sequence[Fact]], Message]] = {
    facts.OrderPlaced: _placed,
    facts.OrderAllocated: _same_fields(order_say.AllocateOrder, "order_id"),
    facts.OrderShipped: _same_fields(order_say.ShipOrder, "order_id", "lines"),
    facts.OrderCancelled: _same_fields(order_say.CancelOrder, "order_id", "reason"),
    facts.StockReceived: _same_fields(say.ReceiveStock, *_SHELF, "quantity", "document"),
    facts.KitAssembled: _same_fields(kit_say.Assemble, *_SHELF, "assembly_id", "quantity"),
    facts.KitDisassembled: _same_fields(kit_say.Disassemble, *_SHELF, "assembly_id", "quantity"),
    facts.StockAdjusted: _same_fields(
        say.AdjustStock, *_SHELF, *_GROUNDS, "delta", "reason", "condition"
    ),
    facts.StockWrittenOff: _same_fields(
        write_off_say.WriteOffStock, *_SHELF, *_GROUNDS, "quantity", "hold_id", "reason"
    ),
    facts.StockCounted: _same_fields(say.CountStock, *_SHELF, "count_id", "counted"),
    facts.StockReturned: _same_fields(
        say.ReturnStock, *_SHELF, "quantity", "to", "order_id", "reason"
    ),
    facts.StockReserved: _same_fields(say.ReserveStock, *_HOLD, "quantity", "expires_at"),
    facts.ReservationExtended: _same_fields(reserve_say.ExtendReservation, *_HOLD, "expires_at"),
    facts.ReservationReleased: _same_fields(say.ReleaseReservation, *_HOLD),
    facts.ReservationExpired: _same_fields(say.ExpireReservation, *_HOLD),
    facts.StockShipped: _same_fields(
        say.ShipStock, *_HOLD, "quantity", "unit_price_micros", "currency"
    ),
    facts.CartReserved: _same_fields(
        reserve_say.ReserveCart, "reservation_id", "lines", "expires_at"
    ),
    facts.CartExtended: _same_fields(reserve_say.ExtendCart, "reservation_id", "expires_at"),
    facts.CartReleased: _same_fields(reserve_say.ReleaseCart, "reservation_id"),
    facts.CartExpired: _same_fields(reserve_say.ExpireCart, "reservation_id"),
    facts.ChargeRecorded: _same_fields(
        order_say.RecordCharge,
        *("charge_id", "code", "description", "quantity"),
        *("unit_price_micros", "currency", "order_id"),
    ),
}
