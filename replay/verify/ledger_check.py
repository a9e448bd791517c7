"""Feeds one ledger's events to the laws of the log and to the fold, in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from replay.verify.chain import ChainCheck
from replay.verify.conservation import ConservationCheck
from replay.verify.counts import CountCheck
from replay.verify.crossings import CrossingCheck
from replay.verify.details import TRACED
from replay.verify.goods import GoodsCheck
from replay.verify.ledger import KNOWN_TYPES, NOTHING_MOVED, LedgerFold, is_ours
from replay.verify.once import Metadata, MetadataReader, OnceCheck
from replay.verify.orders import PLACED
from replay.verify.oversell import OversellCheck
from replay.verify.positions import PositionCheck
from replay.verify.postings import POSTING, PostingCheck
from replay.verify.report import LawResult
from replay.verify.reservations import ReservationCheck
from replay.verify.rows import EventRow
from replay.verify.stock import COUNTED, FOUND, MOVES, RESTATED, Data, Move

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, msgspec.DecodeError)
_data = msgspec.json.Decoder().decode
NO_METADATA = Metadata()
COUNTS = (COUNTED, RESTATED)


@dataclass(slots=True, kw_only=True)
class LedgerCheck:
    """`readable` is the law that an event breaks which cannot be folded."""

    fold: LedgerFold
    positions: PositionCheck
    once: OnceCheck
    oversell: OversellCheck
    conservation: ConservationCheck
    counts: CountCheck
    reservations: ReservationCheck
    goods: GoodsCheck
    crossings: CrossingCheck
    postings: PostingCheck
    chain: ChainCheck
    readable: LawResult
    metadata: MetadataReader
    foreign: int = 0
    _unit: str | datetime | None = None

    def event(self, row: EventRow) -> tuple[Data, Move] | None:
        """The event's data and what it moved; None when nothing here folds it."""
        self.positions.event(row)
        self.chain.event(row)
        if row.type not in KNOWN_TYPES:
            self._unknown(row)
            return None
        try:
            metadata = self.metadata.read(row.metadata)
            self.once.event(row, metadata)
            # Events without a command belong together when they were appended together.
            unit = metadata.command_id or row.recorded_at
            if unit != self._unit:
                self._end_of_command()
                self._unit = unit
            data: Data = _data(row.data)
            if row.type in MOVES:
                moved = self._stock(row, data, in_command=metadata.command_id is not None)
            else:
                moved = NOTHING_MOVED
                self._other(row, data)
            if row.type in POSTING:
                self.postings.event(row, data)
        except UNREADABLE as error:
            self.readable.differ(
                where=row.name, expected="an event that can be folded", found=repr(error)
            )
            return None
        return data, moved

    def end(self) -> None:
        self._end_of_command()
        self.positions.end()
        self.once.end()
        self.conservation.end()
        self.chain.end()

    def _stock(self, row: EventRow, data: Data, *, in_command: bool) -> Move:
        counts = self.counts
        kind = row.type
        known = self.fold.stocks.get((data["sku"], data["location"]))
        if kind in COUNTS or (known is not None and known.counts):
            counts.before(row, data, known)
        stock, moved = self.fold.stock(row, data)
        self.oversell.stock(row, data, stock, moved, in_command=in_command)
        self.conservation.stock(row, data, stock, moved)
        if moved[1]:
            self.reservations.stock(row, moved)
        self.goods.stock(row, data, stock, moved)
        if self.crossings.waits:
            self.crossings.stock(row, data)
        if kind == FOUND:
            counts.found(row, data)
        elif kind == TRACED:
            counts.traced(data)
        elif counts.waits:
            counts.after(row, stock)
        return moved

    def _other(self, row: EventRow, data: Data) -> None:
        self.fold.other(row, data)
        if row.type.startswith(("cart.", "policy.")):
            self.reservations.other(row, data)
        self.goods.document(row, data)
        if row.type.startswith("crossing."):
            self.crossings.document(row, data)
        if row.type.startswith("order."):
            self.conservation.order(data["order_id"])
            if row.type in PLACED:
                self.once.customer(row, data.get("customer"))

    def _end_of_command(self) -> None:
        self.oversell.end_of_command()
        self.conservation.end_of_command()
        self.counts.end_of_command()
        self.reservations.end_of_command()
        self.goods.end_of_command()
        if self.crossings.waits:
            self.crossings.end_of_command()
        self.postings.end_of_command()

    def _unknown(self, row: EventRow) -> None:
        self.once.event(row, self._metadata_of(row))
        if is_ours(row.type):
            self.readable.differ(
                where=row.name,
                expected="a type of event that this version can fold",
                found=f"{row.type}: verify with the version that wrote it",
            )
        else:
            self.foreign += 1

    def _metadata_of(self, row: EventRow) -> Metadata:
        try:
            return self.metadata.read(row.metadata)
        except UNREADABLE:
            return NO_METADATA
