"""Commands on purchases, transfers, crossings, kits and counts."""

from __future__ import annotations

from tests.property.whole_domain.sight import (
    KIT,
    LOT,
    PLAIN,
    SERIAL,
    Body,
    NothingToDoError,
    Sight,
)
from tests.property.whole_domain.supply_book import PurchaseSaid, TransferSaid

ENDS = (("hall", "shop"), ("hall", "bin"), ("shop", "hall"), ("bin", "shop"))


def _lines(sight: Sight) -> list[Body]:
    return [
        {"line": number, "sku": sight.sku(), "quantity": sight.draws.units()}
        for number in range(1, 1 + sight.draws.units(2))
    ]


def _purchase(sight: Sight, *, expected: bool | None) -> tuple[str, PurchaseSaid]:
    """One that is expected, or seldom any."""
    purchases, any_of_them = sight.book.purchases, sight.astray()
    fit = [n for n, each in purchases.items() if any_of_them or each.is_expected == expected]
    name = sight.known(fit)
    return name, purchases.get(name, PurchaseSaid("hall", {1: (PLAIN, 1, 0)}))


def place_purchase(sight: Sight) -> Body:
    lines = [line | {"expected_on": sight.day()} for line in _lines(sight)]
    return {"purchase_id": sight.new("p"), "location": sight.place(), "lines": lines}


def approve_purchase(sight: Sight) -> Body:
    return {"purchase_id": _purchase(sight, expected=None)[0]}


def change_purchase(sight: Sight) -> Body:
    name, _ = _purchase(sight, expected=sight.draws.pick([True, None]))
    return {"purchase_id": name, "lines": _lines(sight)}


def receive_purchase(sight: Sight) -> Body:
    name, purchase = _purchase(sight, expected=True)
    line = sight.draws.pick(sorted(purchase.lines))
    sku = purchase.lines[line][0]
    accepted = sight.draws.units(3 if sku == SERIAL else 6)
    told = {"line": line, "accepted": accepted, **sight.coming(sku, accepted)}
    if sight.draws.seldom(4):
        told |= {"rejected": 1, "reason": "wet"}
    body = {"purchase_id": name, "receipt_id": sight.new("d"), "lines": [told]}
    return body | sight.when()


def close_purchase(sight: Sight) -> Body:
    return {"purchase_id": _purchase(sight, expected=True)[0]}


def cancel_purchase(sight: Sight) -> Body:
    return {"purchase_id": _purchase(sight, expected=sight.draws.pick([True, None]))[0]}


# --- transfers and crossings


def _transfer(sight: Sight, *, travels: bool) -> tuple[str, TransferSaid]:
    """One that is on its way, or not sent yet, or seldom any."""
    transfers, any_of_them = sight.book.transfers, sight.astray()
    status = "sent" if travels else "placed"
    fit = [n for n, each in transfers.items() if any_of_them or each.status == status]
    name = sight.known(fit)
    return name, transfers.get(name, TransferSaid("hall", "shop", {1: (PLAIN, 1)}))


def _from(sight: Sight, origin: str) -> list[Body]:
    free = {
        sku: units.on_hand - units.promised
        for (sku, at), units in sight.book.places.items()
        if at == origin and units.on_hand > units.promised
    }
    if not free:
        raise NothingToDoError
    lines = []
    for number in range(1, 1 + sight.draws.units(2)):
        sku = sight.draws.pick(sorted(free))
        units = sight.draws.units(free[sku] + sight.draws.seldom())
        lines.append({"line": number, "sku": sku, "quantity": units})
    return lines


def place_transfer(sight: Sight) -> Body:
    origin, destination = sight.draws.pick(ENDS)
    body = {"transfer_id": sight.new("f"), "origin": origin, "destination": destination}
    return body | {"lines": _from(sight, origin)}


