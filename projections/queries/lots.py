"""Questions about one lot (or serial), straight to the log: where its units are, and how each of
them came and went.

A trail is the `stock.traced` events of the stocks that its own stream says had it. They are in the
log in the same transaction as what they trace, so an answer is never behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from domain.crossing_legs import source_id
from domain.facts.traces import TraceCause
from domain.streams import lot_stream, serial_stream, stock_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailStep:
    """One fact that moved units of the lot. `event_id` is that fact's; `order_id`, `line` and
    `reference` (of a shipment, reservation, transfer, move, assembly, hold or count) it names.
    """

    position: int
    event_id: UUID
    cause: TraceCause | None
    location: str
    occurred_at: datetime
    recorded_at: datetime
    on_hand: int
    picked: int
    held: int
    order_id: str | None
    line: int | None
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Units of the lot at a location."""

    location: str
    on_hand: int
    picked: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Units of the lot that a transfer (or a crossing, to `to_ledger`) took away and that did not
    arrive here. `outcome`: lost, handed over to the other ledger, or on their way still.
    """

    transfer_id: str
    to_ledger: str | None
    quantity: int
    outcome: Literal["in_transit", "lost", "handed_over"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The lot as its stream tells it; of a serial, only where it was."""

    locations: tuple[str, ...]
    recall_id: str | None


OWN_EVENTS = """
SELECT type, convert_from(data, 'UTF8')::jsonb FROM events
 WHERE ledger = %(ledger)s AND stream = ANY(%(streams)s) ORDER BY stream, stream_version
"""
# The lot's name is looked for in the bytes first: most traces of a stock are of other lots.
TRAILS: LiteralString = """
WITH traced AS MATERIALIZED (
    SELECT ledger_position AS position, occurred_at, recorded_at,
           convert_from(data, 'UTF8')::jsonb AS told
      FROM events
     WHERE ledger = %(ledger)s AND stream = ANY(%(streams)s) AND type = 'stock.traced.v1'
       AND position(%(named)s::bytea IN data) > 0),
trail AS (
    SELECT position, (told->>'cause_event_id')::uuid AS event_id, told->>'cause' AS cause,
           told->>'location' AS location, occurred_at, recorded_at,
           coalesce((unit->>'on_hand')::bigint, 0) AS on_hand,
           coalesce((unit->>'picked')::bigint, 0) AS picked,
           coalesce((unit->>'held')::bigint, 0) AS held,
           told->>'order_id' AS order_id, (told->>'line')::bigint AS line,
           coalesce(told->>'reference', '') AS reference
      FROM traced, jsonb_array_elements(told->'units') AS unit
     WHERE unit->>'lot' = %(lot)s)
"""
STEPS: LiteralString = (
    TRAILS
    + """
SELECT * FROM trail
 WHERE (%(cause)s::text IS NULL OR cause = %(cause)s)
   AND (%(after)s::bigint IS NULL OR position < %(after)s)
 ORDER BY position DESC LIMIT %(limit)s
"""
)
HOLDERS: LiteralString = (
    TRAILS
    + """
SELECT location, sum(on_hand)::bigint AS on_hand, sum(picked)::bigint AS picked,
       sum(held)::bigint AS held
  FROM trail GROUP BY location
HAVING sum(on_hand) <> 0 OR sum(picked) <> 0 OR sum(held) <> 0
 ORDER BY location
"""
)
SENT: LiteralString = (
    TRAILS
    + """
, sent AS (
    SELECT reference AS transfer_id, -sum(on_hand)::bigint AS quantity,
           CASE WHEN starts_with(reference, %(crossing)s)
                THEN 'crossing-' || substr(reference, length(%(crossing)s) + 1)
                ELSE 'transfer-' || reference END AS stream
      FROM trail WHERE cause IN ('dispatched', 'arrived')
     GROUP BY reference HAVING sum(on_hand) < 0)
SELECT transfer_id, quantity, convert_from(begun.data, 'UTF8')::jsonb->>'to_ledger' AS to_ledger,
       CASE ended.type WHEN 'transfer.closed.v1' THEN 'lost'
                       WHEN 'crossing.handed_over.v1' THEN 'handed_over'
                       ELSE 'in_transit' END AS outcome
  FROM sent
  JOIN events AS begun
    ON begun.ledger = %(ledger)s AND begun.stream = sent.stream AND begun.stream_version = 1
  LEFT JOIN events AS ended
    ON ended.ledger = %(ledger)s AND ended.stream = sent.stream
   AND ended.type IN ('transfer.closed.v1', 'crossing.handed_over.v1')
 ORDER BY transfer_id
"""
)
SUMS: LiteralString = (
    TRAILS
    + """
SELECT coalesce(cause, ''), sum(on_hand)::bigint FROM trail
 GROUP BY 1 HAVING sum(on_hand) <> 0 ORDER BY 1
"""
)


class LotQueries:
    """About one lot of a ledger, in one snapshot of the database."""

    def __init__(self, connection: Connection[TupleRow], ledger: str, sku: str, lot: str) -> None:
        self._connection = connection
        self._own = {"ledger": ledger, "streams": [lot_stream(sku, lot), serial_stream(sku, lot)]}
        self._sku = sku
        self._lot = lot
        self._values: dict[str, Any] | None = None

    def standing(self) -> Standing | None:
        """None when no lot or serial has this name."""
        locations: dict[str, None] = {}
        recall_id = None
        found = self._connection.execute(OWN_EVENTS, self._own).fetchall()
        for kind, told in found:
            if kind in {"lot.located.v1", "serial.placed.v1"}:
                locations[told["location"]] = None
            elif kind == "lot.recalled.v1":
                recall_id = told["recall_id"]
            elif kind == "lot.recall_ended.v1":
                recall_id = None
        self._values = {
            "ledger": self._own["ledger"],
            "streams": [stock_stream(self._sku, each) for each in locations],
            "lot": self._lot,
            "named": f'"{self._lot}"'.encode(),
        }
        return Standing(locations=tuple(locations), recall_id=recall_id) if found else None

    def steps(
        self, *, cause: TraceCause | None = None, after: int | None = None, limit: int
    ) -> list[TrailStep]:
        """A page of its trail, the latest recorded first; `after` is the last page's lowest."""
        values = {**self._known(), "cause": cause, "after": after, "limit": limit}
        with self._connection.cursor(row_factory=class_row(TrailStep)) as cursor:
            return cursor.execute(STEPS, values).fetchall()

    def holders(self) -> list[Holder]:
        """Every location that has units of it."""
        with self._connection.cursor(row_factory=class_row(Holder)) as cursor:
            return cursor.execute(HOLDERS, self._known()).fetchall()

    def sent(self) -> list[Sent]:
        """Every transfer and crossing that took units of it and has not brought them all."""
        values = {**self._known(), "crossing": source_id("")}
        with self._connection.cursor(row_factory=class_row(Sent)) as cursor:
            return cursor.execute(SENT, values).fetchall()

    def sums(self) -> Mapping[str, int]:
        """By how many units each cause moved its on hand, at all locations together."""
        return dict(self._connection.execute(SUMS, self._known()).fetchall())

    def _known(self) -> Mapping[str, Any]:
        if self._values is None:
            self.standing()
        assert self._values is not None
        return self._values
