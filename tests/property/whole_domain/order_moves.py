"""Commands on orders, on what is picked and sent of them, and on payments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from tests.property.whole_domain.order_book import OrderSaid
from tests.property.whole_domain.sight import PLACES, Body, Sight

STRATEGIES = ("fixed_order", "highest_stock", "fewest_parcels", "nearest")
UNKNOWN = OrderSaid({}, is_paid=True, waits=False)


def _order(sight: Sight) -> tuple[str, OrderSaid]:
    """One to go on with: mostly one that is not over."""
    return _one(sight, lambda order: not order.is_over or sight.astray())


def _one(sight: Sight, fits: Callable[[OrderSaid], object]) -> tuple[str, OrderSaid]:
    orders = sight.book.orders
    name = sight.known([name for name, order in orders.items() if fits(order)])
    return name, orders.get(name, UNKNOWN)


def _lines(sight: Sight, *, sourced: bool) -> list[Body]:
    lines = []
    for number in range(1, 1 + sight.draws.units(3)):
        shelf = sight.stocked()
        if sourced and sight.draws.flag():
            del shelf["location"]
        lines.append({"line": number, **shelf, "quantity": sight.draws.units(4)})
    return lines


def place_order(sight: Sight) -> Body:
    draws = sight.draws
    sourced = draws.seldom(3)
    body: Body = {"order_id": sight.new("o"), "lines": _lines(sight, sourced=sourced)}
    if sourced:
        body |= {"sourcing": draws.pick(STRATEGIES), "locations": sorted(set(PLACES))}
        if body["sourcing"] == "nearest":
            body |= {"latitude_microdegrees": 1, "longitude_microdegrees": 1}
    match draws.below(8):
        case 0 | 1 | 2:
            return body
        case 3:
            return body | {"ship": True}
        case 4:
            return body | {"allocate": False}
        case 5 if held := sorted(
            {name for units in sight.book.places.values() for name in units.reserved}
        ):
            return body | {"reservation_id": sight.known(held), "backorder": draws.flag()}
        case _:
            allocation = draws.pick(["all", "partial"])
            payment = draws.pick(["none", "none", "required"])
            return body | {"allocation": allocation, "backorder": True, "payment": payment}


def allocate_order(sight: Sight) -> Body:
    return {"order_id": _one(sight, lambda order: not order.is_over and order.wants)[0]}


def allocate_backorders(sight: Sight) -> Body:
    waited = sorted(place for place, units in sight.book.places.items() if units.waiting.total())
    sku, location = sight.one_of(waited)
    return {"sku": sku, "location": location}


def confirm_payment(sight: Sight) -> Body:
    unpaid = [name for name, order in sight.book.orders.items() if not order.is_paid]
    return {"order_id": sight.known(unpaid), "payment_id": "by-hand"}


def cancel_order(sight: Sight) -> Body:
    return {"order_id": _order(sight)[0]}


def close_order(sight: Sight) -> Body:
    return {"order_id": _one(sight, lambda order: order.is_partly_shipped or sight.astray())[0]}


def record_charge(sight: Sight) -> Body:
    body = {"charge_id": sight.new("c"), "code": "POST", "quantity": 1, "unit_price_micros": 5}
    return body | {"currency": "EUR", "order_id": _order(sight)[0] if sight.draws.flag() else None}


def record_payment(sight: Sight) -> Body:
    unpaid = [name for name, order in sight.book.orders.items() if not order.is_paid]
    order_id = sight.known(unpaid if sight.draws.flag() else sight.book.orders)
    return {
        "report": sight.draws.pick(["authorised", "captured", "failed", "refunded"]),
        "payment_id": f"p-{order_id}",
        "order_id": order_id,
        "amount_micros": sight.draws.pick([1, 5]),
        "currency": "EUR",
        "reference": sight.new("ref"),
    }


# --- out of the shelf


def create_pick_list(sight: Sight) -> Body:
    order_id, order = _one(
        sight, lambda x: x.committed - x.listed() and (x.is_paid or sight.astray())
    )
    free = order.committed - order.listed()
    line, location = sight.draws.pick(sorted(free) or [(1, sight.place())])
    body = {"order_id": order_id, "pick_id": sight.new("l"), "location": location}
    if sight.draws.seldom(3):
        quantity = sight.draws.units(max(1, free[line, location]))
        return body | {"lines": [{"line": line, "quantity": quantity}]}
    return body


def _listed(sight: Sight) -> tuple[str, OrderSaid, str]:
    there = sorted((o, p) for o, order in sight.book.orders.items() for p in order.lists)
    order_id, pick_id = sight.one_of(there)
    return order_id, sight.book.orders[order_id], pick_id


def cancel_pick_list(sight: Sight) -> Body:
    order_id, _, pick_id = _listed(sight)
    return {"order_id": order_id, "pick_id": pick_id}


def pick_order(sight: Sight) -> Body:
    order_id, order, pick_id = _listed(sight)
    body = {"order_id": order_id, "pick_id": pick_id}
    if not sight.draws.seldom(3):
        return body
    on_list = order.lists.get(pick_id, Counter())
    lines = [
        {"line": number, "quantity": sight.draws.below(units + 1)}
        for (number, _), units in sorted(on_list.items())
    ]
    return body | {"lines": lines or None}


def pack_order(sight: Sight) -> Body:
    there = sorted(
        (name, at)
        for name, order in sight.book.orders.items()
        for at, n in order.loose.items()
        if n
    )
    name, (line, location) = sight.one_of(there)
    body: Body = {"order_id": name, "parcel_id": sight.new("b"), "location": location}
    if sight.draws.seldom(3):
        body["lines"] = [{"line": line, "quantity": 1}]
    return body


# --- away, and back


def ship_order(sight: Sight) -> Body:
    order_id, order = _one(
        sight,
        lambda x: (x.committed or x.loose or x.packed) and (x.is_paid or sight.astray()),
    )
    body: Body = {"order_id": order_id}
    if sight.draws.flag():
        body["shipment_id"] = sight.new("s")
    match sight.draws.below(4):
        case 0 if order.parcels:
            return body | {"parcels": [sight.draws.pick(sorted(order.parcels))]}
        case 1 if order.lines:
            line = sight.draws.pick(sorted(order.lines))
            return body | {"lines": [{"line": line, "quantity": sight.draws.units(3)}]}
        case _:
            return body


def _sent(sight: Sight) -> Body:
    there = sorted((o, s) for o, order in sight.book.orders.items() for s in order.shipments)
    name, shipment = sight.one_of(there)
    return {"order_id": name, "shipment_id": shipment}


def deliver_shipment(sight: Sight) -> Body:
    return _sent(sight)


def cancel_shipment(sight: Sight) -> Body:
    body = _sent(sight)
    order = sight.book.orders.get(body["order_id"], UNKNOWN)
    lines = []
    back: Counter[int] = Counter()
    for (number, _), units in order.shipments.get(body["shipment_id"], Counter()).items():
        back[number] += units
    for number, units in back.items():
        named = sight.coming(order.lines[number].sku, units)
        if named:
            lines.append({"line": number, **named})
    return body | {"lines": lines}


def _shipped_lines(sight: Sight, order: OrderSaid) -> list[Body]:
    there = sorted({number for (number, _), units in order.shipped.items() if units}) or [1]
    return [{"line": sight.draws.pick(there), "quantity": sight.draws.units(2)}]


def _with_shipped(sight: Sight) -> tuple[str, OrderSaid]:
    return _one(sight, lambda order: order.shipped.total())


def request_return(sight: Sight) -> Body:
    order_id, order = _with_shipped(sight)
    return {
        "order_id": order_id,
        "return_id": sight.new("t"),
        "lines": _shipped_lines(sight, order),
    }


def inspect_return(sight: Sight) -> Body:
    there = sorted(
        (o, r) for o, order in sight.book.orders.items() for r, due in order.due.items() if +due
    )
    order_id, return_id = sight.one_of(there)
    order = sight.book.orders[order_id]
    line = sight.draws.pick(sorted(+order.due[return_id]))
    quantity = sight.draws.units(order.due[return_id][line])
    outcome = sight.draws.pick(["restock", "damage", "refuse"])
    named = sight.coming(order.lines[line].sku, quantity) if outcome != "refuse" else {}
    told = {"line": line, "quantity": quantity, "outcome": outcome, **named}
    body = {"order_id": order_id, "return_id": return_id, "location": sight.place()}
    return body | {"lines": [told]}


def exchange_order(sight: Sight) -> Body:
    order_id, order = _with_shipped(sight)
    return {
        "order_id": order_id,
        "return_id": sight.new("t"),
        "lines": _shipped_lines(sight, order),
        "replacement_id": sight.new("o"),
        "replacement_lines": _lines(sight, sourced=False),
    }
