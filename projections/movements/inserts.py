"""Blocks of rows into ClickHouse, each under its own token, and what the engine says it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, DataError, ProgrammingError

from eventlog.projection import StoreUnavailableError
from projections.movements.schema import Table

ROWS = "SELECT count() FROM {table:Identifier} WHERE shard = {shard:UInt16}"
ROWS_UP_TO = f"{ROWS} AND shard_position <= {{position:UInt64}}"
ROWS_BEYOND = f"{ROWS} AND shard_position > {{position:UInt64}}"
POSITIONS = """
SELECT position FROM {table:Identifier}
 WHERE tenant = {tenant:String} AND ledger = {ledger:String}
   AND position BETWEEN {first:UInt64} AND {last:UInt64}
"""


def insert_block(
    client: Client, table: Table, rows: Sequence[tuple[object, ...]], token: str
) -> None:
    """Insert the rows as one block, unless a block with this token was inserted before.

    Raises `StoreUnavailableError`; whether the block is there is unknown then.
    """
    if not rows:
        return
    context = client.create_insert_context(
        quote_identifier(table.name),
        column_names=list(table.columns),
        column_types=[get_from_name(kind) for kind in table.columns.values()],
        column_oriented=True,
        settings={"insert_deduplication_token": token, "async_insert": 0},
    )
    # The client would cut a large batch into several blocks; the token speaks of all of it.
    context.req_block_size = len(rows)
    context.data = list(zip(*rows, strict=True))
    with clickhouse_outages():
        client.insert(context=context)


def rows_of(client: Client, table: Table, shard: int) -> int:
    """How many rows of the shard the table holds."""
    return _number(client, ROWS, {"table": table.name, "shard": shard})


def rows_up_to(client: Client, table: Table, shard: int, position: int) -> int:
    """Those at or below a shard position."""
    values = {"table": table.name, "shard": shard, "position": position}
    return _number(client, ROWS_UP_TO, values)


def rows_beyond(client: Client, table: Table, shard: int, position: int) -> int:
    """Those above a shard position."""
    values = {"table": table.name, "shard": shard, "position": position}
    return _number(client, ROWS_BEYOND, values)


def positions_between(
    client: Client, table: Table, *, tenant: str, ledger: str, first: int, last: int
) -> set[int]:
    """Which ledger positions from `first` to `last` have a row."""
    values = {
        "table": table.name,
        "tenant": tenant,
        "ledger": ledger,
        "first": first,
        "last": last,
    }
    with clickhouse_outages():
        return {row[0] for row in client.query(POSITIONS, parameters=values).result_rows}


def drop_shard(client: Client, table: Table, shard: int) -> None:
    """Drop every row of the shard, and the tokens of its blocks."""
    with clickhouse_outages():
        client.command(f"ALTER TABLE {quote_identifier(table.name)} DROP PARTITION {shard:d}")


@contextmanager
def clickhouse_outages() -> Iterator[None]:
    """Turn what the server or the way to it says into an outage; faults of ours stay faults."""
    try:
        yield
    except (DataError, ProgrammingError):
        raise
    except DatabaseError as error:
        raise StoreUnavailableError("ClickHouse", error) from error


def _number(client: Client, statement: str, values: dict[str, object]) -> int:
    with clickhouse_outages():
        return int(client.query(statement, parameters=values).result_rows[0][0])
