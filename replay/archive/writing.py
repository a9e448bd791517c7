"""`write`: what the store has beyond the archive, as new sealed files, then a new manifest.

A process that dies anywhere leaves the archive of the run before, whole, and segments that the next
run goes on behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from eventlog.chain import microseconds
from eventlog.crash_points import crash_point
from eventlog.heads import HeadKey
from eventlog.log import LogReader
from replay.archive.faults import OtherStoreError, TargetError
from replay.archive.files import RunFiles
from replay.archive.key_rows import new_command_keys, new_signed_heads
from replay.archive.manifest import PENDING_FILE, Head, Manifest, Segment, tails_of
from replay.archive.segments import Progress, Sealing, pending_segments
from replay.archive.snapshot import Snapshot, end, snapshot_of
from replay.archive.tables import WHOLE
from replay.archive.target import UNFINISHED, Target

SEGMENT_EVENTS: Final = 250_000
FOLDERS: Final = ("events/", "command_keys/", "signed_heads/", "tables/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a run has added, and what the archive holds now; `bytes` as compressed."""

    run: int
    segments: int
    events: int
    command_keys: int
    bytes: int
    segments_in_all: int
    events_in_all: int


def write(
    target: Target,
    *,
    log_dsn: str,
    reader: LogReader,
    key: HeadKey | None,
    now: Callable[[], datetime],
    segment_events: int = SEGMENT_EVENTS,
    progress: Progress = lambda _done, _all: None,
) -> Written:
    """Archive everything up to now. `key` signs heads and manifest; without, the manifest is not
    signed, and the last heads are those that the relay signed.

    Raises `ArchiveError`s, `LogGapError`, `LogUnavailableError` and psycopg's own; then the archive
    is as the run before has left it.
    """
    with snapshot_of(log_dsn, target.name) as snapshot:
        before = _begun(target, snapshot, key)
        pending = pending_segments(target, before)
        _refuse_other(target, before, (*before.events, *pending), snapshot)
        _sweep(target, {PENDING_FILE, *(each.file for each in (*before.files(), *pending))})
        files = RunFiles(target=target, number=before.run + 1)
        keys, key_marks = new_command_keys(files, before, snapshot)
        signed, signed_up_to = new_signed_heads(files, before, snapshot)
        tables = {table.name: files.whole(table, snapshot.table(table)) for table in WHOLE}
        heads = _heads(snapshot, key)
        end(snapshot)
        crash_point("archive.before_segments")
        sealing = Sealing(
            target=target, reader=reader, segment_events=segment_events, progress=progress
        )
        segments = sealing.seal(before.events, pending, snapshot)
        after = msgspec.structs.replace(
            before,
            epoch=snapshot.epoch,
            run=files.number,
            written_at=microseconds(now()),
            events=(*before.events, *segments),
            command_keys=(*before.command_keys, *keys),
            key_marks=key_marks,
            signed_heads=(*before.signed_heads, *signed),
            signed_up_to=signed_up_to,
            tables=tables,
            heads=heads,
            public_keys={**before.public_keys, **_public(key)},
        )
        crash_point("archive.before_manifest")
        target.save(after, key)
        crash_point("archive.after_manifest")
        _sweep(target, {each.file for each in after.files()})
    return Written(
        run=files.number,
        segments=len(segments),
        events=sum(each.rows for each in segments),
        command_keys=sum(each.rows for each in keys),
        bytes=sum(each.bytes for each in (*segments, *keys, *signed, *tables.values())),
        segments_in_all=len(after.events),
        events_in_all=sum(each.rows for each in after.events),
    )


def _begun(target: Target, snapshot: Snapshot, key: HeadKey | None) -> Manifest:
    found = target.manifest()
    if found is not None:
        return found
    if others := target.listed():
        reason = f"is not empty and no archive: it holds {others[0]}. Choose an empty place"
        raise TargetError(target.name, reason)
    shards = len(snapshot.positions)
    begun = Manifest(store_id=snapshot.store_id, epoch=snapshot.epoch, shards=shards)
    # First of all, so that what a run leaves that dies can be told from somebody's files.
    target.save(begun, key)
    return begun


def _refuse_other(
    target: Target, manifest: Manifest, segments: Sequence[Segment], snapshot: Snapshot
) -> None:
    shards = len(snapshot.positions)
    if (manifest.store_id, manifest.shards) != (snapshot.store_id, shards):
        reason = (
            f"is the archive of store {manifest.store_id} with {manifest.shards} shards; this is"
            f" {snapshot.store_id} with {shards}. Choose another place"
        )
        raise OtherStoreError(target.name, reason)
    if snapshot.epoch < manifest.epoch:
        reason = (
            f"goes on in epoch {manifest.epoch} of the store, and this is epoch {snapshot.epoch}:"
            " the store was restored elsewhere meanwhile. Choose another place"
        )
        raise OtherStoreError(target.name, reason)
    for ledger, tail in tails_of(segments).items():
        head = snapshot.heads.get(ledger)
        position = head.position if head else 0
        altered = head and position == tail.position and head.chain_hash != tail.chain_hash
        if position < tail.position or altered:
            reason = (
                f"ledger {ledger} is archived up to {tail.position}; this store has {position}"
                " events of it, or others: it was restored from an older copy, or altered."
                " Restore it from this archive, or choose another place"
            )
            raise OtherStoreError(target.name, reason)


def _sweep(target: Target, named: set[str]) -> None:
    """Delete what runs that died have left: whoever reads `*.parquet` must not see it."""
    for file in target.listed():
        in_folder = file.startswith(FOLDERS) and file.endswith((".parquet", UNFINISHED))
        if file not in named and (in_folder or file == PENDING_FILE):
            target.delete(file)


def _heads(snapshot: Snapshot, key: HeadKey | None) -> tuple[Head, ...]:
    if key is None:
        return tuple(Head.of(head) for head in snapshot.last_signed_heads())
    heads = sorted(snapshot.heads.values(), key=lambda head: head.ledger)
    return tuple(Head.of(key.sign(head)) for head in heads if head.position)


def _public(key: HeadKey | None) -> dict[str, str]:
    if key is None:
        return {}
    pem = key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {key.key_id: pem.decode()}
