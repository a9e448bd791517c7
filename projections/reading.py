"""Which stored types a read model reads, and how it says that it cannot read one."""

from __future__ import annotations

import msgspec

from domain.events import Event
from eventlog.codec import UndecodableEventError, UnknownEventType, decode
from eventlog.log import RecordedEvent
from eventlog.projection import PoisonEventError

UNREADABLE = (
    msgspec.DecodeError,
    UnicodeDecodeError,
    UndecodableEventError,
    UnknownEventType,
)
ITEM_TYPES = ("item.registered.v1", "item.described.v1", "item.discontinued.v1")
LOCATION_TYPES = ("location.registered.v1",)


def read(event: RecordedEvent) -> Event:
    """The fact as today's code knows it. Raises `PoisonEventError`."""
    try:
        return decode(event.type, event.data)
    except UNREADABLE as error:
        raise PoisonEventError(event, error) from error
