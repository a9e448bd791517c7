"""What one append decides: units of commands, each accepted or refused by itself, in order.

A unit is one command, or all commands of an all-or-nothing bulk. A batch sees its own effects;
nothing of it reaches the writer's memory before the log has confirmed it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from commands.answers import accepted, declined
from commands.folds import Folded, StreamKey
from commands.handler import Handler
from commands.idempotency import KnownKeys, LedgerKey
from commands.memory import ShardMemory
from commands.quota import counted
from commands.refusals import NotApplied, OccurredInFuture, UnknownLedger
from commands.submission import Answer, Submission
from commands.view import CommandView, Overlay, StreamNotLoadedError
from domain.construction import made_often
from domain.refusals import Refusal, VersionMismatch
from domain.refusals_counts import CountInParts
from domain.stock_history import HistoryNeededError, StockHistory
from domain.streams import kind_of, sku_and_location
from domain.values import Occasion
from eventlog.codec import encode
from eventlog.log import (
    Decided,
    KeyRow,
    LedgerHead,
    NewEvent,
    RecordedEvent,
    StoredAnswer,
)

CLOCK_SKEW_MAX = timedelta(minutes=5)


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A submission with what is worked out once, before any lock."""

    submission: Submission
    ledger: str
    body_hash: bytes
    metadata: bytes
    handler: Handler

    @property
    def key(self) -> LedgerKey:
        return (self.ledger, self.submission.command.key)


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """`estimated_events` sizes batches, `first_index` is where its answers go in the submit."""

    pendings: tuple[Pending, ...]
    atomic: bool
    estimated_events: int
    first_index: int


class NotLoadedError(Exception):
    """Decisions lacked what was not read before the lock. Nothing is written: read, try again.

    `histories` says of each how many commands need it.
    """

    def __init__(self, streams: Collection[StreamKey], histories: Mapping[StreamKey, int]) -> None:
        super().__init__(f"{len(streams)} streams, {len(histories)} histories are to be read first")
        self.streams = streams
        self.histories = histories


class Batch:
    """A `Decision` over units of one shard. What is left behind is of the last attempt: `answers`,
    and `changed` and `rewritten`, the states and histories after it.
    """

    def __init__(
        self, units: Sequence[Unit], memory: ShardMemory, new_id: Callable[[], UUID]
    ) -> None:
        self._units = units
        self._memory = memory
        self._new_id = new_id
        self.keys: Sequence[LedgerKey] = list(
            dict.fromkeys(pending.key for unit in units for pending in unit.pendings)
        )
        self.ledgers: Sequence[str] = list(dict.fromkeys(ledger for ledger, _ in self.keys))
        self.answers: list[list[Answer]] = []
        self.changed: Mapping[StreamKey, Folded] = {}
        self.rewritten: Mapping[StreamKey, StockHistory] = {}

    @property
    def known_position(self) -> int | None:
        return self._memory.known_position

    def catch_up(self, events: Sequence[RecordedEvent]) -> None:
        self._memory.catch_up(events)

    def decide(
        self,
        heads: Mapping[str, LedgerHead],
        answers: Mapping[LedgerKey, StoredAnswer],
        recorded_at: datetime,
    ) -> Decided:
        attempt = Attempt(heads, recorded_at, self._new_id)
        overlay = Overlay(self._memory)
        keys = KnownKeys(answers)
        self.answers = [attempt.unit(unit, overlay, keys) for unit in self._units]
        if attempt.streams_missing or attempt.histories_missing:
            raise NotLoadedError(attempt.streams_missing, attempt.histories_missing)
        self.changed, self.rewritten = overlay.changed, overlay.rewritten
        return Decided(events=attempt.events, keys=attempt.key_rows)


