"""The tables of `movements`, and the columns in the order in which rows are made.

Partitioned by shard: a batch is of one shard, so its block falls into one partition, whatever years
its events speak of; and a shard is rebuilt by dropping its partition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client

# Insert tokens are remembered for so many blocks of a table: a claim is sent again long before.
DEDUPLICATION_WINDOW = 10_000

MOVEMENTS: Mapping[str, str] = {
    "tenant": "LowCardinality(String)",
    "ledger": "LowCardinality(String)",
    "position": "UInt64",
    "shard": "UInt16",
    "shard_position": "UInt64",
    "event_id": "UUID",
    "type": "LowCardinality(String)",
    "stream_version": "UInt64",
    "sku": "String",
    "location": "LowCardinality(String)",
    "occurred_at": "DateTime64(6, 'UTC')",
    "recorded_at": "DateTime64(6, 'UTC')",
    "on_hand_delta": "Int64",
    "reserved_delta": "Int64",
    "committed_delta": "Int64",
    "picked_delta": "Int64",
    "held_delta": "Int64",
    "shortfall": "Nullable(Int64)",
    "quantity": "Int64",
    "order_id": "String",
    "line": "Nullable(Int64)",
    "reservation_id": "String",
    "count_id": "String",
    "reason": "String",
    "document": "String",
    "unit_price_micros": "Nullable(Int64)",
    "currency": "LowCardinality(String)",
}
ITEMS: Mapping[str, str] = {
    "tenant": "LowCardinality(String)",
    "ledger": "LowCardinality(String)",
    "shard": "UInt16",
    "sku": "String",
    "name": "String",
    "description": "String",
    "category": "LowCardinality(String)",
    "media_urls": "Array(String)",
    "gtin": "String",
    "unit": "LowCardinality(String)",
    "tracking": "LowCardinality(String)",
    "reorder_point": "Int64",
    "safety_stock": "Int64",
    "backorder_limit": "Int64",
    "attributes": "Map(String, String)",
    "status": "LowCardinality(String)",
    "position": "UInt64",
    "recorded_at": "DateTime64(6, 'UTC')",
}
LOCATIONS: Mapping[str, str] = {
    "tenant": "LowCardinality(String)",
    "ledger": "LowCardinality(String)",
    "shard": "UInt16",
    "location": "String",
    "name": "String",
    "type": "LowCardinality(String)",
    "latitude_microdegrees": "Nullable(Int64)",
    "longitude_microdegrees": "Nullable(Int64)",
    "position": "UInt64",
    "recorded_at": "DateTime64(6, 'UTC')",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of this version: its place in the catalogue, its name, how it is made."""

    place: str
    name: str
    columns: Mapping[str, str]
    engine: str
    order: str

    def definition(self) -> str:
        """The statement that makes it, unless it is there."""
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        return (
            f"CREATE TABLE IF NOT EXISTS {quote_identifier(self.name)} ({columns})"
            f" ENGINE = {self.engine} PARTITION BY shard ORDER BY ({self.order})"
            f" SETTINGS non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}"
        )


def places(version: int) -> dict[str, str]:
    """The names of a version's tables."""
    return {name: f"{name}_v{version}" for name in ("movements", "items", "locations")}


def row_counts(version: int) -> str:
    """PostgreSQL's table of how many rows each shard of a version has."""
    return f"movements_v{version}_shards"


def tables(version: int) -> tuple[Table, Table, Table]:
    """Movements, items, locations."""
    names = places(version)
    return (
        Table(
            place="movements",
            name=names["movements"],
            columns=MOVEMENTS,
            engine="MergeTree",
            order="tenant, ledger, position",
        ),
        Table(
            place="items",
            name=names["items"],
            columns=ITEMS,
            engine="ReplacingMergeTree(position)",
            order="tenant, ledger, sku",
        ),
        Table(
            place="locations",
            name=names["locations"],
            columns=LOCATIONS,
            engine="ReplacingMergeTree(position)",
            order="tenant, ledger, location",
        ),
    )


def corrections(version: int) -> Table:
    """Rows that take the place of movements, by `correction`: see `movements.corrections`."""
    return Table(
        place="corrections",
        name=corrections_table(places(version)["movements"]),
        columns={**MOVEMENTS, "correction": "UInt64", "is_tombstone": "Bool"},
        engine="MergeTree",
        order="tenant, ledger, position, correction",
    )


def corrections_table(movements: str) -> str:
    """The name of the table beside a version's movements."""
    return f"{movements}_corrections"


def every_table(version: int) -> tuple[Table, ...]:
    """Whatever ClickHouse has of a version: what to make first, what to drop at the end."""
    return (*tables(version), corrections(version))


def prepare(client: Client, version: int = 1) -> None:
    """Make the tables that are missing in the client's database, which exists. Repeatable."""
    for table in every_table(version):
        client.command(table.definition())
