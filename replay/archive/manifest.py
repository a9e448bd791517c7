"""What an archive holds: every file with its hash, every segment with the chain at both ends.

The manifest is one JSON object {"manifest": …, "sha256": hex over its bytes, "key_id",
"signature"}, so a reader sees the whole of one run or the whole of the next. Hashes are in hex,
instants in µs since 1970. A file is *sealed* once a manifest names it: it is never written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

from msgspec import Struct

from eventlog.chain import EPOCH, microseconds
from eventlog.log import GENESIS_HASH, SignedHead
from replay.archive.faults import DamagedError

FORMAT: Final = 1
MANIFEST_FILE: Final = "manifest.json"
# Segments that an unfinished run has sealed; the next run goes on behind them.
PENDING_FILE: Final = "pending.json"
DAMAGED: Final = "bring it back from a copy of the archive"


class FileEntry(Struct, frozen=True, kw_only=True):
    file: str
    rows: int
    bytes: int
    sha256: str


class Span(Struct, frozen=True, kw_only=True):
    """One ledger's events of a segment; the chain's hash before the first and at the last."""

    ledger: str
    tenant: str
    first_position: int
    last_position: int
    chain_before: str
    chain_after: str


class Segment(FileEntry, frozen=True, kw_only=True):
    """Contiguous events of one shard, in the order of their shard positions."""

    shard: int
    first_shard_position: int
    last_shard_position: int
    spans: tuple[Span, ...]


class KeyMark(Struct, frozen=True, kw_only=True):
    """How far a ledger's command keys are archived.

    `rows` in all, `rows_before` of them recorded before `watermark`; `edge` are those recorded at
    it. A key row never changes or goes, so equal counts mean equal rows.
    """

    rows: int
    watermark: int
    rows_before: int
    edge: tuple[str, ...]


class Head(Struct, frozen=True, kw_only=True):
    """A signed head, as `eventlog.heads` signs it."""

    ledger: str
    tenant: str
    position: int
    chain_hash: str
    recorded_at: int
    key_id: str
    signature: bytes

    @classmethod
    def of(cls, head: SignedHead) -> Head:
        return cls(
            ledger=head.ledger,
            tenant=head.tenant,
            position=head.position,
            chain_hash=head.chain_hash.hex(),
            recorded_at=microseconds(head.recorded_at),
            key_id=head.key_id,
            signature=head.signature,
        )

    def signed(self) -> SignedHead:
        return SignedHead(
            ledger=self.ledger,
            tenant=self.tenant,
            position=self.position,
            chain_hash=bytes.fromhex(self.chain_hash),
            recorded_at=EPOCH + timedelta(microseconds=self.recorded_at),
            key_id=self.key_id,
            signature=self.signature,
        )


class Manifest(Struct, frozen=True, kw_only=True):
    """`tables` has the small tables whole, as of the last run, by name.

    `signed_up_to` is each ledger's last position in the files of `signed_heads`; `heads` are those
    that prove this run. `public_keys` holds PEM by key id.
    """

    format: int = FORMAT
    store_id: UUID
    epoch: int
    shards: int
    run: int = 0
    written_at: int = 0
    events: tuple[Segment, ...] = ()
    command_keys: tuple[FileEntry, ...] = ()
    key_marks: Mapping[str, KeyMark] = {}
    signed_heads: tuple[FileEntry, ...] = ()
    signed_up_to: Mapping[str, int] = {}
    tables: Mapping[str, FileEntry] = {}
    heads: tuple[Head, ...] = ()
    public_keys: Mapping[str, str] = {}

    def files(self) -> Iterable[FileEntry]:
        yield from self.events
        yield from self.command_keys
        yield from self.signed_heads
        yield from self.tables.values()


class Tail(Struct, frozen=True, kw_only=True):
    """Where a ledger ends; `tenant` is empty before its first event."""

    position: int = 0
    chain_hash: bytes = GENESIS_HASH
    tenant: str = ""


def by_shard(segments: Sequence[Segment]) -> Mapping[int, list[Segment]]:
    """The segments of each shard, in their order."""
    ordered = sorted(segments, key=lambda each: (each.shard, each.first_shard_position))
    return {shard: list(found) for shard, found in groupby(ordered, key=lambda each: each.shard)}


def refuse_gaps(where: str, segments: Sequence[Segment]) -> None:
    """Raise `DamagedError` unless each shard's segments and each ledger's spans are whole."""
    tails: dict[str, Tail] = {}
    for shard, found in by_shard(segments).items():
        expected = 1
        for segment in found:
            if segment.first_shard_position != expected:
                reason = (
                    f"shard {shard}: position {expected} was due, the next segment,"
                    f" {segment.file}, begins at {segment.first_shard_position}; {DAMAGED}"
                )
                raise DamagedError(where, reason)
            expected = segment.last_shard_position + 1
            for span in segment.spans:
                _join(where, segment, span, tails)


def _join(where: str, segment: Segment, span: Span, tails: dict[str, Tail]) -> None:
    tail = tails.get(span.ledger, Tail())
    before = (tail.position + 1, tail.chain_hash.hex())
    if (span.first_position, span.chain_before) != before:
        reason = (
            f"{segment.file} does not go on where ledger {span.ledger} stood, at position"
            f" {tail.position}; {DAMAGED}"
        )
        raise DamagedError(where, reason)
    tails[span.ledger] = tail_after(span)


def tail_after(span: Span) -> Tail:
    """Where the ledger stands behind the span."""
    return Tail(
        position=span.last_position,
        chain_hash=bytes.fromhex(span.chain_after),
        tenant=span.tenant,
    )


def tails_of(segments: Sequence[Segment]) -> dict[str, Tail]:
    """Where each ledger ends."""
    return {
        span.ledger: tail_after(span)
        for found in by_shard(segments).values()
        for segment in found
        for span in segment.spans
    }
