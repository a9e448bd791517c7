"""An independent fold of one ledger: every stock, item, location, order, charge and document of a
prefix.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from replay.verify.documents.fold import Document
from replay.verify.documents.kinds import KIND_OF, KINDS
from replay.verify.order_progress import FOLDS as ORDER_FOLDS
from replay.verify.orders import PLACED, Order, placed
from replay.verify.rows import EventRow
from replay.verify.stock import MOVES, Data, Move, Stock

NOTHING_MOVED: Move = (0, 0, 0, 0, 0)
ITEM_TYPES = ("item.registered.v1", "item.described.v1", "item.discontinued.v1")
ORDER_TYPES = (*PLACED, "order.allocated.v1", *ORDER_FOLDS)
REPLAY_TYPES = ("replay.promoted.v1", "replay.rolled_back.v1")
OTHER_TYPES = ("location.registered.v1", "charge.recorded.v1", *REPLAY_TYPES)
KNOWN_TYPES = {*MOVES, *ITEM_TYPES, *ORDER_TYPES, *OTHER_TYPES, *KIND_OF}
# Carts stand in streams of another word, since a cart is a reservation.
AGGREGATES = {"stock", "item", "location", "order", "charge", "cart", "replay", *KINDS}


@dataclass(slots=True, eq=False, kw_only=True)
class Described:
    """An item, a location or a charge: the fields of the last event that told them."""

    fields: dict[str, Any]
    status: str = "active"
    occurred_at: datetime
    position: int
    recorded_at: datetime


def is_ours(type_name: str) -> bool:
    """Whether the type speaks of an aggregate of this ledger, known or not. Others belong to
    applications that keep their own events in it; nothing here folds those.
    """
    aggregate, _, fact = type_name.partition(".")
    return aggregate in AGGREGATES and fact != ""


class LedgerFold:
    """Stocks by (SKU, location), items by SKU, locations, orders and charges by their id, documents
    by their kind and id. `tracked`: of the items whose lots or serials are told, which of the
    two, by SKU.
    """

    def __init__(self, ledger: str) -> None:
        self.ledger = ledger
        self.tenant = ledger.partition("/")[0]
        self.stocks: dict[tuple[str, str], Stock] = {}
        self.locations_of: dict[str, list[str]] = {}
        self.items: dict[str, Described] = {}
        self.tracked: dict[str, str] = {}
        self.locations: dict[str, Described] = {}
        self.orders: dict[str, Order] = {}
        self.charges: dict[str, Described] = {}
        self.documents: dict[tuple[str, str], Document] = {}

    def stock(self, row: EventRow, data: Data) -> tuple[Stock, Move]:
        """Fold a stock event. Raises KeyError, TypeError or ValueError on what it cannot read, or
        when the event stands in another stream than it speaks of.
        """
        sku, location = data["sku"], data["location"]
        stock = self.stocks.get((sku, location))
        if stock is None:
            stock = Stock(sku, location, f"stock-{sku}@{location}")
            _in_stream(row, stock.stream)
            self.stocks[sku, location] = stock
            self.locations_of.setdefault(sku, []).append(location)
        elif row.stream != stock.stream:
            _in_stream(row, stock.stream)
        moved = stock.apply(row.type, data, row.occurred_at)
        stock.position = row.position
        stock.recorded_at = row.recorded_at
        if row.type in KIND_OF:
            self._document(row, data)
        return stock, moved

    def other(self, row: EventRow, data: Data) -> None:
        """Fold any other event. Raises as `stock` does."""
        if row.type in KIND_OF:
            self._document(row, data)
        match row.type.partition(".")[0]:
            case "order":
                self._order(row, data)
            case "item":
                self._item(row, data)
            case "location":
                if row.type == "location.registered.v1":
                    _in_stream(row, f"location-{data['location']}")
                    self.locations[data["location"]] = _described(row, data)
            case "replay":  # A receipt speaks of read models: no cell is made of it.
                _in_stream(row, f"replay-{data['replay_id']}")
            case "charge":
                _in_stream(row, f"charge-{data['charge_id']}")
                self.charges[data["charge_id"]] = _described(row, data)

    def backorder_limit(self, sku: str) -> int:
        """Units per location that may be promised beyond on hand: none once discontinued."""
        item = self.items.get(sku)
        if item is None or item.status != "active":
            return 0
        limit: int = item.fields.get("backorder_limit", 0)
        return limit

    def _order(self, row: EventRow, data: Data) -> None:
        order_id = data["order_id"]
        _in_stream(row, f"order-{order_id}")
        if row.type in PLACED:
            self.orders[order_id] = placed(row, data)
        else:
            self.orders[order_id].apply(row, data)

    def _item(self, row: EventRow, data: Data) -> None:
        if row.type not in ITEM_TYPES:  # No cell of the items' table is made of it.
            return
        sku = data["sku"]
        _in_stream(row, f"item-{sku}")
        if row.type == "item.discontinued.v1":
            item = self.items[sku]
            item.status, item.position = "discontinued", row.position
            item.recorded_at = row.recorded_at
            return
        tracking = data.get("tracking", "none")
        if tracking != "none":
            self.tracked[sku] = tracking
        else:
            self.tracked.pop(sku, None)
        before = self.items.get(sku)
        self.items[sku] = _described(row, data, before.status if before else "active")

    def _document(self, row: EventRow, data: Data) -> None:
        name = KIND_OF[row.type]
        kind = KINDS[name]
        key = kind.only or "@".join(data[field] for field in kind.names)
        _in_stream(row, f"{name}-{key}")
        document = self.documents.get((name, key))
        if document is None:
            document = Document(
                fold=kind.begin(key),
                opened_at=row.occurred_at,
                opened_position=row.position,
                position=row.position,
                recorded_at=row.recorded_at,
            )
        document.fold.apply(row, data)
        document.position, document.recorded_at = row.position, row.recorded_at
        self.documents[name, key] = document


def _in_stream(row: EventRow, stream: str) -> None:
    if row.stream != stream:
        raise ValueError(f"its data speaks of {stream}")


def _described(row: EventRow, data: Data, status: str = "active") -> Described:
    return Described(
        fields=data,
        status=status,
        occurred_at=row.occurred_at,
        position=row.position,
        recorded_at=row.recorded_at,
    )
