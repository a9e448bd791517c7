"""Signed heads: who holds a ledger's dump and its signed head can tell that nothing was changed.

The key is made once and stays in the data directory, readable by its owner only.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from eventlog.log import LedgerHead, SignedHead

PRIVATE_NAME: Final = "head.ed25519"
PUBLIC_NAME: Final = "head.ed25519.pub"
KEY_ID_CHARACTERS: Final = 16
EPOCH_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


class HeadKeyError(Exception):
    """The key in the data directory must not, or cannot, be used."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class HeadKey:
    """Signs heads. `key_id` names it: the first 16 hex digits of its public key's SHA-256."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key()
        self.key_id = key_id_of(self.public)

    @classmethod
    def in_directory(cls, directory: Path) -> HeadKey:
        """The key of a directory (made owner-only), a new one when there is none yet.

        Several processes may ask at once: all get the same. Raises `HeadKeyError`, OSError.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / PRIVATE_NAME
        if not path.exists():
            _write_once(path, _private_pem(Ed25519PrivateKey.generate()))
        if path.stat().st_mode & 0o077:
            raise HeadKeyError(path, "others may read this key: chmod 600, if nobody has read it")
        try:
            private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except ValueError as error:
            raise HeadKeyError(
                path, f"holds no key ({error}): bring it back from a backup"
            ) from error
        if not isinstance(private, Ed25519PrivateKey):
            raise HeadKeyError(path, "holds a key of another kind than Ed25519")
        key = cls(private)
        if not (directory / PUBLIC_NAME).exists():
            _write_once(directory / PUBLIC_NAME, _public_pem(key.public))
        return key

    def sign(self, head: LedgerHead) -> SignedHead:
        """The same head always gets the same signature."""
        return SignedHead(
            ledger=head.ledger,
            tenant=head.tenant,
            position=head.position,
            chain_hash=head.chain_hash,
            recorded_at=head.recorded_at,
            key_id=self.key_id,
            signature=self.sign_bytes(signed_text(head)),
        )

    def sign_bytes(self, text: bytes) -> bytes:
        """Their first line must say what they are, so that no signature passes for another's."""
        return self._private.sign(text)


def signed_by(text: bytes, signature: bytes, public: Ed25519PublicKey) -> bool:
    """Whether the holder of `public`'s private half has signed exactly these bytes."""
    try:
        public.verify(signature, text)
    except InvalidSignature:
        return False
    return True


def verify(signed: SignedHead, public: Ed25519PublicKey) -> bool:
    """Whether the holder of `public`'s private half has signed exactly this head."""
    if signed.key_id != key_id_of(public):
        return False
    return signed_by(signed_text(signed), signed.signature, public)


def signed_text(head: LedgerHead | SignedHead) -> bytes:
    """What is signed: one line each, no line end after the last."""
    recorded = microseconds(head.recorded_at)
    lines = ("backstock.head.v1", head.ledger, head.position, head.chain_hash.hex(), recorded)
    return "\n".join(map(str, lines)).encode()


def microseconds(instant: datetime) -> int:
    """Whole microseconds since 1970, without the rounding of a float."""
    return (instant - EPOCH_START) // timedelta(microseconds=1)


def key_id_of(public: Ed25519PublicKey) -> str:
    """The name of a key."""
    return sha256(public.public_bytes_raw()).hexdigest()[:KEY_ID_CHARACTERS]


def _private_pem(private: Ed25519PrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public_pem(public: Ed25519PublicKey) -> bytes:
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _write_once(path: Path, content: bytes) -> None:
    """Write a file whole, readable by its owner only; whoever was first has written it."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as beside:
        beside.write(content)
        beside.flush()
        os.fsync(beside.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(beside.name)
