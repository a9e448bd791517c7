"""Law 5 for what is reserved: carts and the quota's count agree with what the stocks reserve.

A cart's stocks hold the sum of its lines when it is reserved, and nothing under its id once it has
ended. While a quota holds, each command that changes what is reserved says by how much, and what
it knows to be open is all of it, less what was there before until that has been stated.
"""

from __future__ import annotations

from dataclasses import dataclass

from replay.verify.ledger import LedgerFold
from replay.verify.report import LawResult
from replay.verify.rows import EventRow
from replay.verify.stock import Data, Move, Stock

Place = tuple[str, str]


@dataclass(slots=True, kw_only=True)
class Cart:
    """Units by stock, as its lines say."""

    units: dict[Place, int]
    ended: bool = False


class ReservationCheck:
    """Fed by one ledger's events, after the fold has seen them."""

    def __init__(self, law: LawResult, fold: LedgerFold) -> None:
        self._law = law
        self._fold = fold
        self._carts: dict[str, Cart] = {}
        self._touched: dict[str, EventRow] = {}
        self._begun: set[str] = set()
        self._reserved = 0
        self._moved = 0
        self._row: EventRow | None = None
        self._quota: int | None = None
        self._version = 0
        self._since = 0
        self._before = 0
        self._is_opened = False
        self._counted: int | None = None

    def stock(self, row: EventRow, moved: Move) -> None:
        """A stock event that changed what is reserved was folded."""
        self._reserved += moved[1]
        self._moved += moved[1]
        self._row = row

    def other(self, row: EventRow, data: Data) -> None:
        """An event of a cart or of the policy. Raises KeyError as folds do."""
        if row.type.startswith("cart."):
            self._cart(row, data)
            return
        self._version += 1
        match row.type:
            case "policy.set.v1":
                self._set(data.get("reservation_quota"))
            case "policy.quota_opened.v1":
                self._opened(row, data)
            case _:
                self._count(row, data)

    def end_of_command(self) -> None:
        if self._touched:
            for cart_id, row in self._touched.items():
                self._agrees(cart_id, row)
            self._touched.clear()
            self._begun.clear()
        if self._moved and self._quota is not None and self._row is not None:
            self._law.checked += 1
            if self._counted != self._moved:
                self._law.differ(
                    where=f"count of reserved units by the command of {self._row.name}",
                    expected=f"{self._moved}, as the stocks moved, while a quota holds",
                    found=self._counted,
                )
        self._moved, self._counted = 0, None

    def _cart(self, row: EventRow, data: Data) -> None:
        cart_id = data["reservation_id"]
        self._touched[cart_id] = row
        if row.type == "cart.reserved.v1":
            cart = self._carts[cart_id] = Cart(units={})
            for line in data["lines"]:
                place = (line["sku"], line["location"])
                cart.units[place] = cart.units.get(place, 0) + line["quantity"]
            self._begun.add(cart_id)
        elif row.type != "cart.extended.v1":
            self._carts[cart_id].ended = True

    def _agrees(self, cart_id: str, row: EventRow) -> None:
        cart = self._carts[cart_id]
        for (sku, location), units in cart.units.items():
            self._law.checked += 1
            stock = self._fold.stocks.get((sku, location))
            held = 0 if stock is None else _held(stock, cart_id)
            wanted = 0 if cart.ended else units if cart_id in self._begun else held
            if held != wanted:
                self._law.differ(
                    where=f"cart {cart_id} at {sku} at {location} after {row.name}",
                    expected=f"{wanted} reserved for it",
                    found=held,
                )

    def _set(self, quota: int | None) -> None:
        if quota is not None and self._quota is None:
            self._since = self._version
            self._before = self._reserved
            self._is_opened = False
        self._quota = quota

    def _opened(self, row: EventRow, data: Data) -> None:
        self._law.checked += 1
        told = (data["units"], data["policy_version"])
        if self._quota is None or self._is_opened or told != (self._before, self._since):
            self._law.differ(
                where=f"units reserved when the quota began, by {row.name}",
                expected=f"{self._before}, of version {self._since}, once",
                found=told,
            )
        self._is_opened = True

    def _count(self, row: EventRow, data: Data) -> None:
        self._law.checked += 1
        self._counted = data["delta"]
        known = self._reserved - (0 if self._is_opened else self._before)
        if data["known"] != known:
            self._law.differ(
                where=f"reserved units known to the quota after {row.name}",
                expected=f"{known}, as the stocks hold them",
                found=data["known"],
            )
        if self._quota is not None and data["delta"] > 0 and known > self._quota:
            self._law.differ(
                where=f"reserved units after {row.name}",
                expected=f"no more than the quota, {self._quota}",
                found=known,
            )


def _held(stock: Stock, reservation_id: str) -> int:
    return stock.promises.get(("reservation", reservation_id, None), 0)
