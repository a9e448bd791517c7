"""The row of an order, and what of it its status and lines do not tell: `progress`.

It holds the terms that are not the usual ones, and the domain's own `Progress` once the order has
any, without what is empty. Folding one more event takes the row for the order's state.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, cast

import msgspec

from domain.events import OrderCancelled, OrderClosed, OrderEvent, OrderPlaced, OrderShipped
from domain.order import PLAIN, LineState, Terms, evolve
from domain.order import Order as State
from domain.order_progress import Progress
from domain.refusals import OrderStatus
from eventlog.log import RecordedEvent

TERMS = "terms"
Document = dict[str, Any]
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Document).decode


class Line(msgspec.Struct, gc=False, kw_only=True):
    """One line as the row's `lines` hold it. Kits and their parts say so, others say nothing."""

    line: int
    sku: str
    location: str | None
    quantity: int
    unit_price_micros: int
    shipped: int = 0
    is_kit: bool | msgspec.UnsetType = msgspec.UNSET
    part_of: int | msgspec.UnsetType = msgspec.UNSET


@dataclass(slots=True, kw_only=True)
class Row:
    """One row. The instants are the events' own `occurred_at`; a closing counts as a cancelling."""

    tenant: str
    ledger: str
    order_id: str
    status: str
    customer: str | None
    currency: str
    placed_at: datetime
    shipped_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    units: int
    total_micros: int
    lines: list[Line]
    progress: Document
    placed_position: int
    position: int
    recorded_at: datetime


def terms_of(fact: OrderPlaced) -> Document:
    """What a placed order's progress begins with: nothing, on the usual terms."""
    told = {
        field.name: value
        for field in fields(Terms)
        if (value := getattr(fact, field.name)) != field.default
    }
    return {TERMS: _document(told)} if told else {}


def advance(row: Row, event: RecordedEvent, fact: OrderEvent) -> None:
    """Fold a fact through the order's own state."""
    after = evolve(_state(row), fact, event.occurred_at)
    assert after is not None, "an order that was placed stays"
    row.status = after.status
    for line, state in zip(row.lines, after.lines, strict=True):
        line.shipped = state.shipped
    told = _document(after.progress or Progress())
    terms = {TERMS: row.progress[TERMS]} if TERMS in row.progress else {}
    row.progress = terms | {name: value for name, value in told.items() if value}
    if isinstance(fact, OrderShipped):
        row.shipped_at = event.occurred_at
    elif isinstance(fact, OrderCancelled | OrderClosed):
        row.cancelled_at, row.cancel_reason = event.occurred_at, fact.reason


def _document(value: object) -> Document:
    """As it comes back from the table."""
    return _decode(_encode(value))


def _state(row: Row) -> State:
    progress = {name: value for name, value in row.progress.items() if name != TERMS}
    terms = row.progress.get(TERMS)
    return State(
        order_id=row.order_id,
        status=cast("OrderStatus", row.status),
        customer=row.customer,
        currency=row.currency,
        lines=tuple(
            LineState(
                line=line.line,
                sku=line.sku,
                location=line.location,
                quantity=line.quantity,
                unit_price_micros=line.unit_price_micros,
                shipped=line.shipped,
                is_kit=line.is_kit is True,
                part_of=None if line.part_of is msgspec.UNSET else line.part_of,
            )
            for line in row.lines
        ),
        terms=msgspec.convert(terms, Terms) if terms else PLAIN,
        progress=msgspec.convert(progress, Progress) if progress else None,
    )
