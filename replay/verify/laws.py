"""Laws 2 (one order), 3 (once), 4 (no oversell) and 5 (conservation), checked event by event."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from replay.verify.report import LawResult
from replay.verify.rows import EventRow, KeyRow, LedgerRow
from replay.verify.stock import Data, Stock

_PROMISES = ("stock.reserved.v1", "stock.committed.v1")


class OrderCheck:
    """Law 2: positions 1, 2, 3 … in the ledger and in each stream; time recorded never runs backwards."""

    def __init__(self, result: LawResult, ledger: LedgerRow) -> None:
        self._result = result
        self._ledger = ledger
        self._position = 0
        self._shard_position = 0
        self._recorded_at: datetime | None = None
        self._versions: dict[str, int] = {}

    def event(self, row: EventRow) -> None:
        expect = self._result.expect
        expect(
            where=f"position after {self._position} in ledger {row.ledger}",
            expected=self._position + 1,
            found=row.position,
        )
        version = self._versions.get(row.stream, 0) + 1
        expect(where=f"stream version of {row.name}", expected=version, found=row.version)
        expect(where=f"tenant of {row.name}", expected=self._ledger.tenant, found=row.tenant)
        expect(where=f"shard of {row.name}", expected=self._ledger.shard, found=row.shard)
        if row.shard_position <= self._shard_position:
            self._result.differ(
                where=f"shard position of {row.name}",
                expected=f"more than {self._shard_position}",
                found=row.shard_position,
            )
        if self._recorded_at is not None and row.recorded_at < self._recorded_at:
            self._result.differ(
                where=f"recorded_at of {row.name}",
                expected=f"{self._recorded_at.isoformat()} or later",
                found=row.recorded_at.isoformat(),
            )
        self._position = row.position
        self._shard_position = row.shard_position
        self._recorded_at = row.recorded_at
        self._versions[row.stream] = row.version

    def end(self) -> None:
        self._result.expect(
            where=f"last position of ledger {self._ledger.ledger}",
            expected=self._ledger.position,
            found=self._position,
        )


class OnceCheck:
    """Law 3: each command key names exactly the events that carry it, next to each other."""

    def __init__(self, result: LawResult, keys: Iterator[KeyRow]) -> None:
        self._result = result
        self._keys = keys
        self._key = next(keys, None)

    def event(self, row: EventRow, command_id: str | None) -> None:
        while self._key is not None and self._key.last_position < row.position:
            self._key = next(self._keys, None)
        key = self._key
        if key is None or key.first_position > row.position:
            self._result.checked += 1
            if command_id is not None:
                self._result.differ(
                    where=f"command key of {row.name}",
                    expected=f"a key row {command_id!r} that names position {row.position}",
                    found="none",
                )
            return
        self._result.expect(where=f"command key of {row.name}", expected=key.key, found=command_id)
        if row.position == key.first_position:
            self._own_row(row, key)

    def _own_row(self, row: EventRow, key: KeyRow) -> None:
        where = f"key row {key.key!r} of ledger {row.ledger}"
        self._result.expect(where=f"{where}, accepted", expected=True, found=key.accepted)
        self._result.expect(where=f"{where}, tenant", expected=row.tenant, found=key.tenant)
        self._result.expect(
            where=f"{where}, bytes of the body hash", expected=32, found=key.body_hash_bytes
        )
        answer = json.loads(key.answer)
        self._result.expect(
            where=f"{where}, first and last position in its answer",
            expected=(key.first_position, key.last_position),
            found=(answer.get("first_position"), answer.get("last_position")),
        )

    def end(self, position: int) -> None:
        """Call with the ledger's last position: a key that names events beyond it lost them."""
        rest = [self._key] if self._key is not None else []
        for key in (*rest, *self._keys):
            if key.last_position > position:
                self._result.differ(
                    where=f"events of key {key.key!r}",
                    expected=f"positions {key.first_position} to {key.last_position}",
                    found=f"a log that ends at {position}",
                )


