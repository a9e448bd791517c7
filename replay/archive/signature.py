"""The manifest's file: its bytes, their hash, and the store's signature over that hash.

As the manifest holds the hash of every file, whoever has the store's public key can tell a forged
archive from a true one, heads or no heads. An older archive of the same store is a true one too.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Struct

from eventlog.heads import HeadKey, key_id_of, signed_by
from replay.archive.faults import DamagedError
from replay.archive.manifest import DAMAGED, FORMAT, Manifest, refuse_gaps

SIGNED_AS: Final = "backstock.archive.v1"


class Sealed(Struct, frozen=True, kw_only=True):
    """`signed_by` is the id of the key whose signature holds; "" when none could be tried."""

    manifest: Manifest
    signed_by: str = ""


class _Format(Struct):
    format: int


class _File(Struct, kw_only=True, forbid_unknown_fields=True):
    manifest: msgspec.Raw
    sha256: str
    key_id: str = ""
    signature: bytes = b""


def encode(manifest: Manifest, key: HeadKey | None = None) -> bytes:
    """The manifest's file, signed when there is a key."""
    raw = msgspec.json.encode(manifest, order="deterministic")
    file = _File(manifest=msgspec.Raw(raw), sha256=sha256(raw).hexdigest())
    if key is not None:
        file.key_id, file.signature = key.key_id, key.sign_bytes(_text(file.sha256))
    return msgspec.json.encode(file)


def decode(where: str, content: bytes, trusted: Ed25519PublicKey | None = None) -> Sealed:
    """Raises `DamagedError` for anything but what `encode` has made, in this format, and with
    `trusted` for what that key has not signed.
    """
    try:
        file = msgspec.json.decode(content, type=_File)
        raw = bytes(file.manifest)
        if sha256(raw).hexdigest() != file.sha256:
            raise DamagedError(where, f"was altered: its hash is another one; {DAMAGED}")
        found = msgspec.json.decode(raw, type=_Format).format
        if found != FORMAT:
            raise DamagedError(where, f"has format {found}; {FORMAT} is understood here")
        manifest = msgspec.json.decode(raw, type=Manifest)
    except msgspec.DecodeError as error:
        raise DamagedError(where, f"is cut or no manifest ({error}); {DAMAGED}") from error
    refuse_gaps(where, manifest.events)
    return Sealed(manifest=manifest, signed_by=_signer(where, file, manifest, trusted))


def own_key(where: str, public_keys: Mapping[str, str], key_id: str) -> Ed25519PublicKey | None:
    """The archive's own copy of a public key: it proves that nothing was changed by accident."""
    pem = public_keys.get(key_id)
    if pem is None:
        return None
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError as error:
        raise DamagedError(where, f"holds no public key under {key_id}: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise DamagedError(where, f"key {key_id} is of another kind than Ed25519")
    return key


def _signer(where: str, file: _File, manifest: Manifest, trusted: Ed25519PublicKey | None) -> str:
    if manifest.run == 0:
        # A first run that was not finished: nobody reads it, and it holds no key yet.
        return ""
    if trusted is not None and not file.signature:
        reason = (
            f"is not signed, so key {key_id_of(trusted)} proves nothing: this is not the archive"
            " that was written with it. Write it again where the store's private key is, or check"
            " it without a key, which finds accidents only"
        )
        raise DamagedError(where, reason)
    if not file.signature:
        return ""
    public = trusted or own_key(where, manifest.public_keys, file.key_id)
    if public is None:
        raise DamagedError(where, f"is signed by {file.key_id}, and holds no such key; {DAMAGED}")
    if file.key_id != key_id_of(public) or not signed_by(
        _text(file.sha256), file.signature, public
    ):
        reason = (
            f"is not signed by key {key_id_of(public)} (it names {file.key_id}): this is another"
            " store's archive, or it was forged"
        )
        raise DamagedError(where, reason)
    return file.key_id


def _text(digest: str) -> bytes:
    return f"{SIGNED_AS}\n{digest}".encode()
