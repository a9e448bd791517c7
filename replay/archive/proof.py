"""Whether an archive says what was signed: every event walked, every file hashed.

The chain of each ledger is computed anew from the stored columns and compared with the heads that
were signed; what is not chained (command keys, tenants) is held by the hashes of its files, which
the signed manifest holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from eventlog.chain import microseconds
from eventlog.heads import key_id_of, verify
from eventlog.log import RecordedEvent
from replay.archive.faults import DamagedError
from replay.archive.manifest import (
    DAMAGED,
    MANIFEST_FILE,
    Head,
    Manifest,
    Segment,
    Tail,
    by_shard,
)
from replay.archive.signature import own_key
from replay.archive.tables import COMMAND_KEYS, EVENTS, LEDGERS, SIGNED_HEADS, WHOLE, rows_of
from replay.archive.tables import recorded_events as decoded
from replay.archive.target import Target
from replay.archive.walk import Link, Walk

Progress = Callable[[int, int], None]  # events done, events in all
PROGRESS_EVENTS: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was read and found right. `unproven` events come after their ledger's signed head, or
    their head's public key is not known. `signed_by` is the key of the manifest's signature, which
    speaks for every file; "" when it has none.
    """

    store_id: str
    run: int
    written_at: int
    segments: int
    events: int
    command_keys: int
    files: int
    bytes: int
    signed_heads: int
    unproven: int
    signed_by: str


@dataclass(slots=True, kw_only=True)
class Proof:
    """One pass over an archive. `trusted` is held against the signatures in place of the archive's
    own public key, which proves only that nothing was changed by accident; then the manifest must
    be signed, and every ledger's head.
    """

    target: Target
    manifest: Manifest
    signed_by: str
    trusted: Ed25519PublicKey | None
    tails: dict[str, Tail] = field(default_factory=dict)
    _heads: dict[str, Head] = field(default_factory=dict)
    _key_rows: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._heads = {head.ledger: head for head in self.manifest.heads}

    @classmethod
    def of(cls, target: Target, trusted: Ed25519PublicKey | None) -> Proof:
        """Of a finished archive. Raises `ArchiveError`s."""
        sealed = target.sealed(trusted)
        return cls(
            target=target,
            manifest=sealed.manifest,
            signed_by=sealed.signed_by,
            trusted=trusted,
        )

    def segments(self) -> Iterator[Segment]:
        """Every segment, in the order of its shard."""
        for found in by_shard(self.manifest.events).values():
            yield from found

    def events(self, segment: Segment) -> Iterator[tuple[RecordedEvent, Link]]:
        """The segment's events. Raises `DamagedError` at the first that is not as it was sealed."""
        where = self.target.path(segment.file)
        walk = Walk(
            shard=segment.shard, position=segment.first_shard_position - 1, tails=self.tails
        )
        for batch in self.target.batches(segment, EVENTS):
            for event in decoded(batch):
                link = walk.step(where, event)
                head = self._heads.get(event.ledger)
                if head is not None and head.position == event.ledger_position:
                    _compare(where, event, head)
                yield event, link
        if (walk.position, walk.take_spans()) != (segment.last_shard_position, segment.spans):
            raise DamagedError(where, f"ends elsewhere than {MANIFEST_FILE} says; {DAMAGED}")

    def count_keys(self, ledgers: Iterator[str]) -> None:
        """Note a file's rows of command keys, by their ledgers."""
        self._key_rows.update(ledgers)

    def conclude(self) -> tuple[int, int]:
        """After all events and keys: (signed heads that hold, events without such a proof).

        Raises `DamagedError`.
        """
        where = self.target.path(MANIFEST_FILE)
        for ledger, mark in self.manifest.key_marks.items():
            if self._key_rows[ledger] != mark.rows:
                found = f"{self._key_rows[ledger]} command keys of {ledger}, {mark.rows} were"
                raise DamagedError(where, f"{found} archived; {DAMAGED}")
        self._compare_ledgers()
        proven = {ledger: self._proven(where, head) for ledger, head in self._heads.items()}
        if self.trusted is not None:
            self._refuse_headless(where, proven)
        beyond = (tail.position - proven.get(ledger, 0) for ledger, tail in self.tails.items())
        return sum(1 for position in proven.values() if position), sum(beyond)

    def _compare_ledgers(self) -> None:
        entry = self.manifest.tables[LEDGERS.name]
        unknown = set(self.tails)
        for batch in self.target.batches(entry, LEDGERS.schema):
            for ledger, _tenant, _shard, position, chain_hash, *_ in rows_of(batch):
                unknown.discard(ledger)
                tail = self.tails.get(ledger, Tail())
                if (tail.position, tail.chain_hash) != (position, chain_hash):
                    reason = (
                        f"ledger {ledger} stands at {position} with another hash than its events,"
                        f" which end at {tail.position}; {DAMAGED}"
                    )
                    raise DamagedError(self.target.path(entry.file), reason)
        if unknown:
            reason = f"does not know ledger {min(unknown)}, which has events; {DAMAGED}"
            raise DamagedError(self.target.path(entry.file), reason)

    def _refuse_headless(self, where: str, proven: Mapping[str, int]) -> None:
        for ledger, tail in sorted(self.tails.items()):
            if not proven.get(ledger):
                reason = f"ledger {ledger} has {tail.position} events and no signed head"
                raise DamagedError(where, f"{reason}: it was forged, or its head was taken out")

    def _proven(self, where: str, head: Head) -> int:
        """Up to which position the head's signature speaks; 0 when its key is not known."""
        if self.tails.get(head.ledger, Tail()).position < head.position:
            reason = f"ledger {head.ledger} was signed at {head.position}, and ends before it"
            raise DamagedError(where, f"{reason}; {DAMAGED}")
        public = self.trusted or own_key(where, self.manifest.public_keys, head.key_id)
        if public is None:
            return 0
        if not verify(head.signed(), public):
            reason = (
                f"the head of ledger {head.ledger} at {head.position} is not signed by key"
                f" {key_id_of(public)} (it names {head.key_id}): this is another store's archive,"
                " or it was forged"
            )
            raise DamagedError(where, reason)
        return head.position


