"""The plain model of a whole ledger, and how it is held against the real one."""

from __future__ import annotations

import inspect
from collections import Counter
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

    def at_rest(self) -> None:
        """Process managers have done what was due: nobody who takes what there is waits for it."""
        for (sku, location), units in self.places.items():
            if not self._is_tracked(sku) and self._come_first(sku, location):
                assert units.on_hand <= units.promised, (sku, location)

    def _foretold(self, done: Done) -> None:
        """No more is promised or sent than there is; and what there is, is to be had."""
        short = self._short(done.command)
        if short is None:
            return
        if done.accepted:
            assert not short
        elif done.answer.code in {"insufficient_stock", "too_few_to_move"}:
            assert short

    def _short(self, command: Any) -> bool | None:
        """Whether there is too little for it; None for a command that this cannot tell of."""
        match command.type_name:
            case "reserve_stock" if not self._is_tracked(command.sku):
                wanted = self.own(command.sku, command.quantity, command.unit)
                return wanted > self._room_for_new(command.sku, command.location)
            case "ship_stock" if command.reservation_id is None and command.sku in self.items:
                units = self.places[command.sku, command.location]
                wanted = self.own(command.sku, command.quantity, command.unit)
                return wanted > units.on_hand - units.promised
            case "move_stock" if command.sku in self.items:
                units = self.places[command.sku, command.origin]
                wanted = self.own(command.sku, command.quantity, command.unit)
                return wanted > units.on_hand - units.promised
            case "place_order" if self._is_plain(command):
                return self._is_short_of(command.lines)
            case _:
                return None

    def _is_plain(self, order: Any) -> bool:
        """Allocated as a whole, at once, where its lines say, and of nothing that is tracked."""
        return (
            order.allocate
            and not order.ship
            and order.allocation == "all"
            and not order.backorder
            and order.reservation_id is None
            and all(
                line.location is not None
                and not self._is_tracked(line.sku)
                and not self.items[line.sku].kit
                for line in order.lines
            )
        )

    def _is_short_of(self, lines: Any) -> bool:
        wanted: Counter[Place] = Counter()
        for line in lines:
            wanted[line.sku, line.location] += self.own(line.sku, line.quantity, line.unit)
        return any(units > self._room_for_new(*place) for place, units in wanted.items())

    def _room_for_new(self, sku: str, location: str) -> int:
        return self.room(sku, location) - self._come_first(sku, location)

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
