"""Orders from sourcing to exchange, as commands; told by `tests.stories`."""

from __future__ import annotations

from typing import Any

Commands = list[dict[str, Any]]
Shelf = dict[str, str]
SOME = [{"line": 1, "quantity": 1}]


def fulfilled(customer: str, mug: Shelf, lamp: Shelf, later: str) -> tuple[Commands, list[str]]:
    """The commands, and how each is answered."""
    place = {"type": "place_order", "customer": customer, "currency": "GBP"}
    told = [
        *_sourced(place, mug, lamp),
        *_picked(place, mug),
        *_waiting(place, mug, lamp),
        *_exchanged(place, lamp, later),
    ]
    return [command for command, _ in told], [outcome for _, outcome in told]


Told = list[tuple[dict[str, Any], str]]
YES, NO = "accepted", "refused"


def _line(number: int, shelf: Shelf, units: int, *, anywhere: bool = False) -> dict[str, Any]:
    line = {"line": number, **shelf, "quantity": units, "unit_price_micros": 990_000}
    if anywhere:
        del line["location"]
    return line


def _on(order_id: str, kind: str, key: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "key": f"{order_id} {key}", "order_id": order_id, **more}


def _sourced(place: dict[str, Any], mug: Shelf, lamp: Shelf) -> Told:
    lines = [_line(1, mug, 3, anywhere=True), _line(2, lamp, 9_000, anywhere=True)]
    order = {
        **place,
        "key": "u1",
        "order_id": "u1",
        "sourcing": "nearest",
        "locations": ["hall", "shop"],
        "latitude_microdegrees": 51_500_000,
        "longitude_microdegrees": -127_000,
        "allocation": "partial",
        "backorder": True,
        "payment": "required",
        "lines": lines,
    }
    return [
        ({"type": "receive_stock", "key": "u0", **mug, "quantity": 6}, YES),
        (order, YES),
        (_on("u1", "create_pick_list", "p0", pick_id="p0", location="hall"), NO),
        (_on("u1", "confirm_payment", "paid", payment_id="pay-1"), YES),
        (_on("u1", "cancel_order", "x", reason="too slow"), YES),
    ]


def _picked(place: dict[str, Any], mug: Shelf) -> Told:
    short, damaged = [{"line": 1, "quantity": 4}], [{**SOME[0], "outcome": "damage"}]
    back = {"return_id": "r1", "lines": SOME}
    return [
        ({**place, "key": "u2", "order_id": "u2", "lines": [_line(1, mug, 5)]}, YES),
        (_on("u2", "create_pick_list", "p1", pick_id="p1", location="shop"), YES),
        (_on("u2", "pick_order", "t1", pick_id="p1", lines=short), YES),
        (_on("u2", "pick_order", "t2", pick_id="p1"), NO),
        (_on("u2", "pack_order", "b1", parcel_id="b1", location="shop", lines=SOME), YES),
        (_on("u2", "ship_order", "s1", parcels=["b1"], shipment_id="s1", carrier="Post"), YES),
        (_on("u2", "ship_order", "s2", lines=SOME, shipment_id="s2"), YES),
        (_on("u2", "deliver_shipment", "d1", shipment_id="s1"), YES),
        (_on("u2", "cancel_shipment", "c2", shipment_id="s2"), YES),
        (_on("u2", "close_order", "end", reason="enough"), YES),
        (_on("u2", "request_return", "r1", **back), YES),
        (_on("u2", "inspect_return", "r2", location="shop", **back | {"lines": damaged}), YES),
    ]


def _waiting(place: dict[str, Any], mug: Shelf, lamp: Shelf) -> Told:
    whole = {**place, "key": "u3", "order_id": "u3", "backorder": True}
    part = {**whole, "key": "u4", "order_id": "u4", "allocation": "partial"}
    return [
        ({**whole, "lines": [_line(1, mug, 200), _line(2, lamp, 1)]}, YES),
        ({**part, "lines": [_line(1, mug, 40)]}, YES),
        ({"type": "receive_stock", "key": "u5", **mug, "quantity": 30}, YES),
        ({"type": "allocate_backorders", "key": "u6", **mug}, YES),
        ({"type": "receive_stock", "key": "u7", **lamp, "quantity": 3}, YES),
    ]


def _exchanged(place: dict[str, Any], lamp: Shelf, later: str) -> Told:
    hold = {"reservation_id": "becomes", "quantity": 2, "expires_at": later}
    replacement = {"replacement_id": "u10", "replacement_lines": [_line(1, lamp, 1)]}
    order = {**place, "order_id": "u9", "reservation_id": "becomes"}
    return [
        ({"type": "reserve_stock", "key": "u8", **lamp, **hold}, YES),
        ({**order, "key": "u9", "lines": [_line(1, lamp, 2)]}, YES),
        (_on("u9", "ship_order", "s9", shipment_id="s9"), YES),
        (_on("u9", "exchange_order", "e9", return_id="e", lines=SOME, **replacement), YES),
    ]
