"""How rows in PostgreSQL come about from whole streams: by the folds and the tables' own writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from psycopg import Connection
from psycopg.rows import TupleRow

from domain.events import LocationRegistered
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
from eventlog.log import RecordedEvent
from projections.catalogue import ReadModel
from projections.documents import fold as document_fold
from projections.documents import tables as document_tables
from projections.documents.fold import Document, DocumentKey
from projections.documents.kinds import DOCUMENT_STORED, KINDS
from projections.editions import edition
from projections.item_facts import (
    ITEM_STORED,
    LOCATION_STORED,
    ItemChange,
    item_changes,
    locations,
)
from projections.orders import tables as order_tables
from projections.orders.fold import (
    CHARGE_STORED,
    ORDER_STORED,
    ChargeFact,
    Order,
    OrderKey,
    charge_facts,
    fold,
    order_facts,
)
from projections.stock_facts import STOCK_TYPES
from projections.stock_levels import tables as level_tables
from projections.stock_levels.fold import LevelChange, Stock, level_changes

LevelPage = tuple[
    Mapping[Stock, LevelChange],
    Mapping[tuple[str, str], ItemChange],
    Mapping[tuple[str, str], tuple[RecordedEvent, LocationRegistered]],
]
PAGE: Final = 5_000
MAKERS: Final[Mapping[str, Callable[..., str]]] = {
    "stock": stock_stream,
    "item": item_stream,
    "location": location_stream,
    "order": order_stream,
    "charge": charge_stream,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTable:
    """The table that streams of one kind fold into: a row a stream."""

    name: str
    kind: str
    key: tuple[str, ...]

    def key_of(self, stream: str) -> tuple[str, ...]:
        """The row's key, but for the ledger."""
        return sku_and_location(stream) if kind_of(stream) == "stock" else (id_of(stream),)

    def stream_of(self, key: Sequence[str]) -> str:
        """The opposite of `key_of`."""
        return MAKERS[self.kind](*key)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTable:
    """The table of documents, which streams of several kinds fold into."""

    name: str
    key: tuple[str, ...] = ("kind", "id")

    def key_of(self, stream: str) -> tuple[str, ...]:
        return kind_of(stream), id_of(stream)

    def stream_of(self, key: Sequence[str]) -> str:
        return "-".join(key)


class Fold(Protocol):
    """Streams folded from their first event on, and how their rows are written.

    `tables`: by the kind of the streams that fold into each.
    """

    tables: Mapping[str, KeyTable | DocumentTable]
    handles: frozenset[str]

    def take(self, events: Iterable[RecordedEvent]) -> None:
        """Fold further events. Raises `PoisonEventError`."""

    def write(self, connection: Connection[TupleRow]) -> None:
        """Write what was folded, as rows that are not there yet."""


class StockLevelsFold:
    """A `Fold`. Its pages are written one upon the other, as batches of the projection are."""

    handles = STOCK_TYPES | ITEM_STORED | LOCATION_STORED

    def __init__(self, model: ReadModel) -> None:
        places = level_tables.places(model.version)
        self._rules = edition(model.edition).rules
        self._tables = level_tables.Tables(**places)
        self._writes: list[LevelPage] = []
        self.tables: Mapping[str, KeyTable | DocumentTable] = {
            "stock": KeyTable(name=places["stock_levels"], kind="stock", key=("sku", "location")),
            "item": KeyTable(name=places["items"], kind="item", key=("sku",)),
            "location": KeyTable(name=places["locations"], kind="location", key=("location",)),
        }

    def take(self, events: Iterable[RecordedEvent]) -> None:
        for page in _pages(events):
            self._writes.append(
                (level_changes(page, self._rules), item_changes(page), locations(page))
            )

    def write(self, connection: Connection[TupleRow]) -> None:
        for levels, items, found in self._writes:
            self._tables.write_levels(connection, levels)
            self._tables.write_items(connection, items)
            self._tables.write_locations(connection, found)


class OrdersFold:
    """A `Fold`."""

    handles = ORDER_STORED | CHARGE_STORED

    def __init__(self, model: ReadModel) -> None:
        places = order_tables.places(model.version)
        self._tables = order_tables.Tables(**places)
        self._orders: dict[OrderKey, Order] = {}
        self._charges: list[ChargeFact] = []
        self.tables: Mapping[str, KeyTable | DocumentTable] = {
            "order": KeyTable(name=places["orders"], kind="order", key=("order_id",)),
            "charge": KeyTable(name=places["charges"], kind="charge", key=("charge_id",)),
        }

    def take(self, events: Iterable[RecordedEvent]) -> None:
        for page in _pages(events):
            fold(self._orders, order_facts(page))
            self._charges += charge_facts(page)

    def write(self, connection: Connection[TupleRow]) -> None:
        self._tables.write_orders(connection, self._orders.values())
        self._tables.write_charges(connection, self._charges)


class DocumentsFold:
    """A `Fold`."""

    handles = DOCUMENT_STORED

    def __init__(self, model: ReadModel) -> None:
        places = document_tables.places(model.version)
        table = DocumentTable(name=places["documents"])
        self._tables = document_tables.Tables(**places)
        self._documents: dict[DocumentKey, Document] = {}
        self.tables: Mapping[str, KeyTable | DocumentTable] = dict.fromkeys(KINDS, table)

    def take(self, events: Iterable[RecordedEvent]) -> None:
        for page in _pages(events):
            document_fold.fold(self._documents, document_fold.document_facts(page))

    def write(self, connection: Connection[TupleRow]) -> None:
        self._tables.write(connection, self._documents.values())


def _pages(events: Iterable[RecordedEvent]) -> Iterator[list[RecordedEvent]]:
    source = iter(events)
    while page := list(islice(source, PAGE)):
        yield page
