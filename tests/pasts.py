"""A ledger in memory, decided by the real handlers: its past as a fork reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any, cast
from uuid import UUID

from commands import crossing_messages as crossing_say
from commands import payment_messages as payment_say
from commands.answers import declined
from commands.folds import Folded, StreamKey
from commands.messages import COMMAND
from commands.view import CommandView
from domain.events import OrderEvent, ReplayEvent, StockEvent
from domain.order import Order
from domain.order import evolve as evolve_order
from domain.refusals import Refusal
from domain.stock_history import HistoryNeededError, StockHistory
from domain.streams import replay_stream
from domain.values import Fact, Facts, Occasion
from replay.fork.recovery import Past
from replay.fork.refused import Refused, refused
from replay.fork.rules import TODAY, Rules
from replay.fork.worlds import Streams
from tests.builders import minute

LEDGER = "acme/main"
# What process managers send, and no client.
INTERNAL = {
    kind.type_name: kind
    for kind in (
        crossing_say.ArriveCrossing,
        crossing_say.HandOverCrossing,
        crossing_say.ReturnCrossing,
        payment_say.TimeOutPayment,
    )
}


@dataclass(slots=True)
class MemoryLedger:
    """`rules` decide; every command is an append of its own unless the clock stands still."""

    rules: Rules = field(default_factory=lambda: TODAY)
    clock: datetime = field(default_factory=lambda: minute(100))
    pasts: list[Past] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    position: int = 0
    streams: Streams = field(default_factory=Streams)
    logs: dict[str, list[tuple[StockEvent, datetime]]] = field(default_factory=dict)
    _histories: dict[StreamKey, StockHistory] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: count(1_000_000))

    @property
    def layers(self) -> tuple[Mapping[StreamKey, Folded], ...]:
        return (self.streams,)

    @property
    def histories(self) -> tuple[Mapping[StreamKey, StockHistory], ...]:
        return (self._histories,)

    def history(self, stream: str, version: int) -> StockHistory:
        return StockHistory().then(self.logs[stream][:version])

    def order(self, stream: str, version: int) -> Order:
        found: Order | None = None
        facts = (fact for past in self.pasts for fact in past.facts if fact.stream == stream)
        for fact in islice(facts, version):
            found = evolve_order(found, cast("OrderEvent", fact.event), fact.occurred_at)
        assert found is not None
        return found

    def send(self, *, minutes_ago: int | None = None, **body: Any) -> Refusal | Facts:
        """Decide and keep one command; the clock goes on by a minute."""
        body.setdefault("key", f"k{next(self._numbers)}")
        internal = INTERNAL.get(body["type"])
        command = internal.model_validate(body) if internal else COMMAND.validate_python(body)
        occurred_at = self.clock - timedelta(minutes=minutes_ago or 0)
        new_id = lambda: UUID(int=next(self._numbers))  # noqa: E731 - shorter than a function
        occasion = Occasion(occurred_at=occurred_at, now=self.clock, new_id=new_id)
        decided, view = self._decided(command, occasion)
        if isinstance(decided, Refusal):
            answer = declined("refused", "main", decided)
            self.refusals.append(refused(command.key, self.clock, answer.body))
        else:
            view.apply(decided)
            self.streams.update(view.changed)
            self._record(command.key, decided)
        self.clock += timedelta(minutes=1)
        return decided

    def note(self, event: ReplayEvent) -> None:
        """As a replay puts it into a ledger: no command's, but with a key."""
        fact = Fact(
            stream=replay_stream(event.replay_id),
            event=event,
            event_id=UUID(int=next(self._numbers)),
            occurred_at=self.clock,
        )
        self._record(f"replay/{event.replay_id}", (fact,))

    def _decided(self, command: Any, occasion: Occasion) -> tuple[Refusal | Facts, CommandView]:
        while True:
            view = CommandView(LEDGER, self)
            try:
                decided = self.rules[type(command)](command, view, occasion)
            except HistoryNeededError as error:
                version = view.version(error.stream)
                self._histories[LEDGER, error.stream] = self.history(error.stream, version)
            else:
                self._histories.clear()
                return decided, view

    def _record(self, key: str, facts: Facts) -> None:
        first = self.position + 1
        self.position += len(facts)
        for fact in facts:
            if fact.stream.startswith("stock-"):
                dated = (cast("StockEvent", fact.event), fact.occurred_at)
                self.logs.setdefault(fact.stream, []).append(dated)
        self.pasts.append(
            Past(
                key=key,
                first_position=first,
                last_position=self.position,
                recorded_at=self.clock,
                facts=facts,
            )
        )
