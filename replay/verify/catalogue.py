"""Which read models there are, where they say they stand, and which streams they have parked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import psycopg

from replay.verify.report import LawResult
from replay.verify.rows import LedgerRow

# A row has an edition only since versions are kept beside one another.
FED = """
SELECT projection, version, store, places, state, coalesce(to_jsonb(model) ->> 'edition', '1')
  FROM projections AS model WHERE state = ANY(%s) ORDER BY projection, version
"""
ACTIVE_ONLY = ("active",)
EVERY_FED = ("active", "following", "kept")
CHECKPOINTS = """
SELECT shard, epoch, position, claimed_to FROM projection_checkpoints
 WHERE projection = %s AND version = %s ORDER BY shard
"""
LEDGERS = """
SELECT ledger, position FROM projection_ledgers
 WHERE projection = %s AND version = %s ORDER BY ledger
"""
PARKED = """
SELECT ledger, stream, position, retry_requested_at IS NOT NULL FROM parked_streams
 WHERE projection = %s AND version = %s ORDER BY ledger, stream
"""
IDENTITY = "SELECT store_id::text, epoch, shards FROM store_identity"
SHARD_HEADS = "SELECT shard, position FROM shards"
# The shard positions of the event at a ledger position and of the next one.
AROUND = """
SELECT ledger_position, shard_position FROM events
 WHERE ledger = %s AND ledger_position = ANY(%s::bigint[])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A read model in the catalogue. `places`: logical name to table or key prefix. `edition`: the
    code that folds it, by name.
    """

    projection: str
    version: int
    store: str
    places: Mapping[str, str]
    state: str = "active"
    edition: str = "1"

    @property
    def key(self) -> tuple[str, int]:
        return self.projection, self.version

    @property
    def name(self) -> str:
        return f"{self.projection} v{self.version}"


class Identity(NamedTuple):
    store_id: str
    epoch: int
    shards: int


class ShardMark(NamedTuple):
    """How far a read model says it has followed one shard; `claimed_to` is for ClickHouse only."""

    epoch: int
    position: int
    claimed_to: int | None = None


class Parked(NamedTuple):
    """The position of the event that could not be applied, and whether a retry may be going on."""

    position: int
    retrying: bool


Streams = Mapping[tuple[str, str], Parked]
"""By (ledger, stream)."""


def fed(connection: psycopg.Connection, states: Sequence[str] = ACTIVE_ONLY) -> list[Entry]:
    """The versions in these states: those that answer questions, or every one that is kept up."""
    return [
        Entry(
            projection=projection,
            version=version,
            store=store,
            places=places,
            state=state,
            edition=edition,
        )
        for projection, version, store, places, state, edition in connection.execute(
            FED, (list(states),)
        )
    ]


def by_older_code(entries: Sequence[Entry]) -> set[tuple[str, int]]:
    """Versions kept to go back to, folded by other code than the active one's: they differ from
    the log's meaning of today by intent.
    """
    current = {entry.projection: entry.edition for entry in entries if entry.state == "active"}
    return {
        entry.key
        for entry in entries
        if entry.state == "kept" and entry.edition != current.get(entry.projection)
    }


def identity(connection: psycopg.Connection) -> Identity:
    """Raises LookupError in a database that is no store."""
    row = connection.execute(IDENTITY).fetchone()
    if row is None:
        raise LookupError("this database is no store of Backstock: table store_identity is empty")
    return Identity(*row)


def checkpoints(connection: psycopg.Connection, entry: Entry) -> dict[int, ShardMark]:
    """By shard, as Postgres has them."""
    return {shard: ShardMark(*rest) for shard, *rest in connection.execute(CHECKPOINTS, entry.key)}


def ledger_positions(connection: psycopg.Connection, entry: Entry) -> dict[str, int]:
    """By ledger, as Postgres has them."""
    return dict(connection.execute(LEDGERS, entry.key).fetchall())


def parked(connection: psycopg.Connection, entry: Entry) -> Streams:
    """By (ledger, stream)."""
    rows = connection.execute(PARKED, entry.key)
    return {(ledger, stream): Parked(*rest) for ledger, stream, *rest in rows}


class Marks:
    """Whether what a read model says of shards and of ledgers is one and the same place."""

    def __init__(
        self,
        connection: psycopg.Connection,
        ledgers: Iterable[LedgerRow],
        epoch: int,
    ) -> None:
        self._connection = connection
        self._ledgers = {ledger.ledger: ledger for ledger in ledgers}
        self._epoch = epoch
        self._heads: dict[int, int] = dict(connection.execute(SHARD_HEADS).fetchall())

    def check(
        self,
        name: str,
        shards: Mapping[int, ShardMark],
        found: Mapping[str, int],
        law: LawResult,
    ) -> None:
        """`found`: its ledger positions."""
        for shard, mark in shards.items():
            law.expect(
                where=f"epoch of {name}, shard {shard}", expected=self._epoch, found=mark.epoch
            )
            law.checked += 1
            head = self._heads.get(shard, 0)
            if mark.position > head:
                law.differ(
                    where=f"checkpoint of {name} in shard {shard}",
                    expected=f"at most {head}, the log's head",
                    found=mark.position,
                )
        for ledger in self._ledgers.values():
            if (reached := shards.get(ledger.shard)) is not None:
                self._ledger(name, ledger, (reached.position, found.get(ledger.ledger, 0)), law)
        for unknown in found.keys() - self._ledgers.keys():
            law.differ(
                where=f"{name}, ledger {unknown}", expected="a ledger of this log", found="none"
            )

    def _ledger(self, name: str, ledger: LedgerRow, place: tuple[int, int], law: LawResult) -> None:
        """`place`: a position of the shard, and that of the ledger's last event up to there."""
        reached, position = place
        law.checked += 1
        around = (ledger.ledger, [position, position + 1])
        at: dict[int, int] = dict(self._connection.execute(AROUND, around).fetchall())
        here, after = at.get(position, 0), at.get(position + 1)
        where = f"position of {name} in ledger {ledger.ledger}"
        if position > ledger.position:
            law.differ(
                where=where, expected=f"at most {ledger.position}, the log's head", found=position
            )
        elif here > reached or (after is not None and after <= reached):
            law.differ(
                where=where,
                expected=f"that of the last event up to its checkpoint {reached} in the shard",
                found=f"{position}, whose shard position is {here}; the next one's is {after}",
            )
