"""Commands on items, stock, lots, holds, reservations and the policy."""

from __future__ import annotations

from datetime import timedelta

from tests.property.whole_domain.sight import KIT, LOT, LOTS, PLACES, PLAIN, SERIAL, Body, Sight

APPROVER = "sub_" + "ab" * 16


def register_item(sight: Sight) -> Body:
    return {"sku": sight.draws.pick([PLAIN, "rare"]), "name": "again"}


def describe_item(sight: Sight) -> Body:
    sku = sight.draws.pick([PLAIN, LOT, KIT])
    return {"sku": sku, "backorder_limit": sight.draws.below(4), "safety_stock": 1}


def discontinue_item(sight: Sight) -> Body:
    return {"sku": sight.sku() if sight.draws.seldom(3) else "rare"}


def register_location(sight: Sight) -> Body:
    name = sight.draws.pick(["bin", "bin-2", "bin-3"])
    return {"location": name, "name": name, "location_type": "bin", "parent": "hall"}


def set_handling(sight: Sight) -> Body:
    removal = sight.draws.pick(["fefo", "fifo", "lifo"])
    days = sight.draws.pick([None, 1, 3])
    return {"sku": sight.draws.pick([LOT, SERIAL]), "removal": removal, "shelf_life_days": days}


def define_unit(sight: Sight) -> Body:
    return {"sku": PLAIN, "unit": "case", "numerator": sight.draws.units(3)}


def receive_stock(sight: Sight) -> Body:
    shelf, units = sight.shelf(), sight.draws.units()
    if shelf["sku"] == SERIAL:
        units = min(units, 3)
    return {**shelf, "quantity": units, **sight.coming(shelf["sku"], units), **sight.when()}


def adjust_stock(sight: Sight) -> Body:
    shelf = sight.stocked()
    units, named = sight.of_there(**shelf)
    condition = "damaged" if sight.draws.seldom(4) else "stock"
    sign = 1 if sight.draws.seldom(3) else -1
    return {
        **shelf,
        "delta": sign * units,
        **named,
        "reason": "seen",
        "condition": condition,
        "reason_code": "lost",
        "approved_by": APPROVER,
        **sight.when(),
    }


def count_stock(sight: Sight) -> Body:
    shelf = sight.stocked()
    counted, named = sight.all_there(**shelf)
    return {**shelf, "count_id": sight.new("n"), "counted": counted, **named, **sight.when()}


def ship_stock(sight: Sight) -> Body:
    shelf = sight.stocked()
    units, named = sight.of_there(**shelf)
    reserved = sorted(sight.book.places[shelf["sku"], shelf["location"]].reserved)
    body = {**shelf, "quantity": units, **sight.when()}
    if sight.draws.flag():
        body |= named
    if reserved and sight.draws.flag():
        body["reservation_id"] = sight.draws.pick(reserved)
    return body


def return_stock(sight: Sight) -> Body:
    shelf, units = sight.shelf(), sight.draws.units(3)
    body = {**shelf, "quantity": units, **sight.coming(shelf["sku"], units), **sight.when()}
    body["to"] = sight.draws.pick(["stock", "damaged"])
    if sight.draws.seldom(4):
        body["order_id"] = sight.known(sight.book.orders)
    return body


def write_off_stock(sight: Sight) -> Body:
    shelf = sight.stocked()
    held = sorted(name for name in sight.book.places[shelf["sku"], shelf["location"]].held if name)
    units, named = sight.of_there(**shelf)
    body = {**shelf, "reason_code": "broken", "approved_by": APPROVER, "quantity": units}
    if held and sight.draws.flag():
        return {**body, "hold_id": sight.draws.pick(held), **sight.when()}
    return {**body, **named, **sight.when()}


def move_stock(sight: Sight) -> Body:
    shelf = sight.stocked()
    units, named = sight.of_there(**shelf)
    elsewhere = [place for place in PLACES if place != shelf["location"]]
    destination = sight.draws.pick(elsewhere) if not sight.draws.seldom(16) else sight.place()
    body = {"sku": shelf["sku"], "origin": shelf["location"], "destination": destination}
    body |= {"quantity": units, "move_id": sight.new("m"), **sight.when()}
    return body | named if sight.draws.flag() else body


