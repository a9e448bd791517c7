"""What the decisions on orders share: the facts of one order while they are put together, and how
several bad lines become one refusal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar, cast

from domain.drafts import Drafts
from domain.events import OrderEvent, OrderPlaced, ReservationExpired
from domain.order import Order, evolve
from domain.promises import due_reservations
from domain.refusals import DuplicateLine, Refusal
from domain.shelf import Shelf, StockDraft
from domain.streams import order_stream
from domain.values import Fact, Occasion

__all__ = ["Drafts", "OrderDraft", "Shelves", "duplicates", "expire_due", "first", "order_fact"]

Shelves = Mapping[str, Shelf]


Found = TypeVar("Found", bound=Refusal)


def first(problems: Iterable[Found]) -> Found | None:
    """The first problem, with the others in its `also`."""
    found = list(problems)
    if not found:
        return None
    also = tuple(cast("Iterable[Refusal]", found[1:]))
    return replace(found[0], also=also)  # type: ignore[type-var] # all are dataclasses


def duplicates(order_id: str, lines: Iterable[int]) -> Iterator[DuplicateLine]:
    """Each time after the first that a line is named."""
    seen: set[int] = set()
    for line in lines:
        if line in seen:
            yield DuplicateLine(order_id=order_id, line=line)
        seen.add(line)


def order_fact(event: OrderEvent, order: Order, occasion: Occasion) -> Fact:
    """`order` is the one before the event; of an order that is placed, the one after."""
    placing = isinstance(event, OrderPlaced)
    return Fact(
        stream=order_stream(event.order_id),
        event=event,
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
        after=order if placing else evolve(order, event, occasion.occurred_at),
    )


class OrderDraft:
    """The facts of one command on one order, each applied as it is noted."""

    def __init__(self, order: Order, occasion: Occasion) -> None:
        self.order = order
        self._occasion = occasion
        self.facts: list[Fact] = []

    def note(self, event: OrderEvent) -> None:
        fact = order_fact(event, self.order, self._occasion)
        self.facts.append(fact)
        self.order = cast("Order", fact.after)


def expire_due(draft: StockDraft, stock_dues: Shelf, now: datetime) -> None:
    """End every reservation that is due and still open in the draft."""
    for promise in due_reservations(stock_dues.stock, now):
        if draft.stock.promises.get(f"reservation#{promise.id}") is not None:
            draft.note(
                ReservationExpired(
                    sku=draft.sku,
                    location=draft.location,
                    reservation_id=promise.id,
                    quantity=promise.quantity,
                ),
                occurred_at=promise.expires_at,
            )
