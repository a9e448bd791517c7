"""What becomes of orders, each a life of its own: commands one after the other, each answered.

A life is a generator that yields a command and is sent the answer; it says nothing more when it is
refused. `finished` takes up what is left of an order later, by what the API shows of it.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from api.client import Answer

PLACES: Final = ("hall", "shop")
SKUS: Final = tuple(f"S{number:02}" for number in range(50))
UNSUPPLIED: Final = frozenset(SKUS[-2:])  # Nothing of these comes in after the beginning.
ENDED: Final = frozenset({"shipped", "delivered", "closed", "cancelled"})
FIRST_UNITS: Final = 5  # At each location.
PRICE_MICROS: Final = 2_500_000
CART_SECONDS: Final = 3
FAR_OFF: Final = "2100-01-01T00:00:00Z"

Command = dict[str, Any]
Life = Generator[Command, Answer, None]
# What may be refused where stock is scarce and time passes; every other refusal is a fault.
EXPECTED: Final = frozenset(
    {
        ("place_order", "insufficient_stock"),
        ("place_order", "not_sourceable"),
        ("reserve_cart", "insufficient_stock"),
        ("reserve_cart", "reservation_expiry_past"),
        ("ship_order", "nothing_to_ship"),
        ("ship_order", "order_state"),
        ("ship_order", "exceeds_committed"),
        ("ship_order", "insufficient_stock"),
        ("create_pick_list", "nothing_to_pick"),
        ("create_pick_list", "order_state"),
        ("pick_order", "insufficient_stock"),
        ("pack_order", "nothing_to_pack"),
        ("close_order", "order_state"),
        ("hold_stock", "insufficient_stock"),
        ("request_return", "exceeds_returnable"),
        ("exchange_order", "exceeds_returnable"),
        ("exchange_order", "insufficient_stock"),
    }
)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the clients were told, over all of them. `paid`: the fate of orders that must be."""

    placed: set[str] = field(default_factory=set)
    paid: dict[str, str] = field(default_factory=dict)
    units: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: int = 0
    last_position: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, command: Command, answer: Answer) -> None:
        with self._lock:
            self.answers += 1
            self.last_position = max(self.last_position, answer.last_position or 0)
            if not answer.accepted:
                code = "" if answer.refusal is None else str(answer.refusal["code"])
                self.refusals[command["type"], code or answer.outcome] += 1
                return
            match command["type"]:
                case "place_order":
                    self.placed.add(command["order_id"])
                case "exchange_order":
                    self.placed.add(command["replacement_id"])
                case "receive_stock" | "write_off_stock" as kind:
                    self.units[kind] += command["quantity"]
                case _:
                    pass

    def fate(self, order_id: str, report: str) -> None:
        with self._lock:
            self.paid[order_id] = report


def lives(orders: int, seed: int, tally: Tally) -> Iterator[Life]:
    """So many orders, and what else goes on in the warehouse meanwhile."""
    for number in range(orders):
        dice = random.Random(f"{seed}/{number}")
        (kind,) = dice.choices(KINDS, WEIGHTS)
        yield kind(f"o{number}", dice, tally)
        if number % 12 == 0:
            yield delivered(f"d{number}", dice)
        if number % 50 == 0:
            yield abandoned_cart(f"c{number}", dice)
        if number % 80 == 0:
            yield damaged(f"h{number}", dice)


# --- ways to order


def single(order_id: str, dice: random.Random, _: Tally) -> Life:
    yield from bought(order_id, dice, lines(dice, 1))


def at_the_till(order_id: str, dice: random.Random, _: Tally) -> Life:
    yield order(order_id, lines(dice, 1), ship=True)


def many_lines(order_id: str, dice: random.Random, _: Tally) -> Life:
    yield from bought(order_id, dice, lines(dice, dice.randint(2, 6)))


def what_there_is(order_id: str, dice: random.Random, _: Tally) -> Life:
    yield from bought(order_id, dice, lines(dice, 3), allocation="partial")


def waiting(order_id: str, dice: random.Random, _: Tally) -> Life:
    allocation = dice.choice(("all", "partial"))
    wanted = lines(dice, dice.randint(1, 3))
    yield from bought(order_id, dice, wanted, allocation=allocation, backorder=True)


