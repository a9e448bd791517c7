"""Demand that was refused: all that is left of it is the answer, which names what was short."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson

from commands import messages as say
from commands import order_messages as order_say
from commands import reservation_messages as reserve_say
from commands.message import Message
from commands.view import CommandView
from domain.events import CartLine
from domain.promises import shortage
from replay.fork.demand import Demand
from replay.fork.rebuilding import command

SHORT = "insufficient_stock"
# Keys of commands that make up for wrong decisions (replay.compensation): nobody's demand.
MAKES_UP = "compensate/"
AskKind = Literal["promise", "reservation", "shipment", "departure"]
HOLDS = timedelta(days=3_660)  # As long as a promise to an order, which nobody ends either.


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """One stock of a refused command: units asked for, and those it could have had."""

    sku: str
    location: str
    requested: int
    available: int
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """`shorts` are empty when the answer names no units: then only its code is known."""

    key: str
    recorded_at: datetime
    code: str
    shorts: tuple[Short, ...] = ()

    @property
    def demand(self) -> Demand:
        """The units that are known of it."""
        units: dict[str, int] = {}
        for short in self.shorts:
            units[short.sku] = units.get(short.sku, 0) + short.requested
        return units


def refused(key: str, recorded_at: datetime, answer: bytes) -> Refused:
    """From the stored answer's bytes."""
    told: dict[str, Any] = orjson.loads(answer)["refusal"]
    shorts = [
        Short(
            sku=each["sku"],
            location=each["location"],
            requested=each["requested"],
            available=each["available"],
            line=each.get("line"),
        )
        # `held`: damaged units were to be written off, which is no demand.
        for each in (told, *told.get("also", ()))
        if each.get("code") == SHORT and "held" not in each
    ]
    return Refused(key=key, recorded_at=recorded_at, code=told["code"], shorts=tuple(shorts))


def asked_as(refused: Refused, view: CommandView) -> AskKind | None:
    """What gets exactly this refusal from the state in view: a promise (a reservation, if it is of
    kits as they lie there: an order for one is for its parts), units straight off the shelf, or the
    departure of what was promised. None when nothing does, so that this is not where it was
    decided.
    """
    told = [short.available for short in refused.shorts]
    found = [
        shortage(view.shelf(short.sku, short.location), short.requested, refused.recorded_at)
        for short in refused.shorts
    ]
    if [each.available if each else None for each in found] == told:
        items = [view.item(short.sku) for short in refused.shorts]
        return "reservation" if any(each and each.components for each in items) else "promise"
    stocks = [view.stock(short.sku, short.location) for short in refused.shorts]
    first = refused.shorts[0]
    if first.line is None and _exactly(first, stocks[0].available):
        return "shipment"
    if all(map(_exactly, refused.shorts, [stock.shippable for stock in stocks])):
        return "departure"
    return None


def _exactly(short: Short, available: int) -> bool:
    return short.requested > available and max(0, available) == short.available


def ask_again(refused: Refused, kind: AskKind) -> Message:
    """The part of the command that is known; a departure asks for nothing new.

    What is promised to it stays promised: nobody knows what would have become of it, and for what
    is left to others it is the same as shipped.
    """
    first = refused.shorts[0]
    if kind == "shipment":
        return command(
            say.ShipStock, sku=first.sku, location=first.location, quantity=first.requested
        )
    # `@` is in no order's id, so it can meet no real one.
    name = f"refused@{refused.key}"
    if kind == "reservation":
        reserved = tuple(
            CartLine(line=number, sku=short.sku, location=short.location, quantity=short.requested)
            for number, short in enumerate(refused.shorts, start=1)
        )
        return command(
            reserve_say.ReserveCart,
            reservation_id=name,
            lines=reserved,
            expires_at=refused.recorded_at + HOLDS,
        )
    lines = tuple(
        order_say.OrderedLine.model_construct(
            line=number, sku=short.sku, location=short.location, quantity=short.requested
        )
        for number, short in enumerate(refused.shorts, start=1)
    )
    return command(order_say.PlaceOrder, order_id=name, lines=lines)
