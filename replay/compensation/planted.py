"""Rules with a bug in them, for drills and tests: what a ledger may have been decided with once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import cast

from commands import messages as say
from commands import order_messages as order_say
from commands.handler import Decide
from commands.message import Message
from commands.view import CommandView
from domain.item import Item
from domain.order import Order
from domain.policy import Policy
from domain.refusals import Refusal
from domain.shelf import Shelf
from domain.streams import stock_stream
from domain.values import Fact, Facts, Occasion
from replay.fork.rules import TODAY, Rules


class _WithoutHeld:
    """A view in which no unit is held."""

    def __init__(self, view: CommandView) -> None:
        self._view = view

    def order(self, order_id: str) -> Order | None:
        return self._view.order(order_id)

    def item(self, sku: str) -> Item | None:
        return self._view.item(sku)

    def policy(self) -> Policy | None:
        return self._view.policy()

    def shelf(self, sku: str, location: str) -> Shelf:
        stream = stock_stream(sku, location)
        return self.shelves((stream,))[stream]

    def shelves(self, stock_streams: Iterable[str]) -> Mapping[str, Shelf]:
        found = self._view.shelves(stock_streams).items()
        return {name: replace(each, stock=replace(each.stock, held=0)) for name, each in found}

    def after(self, facts: Iterable[Fact]) -> _WithoutHeld:
        return _WithoutHeld(self._view.after([replace(fact, after=None) for fact in facts]))


def _ignoring_held(decide: Decide) -> Decide:
    def decided(command: Message, view: CommandView, occasion: Occasion) -> Facts | Refusal:
        found = decide(command, cast("CommandView", _WithoutHeld(view)), occasion)
        if isinstance(found, Refusal):
            return found
        return tuple(replace(fact, after=None) for fact in found)

    return decided


PROMISING: tuple[type[Message], ...] = (
    say.ReserveStock,
    order_say.PlaceOrder,
    order_say.AllocateOrder,
)
# Damaged units are promised as if they were for sale.
IGNORES_HELD: Rules = {**TODAY, **{kind: _ignoring_held(TODAY[kind]) for kind in PROMISING}}
