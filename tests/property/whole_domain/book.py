"""The plain model of a whole ledger, and how it is held against the real one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from domain.policy import Policy
from domain.stock import Stock
from domain.streams import POLICY_STREAM, stock_stream
from tests.property.whole_domain.ledgers import Done, Ledgers
from tests.property.whole_domain.supply_book import SupplyBook
from tests.property.whole_domain.told import Choices, Place


class Book(SupplyBook):
    """What commands and their answers say of one ledger. No event is folded here, and nothing of
    `domain` decides.
    """

    def __init__(self, ledger: str) -> None:
        super().__init__()
        self.ledger = ledger

    def follow(self, done: Done, *, alone: bool) -> None:
        """A command was answered. Refused ones change nothing. `alone`: no other command's refusal
        could undo it.
        """
        self.now = done.now
        self.at = done.command.occurred_at or done.now
        if alone:
            self._foretold(done)
        if not done.accepted:
            assert not done.facts
            return
        self.choices = Choices(done)
        self.meanwhile()
        effects()[done.command.type_name](self, done.command)
        self.afterwards()
        for event in self.choices.promises():
            units = self.places[event.sku, event.location]
            assert units.promised <= units.on_hand + self.limit(event.sku), event
        for sku, lot in self.recalled:
            for (of, _), units in self.places.items():
                assert of != sku or not units.sendable(lot)

    def _foretold(self, done: Done) -> None:
        """No more is promised than there is, and what there is, is promised to whoever asks."""
        command = done.command
        if command.type_name != "reserve_stock" or self._is_tracked(command.sku):
            return
        room = self.room(command.sku, command.location)
        room -= self._come_first(command.sku, command.location)
        wanted = self.own(command.sku, command.quantity, command.unit)
        if done.accepted:
            assert wanted <= room
        elif done.answer.code == "insufficient_stock":
            assert wanted > room

    def _come_first(self, sku: str, location: str) -> int:
        """Units that orders wait for which take what there is."""
        waiting = self.places[sku, location].waiting.items()
        return sum(
            units
            for (order_id, line), units in waiting
            if not self.orders[order_id].is_whole and not self.orders[order_id].lines[line].is_part
        )

    def _is_tracked(self, sku: str) -> bool:
        return sku not in self.items or self.items[sku].tracking != "none"

    def hold_against(self, ledgers: Ledgers) -> None:
        """The stocks that were touched have what they are said to have."""
        for place in self.touched:
            self._same(place, ledgers)
        self.touched.clear()
        policy = self._policy(ledgers)
        if policy is not None and policy.is_opened:
            reserved = sum(units.quantities()["reserved"] for units in self.places.values())
            assert policy.reserved_units == reserved

    def _same(self, place: Place, ledgers: Ledgers) -> None:
        units = self.places[place]
        folded = ledgers.folded(self.ledger, stock_stream(*place))
        stock = folded.state if folded else Stock(sku=place[0], location=place[1])
        assert isinstance(stock, Stock)
        said = units.quantities()
        assert {name: getattr(stock, name) for name in said} == said, place
        assert stock.uncovered_stated == max(0, units.promised - units.on_hand - units.allowance)
        if self.items[place[0]].tracking != "none":
            there = {name: lot.on_hand for name, lot in stock.lots.items() if lot.on_hand}
            assert there == {name: n for name, n in units.lots.items() if n}, place
            for name, lot in stock.lots.items():
                assert lot.held == sum(held[name] for held in units.held.values())

    def _policy(self, ledgers: Ledgers) -> Policy | None:
        folded = ledgers.folded(self.ledger, POLICY_STREAM)
        assert folded is None or folded.state is None or isinstance(folded.state, Policy)
        return folded.state if folded else None  # type: ignore[return-value] # seen above


_EFFECTS: dict[str, Callable[[Book, Any], None]] = {}


def effects() -> dict[str, Callable[[Book, Any], None]]:
    """What each command does to the model, by its type's name."""
    if not _EFFECTS:
        _EFFECTS.update(inspect.getmembers(Book, inspect.isfunction))
    return _EFFECTS
