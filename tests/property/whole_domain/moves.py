"""Every command a client can send, by the area of a business in which it is sent. A command that
stands several times in its area is sent as many times as often.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from tests.property.whole_domain import order_moves as orders
from tests.property.whole_domain import stock_moves as stock
from tests.property.whole_domain import supply_moves as supply
from tests.property.whole_domain.sight import PLAIN, Body, NothingToDoError, Sight

Move = Callable[[Sight], Body]

AREAS: Mapping[str, tuple[Move, ...]] = {
    "stock": (
        *(stock.receive_stock,) * 4,
        *(stock.adjust_stock,) * 2,
        *(stock.count_stock,) * 2,
        *(stock.ship_stock,) * 2,
        *(stock.move_stock,) * 2,
        stock.return_stock,
        stock.write_off_stock,
    ),
    "lots": (
        stock.register_lot,
        *(stock.hold_stock,) * 3,
        *(stock.release_hold,) * 2,
        stock.write_off_stock,
        stock.expire_lot,
        stock.change_lot_expiry,
        *(stock.recall_lot,) * 2,
        stock.end_recall,
        stock.set_handling,
    ),
    "reservations": (
        *(stock.reserve_stock,) * 3,
        stock.release_reservation,
        stock.expire_reservation,
        stock.extend_reservation,
        *(stock.reserve_cart,) * 3,
        stock.extend_cart,
        stock.release_cart,
        stock.expire_cart,
        stock.ship_stock,
    ),
    "register": (
        stock.register_item,
        stock.describe_item,
        stock.describe_item,
        stock.discontinue_item,
        stock.register_location,
        stock.define_unit,
        supply.compose_kit,
        stock.set_policy,
        stock.set_policy,
    ),
    "orders": (
        *(orders.place_order,) * 6,
        *(orders.allocate_order,) * 2,
        orders.allocate_backorders,
        orders.confirm_payment,
        *(orders.record_payment,) * 2,
        orders.cancel_order,
        orders.close_order,
        orders.record_charge,
    ),
    "shelf": (
        *(orders.create_pick_list,) * 3,
        orders.cancel_pick_list,
        *(orders.pick_order,) * 4,
        *(orders.pack_order,) * 2,
        *(orders.ship_order,) * 3,
    ),
    "sent": (
        *(orders.ship_order,) * 3,
        orders.deliver_shipment,
        *(orders.cancel_shipment,) * 2,
        *(orders.request_return,) * 2,
        *(orders.inspect_return,) * 3,
        orders.exchange_order,
        orders.close_order,
    ),
    "flow": (
        orders.create_pick_list,
        orders.pick_order,
        orders.pack_order,
        orders.ship_order,
        orders.deliver_shipment,
        orders.request_return,
        orders.inspect_return,
        orders.close_order,
    ),
    "purchases": (
        *(supply.place_purchase,) * 2,
        *(supply.approve_purchase,) * 2,
        supply.change_purchase,
        *(supply.receive_purchase,) * 4,
        supply.close_purchase,
        supply.cancel_purchase,
    ),
    "transfers": (
        *(supply.place_transfer,) * 2,
        *(supply.dispatch_transfer,) * 3,
        *(supply.receive_transfer,) * 3,
        supply.close_transfer,
        supply.cancel_transfer,
        supply.dispatch_crossing,
    ),
    "work": (
        *(supply.assemble,) * 3,
        *(supply.disassemble,) * 2,
        supply.plan_count,
        *(supply.enter_count,) * 3,
        supply.ask_recount,
        *(supply.submit_count,) * 2,
        supply.cancel_count,
    ),
}


ALWAYS = (stock.receive_stock,)
OTHERWISE = dict.fromkeys(("shelf", "sent", "flow"), (orders.place_order, *ALWAYS))


def possible(area: str, sight: Sight) -> tuple[str, Body]:
    """A command's type and body: the first in the area, from where the draw says, that something is
    there for.
    """
    moves = AREAS[area]
    start = sight.draws.below(len(moves))
    for move in (*moves[start:], *moves[:start], *OTHERWISE.get(area, ALWAYS)):
        with suppress(NothingToDoError):
            return move.__name__, _in_cases(move(sight), sight)
    raise AssertionError("something can always come in")


def _in_cases(body: Body, sight: Sight) -> Body:
    """Seldom told in another unit than the item's own."""
    order = sight.book.orders.get(body.get("order_id", ""))
    for each in (body, *(body.get("lines") or ())):
        sku = each.get("sku")
        if sku is None and order is not None and "line" in each:
            line = order.lines.get(each["line"])
            sku = line and line.sku
        if sku == PLAIN and each.get("quantity") and sight.draws.seldom(6):
            each |= {"unit": "case", "quantity": sight.draws.units(2)}
    return body


def command_types() -> frozenset[str]:
    """The types of all commands that are sent."""
    return frozenset(move.__name__ for moves in AREAS.values() for move in moves)
