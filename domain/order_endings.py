"""Decisions that end an order: everything it still holds is given back, exactly.

Committed units are available again, picked and packed ones go back on the shelf first, and what
waits leaves the queue. `shelves` are the order's stocks by stream name (`Order.stock_streams`).
"""

from __future__ import annotations

from domain.events import (
    BackorderClosed,
    CommitmentReleased,
    OrderCancelled,
    OrderClosed,
    StockUnpicked,
)
from domain.order import Order
from domain.order_drafts import Drafts, Shelves, order_fact
from domain.order_progress import Allotment
from domain.refusals import OrderState, Refusal, UnknownOrder
from domain.values import Facts, Occasion


def cancel(
    order: Order | None, order_id: str, reason: str, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """At any stage before all of it was shipped; what was shipped stays shipped."""
    if order is None:
        return UnknownOrder(order_id=order_id)
    if order.status in {"shipped", "delivered", "closed", "cancelled"}:
        return OrderState(order_id=order_id, status=order.status, wanted="cancelled")
    event = OrderCancelled(order_id=order_id, reason=reason)
    return _let_go(order, event, shelves, occasion)


def close(
    order: Order | None, order_id: str, reason: str, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    """Of which a part was shipped: the rest is not wanted any more."""
    if order is None:
        return UnknownOrder(order_id=order_id)
    if order.status != "partly_shipped":
        return OrderState(order_id=order_id, status=order.status, wanted="closed")
    event = OrderClosed(order_id=order_id, reason=reason)
    return _let_go(order, event, shelves, occasion)


def _let_go(
    order: Order, event: OrderCancelled | OrderClosed, shelves: Shelves, occasion: Occasion
) -> Facts | Refusal:
    drafts = Drafts(shelves, occasion)
    for allotment in order.so_far().allotments.values():
        if allotment.held or allotment.waiting:
            _give_back(order, allotment, drafts)
    return drafts.facts(order_fact(event, order, occasion))


def _give_back(order: Order, allotment: Allotment, drafts: Drafts) -> None:
    draft = drafts.of(allotment.stock_stream)
    if taken := allotment.picked + allotment.packed:
        draft.note(
            StockUnpicked(
                sku=allotment.sku,
                location=allotment.location,
                order_id=order.order_id,
                line=allotment.line,
                quantity=taken,
            )
        )
    if allotment.held:
        draft.note(
            CommitmentReleased(
                sku=allotment.sku,
                location=allotment.location,
                order_id=order.order_id,
                line=allotment.line,
                quantity=allotment.held,
            )
        )
    if allotment.waiting:
        draft.note(
            BackorderClosed(
                sku=allotment.sku,
                location=allotment.location,
                order_id=order.order_id,
                line=allotment.line,
                quantity=allotment.waiting,
                outcome="cancelled",
            )
        )