def dispatch_transfer(sight: Sight) -> Body:
    name, transfer = _transfer(sight, travels=False)
    body: Body = {"transfer_id": name, **sight.when()}
    if sight.draws.seldom(3):
        line = sight.draws.pick(sorted(transfer.lines))
        body["lines"] = [{"line": line, "quantity": sight.draws.units(transfer.lines[line][1])}]
    return body


def receive_transfer(sight: Sight) -> Body:
    name, transfer = _transfer(sight, travels=True)
    line = sight.draws.pick(sorted(transfer.lines))
    way = transfer.on_the_way.get(line)
    quantity = sight.draws.units(max(1, way.total()) if way else 1)
    told: Body = {"line": line, "quantity": quantity}
    if sight.draws.seldom(3):
        told |= {"quantity": quantity + 1, **sight.coming(transfer.lines[line][0], quantity + 1)}
    return {"transfer_id": name, "receipt_id": sight.new("d"), "lines": [told], **sight.when()}


def close_transfer(sight: Sight) -> Body:
    name, _ = _transfer(sight, travels=True)
    return {"transfer_id": name, "rest": sight.draws.pick(["lost", "returned"])}


def cancel_transfer(sight: Sight) -> Body:
    return {"transfer_id": _transfer(sight, travels=sight.draws.flag())[0]}


def dispatch_crossing(sight: Sight) -> Body:
    other = "north" if sight.book.ledger == "acme/main" else "main"
    origin = sight.place()
    return {
        "crossing_id": sight.new("x"),
        "to_ledger": other,
        "origin": origin,
        "destination": sight.draws.pick(["hall", "hall", "nowhere"]),
        "lines": _from(sight, origin),
    }


# --- kits


def compose_kit(sight: Sight) -> Body:
    parts = [{"sku": PLAIN, "quantity": sight.draws.units(2)}, {"sku": LOT, "quantity": 1}]
    return {"sku": KIT, "components": parts[: sight.draws.units(2)]}


def assemble(sight: Sight) -> Body:
    body = {"assembly_id": sight.new("a"), "sku": KIT, "location": sight.place()}
    return body | {"quantity": sight.draws.units(2), **sight.when()}


def disassemble(sight: Sight) -> Body:
    there = sorted(
        at for (sku, at), units in sight.book.places.items() if sku == KIT and units.on_hand
    )
    units = sight.draws.units(2)
    parts = [
        {"sku": sku, **named}
        for sku, share in sight.book.items[KIT].kit.items()
        if (named := sight.coming(sku, share * units))
    ]
    place = sight.draws.pick(there or ["hall"])
    body = {"assembly_id": sight.new("a"), "sku": KIT, "location": place, "quantity": units}
    return body | {"parts": parts, **sight.when()}


# --- counts


def plan_count(sight: Sight) -> Body:
    skus = [PLAIN, LOT] if sight.draws.seldom(4) else []
    return {"count_id": sight.new("n"), "location": sight.place(), "skus": skus}


def enter_count(sight: Sight) -> Body:
    name = sight.known(sight.book.counts)
    count = sight.book.counts.get(name)
    sku, at = sight.sku(), count.location if count else "hall"
    counted, named = sight.all_there(sku, at)
    number = 1 + [PLAIN, LOT, SERIAL, KIT].index(sku)
    line = {"line": number, "sku": sku, "counted": counted, **named}
    return {"count_id": name, "lines": [line], **sight.when()}


def ask_recount(sight: Sight) -> Body:
    name = sight.known(sight.book.counts)
    count = sight.book.counts.get(name)
    return {"count_id": name, "skus": [sight.known(count.lines if count else ())]}


def submit_count(sight: Sight) -> Body:
    entered = [name for name, count in sight.book.counts.items() if count.lines]
    return {"count_id": sight.known(entered), "accept_uncounted": sight.draws.flag()}


def cancel_count(sight: Sight) -> Body:
    return {"count_id": sight.known(sight.book.counts)}
