"""What a manifest refuses, and which command keys are new."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from eventlog.chain import microseconds
from eventlog.heads import PUBLIC_NAME, HeadKey
from replay.archive.faults import DamagedError, TargetError
from replay.archive.key_rows import NewKeys
from replay.archive.manifest import KeyMark, Manifest, Segment, Span, tails_of
from replay.archive.signature import decode, encode
from replay.archive.snapshot import LONG_AGO, KeyCount
from replay.archive.target import Target

STORE = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def segment(first: int, last: int, *, before: str = "00" * 32, after: str = "11" * 32) -> Segment:
    span = Span(
        ledger="acme/main",
        tenant="acme",
        first_position=first,
        last_position=last,
        chain_before=before,
        chain_after=after,
    )
    return Segment(
        file=f"events/shard-0003/{first}-{last}.parquet",
        rows=last - first + 1,
        bytes=1,
        sha256="",
        shard=3,
        first_shard_position=first,
        last_shard_position=last,
        spans=(span,),
    )


def manifest(*events: Segment) -> Manifest:
    return Manifest(store_id=STORE, epoch=1, shards=16, run=1, events=events)


def test_a_manifest_is_read_as_it_was_written() -> None:
    written = manifest(segment(1, 5), segment(6, 9, before="11" * 32, after="22" * 32))
    assert decode("m", encode(written)).manifest == written
    assert tails_of(written.events)["acme/main"].position == 9


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([segment(2, 5)], "shard 3: position 1 was due"),
        ([segment(1, 5), segment(7, 9)], "shard 3: position 6 was due"),
        ([segment(1, 5), segment(6, 9)], "does not go on where ledger acme/main stood"),
    ],
)
def test_a_segment_that_is_missing_from_the_manifest_is_named(
    events: list[Segment], words: str
) -> None:
    with pytest.raises(DamagedError, match=words):
        decode("m", encode(manifest(*events)))


def test_a_manifest_of_a_format_to_come_is_not_guessed_at() -> None:
    with pytest.raises(DamagedError, match="has format 2; 1 is understood"):
        decode("m", encode(replace(manifest(), format=2)))


@pytest.mark.parametrize("signed", [False, True])
def test_every_changed_byte_of_a_manifest_is_noticed(tmp_path: Path, *, signed: bool) -> None:
    key = HeadKey.in_directory(tmp_path)
    pem = (tmp_path / PUBLIC_NAME).read_text()
    written = replace(manifest(segment(1, 5)), public_keys={key.key_id: pem})
    content = encode(written, key if signed else None)
    assert decode("m", content).signed_by == (key.key_id if signed else "")
    for place in range(0, len(content), 7):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        with pytest.raises(DamagedError):
            decode("m", changed)


def keys(*recorded: tuple[str, int]) -> list[tuple[Any, ...]]:
    """Rows of command_keys, each recorded so many seconds after noon."""
    rows = ((key, NOON + timedelta(seconds=seconds)) for key, seconds in recorded)
    return [("acme/main", key, "acme", b"", True, b"", None, None, at) for key, at in rows]


def count(rows: int, latest: int, rows_before: int = 0) -> KeyCount:
    at = NOON + timedelta(seconds=latest)
    return KeyCount(ledger="acme/main", rows=rows, latest=at, rows_before=rows_before)


def test_keys_at_the_mark_are_new_unless_they_are_archived() -> None:
    first = NewKeys(count(3, latest=2), None)
    assert first.since == LONG_AGO
    assert len(first.of(keys(("a", 1), ("b", 2), ("c", 2)))) == 3
    mark = first.mark()
    at = microseconds(NOON + timedelta(seconds=2))
    assert mark == KeyMark(rows=3, watermark=at, rows_before=1, edge=("b", "c"))
    again = NewKeys(count(5, latest=4, rows_before=1), mark)
    assert (again.since, again.has_stragglers) == (NOON + timedelta(seconds=2), False)
    page = again.of(keys(("b", 2), ("c", 2), ("d", 2), ("e", 4)))
    assert [row[1] for row in page] == ["d", "e"]
    assert (again.mark().rows_before, again.mark().edge) == (4, ("e",))


def test_a_key_recorded_before_the_mark_has_all_of_the_ledger_read_again() -> None:
    mark = KeyMark(rows=2, watermark=microseconds(NOON), rows_before=1, edge=("b",))
    late = NewKeys(count(3, latest=0, rows_before=2), mark)
    assert (late.has_stragglers, late.since) == (True, LONG_AGO)
    late.known |= {"a", "b"}
    page = late.of(keys(("a", -5), ("late", -3), ("b", 0)))
    assert [row[1] for row in page] == ["late"]
    assert late.mark() == replace(mark, rows=3, rows_before=2)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("s3://AKIA:s3cr3t@shop/archive?region=x", "s3://shop/archive"),
        ("s3://AKIA:s3c/r3t@shop/archive", "s3://shop/archive"),
        ("s3://shop/archive?region=x&access_key=AKIA&secret_key=s3cr3t", "s3://shop/archive"),
        ("s3://shop/archive?region=x", "s3://shop/archive"),
        ("s4://AKIA:s3cr3t@shop/archive", "s4://shop/archive"),
    ],
)
def test_credentials_in_a_uri_are_never_shown(uri: str, shown: str) -> None:
    try:
        said = Target.of(uri).path("manifest.json")
    except TargetError as error:
        said = str(error)
    assert said.startswith(shown)
    assert "AKIA" not in said
    assert "r3t" not in said
