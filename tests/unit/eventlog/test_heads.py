"""Signed heads: one key, kept by its owner; any change to a head breaks its signature."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from eventlog.heads import HeadKey, HeadKeyError, signed_text, verify
from eventlog.log import LedgerHead, SignedHead

HEAD = LedgerHead(
    ledger="acme/main",
    tenant="acme",
    shard=3,
    position=42,
    chain_hash=bytes(range(32)),
    recorded_at=datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC),
)


def test_what_is_signed_is_text_that_anybody_can_build() -> None:
    assert signed_text(HEAD) == (
        b"backstock.head.v1\nacme/main\n42\n"
        b"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n1772366400123456"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"ledger": "acme/other"},
        {"position": 41},
        {"chain_hash": bytes(32)},
        {"recorded_at": datetime(2026, 3, 1, 12, 0, 0, 123_457, tzinfo=UTC)},
        {"signature": bytes(64)},
        {"key_id": "0" * 16},
    ],
)
def test_a_head_verifies_only_as_it_was_signed(change: dict[str, object]) -> None:
    key = HeadKey(Ed25519PrivateKey.generate())
    signed = key.sign(HEAD)
    assert verify(signed, key.public)
    assert not verify(replace(signed, **change), key.public)  # type: ignore[arg-type]


def test_another_key_does_not_verify() -> None:
    signed: SignedHead = HeadKey(Ed25519PrivateKey.generate()).sign(HEAD)
    assert not verify(signed, Ed25519PrivateKey.generate().public_key())


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    first = HeadKey.in_directory(directory)
    again = HeadKey.in_directory(directory)
    assert first.key_id == again.key_id
    assert first.sign(HEAD) == again.sign(HEAD)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()} == {
        "head.ed25519": 0o600,
        "head.ed25519.pub": 0o600,
    }
    public = load_pem_public_key((directory / "head.ed25519.pub").read_bytes())
    assert public == first.public


def _key_id_in(directory: Path) -> str:
    return HeadKey.in_directory(directory).key_id


def test_processes_that_start_together_share_one_key(tmp_path: Path) -> None:
    with get_context("fork").Pool(4) as pool:
        found = pool.map(_key_id_in, [tmp_path / "keys"] * 8)
    assert len(set(found)) == 1


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    HeadKey.in_directory(tmp_path)
    os.chmod(tmp_path / "head.ed25519", 0o640)  # noqa: PTH101
    with pytest.raises(HeadKeyError, match="others may read"):
        HeadKey.in_directory(tmp_path)


def test_a_damaged_key_is_named_not_replaced(tmp_path: Path) -> None:
    HeadKey.in_directory(tmp_path)
    (tmp_path / "head.ed25519").write_bytes(b"nothing")
    with pytest.raises(HeadKeyError, match="backup"):
        HeadKey.in_directory(tmp_path)
    assert (tmp_path / "head.ed25519").read_bytes() == b"nothing"
