"""Names of the streams. A stock's two ids are told apart by `@`, which no id may hold."""

from __future__ import annotations

from typing import Literal

StreamKind = Literal[
    "item",
    "location",
    "stock",
    "order",
    "charge",
    "replay",
    "lot",
    "serial",
    "reservation",
    "policy",
]


def item_stream(sku: str) -> str:
    """`item-<sku>`."""
    return f"item-{sku}"


def location_stream(location: str) -> str:
    """`location-<id>`."""
    return f"location-{location}"


def stock_stream(sku: str, location: str) -> str:
    """`stock-<sku>@<location>`."""
    return f"stock-{sku}@{location}"


def order_stream(order_id: str) -> str:
    """`order-<id>`."""
    return f"order-{order_id}"


def charge_stream(charge_id: str) -> str:
    """`charge-<id>`."""
    return f"charge-{charge_id}"


def replay_stream(replay_id: str) -> str:
    """`replay-<id>`: what happened to the read models, in every ledger; no command writes it."""
    return f"replay-{replay_id}"


def lot_stream(sku: str, lot: str) -> str:
    """`lot-<sku>@<lot>`."""
    return f"lot-{sku}@{lot}"


def serial_stream(sku: str, serial: str) -> str:
    """`serial-<sku>@<serial>`."""
    return f"serial-{sku}@{serial}"


def cart_stream(reservation_id: str) -> str:
    """`reservation-<id>`: of a cart; a reservation of one stock stands in that stock's stream."""
    return f"reservation-{reservation_id}"


POLICY_STREAM = "policy-ledger"


def kind_of(stream: str) -> StreamKind:
    """What the stream is about. Raises ValueError for a name none of the functions above made."""
    match stream.partition("-")[0]:
        case "item" | "location" | "stock" | "order" | "charge" | "replay" as kind:
            return kind
        case "lot" | "serial" as kind:
            return kind
        case "reservation" | "policy" as kind:
            return kind
        case _:
            raise ValueError(f"{stream!r} is no stream of this ledger")


def id_of(stream: str) -> str:
    """The id behind the kind: a SKU, a location, `sku@location`, an order, a charge or a replay."""
    return stream.partition("-")[2]


def sku_and_location(stream: str) -> tuple[str, str]:
    """The two ids of a stock stream."""
    sku, _, location = id_of(stream).partition("@")
    return sku, location
