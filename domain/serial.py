"""A serial: one single unit of an item, in one place at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from domain.events import SerialEvent, SerialPlaced
from domain.facts.traces import TraceCause


@dataclass(frozen=True, slots=True, kw_only=True)
class Serial:
    """`location` is None while it is nowhere here; `cause` and `order_id` are those of the last
    time it came or left.
    """

    sku: str
    serial: str
    location: str | None
    cause: TraceCause
    order_id: str | None = None
    reference: str = ""
    expires_on: date | None = None


def evolve(
    serial: Serial | None,
    event: SerialEvent,
    occurred_at: datetime,  # noqa: ARG001 - every aggregate evolves with the same arguments
) -> Serial | None:
    """The state after one more fact of its stream; nothing leaves before it came."""
    if isinstance(event, SerialPlaced):
        return Serial(
            sku=event.sku,
            serial=event.serial,
            location=event.location,
            cause=event.cause,
            order_id=event.order_id,
            reference=event.reference,
            expires_on=event.expires_on,
        )
    if serial is None:
        return None
    return replace(
        serial,
        location=None,
        cause=event.cause,
        order_id=event.order_id,
        reference=event.reference,
    )