def check(
    target: Target,
    *,
    trusted: Ed25519PublicKey | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Checked:
    """Read every file. Raises `ArchiveError` at the first difference."""
    proof = Proof.of(target, trusted)
    manifest = proof.manifest
    total, done = sum(each.rows for each in manifest.events), 0
    for segment in proof.segments():
        for _ in proof.events(segment):
            done += 1
            if done % PROGRESS_EVENTS == 0:
                progress(done, total)
    for entry in manifest.command_keys:
        for batch in target.batches(entry, COMMAND_KEYS.schema):
            proof.count_keys(iter(batch.column("ledger").to_pylist()))
    for entry in manifest.signed_heads:
        for _ in target.batches(entry, SIGNED_HEADS.schema):
            pass
    for table in WHOLE:
        for _ in target.batches(manifest.tables[table.name], table.schema):
            pass
    proven, unproven = proof.conclude()
    progress(total, total)
    files = list(manifest.files())
    return Checked(
        store_id=str(manifest.store_id),
        run=manifest.run,
        written_at=manifest.written_at,
        segments=len(manifest.events),
        events=done,
        command_keys=sum(each.rows for each in manifest.command_keys),
        files=len(files),
        bytes=sum(each.bytes for each in files),
        signed_heads=proven,
        unproven=unproven,
        signed_by=proof.signed_by,
    )


def _compare(where: str, event: RecordedEvent, head: Head) -> None:
    found = (event.chain_hash.hex(), microseconds(event.recorded_at))
    if found != (head.chain_hash, head.recorded_at):
        reason = (
            f"event {event.ledger_position} of ledger {event.ledger} has hash {found[0]}, and"
            f" {head.chain_hash} was signed: the events up to it were altered; {DAMAGED}"
        )
        raise DamagedError(where, reason)
