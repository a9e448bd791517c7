"""Facts of every type in plausible order, for folds that need many: the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from domain import events as facts
from domain.events import Event, OrderLine, ShippedLine
from domain.streams import (
    POLICY_STREAM,
    assembly_stream,
    cart_stream,
    charge_stream,
    count_stream,
    crossing_stream,
    item_stream,
    location_stream,
    lot_stream,
    order_stream,
    payment_stream,
    purchase_stream,
    replay_stream,
    serial_stream,
    stock_stream,
    transfer_stream,
)
from tests.crossing_happenings import crossed
from tests.kit_happenings import assembly, cycle_count
from tests.order_happenings import sent_and_back
from tests.payment_happenings import payment
from tests.supply_happenings import bought, sent

START = datetime(2026, 3, 1, tzinfo=UTC)
PLACES = ("WH", "SHOP/1")


def stream_of(event: Event) -> str:
    if isinstance(event, facts.OrderEvent):
        return order_stream(event.order_id)
    if isinstance(event, facts.PurchaseEvent):
        return purchase_stream(event.purchase_id)
    if isinstance(event, facts.TransferEvent):
        return transfer_stream(event.transfer_id)
    match event:
        case (
            facts.ItemRegistered()
            | facts.ItemDescribed()
            | facts.ItemDiscontinued()
            | facts.UnitDefined()
            | facts.KitComposed()
            | facts.HandlingSet()
        ):
            return item_stream(event.sku)
        case facts.LocationRegistered() | facts.LocationNested():
            return location_stream(event.location)
        case facts.ChargeRecorded():
            return charge_stream(event.charge_id)
        case (
            facts.LotRegistered()
            | facts.LotLocated()
            | facts.LotExpiryChanged()
            | facts.LotRecalled()
            | facts.RecallEnded()
        ):
            return lot_stream(event.sku, event.lot)
        case facts.SerialPlaced() | facts.SerialLeft():
            return serial_stream(event.sku, event.serial)
        case (
            facts.CartReserved()
            | facts.CartExtended()
            | facts.CartReleased()
            | facts.CartExpired()
            | facts.CartConverted()
        ):
            return cart_stream(event.reservation_id)
        case facts.PolicySet() | facts.ReservedUnitsCounted() | facts.QuotaOpened():
            return POLICY_STREAM
        case _ if isinstance(event, facts.CrossingEvent):
            return crossing_stream(event.crossing_id)
        case _ if isinstance(event, facts.PaymentEvent):
            return payment_stream(event.payment_id)
        case facts.ReplayPromoted() | facts.ReplayRolledBack():
            return replay_stream(event.replay_id)
        case facts.KitAssembled() | facts.KitDisassembled():
            return assembly_stream(event.assembly_id)
        case _ if isinstance(event, facts.CountEvent):
            return count_stream(event.count_id)
        case _:
            return stock_stream(event.sku, event.location)


def item(sku: str, **changes: object) -> facts.ItemRegistered:
    values: dict[str, object] = {"sku": sku, "name": f"Item {sku}", "attributes": {}}
    return facts.ItemRegistered(**values | changes)  # type: ignore[arg-type]


def order_of_lines(order_id: str, lines: Sequence[tuple[str, str, int]]) -> list[Event]:
    """An order placed, allocated and shipped whole: lines of (SKU, location, quantity)."""
    placed = facts.OrderPlaced(
        order_id=order_id,
        currency="GBP",
        lines=tuple(
            OrderLine(line=n, sku=sku, location=place, quantity=units, unit_price_micros=1_250_000)
            for n, (sku, place, units) in enumerate(lines, 1)
        ),
    )
    committed = [
        facts.StockCommitted(
            sku=line.sku,
            location=line.location or "",
            order_id=order_id,
            line=line.line,
            quantity=line.quantity,
        )
        for line in placed.lines
    ]
    shipped = [
        facts.StockShipped(
            sku=line.sku,
            location=line.location or "",
            quantity=line.quantity,
            order_id=order_id,
            line=line.line,
            unit_price_micros=line.unit_price_micros,
            currency="GBP",
        )
        for line in placed.lines
    ]
    whole = tuple(ShippedLine(line=line.line, quantity=line.quantity) for line in placed.lines)
    return [
        placed,
        facts.OrderAllocated(order_id=order_id),
        *committed,
        facts.OrderShipped(order_id=order_id, lines=whole),
        *shipped,
    ]


def year(seed: int, count: int, *, skus: int = 12) -> list[tuple[Event, datetime]]:
    """About `count` facts of every type, each with its instant."""
    dice = random.Random(seed)
    found: list[tuple[Event, datetime]] = [
        (facts.LocationRegistered(location=place, name=place), START) for place in PLACES
    ]
    found += [(item(f"SKU-{n}", safety_stock=n, backorder_limit=2 * n), START) for n in range(skus)]
    number = 0
    while len(found) < count:
        number += 1
        at = START + timedelta(hours=number)
        stock = {"sku": f"SKU-{dice.randrange(skus)}", "location": dice.choice(PLACES)}
        happening = dice.choice(HAPPENINGS)
        found += [(event, at) for event in happening(number, dice.randrange(1, 60), stock)]
    return found


def _facts_about_goods(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    return [
        facts.StockReceived(**stock, quantity=units, document=f"PO {number}"),
        facts.StockAdjusted(**stock, delta=-units, reason='smashed "glass" \\ wet'),
        facts.StockAdjusted(**stock, delta=units, reason="rusty", condition="damaged"),
        facts.StockAdjusted(**stock, delta=-1, reason="scrapped", condition="damaged"),
        facts.StockAdjusted(
            **stock, delta=1, reason="found", reason_code="found", document="A 1", approved_by="s1"
        ),
        facts.StockShipped(**stock, quantity=units, unit_price_micros=990_000, currency="EUR"),
    ]


def _count(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    count = {**stock, "count_id": f"c{number}"}
    return [
        facts.DiscrepancyFound(**stock, quantity=3, cause_event_id="x"),
        facts.StockCounted(**count, counted=units, expected=7),
        facts.CountRestated(**count, cause_event_id="x", counted=9, expected=8, delta=-1),
    ]


def _reservation(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    hold = {**stock, "reservation_id": f"r{number}"}
    return [
        facts.StockReserved(**hold, quantity=units + 4, expires_at=START),
        facts.ReservationExtended(**hold, expires_at=START + timedelta(days=number)),
        facts.ReservationReleased(**hold, quantity=1),
        facts.ReservationExpired(**hold, quantity=1),
        facts.StockShipped(**hold, quantity=2),
    ]


def _returns(_: int, units: int, stock: dict[str, Any]) -> list[Event]:
    return [
        facts.StockReturned(**stock, quantity=units, to="damaged", reason="torn"),
        facts.StockReturned(**stock, quantity=1, order_id="gone"),
    ]


def _shortfall(_: int, units: int, stock: dict[str, Any]) -> list[Event]:
    closed = facts.ShortfallStated(**stock, uncovered=0)
    return [facts.ShortfallStated(**stock, uncovered=units), *([closed] if units % 2 else [])]


def _order(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    lines = [(stock["sku"], stock["location"], units), ("SKU-1", "WH", 2)]
    return order_of_lines(f"o{number}", lines)


def _cancelled_order(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    order_id = f"k{number}"
    return [
        *order_of_lines(order_id, [(stock["sku"], stock["location"], units)])[:3],
        facts.CommitmentReleased(**stock, order_id=order_id, line=1, quantity=units),
        facts.OrderCancelled(order_id=order_id, reason="changed mind"),
    ]


def _picking(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    order_id = f"p{number}"
    line = {**stock, "order_id": order_id, "line": 1}
    return [
        *order_of_lines(order_id, [(stock["sku"], stock["location"], units + 2)])[:3],
        facts.StockPicked(**line, quantity=units + 1, pick_id="pick"),
        facts.StockUnpicked(**line, quantity=1),
        facts.PickedShipped(
            **line, quantity=units, shipment_id="box", unit_price_micros=1, currency="GBP"
        ),
    ]


def _conditions(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    hold = {**stock, "hold_id": f"h{number}"}
    return [
        facts.StockHeld(**hold, kind="quality", quantity=units + 2, reason_code="smell"),
        facts.HoldReleased(**hold, quantity=1),
        facts.StockWrittenOff(**hold, quantity=1, reason_code="rotten", document="W 1"),
        facts.StockWrittenOff(**stock, quantity=units, reason_code="theft"),
    ]


def _arrivals(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    found: list[Event] = []
    for source in ("purchase", "transfer"):
        due = {**stock, "source": source, "source_id": f"s{number}", "line": 1}
        found += [
            facts.ArrivalExpected(**due, quantity=units + 1, expected_on=START.date()),
            facts.ArrivalClosed(**due, quantity=units, outcome="received"),
            facts.ArrivalClosed(**due, quantity=1, outcome="short"),
        ]
    return found


def _moves(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    moved = {**stock, "quantity": units}
    return [
        facts.StockMovedOut(**moved, move_id=f"m{number}", destination="BIN"),
        facts.StockMovedIn(**moved, move_id=f"m{number}", origin="BIN"),
        facts.StockDispatched(**moved, transfer_id=f"t{number}", line=1, destination="SHOP/1"),
        facts.StockArrived(**moved, transfer_id=f"t{number}", line=1, origin="SHOP/1"),
        facts.StockConsumed(**moved, assembly_id=f"a{number}"),
        facts.StockProduced(**moved, assembly_id=f"a{number}"),
    ]


def _waiting(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    line = {**stock, "order_id": f"w{number}", "line": 1}
    return [
        facts.StockBackordered(**line, quantity=units + 1),
        facts.BackorderClosed(**line, quantity=units, outcome="allocated"),
    ]


def _lots(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    lot = facts.TracedUnits(lot=f"L{number % 3}", on_hand=units, expires_on=START.date())
    return [
        facts.StockReceived(**stock, quantity=units),
        facts.StockTraced(**stock, cause_event_id="x", units=(lot,), cause="received"),
    ]


def _a_lot(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    lot = {"sku": stock["sku"], "lot": f"L{number}"}
    return [
        facts.LotRegistered(**lot, expires_on=START.date(), origin=f"dairy {units}"),
        facts.LotLocated(**lot, location=stock["location"]),
        facts.LotExpiryChanged(**lot, expires_on=START.date() + timedelta(units), reason="misread"),
        facts.LotRecalled(**lot, recall_id="R", reason_code="glass"),
        facts.RecallEnded(**lot, recall_id="R"),
    ]


def _a_serial(number: int, _: int, stock: dict[str, Any]) -> list[Event]:
    serial = {**stock, "serial": f"S{number}", "cause_event_id": "x"}
    traced = facts.TracedUnits(lot=f"S{number}", on_hand=1, picked=1, expires_on=START.date())
    return [
        facts.StockTraced(**stock, cause_event_id="x", units=(traced,), serials=True),
        facts.SerialPlaced(**serial, cause="received", expires_on=START.date()),
        facts.SerialLeft(**serial, cause="shipped", order_id=f"o{number}"),
    ]


def _handling(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    sku = stock["sku"]
    return [
        facts.UnitDefined(sku=sku, unit=f"case {number}", numerator=units),
        facts.KitComposed(sku=sku, components=(facts.Component(sku="SKU-1", quantity=units),)),
        facts.HandlingSet(sku=sku, removal="lifo", shelf_life_days=units),
        facts.LocationNested(location=stock["location"], parent="SITE"),
    ]


def _cart(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    cart_id = f"cart{number}"
    line = facts.CartLine(line=1, quantity=units, **stock)
    other = facts.CartLine(line=2, quantity=1, **stock)
    hold = {**stock, "reservation_id": cart_id}
    ending: facts.CartEvent = facts.CartExpired(reservation_id=cart_id)
    if number % 3 == 1:
        ending = facts.CartReleased(reservation_id=cart_id)
    elif number % 3 == 2:
        ending = facts.CartConverted(reservation_id=cart_id, order_id=f"o{number}")
    return [
        facts.CartReserved(reservation_id=cart_id, lines=(line, other), expires_at=START),
        facts.StockReserved(**hold, quantity=units + 1, expires_at=START),
        facts.CartExtended(reservation_id=cart_id, expires_at=START + timedelta(days=1)),
        facts.ReservationExtended(**hold, expires_at=START + timedelta(days=1)),
        ending,
        facts.ReservationReleased(**hold, quantity=units + 1),
    ]


def _policy(number: int, units: int, _: dict[str, Any]) -> list[Event]:
    return [
        facts.PolicySet(reservation_quota=units, reason_codes=("broken",)),
        facts.ReservedUnitsCounted(delta=units, known=units),
        facts.QuotaOpened(units=3, policy_version=number),
        facts.PolicySet(reservation_seconds_max=units),
    ]


def _charge(number: int, _: int, __: dict[str, Any]) -> list[Event]:
    return [
        facts.ChargeRecorded(
            charge_id=f"ch{number}",
            code="POST",
            quantity=1,
            unit_price_micros=5_000_000,
            currency="GBP",
            order_id=f"o{number}",
        )
    ]


def _description(number: int, units: int, stock: dict[str, Any]) -> list[Event]:
    return [item_described(stock["sku"], f"better {number}", units)]


def _end_of_life(_: int, units: int, stock: dict[str, Any]) -> list[Event]:
    return [facts.ItemDiscontinued(sku=stock["sku"], reason="old")] if units > 50 else []


def item_described(sku: str, name: str, safety_stock: int) -> facts.ItemDescribed:
    return facts.ItemDescribed(
        sku=sku, name=name, attributes={"colour": name}, safety_stock=safety_stock
    )


HAPPENINGS: Sequence[Callable[[int, int, dict[str, Any]], list[Event]]] = (
    _facts_about_goods,
    _count,
    _reservation,
    _returns,
    _shortfall,
    _order,
    _cancelled_order,
    _picking,
    sent_and_back,
    _conditions,
    _arrivals,
    _moves,
    bought,
    sent,
    _waiting,
    _lots,
    _a_lot,
    _a_serial,
    _handling,
    _cart,
    _policy,
    assembly,
    cycle_count,
    payment,
    crossed,
    _charge,
    _description,
    _end_of_life,
)
