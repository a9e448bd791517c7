"""Stream `serial-<sku>@<serial>`: where one single unit is, and where it went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from domain.facts.traces import TraceCause


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialPlaced:
    """The unit is at the location from here on. `cause` is what brought it, the event of the stock
    there that `cause_event_id` names.
    """

    sku: str
    serial: str
    location: str
    cause: TraceCause
    cause_event_id: str
    order_id: str | None = None
    reference: str = ""
    expires_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialLeft:
    """The unit is at the location no more, and at no other until it is placed again."""

    sku: str
    serial: str
    location: str
    cause: TraceCause
    cause_event_id: str
    order_id: str | None = None
    reference: str = ""
