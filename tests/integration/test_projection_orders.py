"""`orders` on PostgreSQL: the contract of projections, and what a row says of an order's life."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from domain import events as facts
from domain.events import Event, OrderLine, ShippedLine
from tests.contracts.projection import ProjectionContract
from tests.happenings import START, order_of_lines
from tests.parts import Database
from tests.projection_side import drain, table_rows
from tests.read_models import OrderRows, order_rows

LEDGER = "acme/main"
LINES = (
    OrderLine(line=1, sku="A", location="WH", quantity=4, unit_price_micros=1_500_000),
    OrderLine(line=7, sku="B", location="SHOP/1", quantity=1, unit_price_micros=250_000),
)
PLACED = facts.OrderPlaced(order_id="o", customer="sub_1", currency="GBP", lines=LINES)


@pytest.fixture
def read_model(postgres_database: Database) -> Iterator[OrderRows]:
    with order_rows(postgres_database.log) as found:
        yield found


def fold(read_model: OrderRows, *events: Event, day: int = 0) -> dict[str, Any]:
    """The order's row after these events, each applied in a batch of its own."""
    log = read_model.log
    log.append(log.ledger("main"), *events, at=START + timedelta(days=day))
    drain(log, read_model.process(), log.shard(LEDGER), batch=1)
    return table_rows(log, "orders_v1")[-1]


class TestOrders(ProjectionContract):
    pass


def test_a_placed_order_has_its_lines_units_and_total(read_model: OrderRows) -> None:
    row = fold(read_model, PLACED)
    assert (row["status"], row["units"], row["total_micros"]) == ("placed", 5, 6_250_000)
    assert (row["customer"], row["placed_at"], row["placed_position"]) == ("sub_1", START, 1)
    assert row["lines"] == [
        {
            "line": line.line,
            "sku": line.sku,
            "location": line.location,
            "quantity": line.quantity,
            "unit_price_micros": line.unit_price_micros,
            "shipped": 0,
        }
        for line in LINES
    ]


def test_an_order_is_shipped_when_its_last_unit_is(read_model: OrderRows) -> None:
    fold(read_model, PLACED, facts.OrderAllocated(order_id="o"))
    some = (ShippedLine(line=1, quantity=3), ShippedLine(line=7, quantity=1))
    row = fold(read_model, facts.OrderShipped(order_id="o", lines=some), day=2)
    assert (row["status"], row["shipped_at"]) == ("partly_shipped", START + timedelta(days=2))
    rest = (ShippedLine(line=1, quantity=1),)
    row = fold(read_model, facts.OrderShipped(order_id="o", lines=rest), day=4)
    assert (row["status"], row["shipped_at"]) == ("shipped", START + timedelta(days=4))
    assert [line["shipped"] for line in row["lines"]] == [4, 1]


def test_a_cancelled_order_says_when_and_why(read_model: OrderRows) -> None:
    fold(read_model, PLACED)
    row = fold(read_model, facts.OrderCancelled(order_id="o", reason="too late"), day=1)
    cancelled = (row["status"], row["cancelled_at"], row["cancel_reason"], row["position"])
    assert cancelled == ("cancelled", START + timedelta(days=1), "too late", 2)


def test_a_total_beyond_64_bits_is_exact(read_model: OrderRows) -> None:
    line = OrderLine(line=1, sku="A", location="WH", quantity=10**9, unit_price_micros=10**12 + 1)
    row = fold(read_model, facts.OrderPlaced(order_id="o", lines=(line,)))
    assert row["total_micros"] == 10**9 * (10**12 + 1)


def test_an_event_of_an_order_never_placed_parks_it(read_model: OrderRows) -> None:
    fold(read_model, facts.OrderAllocated(order_id="ghost"), *order_of_lines("o", [("A", "WH", 1)]))
    assert [row["order_id"] for row in table_rows(read_model.log, "orders_v1")] == ["o"]
    (parked,) = table_rows(read_model.log, "parked_streams")
    assert (parked["stream"], "never placed" in parked["error"]) == ("order-ghost", True)


def test_a_shipment_written_again_ships_no_more(read_model: OrderRows) -> None:
    some = (ShippedLine(line=1, quantity=3),)
    shipped = facts.OrderShipped(order_id="o", lines=some)
    before = fold(read_model, PLACED, facts.OrderAllocated(order_id="o"), shipped)
    (event,) = read_model.log.reader.read_ledger(LEDGER, 2, 1)
    read_model.process().apply_parked([event])
    assert table_rows(read_model.log, "orders_v1") == [before]
