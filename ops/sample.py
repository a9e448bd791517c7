"""A seeded business: items, places and days of trade as command bodies. Same seed, same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

Body = dict[str, Any]

_GOODS = ("mug", "lantern", "cushion", "notebook", "teapot", "basket", "clock", "apron")
_LOOKS = ("red", "striped", "vintage", "oak", "linen", "enamel", "dotted", "large")
_PLACES = (
    ("hub", "Central warehouse", "warehouse", 52_486_243, -1_890_401),
    ("north", "Leeds shop", "store", 53_800_755, -1_549_077),
    ("south", "Brighton shop", "store", 50_822_530, -137_163),
)
_LOSSES = ("broken in the aisle", "wet pallet", "missing at check")
_RESERVATION_TTL = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """`orders` counts orders a day; the last day ends at `until`."""

    items: int = 60
    days: int = 30
    orders: int = 40


def commands(
    *, seed: int, until: datetime, size: SampleSize, ledger: str = "main"
) -> Iterator[Body]:
    """Bodies in the order to send them, each with its key `sample-<seed>:<number>`."""
    shop = _Shop(random=Random(seed), size=size)  # noqa: S311 - sample data, not a secret
    start = until - timedelta(days=size.days)
    for number, (occurred_at, body) in enumerate(shop.history(start), 1):
        yield {
            "key": f"sample-{seed}:{number}",
            "ledger": ledger,
            "occurred_at": occurred_at.isoformat(),
            **body,
        }


@dataclass(slots=True, kw_only=True)
class _Shop:
    random: Random
    size: SampleSize
    stock: dict[tuple[str, str], int] = field(default_factory=dict)
    orders: int = 0
    reservations: int = 0

    def history(self, start: datetime) -> Iterator[tuple[datetime, Body]]:
        for body in self._places():
            yield start, body
        for body in self._goods():
            yield start, body
        for day in range(self.size.days):
            opening = start + timedelta(days=day, hours=8)
            moments = sorted(self.random.random() for _ in range(self.size.orders))
            for body in self._receipts() if day % 5 == 0 else ():
                yield opening, body
            for moment in moments:
                for body in self._sale():
                    yield opening + timedelta(hours=10 * moment), body
            for body in self._evening(opening + timedelta(hours=11)):
                yield opening + timedelta(hours=11), body

    def _places(self) -> Iterator[Body]:
        for location, name, kind, latitude, longitude in _PLACES:
            yield {
                "type": "register_location",
                "location": location,
                "name": name,
                "location_type": kind,
                "latitude_microdegrees": latitude,
                "longitude_microdegrees": longitude,
            }

    def _goods(self) -> Iterator[Body]:
        for number in range(self.size.items):
            look = _LOOKS[number // len(_GOODS) % len(_LOOKS)]
            good = _GOODS[number % len(_GOODS)]
            yield {
                "type": "register_item",
                "sku": _sku(number),
                "name": f"{look} {good}",
                "category": good,
                "reorder_point": self.random.choice((0, 10, 20)),
                "backorder_limit": self.random.choice((0, 0, 0, 5)),
            }

    def _receipts(self) -> Iterator[Body]:
        for number in range(self.size.items):
            location = self.random.choice(_PLACES)[0]
            units = self.random.randint(20, 120)
            self._move(_sku(number), location, units)
            yield {
                "type": "receive_stock",
                "sku": _sku(number),
                "location": location,
                "quantity": units,
                "document": f"delivery-{self.random.randint(1000, 9999)}",
            }

    def _sale(self) -> Iterator[Body]:
        lines = self._lines()
        if not lines:
            return
        self.orders += 1
        order_id = f"S{self.orders:06}"
        yield {
            "type": "place_order",
            "order_id": order_id,
            "customer": f"customer-{self.random.randint(1, 200)}",
            "currency": "GBP",
            "lines": lines,
        }
        fate = self.random.random()
        if fate < 0.05:  # noqa: PLR2004 - a share of this made-up business
            yield {"type": "cancel_order", "order_id": order_id, "reason": "changed their mind"}
        elif fate < 0.95:  # noqa: PLR2004 - as above
            for line in lines:
                self._move(line["sku"], line["location"], -line["quantity"])
            yield {"type": "ship_order", "order_id": order_id}
        else:
            for line in lines:  # stays open: what it holds is not for sale
                self._move(line["sku"], line["location"], -line["quantity"])

    def _lines(self) -> list[Body]:
        held = [place for place, units in self.stock.items() if units > 0]
        chosen = self.random.sample(held, min(len(held), self.random.randint(1, 6)))
        return [
            {
                "line": number,
                "sku": sku,
                "location": location,
                "quantity": self.random.randint(1, min(5, self.stock[(sku, location)])),
                "unit_price_micros": 10_000 * self.random.randint(99, 4999),
            }
            for number, (sku, location) in enumerate(chosen, 1)
        ]

    def _evening(self, now: datetime) -> Iterator[Body]:
        """One loss, one return, one count and one reservation close each day."""
        (sku, location), units = self.random.choice(sorted(self.stock.items()))
        if units > 0:
            self._move(sku, location, -1)
            reason = self.random.choice(_LOSSES)
            yield _at(sku, location, type="adjust_stock", delta=-1, reason=reason)
            self.reservations += 1
            self._move(sku, location, -min(1, units - 1))
            yield _at(
                sku,
                location,
                type="reserve_stock",
                reservation_id=f"R{self.reservations:06}",
                quantity=1,
                expires_at=(now + _RESERVATION_TTL).isoformat(),
            )
        self._move(sku, location, 1)
        yield _at(sku, location, type="return_stock", quantity=1, to="stock", reason="unwanted")

    def _move(self, sku: str, location: str, units: int) -> None:
        self.stock[(sku, location)] = self.stock.get((sku, location), 0) + units


def _sku(number: int) -> str:
    return f"BS-{number:04}"


def _at(sku: str, location: str, **body: Any) -> Body:  # noqa: ANN401 - JSON values
    return {"sku": sku, "location": location, **body}
