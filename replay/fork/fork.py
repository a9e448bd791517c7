"""The fork itself: each command of the past is decided once more, with its own time, against the
state it would have met.

Pure but for the pasts of stocks that it asks `Pasts` for. What it decides is kept in memory and
goes nowhere: there is no appender here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from typing import Protocol
from uuid import UUID

from commands import count_messages as count_say
from commands import crossing_messages as crossing_say
from commands import messages as say
from commands import write_off_messages as write_off_say
from commands.message import Message
from commands.quota import counted
from commands.reservation_messages import ReserveCart
from commands.view import CommandView
from domain.aggregates import State
from domain.events import StockCommitted, StockCounted, StockReserved
from domain.order import Order
from domain.refusals import Refusal
from domain.stock import Stock
from domain.stock_history import HistoryNeededError, StockHistory
from domain.streams import count_stream, kind_of, order_stream, sku_and_location
from domain.values import Fact, Facts, Occasion
from replay.fork.demand import Demand, demand_of
from replay.fork.holds_named import named_as_then
from replay.fork.policy import AS_IT_WAS, Policy
from replay.fork.rebuilding import command
from replay.fork.recounting import Counted, of_its_lines, of_one_stock
from replay.fork.recovery import Past, Recovered, recovered
from replay.fork.refused import AskKind, Refused, ask_again, asked_as
from replay.fork.rules import TODAY, Rules
from replay.fork.worlds import Worlds, at_the_latest

FACTS = (
    say.ReceiveStock,
    say.AdjustStock,
    say.CountStock,
    say.ReturnStock,
    write_off_say.WriteOffStock,
    crossing_say.ArriveCrossing,
)
STREAMS_OF_A_COMMAND_MAX = 10_000  # More than an order can have stocks.


class Pasts(Protocol):
    """Where the past of a stock is read from, for the few facts dated before what it remembers, and
    that of an order which had ended.
    """

    def history(self, stream: str, version: int) -> StockHistory:
        """The stream's whole past up to this version."""

    def order(self, stream: str, version: int) -> Order:
        """The order as it was at this version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command twice. `message` is None for what is no decision: it is taken as it was.

    `happened` are its events (none when it was refused); `decided` is what it comes to in the fork.
    `demand` are the units it asks for, by SKU. `differing` are the streams on which the two are not
    the same. `redated`: a stock went its own way, and the fact is dated before what it remembers,
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
        self._take_up(past)
        self.worlds.fold(past.facts)

    def step(self, past: Past) -> Step:
        """Decide it again, and let both go on."""
        self._take_up(past)
        if past.key is not None and self._is_left_out(past.key):
            return replace(_step(past, None, ()), differing=self.worlds.part(past.facts, ()))
        found = recovered(past)
        if found is None or self._is_taken_as_it_was(found, past):
            self.worlds.fold(past.facts)
            return _step(past, None if found is None else found.message, past.facts)
        decided, redated = self._decided_again(found, past)
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
        decided, _ = self._decide(message, occurred_at, refused.recorded_at)
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
            decided, _ = self._decide(message, due, now)
            if not isinstance(decided, Refusal):
                self.worlds.part((), decided)
                ended += decided
        return tuple(ended)

    def _take_up(self, past: Past) -> None:
        """Orders that had ended and go on, such as by a return, are whole again."""
        for stream in {fact.stream for fact in past.facts if self.worlds.is_put_away(fact.stream)}:
            version = self.worlds.happened().version(stream)
            self.worlds.take_up(stream, self._pasts.order(stream, version))

    def _is_taken_as_it_was(self, found: Recovered, past: Past) -> bool:
        """A fact on stocks that went no other way; and whatever cannot be asked quite the same, for
        as long as it would come to the same.
        """
        if found.is_whole and (self._every_fact or not isinstance(found.message, FACTS)):
            return False
        if any(self.worlds.is_apart(fact.stream) for fact in past.facts):
            return False
        return not self._is_of_an_order_apart(found.message)

    def _is_of_an_order_apart(self, message: Message) -> bool:
        order_id = getattr(message, "order_id", None)
        return order_id is not None and self.worlds.is_apart(order_stream(order_id))

    def _decided_again(self, found: Recovered, past: Past) -> tuple[Facts | Refusal, bool]:
        """What it comes to in the fork, and whether that is dated otherwise."""
        message, occurred_at = found.message, found.main.occurred_at
        holds = self._policy.reservation_holds
        instead: dict[str, State] = {}
        at = occurred_at
        match message:
            case say.ReserveStock() | ReserveCart() if holds is not None:
                message = message.model_copy(update={"expires_at": occurred_at + holds})
            case say.CountStock():
                if counts := self._counts_apart(past):
                    message, at = of_one_stock(message, counts[0]), counts[0].at
            case count_say.SubmitCount() | count_say.PostCountPart():
                count = self.worlds.forked().count(message.count_id)
                if count is not None and (counts := self._counts_apart(past)):
                    instead[count_stream(count.count_id)] = of_its_lines(count, counts)
        decided, dated = self._decide(message, at, past.recorded_at, instead)
        if not isinstance(decided, Refusal):
            decided = named_as_then(decided, past.facts)
        return decided, dated != occurred_at

    def _counts_apart(self, past: Past) -> list[Counted]:
        """The counts of a command on stocks that went their own way, as they come out there."""
        view = self.worlds.forked()
        counts = []
        for fact in past.facts:
            if isinstance(fact.event, StockCounted) and self.worlds.is_apart(fact.stream):
                stock = view.stock(fact.event.sku, fact.event.location)
                item = self.worlds.item(stock.sku)
                tracking = "none" if item is None else item.tracking
                counts.append(Counted.again(fact, past.facts, stock, tracking))
        return counts

    def _decide(
        self,
        message: Message,
        occurred_at: datetime,
        now: datetime,
        instead: Mapping[str, State] | None = None,
    ) -> tuple[Facts | Refusal, datetime]:
        """What it comes to, and when it is dated: of the past of a stock that went its own way no
        more is known than the stock remembers. `instead` are states to be seen by the decision.
        """
        decide = self._rules[type(message)]
        for _ in range(STREAMS_OF_A_COMMAND_MAX):
            occasion = Occasion(occurred_at=occurred_at, now=now, new_id=self._new_id)
            view = self.worlds.forked(instead or {})
            try:
                decided = decide(message, view, occasion)
            except HistoryNeededError as error:
                for stream in (error.stream, *error.others):
                    occurred_at = self._remembered(stream, view, occurred_at)
            else:
                if isinstance(decided, Refusal):
                    return decided, occurred_at
                return counted(_with_limits(decided), view, occasion), occurred_at
        raise AssertionError("a command asks for the past of each of its stocks once")

    def _remembered(self, stream: str, view: CommandView, instant: datetime) -> datetime:
        """Read the stock's past; one that has no such past is asked of what it remembers."""
        if not self.worlds.is_apart(stream):
            self.worlds.remember(stream, self._pasts.history(stream, view.version(stream)))
            return instant
        stock = view.stock(*sku_and_location(stream))
        if stock.needs_history(instant):
            return at_the_latest([stock.counts_forgotten_until], instant)
        return at_the_latest([stock.last_moved_at], instant)

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