@dataclass(slots=True)
class Attempt:
    """One run of a batch's decisions at one head."""

    heads: Mapping[str, LedgerHead]
    recorded_at: datetime
    new_id: Callable[[], UUID]
    events: list[NewEvent] = field(default_factory=list)
    key_rows: list[KeyRow] = field(default_factory=list)
    streams_missing: set[StreamKey] = field(default_factory=set)
    histories_missing: Counter[StreamKey] = field(default_factory=Counter)
    _written: dict[str, int] = field(default_factory=dict)

    def unit(self, unit: Unit, overlay: Overlay, keys: KnownKeys) -> list[Answer]:
        if not unit.atomic:
            return [self._answer(each, overlay, keys) for each in unit.pendings]
        inner, inner_keys = Overlay(overlay), KnownKeys(keys)
        events, key_rows, written = len(self.events), len(self.key_rows), self._written.copy()
        answers = [self._answer(each, inner, inner_keys) for each in unit.pendings]
        if all(answer.outcome == "accepted" for answer in answers):
            overlay.take(inner)
            keys.kept.update(inner_keys.kept)
            return answers
        # A refusal is an answer like any other: it stays bound to its key. The rest never was.
        refusals = [row for row in self.key_rows[key_rows:] if not row.accepted]
        del self.events[events:]
        self.key_rows[key_rows:] = refusals
        self._written = written
        told = [
            _not_applied(each)
            if answer.outcome == "accepted" and keys.get(each.key) is None
            else answer
            for each, answer in zip(unit.pendings, answers, strict=True)
        ]
        keys.kept.update({key: kept for key, kept in inner_keys.kept.items() if not kept.accepted})
        return told

    def _answer(self, pending: Pending, overlay: Overlay, keys: KnownKeys) -> Answer:
        bound = keys.answer(pending.key, pending.body_hash)
        if bound is not None:
            return bound
        name = pending.submission.command.ledger
        if pending.ledger not in self.heads:
            return declined("refused", name, UnknownLedger(name=name))
        unread: set[StreamKey] = set()
        view = CommandView(pending.ledger, overlay, unread=unread)
        try:
            refusal = self._decide(pending, view)
        except StreamNotLoadedError as error:
            unread.update(error.keys)
        except HistoryNeededError as error:
            self.histories_missing.update(_histories_of(pending, overlay, error))
            self.streams_missing.update(unread)
            return _not_applied(pending)
        if unread:
            # This attempt is lost; it goes on to learn everything else it lacks.
            self.streams_missing.update(unread)
            return _not_applied(pending)
        if isinstance(refusal, CountInParts):
            # The key stays free for the whole, once its parts are done.
            return declined("refused", name, refusal)
        if refusal is not None:
            answer = declined("refused", name, refusal)
        else:
            answer = self._write(pending, view)
            overlay.take(view)
        self._bind(pending, answer, len(view.decided))
        keys.keep(pending.key, pending.body_hash, answer)
        return answer

    def _decide(self, pending: Pending, view: CommandView) -> Refusal | None:
        """Why not; or None, and the view holds the facts."""
        command, handler = pending.submission.command, pending.handler
        latest = self.recorded_at + CLOCK_SKEW_MAX
        if command.occurred_at is not None and command.occurred_at > latest:
            return OccurredInFuture(occurred_at=command.occurred_at, latest=latest)
        expected = command.expected_version
        if expected is not None:
            stream = handler.main(command)
            actual = view.version(stream)
            if actual != expected:
                return VersionMismatch(stream=stream, expected=expected, actual=actual)
        occasion = Occasion(
            occurred_at=command.occurred_at or self.recorded_at,
            now=self.recorded_at,
            new_id=self.new_id,
            actor=pending.submission.actor,
        )
        decided = handler.decide(command, view, occasion)
        if isinstance(decided, Refusal):
            return decided
        facts = counted(decided, view, occasion)
        if isinstance(facts, Refusal):
            return facts
        view.apply(facts)
        return None

    def _write(self, pending: Pending, view: CommandView) -> Answer:
        ledger, command = pending.ledger, pending.submission.command
        for version, fact in view.decided:
            type_name, data = encode(fact.event)
            self.events.append(
                NewEvent(
                    ledger=ledger,
                    stream=fact.stream,
                    stream_version=version,
                    event_id=fact.event_id,
                    type=type_name,
                    data=data,
                    metadata=pending.metadata,
                    occurred_at=fact.occurred_at,
                )
            )
        written, count = self._written.get(ledger, 0), len(view.decided)
        assert count, "what is accepted has at least one fact"
        self._written[ledger] = written + count
        before = self.heads[ledger].position + written
        return accepted(
            command.ledger,
            positions=(before + 1, before + count),
            version=view.version(pending.handler.main(command)),
            result=pending.handler.result(command, view),
        )

    def _bind(self, pending: Pending, answer: Answer, event_count: int) -> None:
        self.key_rows.append(
            KeyRow(
                ledger=pending.ledger,
                key=pending.submission.command.key,
                body_hash=pending.body_hash,
                accepted=answer.outcome == "accepted",
                answer=answer.body,
                event_count=event_count,
            )
        )


def _histories_of(
    pending: Pending, overlay: Overlay, error: HistoryNeededError
) -> frozenset[StreamKey]:
    """The one that was missed, and those that the command's other stocks will need."""
    view = CommandView(pending.ledger, overlay)
    others = (
        stream
        for stream in pending.handler.streams(pending.submission.command, view)
        if kind_of(stream) == "stock"
        and view.stock(*sku_and_location(stream)).needs_history(error.occurred_at)
    )
    return frozenset((pending.ledger, stream) for stream in (error.stream, *error.others, *others))


def _not_applied(pending: Pending) -> Answer:
    return declined("not_applied", pending.submission.command.ledger, NotApplied())
