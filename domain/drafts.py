"""The drafts of a decision about several stocks: together they are facts, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from domain.refusals import Refusal
from domain.refusals_lots import UnitsRefusal
from domain.shelf import Shelf, StockDraft
from domain.values import Fact, Facts, Occasion


class Drafts:
    """One draft for each stock, made when it is first asked for."""

    def __init__(self, shelves: Mapping[str, Shelf], occasion: Occasion) -> None:
        self._shelves = shelves
        self._occasion = occasion
        self._drafts: dict[str, StockDraft] = {}

    def of(self, stock_stream: str) -> StockDraft:
        draft = self._drafts.get(stock_stream)
        if draft is None:
            draft = StockDraft(self._shelves[stock_stream], self._occasion)
            self._drafts[stock_stream] = draft
        return draft

    def facts(self, *first: Fact) -> Facts | Refusal:
        """Those given, and then all drafts', stock by stock; or the first refusal, with the others
        in its `also`.
        """
        found: list[Fact] = list(first)
        refused: list[UnitsRefusal] = []
        for draft in self._drafts.values():
            facts = draft.facts()
            if isinstance(facts, Refusal):
                refused += draft.refused
            else:
                found += facts
        if refused:
            return replace(refused[0], also=tuple(refused[1:]))
        return tuple(found)