def sourced(order_id: str, dice: random.Random, _: Tally) -> Life:
    wanted = [
        {name: value for name, value in line.items() if name != "location"}
        for line in lines(dice, 2)
    ]
    places = list(dice.sample(PLACES, 2))
    strategy = dice.choice(("fewest_parcels", "highest_stock", "fixed_order"))
    answer = yield order(order_id, wanted, sourcing=strategy, locations=places)
    if answer.accepted:
        yield from sent(order_id, dice, places[0])


def from_a_cart(order_id: str, dice: random.Random, _: Tally) -> Life:
    wanted = lines(dice, dice.randint(1, 3))
    name = f"cart-{order_id}"
    release = {"type": "release_cart", "key": f"{name} release", "reservation_id": name}
    answer = yield cart(name, wanted, FAR_OFF)
    if not answer.accepted:
        return
    if dice.random() < 0.1:
        yield release
        return
    answer = yield order(order_id, wanted, reservation_id=name)
    if answer.accepted:
        yield from fulfilled(order_id, dice, wanted[0]["location"])
    else:
        yield release  # Units that it held were found damaged.


def paid(order_id: str, dice: random.Random, tally: Tally) -> Life:
    wanted = lines(dice, dice.randint(1, 3))
    answer = yield order(order_id, wanted, payment="required", currency="GBP")
    report = dice.choices(("captured", "authorised", "failed", "unpaid"), (5, 2, 2, 1))[0]
    if not answer.accepted:
        return
    tally.fate(order_id, report)
    if report == "unpaid":
        return
    amount = PRICE_MICROS * sum(line["quantity"] for line in wanted)
    payment = {"payment_id": f"p-{order_id}", "amount_micros": amount, "currency": "GBP"}
    yield on(order_id, "record_payment", "pay", report=report, reference=f"r-{order_id}", **payment)


KINDS: Final[tuple[Callable[[str, random.Random, Tally], Life], ...]] = (
    single, at_the_till, many_lines, what_there_is, waiting, sourced, from_a_cart, paid,
)  # fmt: skip
WEIGHTS: Final = (20, 8, 20, 10, 14, 8, 12, 8)


def bought(order_id: str, dice: random.Random, wanted: list[Command], **terms: Any) -> Life:
    answer = yield order(order_id, wanted, **terms)
    if answer.accepted:
        yield from fulfilled(order_id, dice, wanted[0]["location"])


# --- ways to fulfil


def fulfilled(order_id: str, dice: random.Random, place: str) -> Life:
    (way,) = dice.choices((sent, packed, sent_in_part, given_up), (40, 35, 10, 15))
    yield from way(order_id, dice, place)


def sent(order_id: str, dice: random.Random, place: str) -> Life:
    answer = yield on(order_id, "ship_order", "s1", shipment_id="s1", carrier="Post")
    if not answer.accepted:
        return
    if dice.random() < 0.1:
        yield on(order_id, "cancel_shipment", "c1", shipment_id="s1", reason="torn")
        return
    yield on(order_id, "deliver_shipment", "d1", shipment_id="s1")
    if dice.random() < 0.2:
        yield from sent_back(order_id, dice, place)


def packed(order_id: str, dice: random.Random, place: str) -> Life:
    answer = yield on(order_id, "create_pick_list", "l1", pick_id="l1", location=place)
    if not answer.accepted:
        return
    short = {"lines": [{"line": 1, "quantity": 0}]} if dice.random() < 0.05 else {}
    answer = yield on(order_id, "pick_order", "t1", pick_id="l1", **short)
    if not answer.accepted or short:
        return
    answer = yield on(order_id, "pack_order", "b1", parcel_id="b1", location=place)
    if not answer.accepted:
        return
    answer = yield on(order_id, "ship_order", "s1", parcels=["b1"], shipment_id="s1")
    if answer.accepted and dice.random() < 0.7:
        yield on(order_id, "deliver_shipment", "d1", shipment_id="s1")


def sent_in_part(order_id: str, dice: random.Random, _: str) -> Life:
    answer = yield on(order_id, "ship_order", "s1", lines=[{"line": 1, "quantity": 1}])
    if answer.accepted and dice.random() < 0.5:
        yield on(order_id, "close_order", "end", reason="enough")