# --- lots and holds


def register_lot(sight: Sight) -> Body:
    body = {"sku": LOT, "lot": sight.draws.pick(LOTS)}
    return body | {"expires_on": sight.day()} if sight.draws.flag() else body


def change_lot_expiry(sight: Sight) -> Body:
    day = sight.day() - timedelta(days=sight.draws.below(3))
    return {"sku": LOT, "lot": sight.draws.pick(LOTS), "expires_on": day, "reason": "misread"}


def hold_stock(sight: Sight) -> Body:
    shelf = sight.stocked()
    units, named = sight.of_there(**shelf, most=3)
    lot = named["lots"][0]["lot"] if "lots" in named else None
    kind = sight.draws.pick(["quality", "quarantine", "damaged"])
    return {
        **shelf,
        "hold_id": sight.new("h"),
        "kind": kind,
        "quantity": units,
        "lot": named["serials"][0] if "serials" in named else lot,
        "reason_code": "smell",
        "approved_by": APPROVER,
    }


def release_hold(sight: Sight) -> Body:
    there = sorted(
        (sku, location, name)
        for (sku, location), units in sight.book.places.items()
        for name in units.held
        if name
    )
    sku, location, name = sight.one_of(there)
    quantity = sight.draws.units(3) if sight.draws.flag() else None
    body = {"sku": sku, "location": location, "hold_id": name, "quantity": quantity}
    return body | {"approved_by": APPROVER}


def expire_lot(sight: Sight) -> Body:
    shelf = sight.stocked()
    lots = sight.book.places[shelf["sku"], shelf["location"]].lots
    return {**shelf, "lot": sight.known([lot for lot in lots if lot])}


def recall_lot(sight: Sight) -> Body:
    lots = [lot for sku, lot in sight.book.last_days if sku == LOT]
    return {"sku": LOT, "lot": sight.known(lots), "recall_id": "R", "reason_code": "glass"}


def end_recall(sight: Sight) -> Body:
    lots = [lot for _, lot in sight.book.recalled]
    return {"sku": LOT, "lot": sight.known(lots), "recall_id": "R"}


# --- reservations, carts, policy


def reserve_stock(sight: Sight) -> Body:
    body = {**sight.stocked(), "quantity": sight.draws.units(), "expires_at": sight.later()}
    return {**body, "reservation_id": sight.new("r")}


def _reservation(sight: Sight) -> Body:
    there = sorted(
        (sku, location, name)
        for (sku, location), units in sight.book.places.items()
        for name in units.reserved
    )
    sku, location, name = sight.one_of(there)
    return {"sku": sku, "location": location, "reservation_id": name}


def release_reservation(sight: Sight) -> Body:
    return _reservation(sight)


def expire_reservation(sight: Sight) -> Body:
    return _reservation(sight)


def extend_reservation(sight: Sight) -> Body:
    return {**_reservation(sight), "expires_at": sight.much_later()}


def reserve_cart(sight: Sight) -> Body:
    lines = [
        {"line": number, **sight.stocked(), "quantity": sight.draws.units(3)}
        for number in range(1, 1 + sight.draws.units(3))
    ]
    return {"reservation_id": sight.new("r"), "lines": lines, "expires_at": sight.later()}


def extend_cart(sight: Sight) -> Body:
    return {"reservation_id": sight.known(sight.book.carts), "expires_at": sight.much_later()}


def release_cart(sight: Sight) -> Body:
    return {"reservation_id": sight.known(sight.book.carts)}


def expire_cart(sight: Sight) -> Body:
    return {"reservation_id": sight.known(sight.book.carts)}


def set_policy(sight: Sight) -> Body:
    match sight.draws.below(4):
        case 0:
            return {"reservation_quota": sight.draws.pick([12, 4, None])}
        case 1:
            return {"reservation_seconds_max": sight.draws.pick([None, 36_000])}
        case 2:
            return {"approval_units": sight.draws.pick([None, 2])}
        case _:
            return {"reason_codes": sight.draws.pick([[], ["lost", "broken", "smell"]])}
