"""Rows as blocks of ClickHouse's Native format: made in a worker, sent by who holds the claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, ProgrammingError
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.transform import NativeTransform

from eventlog.projection import StoreUnavailableError
from projections.movements.inserts import SERVER_TROUBLE, BlockRefusedError
from projections.movements.schema import ITEMS, LOCATIONS, MOVEMENTS, Table

COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "movements": MOVEMENTS,
    "items": ITEMS,
    "locations": LOCATIONS,
}


def native_block(place: str, rows: Sequence[tuple[object, ...]]) -> bytes:
    """All rows, at least one, as one block. `DataError` and the like for what is no such value."""
    columns = COLUMNS[place]
    context = InsertContext(
        place,
        column_names=list(columns),
        column_types=[get_from_name(kind) for kind in columns.values()],
        column_oriented=True,
        block_size=len(rows),
    )
    context.data = list(zip(*rows, strict=True))
    block = b"".join(NativeTransform.build_insert(context))
    if context.insert_exception is not None:
        raise context.insert_exception
    # Before the block stands the client's own statement, which names another table.
    return block[block.index(b"\n") + 1 :]


def insert_native(client: Client, table: Table, block: bytes, token: str) -> None:
    """Insert a block, unless one with this token was inserted before.

    Raises `StoreUnavailableError`, and whether it is there is unknown then; `BlockRefusedError`,
    and it is not.
    """
    settings = {"insert_deduplication_token": token, "async_insert": 0}
    try:
        client.raw_insert(
            quote_identifier(table.name),
            column_names=list(table.columns),
            insert_block=block,
            settings=settings,
            fmt="Native",
        )
    except ProgrammingError:
        raise
    except DatabaseError as error:
        if error.code is not None and error.code not in SERVER_TROUBLE:
            raise BlockRefusedError(table.name, error) from error
        raise StoreUnavailableError("ClickHouse", error) from error
