"""The ledger's laws as predicates on a stock and its facts, for tests to hold at every prefix."""

from __future__ import annotations

from collections.abc import Iterable

from domain.events import StockCommitted, StockEvent, StockReserved
from domain.quantities import deltas
from domain.stock import Stock


def never_negative(stock: Stock) -> bool:
    """No quantity is below zero."""
    quantities = (stock.on_hand, stock.reserved, stock.committed, stock.picked, stock.held)
    return min(quantities) >= 0


def promises_add_up(stock: Stock) -> bool:
    """The totals are the sums of the open promises."""
    reserved = sum(p.quantity for p in stock.promises.values() if p.kind == "reservation")
    ordered = [p for p in stock.promises.values() if p.kind == "order"]
    picked = sum(p.picked for p in ordered)
    committed = sum(p.quantity for p in ordered) - picked
    return (stock.reserved, stock.committed, stock.picked) == (reserved, committed, picked)


def promise_was_covered(after: Stock, promise: StockReserved | StockCommitted) -> bool:
    """Right after a promise, all that is promised is on hand or within its accepted limit."""
    return after.promised <= after.on_hand + promise.backorder_limit


def shortfall_is_stated(stock: Stock) -> bool:
    """At the end of a command, what is uncovered is exactly what was last stated."""
    return stock.uncovered == stock.uncovered_stated


def conserved(stock: Stock, events: Iterable[StockEvent]) -> bool:
    """Every unit came from a fact: the quantities are the sums of what its events moved."""
    moved = [deltas(event) for event in events]
    return (
        stock.on_hand == sum(delta.on_hand for delta in moved)
        and stock.reserved == sum(delta.reserved for delta in moved)
        and stock.committed == sum(delta.committed for delta in moved)
        and stock.picked == sum(delta.picked for delta in moved)
        and stock.held == sum(delta.held for delta in moved)
    )
