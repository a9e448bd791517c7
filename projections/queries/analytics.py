"""A first set of figures over `movements`. Days are UTC days of `occurred_at`.

daily units            units that came in (on hand went up) and went out (on hand went down), per
                       day, over all movements of the range.
top movers             SKUs by units shipped in the range, with the number of shipments.
stock at last price    by SKU and location, a row for each day on which on hand moved (and one for
                       the first day of the range): units on hand at the end of that day by
                       `occurred_at`, and those units at the last selling price known then, that
                       is the price of the SKU's latest shipment up to that day, anywhere in the
                       ledger, in its currency. Units hold until the next row; the value is that
                       day's. No price: no value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from clickhouse_connect.driver.client import Client

from projections.movements.corrections import OF_LEDGER, PLAIN
from projections.queries.movements import select


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyUnits:
    """`units_out` is positive: units that left."""

    day: date
    units_in: int
    units_out: int
    movements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TopMover:
    """`name` is the item's last known one, empty when it has none."""

    sku: str
    name: str
    units_shipped: int
    shipments: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StockAtLastPrice:
    """`value_micros` = on_hand * last_price_micros, in millionths of `currency`."""

    day: date
    sku: str
    location: str
    on_hand: int
    last_price_micros: int | None
    value_micros: int | None
    currency: str


DAILY_UNITS = f"""
SELECT toDate(occurred_at) AS day,
       sum(greatest(on_hand_delta, 0)) AS units_in,
       sum(greatest(-on_hand_delta, 0)) AS units_out,
       count() AS movements
  FROM {PLAIN}
 WHERE {OF_LEDGER} AND on_hand_delta != 0
   AND occurred_at >= {{first:Date}} AND occurred_at < {{last:Date}} + 1
   AND ({{sku:String}} = '' OR sku = {{sku:String}})
   AND ({{location:String}} = '' OR location = {{location:String}})
 GROUP BY day ORDER BY day
"""
UNITS_SINCE = f"""
SELECT sum(greatest(on_hand_delta, 0)), sum(greatest(-on_hand_delta, 0))
  FROM {PLAIN} WHERE {OF_LEDGER} AND position > {{position:UInt64}}
"""
TOP_MOVERS = f"""
SELECT m.sku, any(i.name) AS name, sum(m.quantity) AS units_shipped, count() AS shipments
  FROM (
       SELECT sku, quantity FROM {PLAIN}
        WHERE {OF_LEDGER} AND type = 'stock.shipped.v1'
          AND occurred_at >= {{first:Date}} AND occurred_at < {{last:Date}} + 1
  ) m
  LEFT JOIN (
       SELECT sku, argMax(name, position) AS name FROM {{items:Identifier}}
        WHERE {OF_LEDGER} GROUP BY sku
  ) i ON i.sku = m.sku
 GROUP BY m.sku ORDER BY units_shipped DESC, m.sku LIMIT {{limit:UInt32}}
"""
STOCK_AT_LAST_PRICE = f"""
WITH
    levels AS (
        SELECT sku, location, day,
               sum(moved) OVER (PARTITION BY sku, location ORDER BY day) AS on_hand
          FROM (
               SELECT sku, location, greatest(toDate(occurred_at), {{first:Date}}) AS day,
                      sum(on_hand_delta) AS moved
                 FROM {PLAIN}
                WHERE {OF_LEDGER} AND occurred_at < {{last:Date}} + 1
                  AND ({{sku:String}} = '' OR sku = {{sku:String}})
                  AND ({{location:String}} = '' OR location = {{location:String}})
                GROUP BY sku, location, day
          )
    ),
    prices AS (
        SELECT sku, toDate(occurred_at) AS day,
               argMax(assumeNotNull(unit_price_micros), (occurred_at, position)) AS micros,
               argMax(currency, (occurred_at, position)) AS currency
          FROM {PLAIN}
         WHERE {OF_LEDGER} AND occurred_at < {{last:Date}} + 1
           AND type = 'stock.shipped.v1' AND unit_price_micros IS NOT NULL
           AND ({{sku:String}} = '' OR sku = {{sku:String}})
         GROUP BY sku, day
    )
SELECT l.day, l.sku, l.location, l.on_hand, p.micros, p.currency
  FROM levels l ASOF LEFT JOIN prices p ON p.sku = l.sku AND p.day <= l.day
 WHERE (l.sku, l.location, l.day)
     > ({{after_sku:String}}, {{after_location:String}}, {{after_day:Date}})
 ORDER BY l.sku, l.location, l.day LIMIT {{limit:UInt32}}
"""
BEFORE_ALL = ("", "", date(1970, 1, 1))


def daily_units(
    client: Client,
    places: Mapping[str, str],
    ledger: str,
    *,
    up_to: int,
    first: date,
    last: date,
    sku: str = "",
    location: str = "",
) -> list[DailyUnits]:
    """Days of [first, last] that had movements, of one SKU or location if named."""
    values: dict[str, Any] = {"first": first, "last": last, "sku": sku, "location": location}
    rows = select(client, DAILY_UNITS, places, ledger, up_to, values)
    return [
        DailyUnits(day=day, units_in=units_in, units_out=units_out, movements=movements)
        for day, units_in, units_out, movements in rows
    ]


def units_since(
    client: Client, places: Mapping[str, str], ledger: str, *, up_to: int, position: int
) -> tuple[int, int]:
    """Units that came in and went out in movements recorded after a position."""
    values: dict[str, Any] = {"position": position}
    ((units_in, units_out),) = select(client, UNITS_SINCE, places, ledger, up_to, values)
    return units_in, units_out


def top_movers(
    client: Client,
    places: Mapping[str, str],
    ledger: str,
    *,
    up_to: int,
    first: date,
    last: date,
    limit: int,
) -> list[TopMover]:
    """The SKUs of which most units were shipped in [first, last]."""
    values: dict[str, Any] = {"first": first, "last": last, "limit": limit}
    rows = select(client, TOP_MOVERS, places, ledger, up_to, values)
    return [
        TopMover(sku=sku, name=name, units_shipped=units, shipments=shipments)
        for sku, name, units, shipments in rows
    ]


def stock_at_last_price(
    client: Client,
    places: Mapping[str, str],
    ledger: str,
    *,
    up_to: int,
    first: date,
    last: date,
    sku: str = "",
    location: str = "",
    after: tuple[str, str, date] | None = None,
    limit: int,
) -> list[StockAtLastPrice]:
    """A page by SKU, location and day; `after` is the last page's last (sku, location, day)."""
    after_sku, after_location, after_day = after or BEFORE_ALL
    values: dict[str, Any] = {
        "first": first,
        "last": last,
        "sku": sku,
        "location": location,
        "after_sku": after_sku,
        "after_location": after_location,
        "after_day": after_day,
        "limit": limit,
    }
    rows = select(client, STOCK_AT_LAST_PRICE, places, ledger, up_to, values)
    return [_stock_at_last_price(*row) for row in rows]


def _stock_at_last_price(
    day: date, sku: str, location: str, on_hand: int, micros: int, currency: str
) -> StockAtLastPrice:
    priced = bool(currency)
    return StockAtLastPrice(
        day=day,
        sku=sku,
        location=location,
        on_hand=on_hand,
        last_price_micros=micros if priced else None,
        value_micros=on_hand * micros if priced else None,
        currency=currency,
    )
