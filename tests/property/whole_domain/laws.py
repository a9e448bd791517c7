"""The laws of the ledgers, held at every event and after every command."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from commands.folds import Folded, StreamKey, from_snapshot, snapshot
from domain.aggregates import State, evolve, initial
from domain.events import StockCommitted, StockReserved, StockTraced
from domain.laws import (
    never_negative,
    promise_was_covered,
    promises_add_up,
    shortfall_is_stated,
)
from domain.serial import Serial
from domain.stock import Stock
from replay.verify.crossings import Crossings
from replay.verify.report import LawResult
from replay.verify.rows import EventRow
from tests.commands_as_rows import judged
from tests.property.whole_domain.ledgers import Done, Ledgers, Told


class Laws:
    """Folds what is stored a second time, event by event."""

    def __init__(self) -> None:
        self.folds: dict[StreamKey, State | None] = {}
        self.places: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
        self._touched: set[StreamKey] = set()

    def copy(self) -> Laws:
        other = Laws()
        other.folds = self.folds.copy()
        for serial, places in self.places.items():
            other.places[serial] = places.copy()
        return other

    def follow(self, done: Done) -> None:
        """One command's events: of its own ledger, each lawful by itself."""
        stocks: dict[StreamKey, Stock] = {}
        for told in done.facts:
            stored = told.stored
            assert stored.ledger == done.ledger
            assert stored.tenant == done.submission.tenant
            key = (stored.ledger, stored.stream)
            before = self.folds[key] if key in self.folds else initial(stored.stream)
            after = evolve(before, told.event, stored.occurred_at)
            self.folds[key] = after
            self._touched.add(key)
            if isinstance(after, Stock):
                stocks[key] = after
                self._after_one(stored.ledger, after, told)
        for stock in stocks.values():
            assert shortfall_is_stated(stock)
            assert stock.waiting == sum(each.quantity for each in stock.queue.values())

    def hold_against(self, ledgers: Ledgers) -> None:
        """What an append left in the writer's memory is what its events say."""
        for key in self._touched:
            folded, state = ledgers.memory.get(key), self.folds[key]
            assert folded is not None
            assert folded.state == state
            if isinstance(state, Serial):
                there = self.places[key[0], state.sku, state.serial]
                assert there == ({state.location} - {None})
        self._touched.clear()

    def _after_one(self, ledger: str, stock: Stock, told: Told) -> None:
        event = told.event
        assert never_negative(stock), event
        assert min(stock.incoming, stock.in_transit, stock.waiting) >= 0, event
        assert promises_add_up(stock), event
        if isinstance(event, StockReserved | StockCommitted):
            assert promise_was_covered(stock, event), event
        if isinstance(event, StockTraced):
            for name in ("on_hand", "picked", "held"):
                units = sum(getattr(lot, name) for lot in stock.lots.values())
                assert units == getattr(stock, name), (name, event)
            for each in event.units:
                there = self.places[ledger, event.sku, each.lot]
                lot = stock.lots.get(each.lot)
                if lot is not None and lot.on_hand:
                    there.add(stock.location)
                else:
                    there.discard(stock.location)


def at_the_end(ledgers: Ledgers, laws: Laws) -> None:
    """The verifier finds nothing in the log, and every state survives being stored."""
    beyond = LawResult(law="conservation")
    crossings = Crossings(beyond)
    names = {told.stored.ledger for told in ledgers.log}
    for name in sorted(names):
        rows = [_row(told) for told in ledgers.log if told.stored.ledger == name]
        for law in judged(rows, name=name, crossings=crossings).values():
            assert law.difference is None, law.difference
    crossings.end()
    assert beyond.difference is None, beyond.difference
    for (ledger, stream), state in laws.folds.items():
        version = len(ledgers.streams[ledger, stream])
        stored = snapshot((ledger, stream), Folded(version, state, 0))
        again = from_snapshot(stored)
        assert again is not None
        assert again.state == state


def _row(told: Told) -> EventRow:
    stored = told.stored
    assert isinstance(stored.event_id, UUID)
    return EventRow(
        ledger=stored.ledger,
        position=stored.ledger_position,
        tenant=stored.tenant,
        shard=stored.shard,
        shard_position=stored.shard_position,
        stream=stored.stream,
        version=stored.stream_version,
        event_id=stored.event_id,
        type=stored.type,
        data=stored.data,
        metadata=stored.metadata,
        occurred_at=stored.occurred_at,
        recorded_at=stored.recorded_at,
        chain_hash=stored.chain_hash,
    )
