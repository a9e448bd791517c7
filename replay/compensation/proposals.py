"""Commands that make up for a difference, each legal under today's state, and what is left to
people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from commands import fulfilment_messages as fulfil
from commands import messages as say
from commands import order_messages as order_say
from commands.message import Message
from commands.messages import COMMAND
from commands.view import CommandView
from domain.refusals import Refusal, ReservationNotDue
from domain.streams import sku_and_location
from domain.values import Occasion
from replay.compensation.differences import Difference
from replay.fork.effects import NO_EFFECT
from replay.fork.rules import TODAY

AGAIN = "/again"
ID_LENGTH_MAX = 64
Body = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """`body` is a command as `POST /v1/commands` takes it."""

    difference: Difference
    body: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """What no command can make up for, or none that would be accepted today."""

    difference: Difference
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What is made up for already."""

    difference: Difference


Remedy = Proposal | ByHand | Settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """Keys of what was sent before to make up for something. The answer to a key is for ever, so
    what was refused can only be asked again under another one.
    """

    accepted: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def next_key(self, key: str) -> str | None:
        """The key for the next attempt; None when one was accepted."""
        named, attempt = key, 1
        while named in self.refused:
            attempt += 1
            named = f"{key}~{attempt}"
        return None if named in self.accepted else named


class Proposing:
    """Proposals in the order in which they are to be sent: each is decided on the state that those
    before it leave.
    """

    def __init__(
        self,
        today: CommandView,
        ledger: str,
        now: datetime,
        key_of: Callable[[Difference, int], str],
        tried: Tried,
    ) -> None:
        self._today = today
        self._ledger = ledger
        self._now = now
        self._key_of = key_of
        self._tried = tried
        numbers = count(1)
        self._new_id: Callable[[], UUID] = lambda: UUID(int=next(numbers))

    def remedies(self, difference: Difference) -> Iterator[Remedy]:
        """What to do about one difference."""
        bodies = remedy(difference, self._today)
        if not isinstance(bodies, list):
            yield (
                Settled(difference=difference)
                if bodies == ""
                else ByHand(difference=difference, why=bodies)
            )
            return
        for number, wanted in enumerate(bodies, start=1):
            key = self._tried.next_key(self._key_of(difference, number))
            if key is None:
                yield Settled(difference=difference)
                continue
            body = {"type": wanted["type"], "key": key, "ledger": self._name, **wanted}
            refusal = self._refused(body)
            if refusal is None:
                yield Proposal(difference=difference, body=body)
            else:
                why = f"{body['type']} would be refused today: {refusal.sentence()}"
                yield ByHand(difference=difference, why=why)

    @property
    def _name(self) -> str:
        return self._ledger.partition("/")[2]

    def _refused(self, body: Body) -> Refusal | None:
        """Why it would be refused; None, and the next one is decided behind it."""
        command: Message = COMMAND.validate_python(body)
        occasion = Occasion(occurred_at=self._now, now=self._now, new_id=self._new_id)
        view = CommandView(self._ledger, self._today)
        decided = TODAY[type(command)](command, view, occasion)
        if isinstance(decided, Refusal):
            return decided
        view.apply(decided)
        self._today.take(view)
        return None


def remedy(difference: Difference, today: CommandView) -> list[Body] | str:
    """The commands that make up for it, or why there is none; "" when nothing is left to do."""
    message = difference.message
    match difference.kind:
        case "promised":
            units = ", ".join(f"{n} of {sku}" for sku, n in difference.demand.items())
            return f"{units} were refused, of which only this is known: ask the customer again"
        case "not_promised" | "not_accepted":
            return _taken_back(message, difference, today)
        case "other_effect":
            return _moved(difference)


def _taken_back(
    message: Message | None, difference: Difference, today: CommandView
) -> list[Body] | str:
    match message:
        case order_say.PlaceOrder() | order_say.AllocateOrder():
            return _order_cancelled(message.order_id, difference, today)
        case say.ReserveStock():
            return _reservation_released(message, today)
        case say.ShipStock() | fulfil.ShipOrder():
            return "the units have left: when they come back, return_stock takes them in"
        case say.ReceiveStock() | say.AdjustStock() | say.CountStock() | say.ReturnStock():
            return _moved(difference)
        case say.ExpireReservation():
            return _reserved_again(message, difference)
        case _:
            what = "it" if message is None else message.type_name
            return f"no command takes {what} back"


def _order_cancelled(order_id: str, difference: Difference, today: CommandView) -> list[Body] | str:
    order = today.order(order_id)
    if order is None or order.status == "cancelled":
        return ""
    if order.status == "shipped":
        return f"order {order_id} is shipped: when its units come back, return_stock takes them in"
    return [{"type": "cancel_order", "order_id": order_id, "reason": _reason(difference)}]


def _reservation_released(message: say.ReserveStock, today: CommandView) -> list[Body] | str:
    named = message.reservation_id
    stock = today.stock(message.sku, message.location)
    if stock.reservation(named) is not None:
        return [
            {
                "type": "release_reservation",
                "sku": message.sku,
                "location": message.location,
                "reservation_id": named,
            }
        ]
    if stock.closed_reservations.get(named) == "shipped":
        return f"reservation {named} is shipped: when its units come back, return_stock takes them"
    return ""


def _reserved_again(message: say.ExpireReservation, difference: Difference) -> list[Body] | str:
    named, refusal = message.reservation_id, difference.refusal
    if not isinstance(refusal, ReservationNotDue) or len(named) + len(AGAIN) > ID_LENGTH_MAX:
        return f"reservation {named} was ended wrongly: ask whether it is still wanted"
    return [
        {
            "type": "reserve_stock",
            "sku": message.sku,
            "location": message.location,
            "reservation_id": named + AGAIN,
            "quantity": difference.ended,
            "expires_at": refusal.expires_at.isoformat(),
        }
    ]


def _moved(difference: Difference) -> list[Body] | str:
    """Adjustments by what on hand and held should have moved beyond what they did."""
    bodies: list[Body] = []
    for stream in sorted({*difference.happened, *difference.corrected}):
        then = difference.happened.get(stream, NO_EFFECT)
        now = difference.corrected.get(stream, NO_EFFECT)
        if (then.reserved, then.committed) != (now.reserved, now.committed):
            return "other units were promised: see the order, and cancel or place what is wrong"
        held = now.held - then.held
        sound = now.on_hand - then.on_hand - held
        sku, location = sku_and_location(stream)
        shelf = {"type": "adjust_stock", "sku": sku, "location": location}
        said = {"reason": _reason(difference)}
        # What comes in goes first: on hand is below zero at no time.
        moves = sorted(((held, "damaged"), (sound, "stock")), reverse=True)
        bodies += [
            {**shelf, "delta": delta, "condition": condition, **said}
            for delta, condition in moves
            if delta
        ]
    return bodies


def _reason(difference: Difference) -> str:
    return f"makes up for position {difference.position}, decided under wrong rules"
