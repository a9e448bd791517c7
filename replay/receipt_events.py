"""What a replay's switches leave in every ledger: of a promotion the receipt's hash, root and
signature with the ledger's own place under that root, of a roll-back that it took place.

Each event has a command key, so it is there once, whoever appends it again after a crash.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from commands.answers import accepted
from domain.events import ReplayEvent, ReplayPromoted, ReplayRolledBack
from domain.streams import replay_stream
from eventlog.codec import Metadata, decode, encode, encode_metadata
from eventlog.crash_points import crash_point
from eventlog.heads import key_id_of, signed_by
from eventlog.log import (
    GENESIS_HASH,
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
from replay.merkle import audit_paths, root_by_path
from replay.receipt import Receipt, leaf_of, receipts_of, signed_text
from replay.records import Replay

ACTOR: Final = "system_replay"
ATTEMPTS_MAX: Final = 5
# Of so many ledgers one statement reads what they were told.
PAGE_LEDGERS: Final = 1_000
# Outside of what a client's key may be made of (domain.values.KEY_PATTERN): no tenant can send a
# command under the key of a notice, and so keep it out of its ledger.
OUR_OWN: Final = "§"


class NotToldError(Exception):
    """`ledgers` do not hold the event of a switch although it was appended."""

    def __init__(self, replay_id: str, ledgers: Sequence[str]) -> None:
        super().__init__(
            f"replay {replay_id}: {len(ledgers)} ledgers do not hold the event of its switch, the"
            f" first is {ledgers[0]}: run the step again, and `backstock verify` if it stays so"
        )
        self.replay_id = replay_id
        self.ledgers = tuple(ledgers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One switch of a replay: the event that tells of it, by ledger."""

    replay_id: str
    generation: int
    events: Mapping[str, ReplayEvent]

    @property
    def key(self) -> str:
        return f"{OUR_OWN}replay/{self.replay_id}/{self.generation}"

    @property
    def stream(self) -> str:
        return replay_stream(self.replay_id)


def notice_of(receipt: Receipt) -> Notice:
    """Of a promotion."""
    body = receipt.body
    ledgers = body["events"]["ledgers"]
    leaves = [leaf_of(each) for each in ledgers]
    paths = audit_paths(leaves)
    return Notice(
        replay_id=body["replay_id"],
        generation=receipt.generation,
        events={
            each["ledger"]: ReplayPromoted(
                replay_id=body["replay_id"],
                generation=receipt.generation,
                read_models=tuple(
                    f"{model['projection']} v{model['to_version']}" for model in body["read_models"]
                ),
                up_to=each["up_to"],
                receipt_sha256=receipt.sha256,
                events_root=body["events"]["root"],
                leaf=number,
                leaves=len(leaves),
                audit_path=tuple(beside.hex() for beside in paths[number]),
                key_id=receipt.key_id,
                signature=b64encode(receipt.signature).decode(),
            )
            for number, each in enumerate(ledgers)
        },
    )


def notices_of(replay: Replay) -> list[Notice]:
    """Of its promotions, and of its roll-back where that was its last switch; in their order."""
    found = [notice_of(receipt) for receipt in receipts_of(replay)]
    if replay.cutover is not None and replay.cutover["direction"] == "rolled_back":
        found.append(_notice_of_rollback(replay, replay.cutover))
    return found


def _notice_of_rollback(replay: Replay, cutover: Mapping[str, Any]) -> Notice:
    answering = sorted((each.projection, each.from_version) for each in replay.targets)
    return Notice(
        replay_id=str(replay.replay_id),
        generation=cutover["generation"],
        events={
            ledger: ReplayRolledBack(
                replay_id=str(replay.replay_id),
                generation=cutover["generation"],
                read_models=tuple(f"{name} v{version}" for name, version in answering),
                up_to=up_to,
            )
            for ledger, up_to in cutover["ledgers"].items()
        },
    )


