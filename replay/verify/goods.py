"""The laws of what happens on a stock beyond receiving, promising and sending, behind one door.

A ledger that knows none of it pays a look or two per event.
"""

from __future__ import annotations

from replay.verify.deliveries import CAME, RECEIPT, DeliveryCheck
from replay.verify.details import TRACED, Data
from replay.verify.identities import OF_IDENTITIES, IdentityCheck
from replay.verify.ledger import LedgerFold
from replay.verify.pairs import PAIRED, PairCheck
from replay.verify.report import LawResult
from replay.verify.rows import EventRow
from replay.verify.shelf_check import ShelfCheck
from replay.verify.stock import Move, Stock
from replay.verify.traces import TraceCheck
from replay.verify.transit import ON_THE_WAY, RECEIVED_DOCUMENT, TransitCheck

BEYOND = PAIRED | ON_THE_WAY | {CAME}


class GoodsCheck:
    def __init__(self, no_oversell: LawResult, conservation: LawResult, fold: LedgerFold) -> None:
        self._tracked = fold.tracked
        self._shelf = ShelfCheck(no_oversell, conservation)
        self._pairs = PairCheck(conservation, fold.ledger)
        self._transit = TransitCheck(conservation, fold.ledger)
        self._deliveries = DeliveryCheck(conservation, fold.ledger)
        self._traces = TraceCheck(conservation, fold.ledger)
        self._identities = IdentityCheck(conservation, fold)
        self._busy = False

    def stock(self, row: EventRow, data: Data, stock: Stock, moved: Move) -> None:
        """After a stock event was folded."""
        kind = row.type
        if stock.details is not None:
            self._shelf.stock(row, data, stock, moved)
        if kind in BEYOND and (kind != CAME or self._busy):
            self._busy = True
            if kind in PAIRED:
                self._pairs.stock(row, data)
            else:
                self._deliveries.stock(row, data)
                if kind != CAME:
                    self._transit.stock(row, data)
        if kind == TRACED or (self._tracked and stock.sku in self._tracked):
            self._busy = True
            self._traces.stock(row, data, stock, moved)
            if kind == TRACED:
                self._identities.traced(row, data, stock)

    def document(self, row: EventRow, data: Data) -> None:
        """After any other event was folded."""
        if row.type == RECEIVED_DOCUMENT:
            self._transit.received(row, data)
        elif row.type == RECEIPT:
            self._deliveries.receipt(row, data)
        elif row.type in OF_IDENTITIES:
            self._identities.document(row, data)
        else:
            return
        self._busy = True

    def end_of_command(self) -> None:
        if self._busy:
            self._busy = False
            self._pairs.end_of_command()
            self._transit.end_of_command()
            self._deliveries.end_of_command()
            self._traces.end_of_command()
            self._identities.end_of_command()
