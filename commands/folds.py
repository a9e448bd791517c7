"""Streams folded to states, and those states kept as snapshots."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import NamedTuple, cast

import msgspec

from domain import moving_stock
from domain.aggregates import STATE_TYPES, State, evolve, initial
from domain.events import Event, StockEvent
from domain.stock import Stock
from domain.streams import StreamKind, kind_of
from eventlog.codec import decode
from eventlog.log import RecordedEvent, Snapshot

StreamKey = tuple[str, str]  # ledger, stream

# Raise it when a fold's meaning changes while its state's fields stay: older snapshots are then
# passed over. A change of fields does that by itself.
FOLD_VERSION = 1


class Folded(NamedTuple):
    """A stream's state at `version`; `snapshot_version` is the one last given to be kept."""

    version: int
    state: State | None
    snapshot_version: int


def beginning(stream: str) -> Folded:
    """The stream before its first event."""
    return Folded(0, initial(stream), 0)


def folded(before: Folded, event: Event, occurred_at: datetime) -> Folded:
    """The stream after one more event."""
    version, state, snapshot_version = before
    # Nine events of ten are a stock's: straight to them.
    if type(state) is Stock:
        moved: State | None = moving_stock.evolve(state, cast("StockEvent", event), occurred_at)
    else:
        moved = evolve(state, event, occurred_at)
    return Folded(version + 1, moved, snapshot_version)


def folded_all(before: Folded, events: Iterable[RecordedEvent]) -> Folded:
    """Fold what `before` has not seen. Raises UnknownEventType, UndecodableEventError."""
    for recorded in events:
        if recorded.stream_version > before.version:
            before = folded(before, decode(recorded.type, recorded.data), recorded.occurred_at)
    return before


def snapshot(key: StreamKey, kept: Folded) -> Snapshot:
    """The stored form; only for a stream that has events."""
    ledger, stream = key
    return Snapshot(
        ledger=ledger,
        stream=stream,
        stream_version=kept.version,
        format=_format_of(kind_of(stream)),
        state=msgspec.json.encode(kept.state),
    )


def from_snapshot(stored: Snapshot) -> Folded | None:
    """None when it was written by a fold that this code does not know."""
    kind = kind_of(stored.stream)
    if stored.format != _format_of(kind):
        return None
    state = msgspec.json.decode(stored.state, type=STATE_TYPES[kind])
    return Folded(stored.stream_version, state, stored.stream_version)


@cache
def _format_of(kind: StreamKind) -> str:
    schema = msgspec.json.encode(msgspec.json.schema(STATE_TYPES[kind]), order="sorted")
    return f"{kind}.{FOLD_VERSION}.{sha256(schema).hexdigest()[:12]}"