def append_notice(
    appender: Appender, reader: LogReader, notice: Notice, *, shards: int
) -> dict[str, int]:
    """One append per shard; the position of the event in each ledger that got it now.

    Repeatable. Raises as `Appender.append` does, after which some shards may have theirs.
    """
    of_shard = defaultdict(list)
    for ledger, event in notice.events.items():
        of_shard[shard_of(ledger, shards)].append((ledger, event))
    positions: dict[str, int] = {}
    for shard, told in sorted(of_shard.items()):
        for attempt in Retrying(
            retry=retry_if_exception_type(StreamVersionConflict),
            stop=stop_after_attempt(ATTEMPTS_MAX),
            reraise=True,
        ):
            with attempt:
                before = _told(reader, [ledger for ledger, _ in told], notice.stream)
                decision = _Append(
                    notice=notice,
                    events=dict(told),
                    versions={ledger: 1 + len(before[ledger]) for ledger, _ in told},
                )
                positions |= appender.append(shard, decision).ledger_first_positions
        crash_point("receipt.appended")
    return positions


def missing_from(reader: LogReader, notice: Notice) -> list[str]:
    """The ledgers that do not hold the event of this switch, as it must be."""
    stored = _told(reader, list(notice.events), notice.stream)
    return [
        ledger
        for ledger, wanted in notice.events.items()
        if wanted not in [decode(event.type, event.data) for event in stored[ledger]]
    ]


def is_proven(
    ledger: str, event: ReplayPromoted, chain_hash: bytes, public: Ed25519PublicKey
) -> bool:
    """Whether who has nothing but one ledger, and the public key, can tell that its range was among
    what was replayed: `chain_hash` is that of its event at `up_to`.
    """
    range_of = {
        "ledger": ledger,
        "after": 0,
        "after_hash": GENESIS_HASH.hex(),
        "up_to": event.up_to,
        "up_to_hash": chain_hash.hex(),
    }
    path = [bytes.fromhex(each) for each in event.audit_path]
    root = root_by_path(leaf_of(range_of), event.leaf, event.leaves, path)
    text = signed_text(event.receipt_sha256, event.events_root)
    return (
        event.key_id == key_id_of(public)
        and signed_by(text, b64decode(event.signature), public)
        and root is not None
        and root.hex() == event.events_root
    )


def _told(
    reader: LogReader, ledgers: Sequence[str], stream: str
) -> Mapping[str, Sequence[RecordedEvent]]:
    """What each ledger holds of the stream, in its order."""
    found: dict[str, list[RecordedEvent]] = {ledger: [] for ledger in ledgers}
    for first in range(0, len(ledgers), PAGE_LEDGERS):
        page = ledgers[first : first + PAGE_LEDGERS]
        for event in reader.read_streams([(ledger, stream, 0) for ledger in page]):
            found[event.ledger].append(event)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Append:
    """A `Decision`: the event of each ledger that has not got it under this key."""

    notice: Notice
    events: Mapping[str, ReplayEvent]
    versions: Mapping[str, int]
    known_position: int | None = None

    @property
    def ledgers(self) -> Sequence[str]:
        return list(self.events)

    @property
    def keys(self) -> Sequence[tuple[str, str]]:
        return [(ledger, self.notice.key) for ledger in self.events]

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
            if ledger not in heads or (ledger, self.notice.key) in answers:
                continue
            events.append(self._new(ledger, event, recorded_at))
            keys.append(self._key_row(heads[ledger], events[-1]))
        return Decided(events=events, keys=keys)

    def _new(self, ledger: str, event: ReplayEvent, at: datetime) -> NewEvent:
        type_name, data = encode(event)
        return NewEvent(
            ledger=ledger,
            stream=self.notice.stream,
            stream_version=self.versions[ledger],
            event_id=_event_id(ledger, self.notice.key),
            type=type_name,
            data=data,
            metadata=encode_metadata(Metadata(actor=ACTOR, command_id=self.notice.key)),
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
            key=self.notice.key,
            body_hash=sha256(event.type.encode() + b"\0" + event.data).digest(),
            accepted=True,
            answer=answer.body,
            event_count=1,
        )


def _event_id(ledger: str, key: str) -> UUID:
    return uuid5(NAMESPACE_OID, f"{ledger}|{key}")
