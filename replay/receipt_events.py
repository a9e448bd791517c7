"""A receipt's hash, root and signature as an event in every ledger that it speaks of.

The event has a command key, so it is there once, whoever appends it again after a crash.
"""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import NAMESPACE_OID, UUID, uuid5

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from commands.answers import accepted
from domain.events import ReplayPromoted
from domain.streams import replay_stream
from eventlog.codec import Metadata, decode, encode, encode_metadata
from eventlog.crash_points import crash_point
from eventlog.log import (
    Appender,
    Decided,
    KeyRow,
    LedgerHead,
    LogReader,
    NewEvent,
    RecordedEvent,
    StoredAnswer,
    StreamVersionConflict,
)
from eventlog.shards import shard_of
from replay.receipt import Receipt

ACTOR: Final = "system_replay"
ATTEMPTS_MAX: Final = 5


def append_receipt(
    appender: Appender, reader: LogReader, receipt: Receipt, *, shards: int
) -> dict[str, int]:
    """One append per shard; the position of the event in each ledger that got it now.

    Repeatable. Raises as `Appender.append` does, after which some shards may have theirs.
    """
    of_shard = defaultdict(list)
    for each in receipt.body["events"]["ledgers"]:
        of_shard[shard_of(each["ledger"], shards)].append(_event(receipt, each))
    positions: dict[str, int] = {}
    for shard, promoted in sorted(of_shard.items()):
        for attempt in Retrying(
            retry=retry_if_exception_type(StreamVersionConflict),
            stop=stop_after_attempt(ATTEMPTS_MAX),
            reraise=True,
        ):
            with attempt:
                decision = _Append(
                    receipt=receipt,
                    events=dict(promoted),
                    versions={ledger: _version(reader, ledger, each) for ledger, each in promoted},
                )
                positions |= appender.append(shard, decision).ledger_first_positions
        crash_point("receipt.appended")
    return positions


def missing_from(reader: LogReader, receipt: Receipt) -> list[str]:
    """The ledgers that do not hold the event of this receipt, as it must be."""
    found = []
    for each in receipt.body["events"]["ledgers"]:
        ledger, wanted = _event(receipt, each)
        stored = reader.read_stream(ledger, replay_stream(wanted.replay_id), 0)
        if wanted not in [decode(event.type, event.data) for event in stored]:
            found.append(ledger)
    return found


def _event(receipt: Receipt, range_of: Mapping[str, object]) -> tuple[str, ReplayPromoted]:
    body = receipt.body
    up_to = range_of["up_to"]
    assert isinstance(up_to, int)
    return str(range_of["ledger"]), ReplayPromoted(
        replay_id=body["replay_id"],
        generation=receipt.generation,
        read_models=tuple(
            f"{each['projection']} v{each['to_version']}" for each in body["read_models"]
        ),
        up_to=up_to,
        receipt_sha256=receipt.sha256,
        events_root=body["events"]["root"],
        key_id=receipt.key_id,
        signature=b64encode(receipt.signature).decode(),
    )


def _version(reader: LogReader, ledger: str, event: ReplayPromoted) -> int:
    return 1 + sum(1 for _ in reader.read_stream(ledger, replay_stream(event.replay_id), 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Append:
    """A `Decision`: the event of each ledger that has not got it under this key."""

    receipt: Receipt
    events: Mapping[str, ReplayPromoted]
    versions: Mapping[str, int]
    known_position: int | None = None

    @property
    def ledgers(self) -> Sequence[str]:
        return list(self.events)

    @property
    def keys(self) -> Sequence[tuple[str, str]]:
        return [(ledger, self._key) for ledger in self.events]

    @property
    def _key(self) -> str:
        return f"replay/{self.receipt.body['replay_id']}/{self.receipt.generation}"

    def catch_up(self, events: Sequence[RecordedEvent]) -> None:
        raise AssertionError(f"nothing is folded here: {len(events)} events")

    def decide(
        self,
        heads: Mapping[str, LedgerHead],
        answers: Mapping[tuple[str, str], StoredAnswer],
        recorded_at: datetime,
    ) -> Decided:
        events, keys = [], []
        for ledger, event in self.events.items():
            if ledger not in heads or (ledger, self._key) in answers:
                continue
            events.append(self._new(ledger, event, recorded_at))
            keys.append(self._key_row(heads[ledger], events[-1]))
        return Decided(events=events, keys=keys)

    def _new(self, ledger: str, event: ReplayPromoted, at: datetime) -> NewEvent:
        type_name, data = encode(event)
        return NewEvent(
            ledger=ledger,
            stream=replay_stream(event.replay_id),
            stream_version=self.versions[ledger],
            event_id=_event_id(ledger, self._key),
            type=type_name,
            data=data,
            metadata=encode_metadata(Metadata(actor=ACTOR, command_id=self._key)),
            occurred_at=at,
        )

    def _key_row(self, head: LedgerHead, event: NewEvent) -> KeyRow:
        position = head.position + 1
        answer = accepted(
            head.ledger.partition("/")[2],
            positions=(position, position),
            version=event.stream_version,
            result={},
        )
        return KeyRow(
            ledger=head.ledger,
            key=self._key,
            body_hash=sha256(event.type.encode() + b"\0" + event.data).digest(),
            accepted=True,
            answer=answer.body,
            event_count=1,
        )


def _event_id(ledger: str, key: str) -> UUID:
    return uuid5(NAMESPACE_OID, f"{ledger}|{key}")
