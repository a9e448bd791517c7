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
# What the engine says of itself rather than of the rows: another time it may take them. By code.
SERVER_TROUBLE = frozenset(
    {
        10,  # NOT_FOUND_COLUMN_IN_BLOCK: somebody altered the table
        16,  # NO_SUCH_COLUMN_IN_TABLE: the same
        20,  # NUMBER_OF_COLUMNS_DOESNT_MATCH: the same
        32,  # ATTEMPT_TO_READ_AFTER_EOF: the request was cut on its way
        33,  # CANNOT_READ_ALL_DATA: the same
        60,  # UNKNOWN_TABLE: not prepared yet, or lost; `checkpoint` makes it
        74,  # CANNOT_READ_FROM_FILE_DESCRIPTOR
        75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
        76,  # CANNOT_OPEN_FILE
        81,  # UNKNOWN_DATABASE
        159,  # TIMEOUT_EXCEEDED
        164,  # READONLY
        173,  # CANNOT_ALLOCATE_MEMORY
        192,  # UNKNOWN_USER
        193,  # WRONG_PASSWORD
        194,  # REQUIRED_PASSWORD
        201,  # QUOTA_EXCEEDED
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        218,  # TABLE_IS_DROPPED
        236,  # ABORTED
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        394,  # QUERY_WAS_CANCELLED
        425,  # SYSTEM_ERROR
        439,  # CANNOT_SCHEDULE_TASK
        473,  # DEADLOCK_AVOIDED
        497,  # ACCESS_DENIED
        516,  # AUTHENTICATION_FAILED
        999,  # KEEPER_EXCEPTION
        1000,  # POCO_EXCEPTION
        1001,  # STD_EXCEPTION
        1002,  # UNKNOWN_EXCEPTION
    }
)
POSITIONS = """
SELECT position FROM {table:Identifier}
 WHERE tenant = {tenant:String} AND ledger = {ledger:String}
   AND position BETWEEN {first:UInt64} AND {last:UInt64}
"""


class BlockRefusedError(Exception):
    """The engine will not have these rows in this table; none of them is in it."""

    def __init__(self, table: str, cause: DatabaseError) -> None:
        super().__init__(f"ClickHouse refuses rows of {table}: {cause}")
        self.table = table
        self.cause = cause


def insert_block(
    client: Client, table: Table, rows: Sequence[tuple[object, ...]], token: str
) -> None:
    """Insert the rows as one block, unless a block with this token was inserted before.

    Raises `StoreUnavailableError`, and whether the block is there is unknown then;
    `BlockRefusedError`, and it is not.
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
    try:
        client.insert(context=context)
    except ProgrammingError:
        raise
    except DatabaseError as error:
        if _concerns_the_rows(error):
            raise BlockRefusedError(table.name, error) from error
        raise StoreUnavailableError("ClickHouse", error) from error


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


def _concerns_the_rows(error: DatabaseError) -> bool:
    # The client could not put them into columns, or the server answered with a code of its own;
    # what fails on the way has none.
    return isinstance(error, DataError) or (
        error.code is not None and error.code not in SERVER_TROUBLE
    )


def _number(client: Client, statement: str, values: dict[str, object]) -> int:
    with clickhouse_outages():
        return int(client.query(statement, parameters=values).result_rows[0][0])