def given_up(order_id: str, dice: random.Random, place: str) -> Life:
    steps = (
        ("create_pick_list", {"pick_id": "l1", "location": place}),
        ("pick_order", {"pick_id": "l1"}),
        ("pack_order", {"parcel_id": "b1", "location": place}),
    )
    for kind, more in steps[: dice.randint(0, 3)]:
        answer = yield on(order_id, kind, kind, **more)
        if not answer.accepted:
            break
    yield on(order_id, "cancel_order", "x", reason="too slow")


def sent_back(order_id: str, dice: random.Random, place: str) -> Life:
    """Sometimes for something else instead."""
    one = {"line": 1, "quantity": 1}
    back = {"return_id": "r1", "lines": [one]}
    other = f"{order_id}x" if dice.random() < 0.3 else None
    if other is None:
        answer = yield on(order_id, "request_return", "r1", **back)
    else:
        instead = {"replacement_id": other, "replacement_lines": lines(dice, 1)}
        answer = yield on(order_id, "exchange_order", "r1", **back, **instead)
    if not answer.accepted:
        return
    seen = [{**one, "outcome": dice.choice(("restock", "damage", "refuse"))}]
    yield on(order_id, "inspect_return", "r2", location=place, **back | {"lines": seen})
    if other is not None:
        yield on(other, "ship_order", "s1", shipment_id="s1")


def finished(row: Mapping[str, Any]) -> Life:
    """Everything that can still be done for an order, until it has ended or waits for stock."""
    order_id, progress = row["order_id"], row["progress"]
    for pick_id, pick in progress.get("picks", {}).items():
        if pick["status"] == "open":
            yield on(order_id, "pick_order", f"end {pick_id}", pick_id=pick_id)
    answer = yield on(order_id, "ship_order", "end s", shipment_id="end")
    if answer.accepted and answer.result is not None and answer.result["status"] in ENDED:
        return
    if waiting_units(row):
        return
    answer = yield on(order_id, "close_order", "end c", reason="no more")
    if not answer.accepted:
        yield on(order_id, "cancel_order", "end x", reason="nothing there")


def waiting_units(row: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Units of an order that wait, by SKU and location."""
    found: Counter[tuple[str, str]] = Counter()
    for each in row["progress"].get("allotments", {}).values():
        found[each["sku"], each["location"]] += each["waiting"]
    return {stock: units for stock, units in found.items() if units}


# --- what else goes on


def delivered(name: str, dice: random.Random) -> Life:
    stock = {"sku": dice.choice(SKUS[:-2]), "location": dice.choice(PLACES)}
    yield {"type": "receive_stock", "key": name, **stock, "quantity": dice.randint(5, 40)}


def abandoned_cart(name: str, dice: random.Random) -> Life:
    soon = datetime.now(UTC) + timedelta(seconds=CART_SECONDS)
    yield cart(name, lines(dice, 2), soon.isoformat())


def damaged(name: str, dice: random.Random) -> Life:
    stock = {"sku": dice.choice(SKUS), "location": dice.choice(PLACES)}
    hold = {"hold_id": name, "quantity": 1, **stock}
    answer = yield {"type": "hold_stock", "key": name, "kind": "damaged", **hold}
    if answer.accepted:
        gone = {"type": "write_off_stock", "reason_code": "broken"}
        yield {**gone, "key": f"{name} gone", **hold}


# --- commands


def lines(dice: random.Random, count: int) -> list[Command]:
    """All at one location: what one pick list can hold. A SKU may stand twice."""
    place = dice.choice(PLACES)
    return [
        {
            "line": number,
            "sku": dice.choice(SKUS),
            "location": place,
            "quantity": dice.randint(1, 3),
            "unit_price_micros": PRICE_MICROS,
        }
        for number in range(1, count + 1)
    ]


def order(order_id: str, wanted: list[Command], **terms: Any) -> Command:
    return on(order_id, "place_order", "place", lines=wanted, **terms)


def cart(name: str, wanted: list[Command], expires_at: str) -> Command:
    reserved = [
        {name: line[name] for name in ("line", "sku", "location", "quantity")} for line in wanted
    ]
    return {
        "type": "reserve_cart",
        "key": name,
        "reservation_id": name,
        "lines": reserved,
        "expires_at": expires_at,
    }


def on(order_id: str, kind: str, key: str, **more: Any) -> Command:
    return {"type": kind, "key": f"{order_id} {key}", "order_id": order_id, **more}
