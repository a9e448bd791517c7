"""The write side of several ledgers in memory: real batches, keys, answers and stored bytes, and no
database below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import orjson

from commands.batch import Batch, NotLoadedError, Pending, Unit
from commands.folds import Folded, StreamKey
from commands.handlers import HANDLERS
from commands.idempotency import LedgerKey
from commands.loading import Loader
from commands.memory import ShardMemory
from commands.message import body_hash
from commands.submission import Answer, Mode, Submission
from domain.aggregates import State
from domain.events import Event
from domain.streams import kind_of
from eventlog.codec import Metadata, decode, encode_metadata
from eventlog.log import LedgerHead, RecordedEvent, Snapshot, StoredAnswer

LEDGERS = ("acme/main", "acme/north", "bolt/main", "cobb/main")
"""Three tenants; the first has two ledgers, so that units can cross."""
BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
SHARD = 3
ROUNDS_MAX = 8
EVERYTHING = 1_000_000


@dataclass(frozen=True, slots=True)
class Told:
    """A stored event, decoded again."""

    stored: RecordedEvent
    event: Event


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one command: `facts` are its own events, `now` is when it was decided."""

    submission: Submission
    answer: Answer
    now: datetime
    facts: tuple[Told, ...] = ()

    @property
    def ledger(self) -> str:
        return self.submission.ledger

    @property
    def command(self) -> Any:
        return self.submission.command

    @property
    def accepted(self) -> bool:
        return self.answer.outcome == "accepted"


