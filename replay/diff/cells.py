"""The words of a comparison: a key and its cells in both versions, and what explains a difference.

A cell is one field of one row, or one field of one hash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from domain.streams import (
    charge_stream,
    id_of,
    item_stream,
    kind_of,
    location_stream,
    order_stream,
    sku_and_location,
    stock_stream,
)
from projections.documents.kinds import KINDS

Cells = Mapping[str, Any]
"""Field -> value, as JSON knows it."""
ROW: Final = "row"
"""The field that differs where one version has the key and the other has not."""
MISSING: Final = "missing"
THERE: Final = "there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One row or hash field. `place`: the table's logical name; `names`: what it is called by."""

    place: str
    ledger: str
    stream: str
    names: tuple[tuple[str, str | int], ...]

    @property
    def tenant(self) -> str:
        return self.ledger.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One key in both versions, at `position` of its shard. None: the version has no such key."""

    key: Key
    position: int
    older: Cells | None
    newer: Cells | None

    def differing(self) -> Iterator[tuple[str, object, object]]:
        """(field, older value, newer value) of each cell that differs."""
        older, newer = self.older, self.newer
        if older is None or newer is None:
            if older is not newer:
                yield ROW, MISSING if older is None else THERE, MISSING if newer is None else THERE
            return
        for field in sorted(older.keys() | newer.keys()):
            before, after = older.get(field), newer.get(field)
            if before != after or type(before) is not type(after):
                yield field, before, after


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """One key in both versions, each as it stood at its own position of the shard."""

    key: Key
    positions: tuple[int, int]
    older: Cells | None
    newer: Cells | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventName:
    """Where an event is found."""

    ledger: str
    position: int
    event_id: UUID
    type: str
    stream: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What differences are grouped by. `type`: the stored types of the events, joined by ` + `, or
    NO_EVENT; `code`: the change of code, or which version is at fault.
    """

    type: str
    field: str
    code: str


NO_EVENT: Final = "not by any event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A differing cell, explained. `events`: how many explain it, some of them in `examples`;
    `rules`: numbers of the expectations that cover them.
    """

    key: Key
    field: str
    older: object
    newer: object
    cause: Cause
    expected: bool = False
    events: int = 0
    examples: tuple[EventName, ...] = ()
    rules: frozenset[int] = frozenset()


def _ids(stream: str) -> tuple[str, ...]:
    return sku_and_location(stream) if kind_of(stream) == "stock" else (id_of(stream),)


def _kind_and_id(stream: str) -> tuple[str, ...]:
    kind = kind_of(stream)
    return (kind, id_of(stream)) if kind in KINDS else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A table that events of some streams are folded into, a row for each stream."""

    name: str
    columns: tuple[str, ...]
    stream_of: Callable[..., str]
    ids_of: Callable[[str], tuple[str, ...]] = _ids

    def key(self, ledger: str, *ids: str) -> Key:
        return Key(
            place=self.name,
            ledger=ledger,
            stream=self.stream_of(*ids),
            names=tuple(zip(self.columns, ids, strict=True)),
        )

    def key_of(self, ledger: str, stream: str) -> Key | None:
        """The row that a stream is folded into; None when that is in another table."""
        ids = self.ids_of(stream)
        key = self.key(ledger, *ids) if len(ids) == len(self.columns) else None
        return key if key is not None and key.stream == stream else None


STOCK_LEVELS = Place(name="stock_levels", columns=("sku", "location"), stream_of=stock_stream)
ITEMS = Place(name="items", columns=("sku",), stream_of=item_stream)
LOCATIONS = Place(name="locations", columns=("location",), stream_of=location_stream)
ORDERS = Place(name="orders", columns=("order_id",), stream_of=order_stream)
CHARGES = Place(name="charges", columns=("charge_id",), stream_of=charge_stream)
DOCUMENTS = Place(
    name="documents",
    columns=("kind", "id"),
    stream_of=lambda kind, name: f"{kind}-{name}",
    ids_of=_kind_and_id,
)
AVAILABLE = Place(name="available", columns=("sku", "location"), stream_of=stock_stream)
SETTINGS = Place(name="settings", columns=("sku",), stream_of=item_stream)
