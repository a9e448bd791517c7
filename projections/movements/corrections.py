"""Corrected rows of `movements`, in a table beside it: how they are numbered, shown and read.

A row of a correction takes the place of every plain row at its ledger position; a tombstone takes
it and shows nothing. Which corrections count is said by PostgreSQL, per ledger: of those, the one
with the highest number. A ledger without any is read from the plain table, as if there were none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from projections.movements.schema import MOVEMENTS, corrections_table

# A query is sent their numbers, and reads through their rows.
CORRECTIONS_MAX: Final = 1_000
PLAIN: Final = "{movements:Identifier}"
OF_LEDGER: Final = (
    "tenant = {tenant:String} AND ledger = {ledger:String} AND position <= {up_to:UInt64}"
)
COUNTING: Final = f"{OF_LEDGER} AND correction IN {{corrected:Array(UInt64)}}"
NAMES: Final = ", ".join(MOVEMENTS)
CORRECTED: Final = f"""(
    SELECT {NAMES} FROM {PLAIN}
     WHERE {OF_LEDGER}
       AND position NOT IN (SELECT position FROM {{corrections:Identifier}} WHERE {COUNTING})
    UNION ALL
    SELECT {NAMES} FROM (
        SELECT * FROM {{corrections:Identifier}} WHERE {COUNTING}
         ORDER BY position, correction DESC LIMIT 1 BY position)
     WHERE NOT is_tombstone
)"""  # noqa: S608 - constants
NUMBER: Final = "SELECT nextval('correction_numbers')"
SHOWN: Final = """
SELECT position, corrections FROM projection_ledgers
 WHERE projection = 'movements' AND version = %s AND ledger = %s
"""
SHOW: Final = """
UPDATE projection_ledgers SET corrections = corrections || %(number)s::bigint
 WHERE projection = 'movements' AND version = %(version)s AND ledger = ANY (%(ledgers)s)
"""


def with_corrections(places: Mapping[str, str], shown: Sequence[int]) -> Mapping[str, str]:
    """The places of a version as one ledger of it is read; `shown`: the numbers that count."""
    if not shown:
        return places
    numbers = ",".join(map(str, shown))
    return {**places, "corrections": corrections_table(places["movements"]), "corrected": numbers}


def corrected(
    statement: str, places: Mapping[str, str]
) -> tuple[str, Mapping[str, str | list[int]]]:
    """A statement over PLAIN and its tables, so that corrections count where there are some.

    It has to be given `tenant`, `ledger` and `up_to`.
    """
    if "corrected" not in places:
        return statement, places
    numbers = [int(each) for each in places["corrected"].split(",")]
    return statement.replace(PLAIN, CORRECTED), {**places, "corrected": numbers}


def next_number(connection: Connection[TupleRow]) -> int:
    """A number higher than any before."""
    return int(connection.execute(NUMBER).fetchall()[0][0])


def shown_of(
    connection: Connection[TupleRow], version: int, ledger: str
) -> tuple[int, Sequence[int]]:
    """How far a ledger is shown, and by which corrections; (0, ()) when it is not."""
    row = connection.execute(SHOWN, (version, ledger)).fetchone()
    return (0, ()) if row is None else (row[0], row[1])


def show(
    connection: Connection[TupleRow], version: int, number: int, ledgers: Sequence[str]
) -> None:
    """Let a correction count for readers, of all these ledgers at once."""
    values = {"version": version, "number": number, "ledgers": list(ledgers)}
    connection.execute(SHOW, values)