class Ledgers:
    """One shard's writer. `log` is everything stored, in order."""

    def __init__(self) -> None:
        self.memory = ShardMemory(known_position=0)
        self.now = BEGIN
        self.log: list[Told] = []
        self.streams: dict[StreamKey, list[Told]] = {}
        self.keys: dict[LedgerKey, StoredAnswer] = {}
        self.heads = {name: _head(name, 0) for name in LEDGERS}
        self._numbers = count(1)

    def copy(self) -> Ledgers:
        """One to go on with by itself."""
        other = Ledgers()
        other.now, other._numbers = self.now, count(next(self._numbers) + 1_000)
        other.log, other.keys, other.heads = self.log.copy(), self.keys.copy(), self.heads.copy()
        other.streams = {key: told.copy() for key, told in self.streams.items()}
        other.memory.known_position = self.memory.known_position
        for key, folded in self.memory.layers[0].items():
            other.memory.put(key, folded)
        return other

    def new_id(self) -> UUID:
        return UUID(int=next(self._numbers))

    def forget(self) -> None:
        """As if another process went on: everything is read and folded again."""
        self.memory.forget_all(known_position=len(self.log))

    def folded(self, ledger: str, stream: str) -> Folded | None:
        return self.memory.get((ledger, stream))

    def states(self, ledger: str, kind: str) -> dict[str, State]:
        """Of one kind, by stream; of what is in memory."""
        return {
            stream: folded.state
            for (owner, stream), folded in self.memory.layers[0].items()
            if owner == ledger and folded.state is not None and kind_of(stream) == kind
        }

    def submit(self, *submissions: Submission, mode: Mode = "independent") -> list[Done]:
        """Decided in one append."""
        first = len(self.log)
        batch = self._decided(_units(submissions, mode))
        answers = [answer for unit in batch.answers for answer in unit]
        facts = self.log[first:]
        done = []
        for submission, answer in zip(submissions, answers, strict=True):
            own: tuple[Told, ...] = ()
            if answer.outcome == "accepted" and not answer.replayed:
                own = tuple(told for told in facts if _is_of(told.stored, submission, answer))
            done.append(Done(submission, answer, self.now, own))
        assert sum(len(each.facts) for each in done) == len(facts)
        return done

    def _decided(self, units: Sequence[Unit]) -> Batch:
        loader = Loader(self, self)
        loader.load_for((each for unit in units for each in unit.pendings), self.memory)
        for _ in range(ROUNDS_MAX):
            batch = Batch(units, self.memory, self.new_id)
            try:
                self._append(batch)
            except NotLoadedError as missing:
                loader.load(missing.streams, self.memory)
                loader.load_histories(missing.histories, self.memory, work_max=EVERYTHING)
            else:
                return batch
        raise AssertionError("it never has all that it needs")

    def _append(self, batch: Batch) -> None:
        now = self.now
        decided = batch.decide(
            {name: self.heads[name] for name in batch.ledgers},
            {key: self.keys[key] for key in batch.keys if key in self.keys},
            now,
        )
        for new in decided.events:
            head = self.heads[new.ledger]
            position = head.position + 1
            self.heads[new.ledger] = _head(new.ledger, position)
            stored = RecordedEvent(
                shard=SHARD,
                shard_position=len(self.log) + 1,
                tenant=head.tenant,
                ledger=new.ledger,
                ledger_position=position,
                stream=new.stream,
                stream_version=new.stream_version,
                event_id=new.event_id,
                type=new.type,
                data=new.data,
                metadata=new.metadata,
                occurred_at=new.occurred_at,
                recorded_at=now,
                chain_hash=bytes(32),
            )
            told = Told(stored, decode(new.type, new.data))
            self.log.append(told)
            of_stream = self.streams.setdefault((new.ledger, new.stream), [])
            of_stream.append(told)
            assert len(of_stream) == new.stream_version
        for row in decided.keys:
            assert (row.ledger, row.key) not in self.keys
            body = orjson.loads(row.answer)
            self.keys[row.ledger, row.key] = StoredAnswer(
                body_hash=row.body_hash,
                accepted=row.accepted,
                answer=row.answer,
                first_position=body.get("first_position"),
                last_position=body.get("last_position"),
            )
        written = {(new.ledger, new.stream) for new in decided.events}
        assert batch.changed.keys() == written, "nothing else changes, in no other ledger either"
        self.memory.confirm(batch.changed, batch.rewritten, position=len(self.log))
        self.memory.trim_histories(0)

    # --- what is read: eventlog.log.LogReader and SnapshotStore

    def shard_position(self, shard: int) -> int:
        assert shard == SHARD
        return len(self.log)

    def read_stream(self, ledger: str, stream: str, after_version: int) -> Iterator[RecordedEvent]:
        for told in self.streams.get((ledger, stream), ())[after_version:]:
            yield told.stored

    def read_streams(self, wanted: Sequence[tuple[str, str, int]]) -> Sequence[RecordedEvent]:
        return [event for each in wanted for event in self.read_stream(*each)]

    def read_shard(self, shard: int, after: int, limit: int) -> Sequence[RecordedEvent]:
        assert shard == SHARD
        return [told.stored for told in self.log[after : after + limit]]

    def read_ledger(self, ledger: str, after: int, limit: int) -> Sequence[RecordedEvent]:
        own = [told.stored for told in self.log if told.stored.ledger == ledger]
        return own[after : after + limit]

    def load(self, wanted: Sequence[StreamKey]) -> Mapping[StreamKey, Snapshot]:
        del wanted
        return {}

    def save(self, snapshots: Sequence[Snapshot]) -> None:
        """Nothing is kept."""


def _head(ledger: str, position: int) -> LedgerHead:
    return LedgerHead(
        ledger=ledger,
        tenant=ledger.partition("/")[0],
        shard=SHARD,
        position=position,
        chain_hash=bytes(32),
        recorded_at=BEGIN,
    )


def _pending(submission: Submission) -> Pending:
    command = submission.command
    return Pending(
        submission=submission,
        ledger=submission.ledger,
        body_hash=body_hash(command),
        metadata=encode_metadata(Metadata(actor=submission.actor, command_id=command.key)),
        handler=HANDLERS[type(command)],
    )


def _units(submissions: Sequence[Submission], mode: Mode) -> list[Unit]:
    pendings = tuple(map(_pending, submissions))
    if mode == "atomic":
        return [Unit(pendings=pendings, atomic=True, estimated_events=1, first_index=0)]
    return [
        Unit(pendings=(each,), atomic=False, estimated_events=1, first_index=index)
        for index, each in enumerate(pendings)
    ]


def _is_of(stored: RecordedEvent, submission: Submission, answer: Answer) -> bool:
    first, last = answer.first_position, answer.last_position
    assert first is not None
    assert last is not None
    return stored.ledger == submission.ledger and first <= stored.ledger_position <= last
