"""One ledger's fold, position by position: what every read model is compared with at its own position."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from replay.verify.chain import ChainCheck
from replay.verify.laws import ConservationCheck, OnceCheck, OrderCheck, OversellCheck
from replay.verify.orders import Order, charge_cell
from replay.verify.report import LawResult
from replay.verify.rows import EventRow
from replay.verify.stock import Deltas, Stock

Cell = dict[str, Any]


class LedgerFold:
    """Every aggregate of one ledger as the prefix so far makes it. Streams in `parked` stop where they were
    parked: `frozen` then holds the cell that the read model must still show.
    """

    def __init__(self, ledger: str) -> None:
        self.ledger = ledger
        self.position = 0
        self.stocks: dict[tuple[str, str], Stock] = {}
        self.items: dict[str, Cell] = {}
        self.locations: dict[str, Cell] = {}
        self.orders: dict[str, Order] = {}
        self.charges: dict[str, Cell] = {}

    def apply(self, row: EventRow, data: dict[str, Any]) -> Deltas | None:
        """Returns what a stock event moved; None for any other. Raises KeyError, TypeError or ValueError on a
        type or shape that no version of the event has.
        """
        self.position = row.position
        stamp = {"position": row.position, "recorded_at": row.recorded_at}
        aggregate = row.type.partition(".")[0]
        if aggregate == "stock":
            return self._stock(row, data)
        if aggregate == "order":
            if row.type == "order.placed.v1":
                self.orders[data["order_id"]] = Order.placed(row, data)
            else:
                self.orders[data["order_id"]].apply(row, data)
        elif aggregate == "item":
            self._item(row.type, data, stamp)
        elif aggregate == "location":
            self.locations[data["location"]] = {"type": "warehouse", **data, **stamp}
        elif aggregate == "charge":
            self.charges[data["charge_id"]] = charge_cell(row, data)
        else:
            raise ValueError(f"unknown event type {row.type}")
        return None

    def _stock(self, row: EventRow, data: dict[str, Any]) -> Deltas:
        key = (data["sku"], data["location"])
        stock = self.stocks.get(key)
        if stock is None:
            stock = self.stocks[key] = Stock(sku=key[0], location=key[1])
        moved = stock.apply(row.type, data, row.occurred_at)
        stock.position = row.position
        stock.recorded_at = row.recorded_at
        return moved

    def _item(self, kind: str, data: dict[str, Any], stamp: Cell) -> None:
        if kind == "item.discontinued.v1":
            self.items[data["sku"]] |= {"status": "discontinued", **stamp}
        else:
            status = self.items.get(data["sku"], {}).get("status", "active")
            self.items[data["sku"]] = {**data, "status": status, **stamp}

    def on_hand_per_sku(self) -> Counter[str]:
        totals: Counter[str] = Counter()
        for (sku, _), stock in self.stocks.items():
            totals[sku] += stock.on_hand
        return totals


class LedgerCheck:
    """Feeds one ledger's events to every law of the log and to the fold."""

    def __init__(
        self,
        *,
        fold: LedgerFold,
        order: OrderCheck,
        once: OnceCheck,
        chain: ChainCheck,
        oversell: OversellCheck,
        conservation: ConservationCheck,
        readable: LawResult,
    ) -> None:
        self.fold = fold
        self._order = order
        self._once = once
        self._chain = chain
        self._oversell = oversell
        self._conservation = conservation
        self._readable = readable

    def event(self, row: EventRow) -> tuple[dict[str, Any], Deltas | None] | None:
        """The event's data and what it moved; None when it cannot be read, which is a difference of its own."""
        self._order.event(row)
        self._chain.event(row)
        try:
            command_id = json.loads(row.metadata).get("command_id")
            data = json.loads(row.data)
            self._once.event(row, command_id)
            self._oversell.begin(command_id)
            moved = self.fold.apply(row, data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self._readable.differ(
                where=row.name, expected="an event this version can fold", found=repr(error)
            )
            return None
        if moved is not None:
            self._oversell.stock(row, self.fold.stocks[(data["sku"], data["location"])], data)
            self._conservation.stock(row, data)
        elif row.type.startswith("item."):
            self._oversell.item(row.type, data)
        elif row.type.startswith("order."):
            self._conservation.order(row, data)
        return data, moved

    def end(self) -> None:
        self._order.end()
        self._once.end(self.fold.position)
        self._oversell.end()
        self._conservation.end(self.fold.on_hand_per_sku())
        self._chain.end()
