"""Which stored types a read model reads, and how it says that it cannot read one."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from domain.events import Event
from eventlog.codec import UndecodableEventError, UnknownEventType, decode
from eventlog.log import RecordedEvent
from eventlog.projection import PoisonEventError
from eventlog.upcasters import STEPS, next_version

UNREADABLE = (
    msgspec.DecodeError,
    UnicodeDecodeError,
    UndecodableEventError,
    UnknownEventType,
)
ITEM_TYPES = ("item.registered.v1", "item.described.v1", "item.discontinued.v1")
LOCATION_TYPES = ("location.registered.v1",)


def stored_names(current: Iterable[str]) -> dict[str, str]:
    """Each of today's type names, and each older one that is upcast to it: stored -> today's."""
    names = {name: name for name in current}
    for older in STEPS:
        newest = older
        while newest in STEPS:
            newest = next_version(newest)
        if newest in names:
            names[older] = newest
    return names


def read(event: RecordedEvent) -> Event:
    """The fact as today's code knows it. Raises `PoisonEventError`."""
    try:
        return decode(event.type, event.data)
    except UNREADABLE as error:
        raise PoisonEventError(event, error) from error
