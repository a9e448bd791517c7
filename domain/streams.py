"""Names of the streams. A stock's two ids are told apart by `@`, which no id may hold."""

from __future__ import annotations

from typing import Literal, cast, get_args

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
    "assembly",
    "count",
    "purchase",
    "transfer",
    "payment",
    "crossing",
]
KINDS = frozenset(get_args(StreamKind))


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


def purchase_stream(purchase_id: str) -> str:
    """`purchase-<id>`."""
    return f"purchase-{purchase_id}"


def transfer_stream(transfer_id: str) -> str:
    """`transfer-<id>`."""
    return f"transfer-{transfer_id}"


def assembly_stream(assembly_id: str) -> str:
    """`assembly-<id>`."""
    return f"assembly-{assembly_id}"


def count_stream(count_id: str) -> str:
    """`count-<id>`: a count of many SKUs."""
    return f"count-{count_id}"


def payment_stream(payment_id: str) -> str:
    """`payment-<id>`."""
    return f"payment-{payment_id}"


def crossing_stream(crossing_id: str) -> str:
    """`crossing-<id>`: units that go to another ledger, or come from there."""
    return f"crossing-{crossing_id}"


def kind_of(stream: str) -> StreamKind:
    """What the stream is about. Raises ValueError for a name none of the functions above made."""
    kind = stream.partition("-")[0]
    if kind not in KINDS:
        raise ValueError(f"{stream!r} is no stream of this ledger")
    return cast("StreamKind", kind)


def id_of(stream: str) -> str:
    """The id behind the kind: a SKU, a location, `sku@location`, an order, … ."""
    return stream.partition("-")[2]


def sku_and_location(stream: str) -> tuple[str, str]:
    """The two ids of a stock stream."""
    sku, _, location = id_of(stream).partition("@")
    return sku, location
