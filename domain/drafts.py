"""The drafts of a decision about several stocks: together they are facts, or refused."""

from __future__ import annotations

from collections.abc import Mapping

from domain.events import LotEvent
from domain.lot import Lot
from domain.refusals import Refusal
from domain.register import NOTHING_KNOWN, Register
from domain.shelf import Shelf, StockDraft, closed
from domain.values import Fact, Facts, Occasion

Shelves = Mapping[str, Shelf]
"""Shelves by the names of their stocks' streams."""


class Drafts:
    """One draft for each stock, made when it is first asked for."""

    def __init__(self, shelves: Shelves, occasion: Occasion) -> None:
        self.shelves = shelves
        self.occasion = occasion
        self._drafts: dict[str, StockDraft] = {}
        self._register: Register | None = None

    def of(self, stock_stream: str) -> StockDraft:
        draft = self._drafts.get(stock_stream)
        if draft is None:
            shelf = self.shelves[stock_stream]
            draft = StockDraft(shelf, self.occasion, self._register)
            self._drafts[stock_stream] = draft
            if draft.lots is not None:
                self._register = draft.lots.register
        return draft

    def tell(self, lot: Lot, event: LotEvent) -> Fact:
        """Add a fact of a lot, for the drafts to heed. `lot` is its state before."""
        if self._register is None:
            self._register = Register(NOTHING_KNOWN, self.occasion)
        self._register.know(lot)
        self._register.tell(event)
        return self._register.lot_facts[-1]

    def facts(self, *first: Fact) -> Facts | Refusal:
        """Those given, and then all drafts', stock by stock; or the first refusal, with the others
        in its `also`.
        """
        return closed(self._drafts.values(), self._register, first)