class OversellCheck:
    """Law 4 at every prefix by position; the shortfall is compared where a command's events end."""

    def __init__(self, result: LawResult, conservation: LawResult) -> None:
        self._result = result
        self._conservation = conservation
        self._limits: dict[str, int] = {}
        self._discontinued: set[str] = set()
        self._touched: dict[str, Stock] = {}
        self._command: str | None = None

    def item(self, kind: str, data: Data) -> None:
        if kind in ("item.registered.v1", "item.described.v1"):
            self._limits[data["sku"]] = data.get("backorder_limit", 0)
        elif kind == "item.discontinued.v1":
            self._discontinued.add(data["sku"])

    def begin(self, command_id: str | None) -> None:
        """Call before each event is folded: a new command ends the one before it."""
        if command_id != self._command or command_id is None:
            self.end()
            self._command = command_id

    def stock(self, row: EventRow, stock: Stock, data: Data) -> None:
        self._touched[row.stream] = stock
        self._result.checked += 1
        if stock.on_hand < 0:
            self._result.differ(
                where=f"on hand of {stock.sku} at {stock.location} after {row.name}",
                expected="0 or more",
                found=stock.on_hand,
            )
        if row.type in _PROMISES:
            self._promise(row, stock, data)
        self._quantities(row, stock)

    def _promise(self, row: EventRow, stock: Stock, data: Data) -> None:
        limit = 0 if stock.sku in self._discontinued else self._limits.get(stock.sku, 0)
        self._result.expect(
            where=f"backorder limit of {row.name}",
            expected=limit,
            found=data.get("backorder_limit", 0),
        )
        if stock.promised > stock.on_hand + limit:
            self._result.differ(
                where=f"units of {stock.sku} at {stock.location} promised after {row.name}",
                expected=f"at most {stock.on_hand} on hand + {limit} backorder",
                found=stock.promised,
            )

    def _quantities(self, row: EventRow, stock: Stock) -> None:
        self._conservation.checked += 1
        if min(stock.reserved, stock.committed, stock.picked, stock.held) < 0:
            self._conservation.differ(
                where=f"promises of {stock.sku} at {stock.location} after {row.name}",
                expected="no quantity below 0 (nothing closed twice)",
                found=f"reserved {stock.reserved}, committed {stock.committed}, held {stock.held}",
            )
        if stock.overclosed:
            self._conservation.differ(
                where=f"promises of {stock.sku} at {stock.location} after {row.name}",
                expected="each closed for at most what it held",
                found=f"{stock.overclosed} units more",
            )

    def end(self) -> None:
        for stock in self._touched.values():
            self._result.expect(
                where=f"open shortfall of {stock.sku} at {stock.location} after command {self._command!r}",
                expected=stock.uncovered,
                found=stock.shortfall,
            )
        self._touched.clear()


class ConservationCheck:
    """Law 5: per SKU, what came in minus what went out, with named adjustments, is what is on hand.

    Counts the bare quantities of the events per SKU, beside the fold per location.
    """

    def __init__(self, result: LawResult, ledger: str) -> None:
        self._result = result
        self._ledger = ledger
        self._received: Counter[str] = Counter()
        self._returned: Counter[str] = Counter()
        self._shipped: Counter[str] = Counter()
        self._adjusted: Counter[str] = Counter()
        self._ordered: dict[tuple[str, int], list[int]] = {}

    def stock(self, row: EventRow, data: dict[str, Any]) -> None:
        sku = data["sku"]
        match row.type:
            case "stock.received.v1":
                self._received[sku] += data["quantity"]
            case "stock.returned.v1":
                self._returned[sku] += data["quantity"]
            case "stock.shipped.v1":
                self._shipped[sku] += data["quantity"]
                if data.get("order_id") is not None:
                    self._line(data)[1] += data["quantity"]
            case "stock.adjusted.v1" | "stock.count_restated.v1":
                self._adjusted[sku] += data["delta"]
            case "stock.discrepancy_found.v1":
                self._adjusted[sku] += data["quantity"]
            case "stock.counted.v1":
                self._adjusted[sku] += data["counted"] - data["expected"]

    def order(self, row: EventRow, data: dict[str, Any]) -> None:
        if row.type == "order.placed.v1":
            for line in data["lines"]:
                self._ordered[(data["order_id"], line["line"])] = [line["quantity"], 0, 0]
        elif row.type == "order.shipped.v1":
            for line in data["lines"]:
                entry = self._ordered.setdefault((data["order_id"], line["line"]), [0, 0, 0])
                entry[2] += line["quantity"]

    def _line(self, data: dict[str, Any]) -> list[int]:
        return self._ordered.setdefault((data["order_id"], data["line"]), [0, 0, 0])

    def end(self, on_hand: Counter[str]) -> None:
        """`on_hand`: units per SKU over all locations, from the fold."""
        skus = set(self._received) | set(self._returned) | set(self._shipped) | set(self._adjusted)
        for sku in sorted(skus | set(on_hand)):
            came_in = self._received[sku] + self._returned[sku]
            self._result.expect(
                where=f"on hand of {sku} in ledger {self._ledger}"
                f" (received {self._received[sku]} + returned {self._returned[sku]}"
                f" - shipped {self._shipped[sku]} + adjusted {self._adjusted[sku]})",
                expected=came_in - self._shipped[sku] + self._adjusted[sku],
                found=on_hand[sku],
            )
        for (order_id, line), (ordered, left, stated) in self._ordered.items():
            self._result.expect(
                where=f"units shipped of order {order_id} line {line} in ledger {self._ledger}",
                expected=stated,
                found=left,
            )
            if left > ordered:
                self._result.differ(
                    where=f"units shipped of order {order_id} line {line} in ledger {self._ledger}",
                    expected=f"at most the {ordered} ordered",
                    found=left,
                )
