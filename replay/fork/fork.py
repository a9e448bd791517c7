"""The fork itself: each command of the past is decided once more, with its own time, against the
state it would have met.

Pure but for the pasts of stocks that it asks `Pasts` for. What it decides is kept in memory and
goes nowhere: there is no appender here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from typing import Protocol
from uuid import UUID

from commands import messages as say
from commands import write_off_messages as write_off_say
from commands.message import Message
from commands.quota import counted
from commands.reservation_messages import ReserveCart
from commands.view import CommandView
from domain.events import StockCommitted, StockCounted, StockReserved
from domain.refusals import Refusal
from domain.stock import Stock
from domain.stock_history import HistoryNeededError, StockHistory
from domain.streams import kind_of, order_stream, sku_and_location, stock_stream
from domain.values import Fact, Facts, Occasion
from replay.fork.demand import Demand, demand_of
from replay.fork.policy import AS_IT_WAS, Policy
from replay.fork.recovery import Past, Recovered, command, recovered
from replay.fork.refused import AskKind, Refused, ask_again, asked_as
from replay.fork.rules import TODAY, Rules
from replay.fork.worlds import Worlds, at_the_latest

FACTS = (
    say.ReceiveStock,
    say.AdjustStock,
    say.CountStock,
    say.ReturnStock,
    write_off_say.WriteOffStock,
)
STREAMS_OF_A_COMMAND_MAX = 10_000  # More than an order can have stocks.


class Pasts(Protocol):
    """Where the past of a stock is read from, for the few facts dated before what it remembers."""

    def history(self, stream: str, version: int) -> StockHistory:
        """The stream's whole past up to this version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command twice. `message` is None for what is no decision: it is taken as it was.

    `happened` are its events (none when it was refused); `decided` is what it comes to in the fork.
    `demand` are the units it asks for, by SKU. `differing` are the streams on which the two are not
    the same. `redated`: the stock went its own way, and the fact is dated before what it remembers,
    so it is taken at the earliest instant that it does remember.
    """

    key: str | None
    position: int
    recorded_at: datetime
    message: Message | None
    happened: Facts
    decided: Facts | Refusal
    demand: Demand
    differing: frozenset[str] = frozenset()
    redated: bool = False

    @property
    def facts(self) -> Facts:
        return () if isinstance(self.decided, Refusal) else self.decided


class Fork:
    """Feed it the past in order: `fold` up to the fork, `step` and `ask` from there on.

    With `every_fact` what a fact meant is decided again too; without, a fact on stocks that went
    no other way is taken as it was. Commands whose key `is_left_out` names are not in the fork.
    """

    def __init__(
        self,
        ledger: str,
        pasts: Pasts,
        *,
        policy: Policy = AS_IT_WAS,
        rules: Rules = TODAY,
        every_fact: bool = False,
        is_left_out: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.worlds = Worlds(ledger, None if policy.is_as_it_was else policy.applied)
        self._pasts = pasts
        self._policy = policy
        self._rules = rules
        self._every_fact = every_fact
        self._is_left_out = is_left_out
        self._due: list[tuple[datetime, str, str, str]] = []
        numbers = count(1)
        # The same for the same fork, and of no version: never those of stored events.
        self._new_id: Callable[[], UUID] = lambda: UUID(int=next(numbers))

    def fold(self, past: Past) -> None:
        """Before the fork: it happened, in both."""
        self.worlds.fold(past.facts)

    def step(self, past: Past) -> Step:
        """Decide it again, and let both go on."""
        if past.key is not None and self._is_left_out(past.key):
            return replace(_step(past, None, ()), differing=self.worlds.part(past.facts, ()))
        found = recovered(past)
        if found is None or self._is_taken_as_it_was(found, past):
            self.worlds.fold(past.facts)
            return _step(past, None if found is None else found.message, past.facts)
        message, occurred_at, redated = self._adapted(found, past)
        decided = self._decide(message, occurred_at, past.recorded_at)
        facts = () if isinstance(decided, Refusal) else decided
        self._watch(facts)
        differing = self.worlds.part(past.facts, facts)
        step = _step(past, found.message, decided)
        return replace(step, differing=differing, redated=redated)

    def place_of(self, refused: Refused) -> AskKind | None:
        """What it was, if here, before the next command, is where it was refused."""
        return asked_as(refused, self.worlds.happened())

    def ask(self, refused: Refused, kind: AskKind, *, position: int, occurred_at: datetime) -> Step:
        """Decide refused demand again. `occurred_at` is the business's time by then."""
        message = ask_again(refused, kind)
        decided = self._decide(message, occurred_at, refused.recorded_at)
        facts = () if isinstance(decided, Refusal) else decided
        return Step(
            key=refused.key,
            position=position,
            recorded_at=refused.recorded_at,
            message=message,
            happened=(),
            decided=decided,
            demand=refused.demand,
            differing=self.worlds.part((), facts),
        )

    def expire_due(self, now: datetime) -> Facts:
        """Under a policy on reservations: end those that are due by the business's time."""
        ended: list[Fact] = []
        while self._due and self._due[0][0] <= now:
            due, sku, location, reservation_id = heappop(self._due)
            message = command(
                say.ExpireReservation, sku=sku, location=location, reservation_id=reservation_id
            )
            decided = self._decide(message, due, now)
            if not isinstance(decided, Refusal):
                self.worlds.part((), decided)
                ended += decided
        return tuple(ended)

    def _is_taken_as_it_was(self, found: Recovered, past: Past) -> bool:
        return (
            not self._every_fact
            and isinstance(found.message, FACTS)
            and not any(self.worlds.is_apart(fact.stream) for fact in past.facts)
            and not self._is_of_an_order_apart(found.message)
        )

    def _is_of_an_order_apart(self, message: Message) -> bool:
        order_id = getattr(message, "order_id", None)
        return order_id is not None and self.worlds.is_apart(order_stream(order_id))

    def _decide(self, message: Message, occurred_at: datetime, now: datetime) -> Facts | Refusal:
        occasion = Occasion(occurred_at=occurred_at, now=now, new_id=self._new_id)
        decide = self._rules[type(message)]
        for _ in range(STREAMS_OF_A_COMMAND_MAX):
            view = self.worlds.forked()
            try:
                decided = decide(message, view, occasion)
            except HistoryNeededError as error:
                version = view.version(error.stream)
                self.worlds.remember(error.stream, self._pasts.history(error.stream, version))
            else:
                if isinstance(decided, Refusal):
                    return decided
                return counted(_with_limits(decided), view, occasion)
        raise AssertionError("a command asks for the past of each of its stocks once")

    def _adapted(self, found: Recovered, past: Past) -> tuple[Message, datetime, bool]:
        """The command as it is asked in the fork, when it is dated there, and whether that is
        another instant.
        """
        message, occurred_at = found.message, found.main.occurred_at
        holds = self._policy.reservation_holds
        if isinstance(message, say.ReserveStock | ReserveCart) and holds is not None:
            return (
                message.model_copy(update={"expires_at": occurred_at + holds}),
                occurred_at,
                False,
            )
        view = self.worlds.forked()
        if isinstance(message, say.CountStock):
            return self._counted(message, found.main, view)
        apart = [
            view.stock(*sku_and_location(fact.stream))
            for fact in past.facts
            if kind_of(fact.stream) == "stock" and self.worlds.is_apart(fact.stream)
        ]
        remembered = [
            stock.counts_forgotten_until for stock in apart if stock.needs_history(occurred_at)
        ]
        at = at_the_latest(remembered, occurred_at)
        return message, at, at != occurred_at

    def _counted(
        self, message: say.CountStock, main: Fact, view: CommandView
    ) -> tuple[Message, datetime, bool]:
        """Where the stock went its own way, the count finds what it found: so many more, or fewer,
        than were expected. Taken as it was it would undo the fork.
        """
        if not self.worlds.is_apart(stock_stream(message.sku, message.location)):
            return message, main.occurred_at, False
        assert isinstance(main.event, StockCounted)
        stock = view.stock(message.sku, message.location)
        variance = main.event.counted - main.event.expected
        counted = max(0, stock.on_hand + variance)
        at = max(main.occurred_at, stock.last_moved_at or main.occurred_at)
        return message.model_copy(update={"counted": counted}), at, at != main.occurred_at

    def _watch(self, facts: Facts) -> None:
        if self._policy.reservation_holds is None:
            return
        for fact in facts:
            event = fact.event
            if isinstance(event, StockReserved):
                due = (event.expires_at, event.sku, event.location, event.reservation_id)
                heappush(self._due, due)


def _step(past: Past, message: Message | None, decided: Facts | Refusal) -> Step:
    return Step(
        key=past.key,
        position=past.first_position,
        recorded_at=past.recorded_at,
        message=message,
        happened=past.facts,
        decided=decided,
        demand=demand_of(past.facts),
    )


def _with_limits(decided: Facts) -> Facts:
    """Units kept back are no limit that a promise was accepted under: at least 0 stands there."""
    limits = [getattr(fact.event, "backorder_limit", 0) for fact in decided]
    if min(limits, default=0) >= 0:
        return decided
    return tuple(
        replace(
            fact,
            after=None,
            event=replace(fact.event, backorder_limit=max(0, fact.event.backorder_limit))
            if isinstance(fact.event, StockReserved | StockCommitted)
            else fact.event,
        )
        for fact in decided
    )


def stocks_of(view: CommandView, facts: Sequence[Fact]) -> list[Stock]:
    """The stocks that these facts are about, each once, as they stand in view."""
    streams = dict.fromkeys(fact.stream for fact in facts if kind_of(fact.stream) == "stock")
    return [view.stock(*sku_and_location(stream)) for stream in streams]
