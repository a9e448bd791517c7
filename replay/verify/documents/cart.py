"""An independent fold of carts: their lines, until when they hold, and how they ended."""

from __future__ import annotations

from typing import Any

from replay.verify.documents.fold import Data, DocumentKind
from replay.verify.rows import EventRow

ENDINGS = {
    "cart.released.v1": "released",
    "cart.expired.v1": "expired",
    "cart.converted.v1": "converted",
}


class CartDocument:
    def __init__(self, reservation_id: str) -> None:
        self._reservation_id = reservation_id
        self._lines: list[Data] = []
        self._expires_at = ""
        self._ended: str | None = None
        self._order_id: str | None = None

    def apply(self, row: EventRow, data: Data) -> None:
        if row.type == "cart.reserved.v1":
            names = ("line", "sku", "location", "quantity")
            self._lines = [{name: line[name] for name in names} for line in data["lines"]]
            self._expires_at = data["expires_at"]
            self._ended = self._order_id = None
        elif not self._lines:
            raise ValueError("the cart was never reserved")
        elif row.type == "cart.extended.v1":
            self._expires_at = data["expires_at"]
        else:
            self._ended = ENDINGS[row.type]
            self._order_id = data.get("order_id", self._order_id)

    def status(self) -> str:
        return self._ended or "open"

    def refs(self) -> list[str]:
        skus = [f"sku:{line['sku']}" for line in self._lines]
        locations = [f"location:{line['location']}" for line in self._lines]
        orders = [] if self._order_id is None else [f"order:{self._order_id}"]
        return skus + locations + orders

    def body(self) -> dict[str, Any]:
        return {
            "reservation_id": self._reservation_id,
            "lines": self._lines,
            "expires_at": self._expires_at,
            "ended": self._ended,
            "order_id": self._order_id,
        }


KIND = DocumentKind(
    types=("cart.reserved.v1", "cart.extended.v1", *ENDINGS),
    begin=CartDocument,
    names=("reservation_id",),
)
