"""Orders: the newest, and one with its lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args
from urllib.parse import quote

from nicegui import ui

from api.console import words
from api.console.figures import ROWS_MAX, Figures, OrderFound, OrdersFound
from api.console.frame import Frame, Visit, fill, heading, number_cards, table
from api.read_side import Ask
from domain.refusals import OrderStatus

ALL = "all"
STATUSES = (ALL, *get_args(OrderStatus))
ORDER_COLUMNS = {
    "order_id": "Order",
    "status": "Status",
    "placed_at": "Placed (UTC)",
    "lines": "Lines",
    "units": "Units",
    "total": "Total",
    "customer": "Customer",
}
ORDER_NUMBERS = ("lines", "units", "total")
LINE_COLUMNS = {
    "line": "Line",
    "sku": "SKU",
    "location": "Location",
    "quantity": "Units",
    "shipped": "Shipped",
    "price": "Unit price",
}
LINE_NUMBERS = ("line", "quantity", "shipped", "price")
CHARGE_COLUMNS = {
    "charge_id": "Charge",
    "code": "Code",
    "description": "Description",
    "quantity": "Quantity",
    "price": "Unit price",
}


ALLOTMENT_COLUMNS = {
    "line": "Line",
    "sku": "SKU",
    "location": "Location",
    "waiting": "Waiting",
    "committed": "Committed",
    "picked": "Picked",
    "packed": "Packed",
    "shipped": "Shipped",
}
ALLOTMENT_NUMBERS = ("line", "waiting", "committed", "picked", "packed", "shipped")
EVENT_COLUMNS = {"what": "What", "status": "Status", "lines": "Lines", "about": "About"}


async def show_list(visit: Visit, figures: Figures) -> None:
    """The newest orders, of one status if wanted."""
    frame = Frame(visit, "orders", "Orders")
    status = ui.toggle({each: words.status(each) for each in STATUSES}, value=ALL).props(
        'no-caps aria-label="Status"'
    )
    count = ui.label().classes("quiet").props("role=status")
    rows = table(ORDER_COLUMNS, key="order_id", link="order_id", numbers=ORDER_NUMBERS)

    def fill_in(found: OrdersFound) -> None:
        newest = "The newest " if len(found.rows) == ROWS_MAX else ""
        count.set_text(f"{newest}{len(found.rows)} orders")
        fill(rows, _order_rows(found, visit))

    def load(ask: Ask) -> OrdersFound:
        return figures.orders(ask, None if status.value == ALL else str(status.value))

    await frame.live(load, fill_in)
    status.on_value_change(frame.refresh)


def _order_rows(found: OrdersFound, visit: Visit) -> list[dict[str, str]]:
    return [
        {
            "order_id": each.order_id,
            "link": visit.address(f"orders/{quote(each.order_id)}"),
            "status": words.status(each.status),
            "placed_at": words.instant(each.placed_at),
            "lines": words.number(len(each.lines)),
            "units": words.number(each.units),
            "total": words.money(each.total_micros, each.currency),
            "customer": each.customer or words.NONE,
        }
        for each in found.rows
    ]


async def show_order(visit: Visit, figures: Figures, order_id: str) -> None:
    """One order: how far it is, its lines, its charges."""
    frame = Frame(visit, "orders", f"Order {order_id}")
    about = ui.label().classes("text-lg")
    sums = number_cards("Status", "Units", "Total")
    lines = table(LINE_COLUMNS, key="line", link="sku", numbers=LINE_NUMBERS)
    heading("Where its units are")
    allotments = table(ALLOTMENT_COLUMNS, key="key", numbers=ALLOTMENT_NUMBERS)
    heading("Pick lists, parcels, shipments, returns")
    work = table(EVENT_COLUMNS, key="what")
    heading("Charges")
    charges = table(CHARGE_COLUMNS, key="charge_id", numbers=("quantity", "price"))

    def fill_in(found: OrderFound) -> None:
        about.set_text(_about(found))
        if found.order is not None:
            sums["Status"].set_text(words.status(found.order.status))
            sums["Units"].set_text(words.number(found.order.units))
            sums["Total"].set_text(words.money(found.order.total_micros, found.order.currency))
        fill(lines, _line_rows(found, visit))
        fill(allotments, _allotment_rows(found))
        fill(work, _work_rows(found))
        fill(charges, _charge_rows(found))

    def load(ask: Ask) -> OrderFound:
        return figures.order(ask, order_id)

    await frame.live(load, fill_in)


def _about(found: OrderFound) -> str:
    order = found.order
    if order is None:
        return "There is no such order in this ledger."
    said = [f"placed {words.instant(order.placed_at)}"]
    if order.shipped_at:
        said.append(f"shipped {words.instant(order.shipped_at)}")
    if order.cancelled_at:
        said.append(f"cancelled {words.instant(order.cancelled_at)} {order.cancel_reason or ''}")
    if order.customer:
        said.append(f"customer {order.customer}")
    return " · ".join(said)


def _line_rows(found: OrderFound, visit: Visit) -> list[dict[str, str]]:
    if found.order is None:
        return []
    return [
        {
            "sku": each["sku"],
            "link": visit.address(f"items/{quote(each['sku'])}"),
            "line": words.number(each["line"]),
            "location": each["location"] or words.NONE,
            "quantity": words.number(each["quantity"]),
            "shipped": words.number(each["shipped"]),
            "price": words.money(each["unit_price_micros"], found.order.currency),
        }
        for each in found.order.lines
    ]


def _allotment_rows(found: OrderFound) -> list[dict[str, str]]:
    progress = {} if found.order is None else found.order.progress
    return [
        {"key": key, "sku": each["sku"], "location": each["location"]}
        | {name: words.number(each[name]) for name in ALLOTMENT_NUMBERS}
        for key, each in progress.get("allotments", {}).items()
    ]


def _work_rows(found: OrderFound) -> list[dict[str, str]]:
    progress = {} if found.order is None else found.order.progress
    return [
        *(_work("Pick list", name, each) for name, each in progress.get("picks", {}).items()),
        *(_work("Parcel", name, each) for name, each in progress.get("parcels", {}).items()),
        *(_work("Shipment", name, each) for name, each in progress.get("shipments", {}).items()),
        *(_work("Return", name, each) for name, each in progress.get("returns", {}).items()),
    ]


def _work(what: str, name: str, each: Mapping[str, Any]) -> dict[str, str]:
    about = (each.get(field) for field in ("location", "carrier", "tracking", "reason"))
    return {
        "what": f"{what} {name}",
        "status": words.status(each["status"]) if "status" in each else words.NONE,
        "lines": _line_units(each["lines"]),
        "about": " · ".join(filter(None, about)) or words.NONE,
    }


def _line_units(lines: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(f"{words.number(each['quantity'])} of line {each['line']}" for each in lines)


def _charge_rows(found: OrderFound) -> list[dict[str, str]]:
    return [
        {
            "charge_id": each.charge_id,
            "code": each.code,
            "description": each.description,
            "quantity": words.number(each.quantity),
            "price": words.money(each.unit_price_micros, each.currency),
        }
        for each in found.charges
    ]
