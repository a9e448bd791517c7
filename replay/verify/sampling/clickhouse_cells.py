"""Sums of `movements` in ClickHouse per SKU and location, at the read model's own position.

Rows up to a position are there before it is written, and no row changes: so the position is read
first. A rebuild takes rows away after it has taken the position back: so it is read again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
from clickhouse_connect.driver.client import Client

from replay.verify import catalogue
from replay.verify.catalogue import Entry
from replay.verify.clickhouse_model import corrections_of
from replay.verify.sampling.picking import Picked
from replay.verify.sampling.results import ModelTally
from replay.verify.sampling.stream_fold import NotFoldedError, StreamFolds

PLAIN = "{table:Identifier}"
OF_LEDGER = "tenant = {tenant:String} AND ledger = {ledger:String} AND position <= {upto:UInt64}"
SUMS = f"""
SELECT sku, location, count(), uniqExact(event_id), sum(on_hand_delta), sum(reserved_delta),
       sum(committed_delta), sum(held_delta), max(position)
  FROM {PLAIN}
 WHERE {OF_LEDGER} AND (sku, location) IN {{cells:Array(Tuple(String, String))}}
 GROUP BY sku, location
"""  # noqa: S608 - put together from constants
# Of a ledger with corrections: one of theirs takes the place of every row at its position.
BESIDE = f"{{beside:Identifier}} WHERE {OF_LEDGER} AND correction IN {{corrections:Array(UInt64)}}"
FIGURES = (
    "tenant, ledger, position, event_id, sku, location, on_hand_delta, reserved_delta,"
    " committed_delta, held_delta"
)
CORRECTED = f"""(
    SELECT {FIGURES} FROM {PLAIN}
     WHERE {OF_LEDGER} AND position NOT IN (SELECT position FROM {BESIDE})
     UNION ALL
    SELECT {FIGURES} FROM (
           SELECT * FROM {BESIDE} ORDER BY position, correction DESC LIMIT 1 BY position)
     WHERE NOT is_tombstone
)"""  # noqa: S608 - put together from constants


class Sums(NamedTuple):
    """As a report shows them."""

    rows: int
    events: int
    on_hand: int
    reserved: int
    committed: int
    held: int
    last_position: int


class Read(NamedTuple):
    picked: Picked
    position: int
    sums: Sums


NOTHING = Sums(0, 0, 0, 0, 0, 0, 0)


@dataclass(slots=True, kw_only=True)
class ClickHouseCells:
    """One version of `movements`. `connection` sees what is committed at each statement."""

    client: Client
    connection: psycopg.Connection
    entry: Entry
    tally: ModelTally
    _reads: list[Read] = field(default_factory=list)

    def read(self, picked: Collection[Picked]) -> None:
        self._reads = self._look([each for each in picked if each.aggregate == "stock"])

    def check(self, folds: StreamFolds) -> None:
        """`folds` are of a snapshot taken after `read`."""
        for read in self._reads:
            try:
                expected = self._expected(read, folds)
            except NotFoldedError as error:
                self.tally.skip(error.reason)
                continue
            if read.sums != expected:
                # Dropped and filled again between two looks at the position, it shows now.
                again = self._look([read.picked])
                if not again:
                    continue
                if again[0].position < read.position:
                    self.tally.skip("being rebuilt")
                    continue
                if again[0].position > read.position:
                    again = [self._at(read)]
                read = again[0]  # noqa: PLW2901 - the second look counts
            sku, _, location = read.picked.name.partition("@")
            self.tally.compare(
                *read.picked,
                f"table {self.entry.places['movements']} in ClickHouse, ledger"
                f" {read.picked.ledger}, {sku} at {location}, sums at position {read.position}",
                expected,
                read.sums,
            )

    def _look(self, picked: Collection[Picked]) -> list[Read]:
        """Their sums where their ledgers stand now; those that cannot be told now are skipped."""
        positions = catalogue.ledger_positions(self.connection, self.entry)
        # After the positions: what was passed over by then was parked before.
        parked = catalogue.parked(self.connection, self.entry)
        found: list[Read] = []
        for ledger in sorted({each.ledger for each in picked}):
            cells = [each for each in picked if each.ledger == ledger and each not in parked]
            sums = self._sums(ledger, cells, positions.get(ledger, 0))
            found += [
                Read(each, positions.get(ledger, 0), sums.get(each, NOTHING)) for each in cells
            ]
        after = catalogue.ledger_positions(self.connection, self.entry)
        settled = [each for each in found if after.get(each.picked.ledger, 0) >= each.position]
        self.tally.skipped["parked"] += len(picked) - len(found)
        self.tally.skipped["being rebuilt"] += len(found) - len(settled)
        return settled

    def _at(self, read: Read) -> Read:
        sums = self._sums(read.picked.ledger, [read.picked], read.position)
        return read._replace(sums=sums.get(read.picked, NOTHING))

    def _sums(
        self, ledger: str, picked: Collection[Picked], position: int
    ) -> Mapping[Picked, Sums]:
        values: dict[str, object] = {
            "table": self.entry.places["movements"],
            "tenant": ledger.partition("/")[0],
            "ledger": ledger,
            "upto": position,
            "cells": [tuple(each.name.split("@", 1)) for each in picked],
        }
        if not picked:
            return {}
        query = SUMS
        if shown := corrections_of(self.connection, self.entry).get(ledger):
            query = SUMS.replace(PLAIN, CORRECTED)
            values |= {"beside": f"{values['table']}_corrections", "corrections": list(shown)}
        rows = self.client.query(query, values).result_rows
        return {
            Picked(ledger, f"stock-{sku}@{location}"): Sums(*sums) for sku, location, *sums in rows
        }

    def _expected(self, read: Read, folds: StreamFolds) -> Sums:
        folded = folds.at(*read.picked, read.position)
        stock = next(iter(folded.fold.stocks.values()), None)
        if stock is None:
            return NOTHING
        moves = folded.moves
        return Sums(
            moves, moves, stock.on_hand, stock.reserved, stock.committed, stock.held, folded.last
        )
