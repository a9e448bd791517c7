"""Questions to `movements`: the single movements, newest or oldest first, in pages.

Each question names the position up to which its answer is to be true: the read model's own, read
from PostgreSQL before. Rows above it may be there already and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from clickhouse_connect.driver.client import Client

from projections.movements.corrections import OF_LEDGER, PLAIN, corrected
from projections.movements.inserts import clickhouse_outages

QUERY_SECONDS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Units of one SKU at one location. `available`: on hand less everything promised or held."""

    on_hand: int
    reserved: int
    committed: int
    picked: int
    held: int
    available: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One stock event: by how many units it moved each quantity, and why.

    `before` and `after` are what its stock was by position, where they were asked for.
    """

    position: int
    event_id: UUID
    type: str
    sku: str
    location: str
    occurred_at: datetime
    recorded_at: datetime
    on_hand_delta: int
    reserved_delta: int
    committed_delta: int
    picked_delta: int
    held_delta: int
    shortfall: int | None
    quantity: int
    order_id: str
    line: int | None
    reservation_id: str
    count_id: str
    reason: str
    document: str
    unit_price_micros: int | None
    currency: str
    before: Balance | None = None
    after: Balance | None = None


COLUMNS = tuple(field.name for field in fields(Movement) if field.name not in {"before", "after"})
FILTERS: Mapping[str, str] = {
    "sku": "sku = {sku:String}",
    "location": "location = {location:String}",
    "type": "type = {type:String}",
    "order_id": "order_id = {order_id:String}",
    "occurred_from": "occurred_at >= {occurred_from:DateTime64(6, 'UTC')}",
    "occurred_until": "occurred_at < {occurred_until:DateTime64(6, 'UTC')}",
    "after": "position < {after:UInt64}",
}


def movements(
    client: Client,
    places: Mapping[str, str],
    ledger: str,
    *,
    up_to: int,
    sku: str | None = None,
    location: str | None = None,
    type_name: str | None = None,
    order_id: str | None = None,
    occurred_from: datetime | None = None,
    occurred_until: datetime | None = None,
    after: int | None = None,
    limit: int,
) -> list[Movement]:
    """A page, the latest recorded first; `after` is the last page's lowest position.

    Raises `StoreUnavailableError`.
    """
    given: dict[str, Any] = {
        "sku": sku,
        "location": location,
        "type": type_name,
        "order_id": order_id,
        "occurred_from": occurred_from,
        "occurred_until": occurred_until,
        "after": after,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    where = "".join(f" AND {FILTERS[name]}" for name in wanted)
    rows = select(
        client,
        f"SELECT {', '.join(COLUMNS)} FROM {PLAIN} WHERE {OF_LEDGER}{where}"
        " ORDER BY position DESC LIMIT {limit:UInt32}",
        places,
        ledger,
        up_to,
        {"limit": limit, **wanted},
    )
    return [Movement(**dict(zip(COLUMNS, row, strict=True))) for row in rows]


def select(
    client: Client,
    statement: str,
    places: Mapping[str, str],
    ledger: str,
    up_to: int,
    values: Mapping[str, Any],
) -> list[tuple[Any, ...]]:
    """Rows of a statement over PLAIN that says OF_LEDGER. Raises `StoreUnavailableError`."""
    statement, tables = corrected(statement, places)
    tenant = ledger.partition("/")[0]
    parameters = {"tenant": tenant, "ledger": ledger, "up_to": up_to, **tables, **values}
    with clickhouse_outages():
        answer = client.query(
            statement,
            parameters=parameters,
            tz_mode="aware",
            settings={"max_execution_time": QUERY_SECONDS_MAX},
        )
    return [tuple(row) for row in answer.result_rows]
