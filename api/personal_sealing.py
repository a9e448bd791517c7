"""Sealing personal data: pure, from keys that are given.

AES-SIV: the same text under the same key is the same sealed text, so that a command sent again is
the same body. The order is bound in, so that one address in two orders does not look the same.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from hashlib import sha256, sha512
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

FORM: Final = "siv1"
KEY_BYTES: Final = 64
KEY_ID_BYTES: Final = 8
# Sealed texts tell how long what they hold is: by steps of so many bytes only.
STEP_BYTES: Final = 128


class UnsealableError(Exception):
    """The sealed text is not one of ours, or was altered."""


class ForeignKeyError(Exception):
    """The subject's key is wrapped under another key than this process has."""

    def __init__(self, wrapping: str) -> None:
        super().__init__(f"the key of personal data is not {wrapping!r}")
        self.wrapping = wrapping


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectKey:
    """One subject's key, in the open; `key_id` stands in what is sealed under it."""

    key_id: str
    key: bytes

    def seal(self, purpose: str, place: tuple[str, ...], text: bytes) -> str:
        """`place`: where the text belongs (tenant, subject, order): it opens nowhere else."""
        padded = text + b" " * (-len(text) % STEP_BYTES)
        sealed = AESSIV(self.key).encrypt(padded, _bound(purpose, place))
        return f"{FORM}.{self.key_id}.{urlsafe_b64encode(sealed).decode().rstrip('=')}"

    def open(self, purpose: str, place: tuple[str, ...], sealed: str) -> bytes:
        """The opposite. Raises UnsealableError."""
        _, _, encoded = sealed.split(".")
        try:
            stored = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
            return AESSIV(self.key).decrypt(stored, _bound(purpose, place)).rstrip(b" ")
        except (InvalidTag, Base64Error, ValueError) as error:
            raise UnsealableError from error


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """A subject's key as the database has it."""

    key_id: str
    wrapping: str
    wrapped: bytes


class WrappingKey:
    """Wraps subjects' keys: every process of one deployment shares `secret`; no store holds it."""

    def __init__(self, secret: bytes) -> None:
        self._siv = AESSIV(sha512(b"backstock subject keys\0" + secret).digest())
        self.name = sha256(b"backstock subject keys' name\0" + secret).hexdigest()[:16]

    def wrap(self, tenant: str, subject: str, key: SubjectKey) -> WrappedKey:
        wrapped = self._siv.encrypt(key.key, _bound(key.key_id, (tenant, subject)))
        return WrappedKey(key_id=key.key_id, wrapping=self.name, wrapped=wrapped)

    def unwrap(self, tenant: str, subject: str, stored: WrappedKey) -> SubjectKey:
        """Raises ForeignKeyError when another key wraps it, UnsealableError when it was altered."""
        if stored.wrapping != self.name:
            raise ForeignKeyError(stored.wrapping)
        try:
            key = self._siv.decrypt(stored.wrapped, _bound(stored.key_id, (tenant, subject)))
        except InvalidTag as error:
            raise UnsealableError from error
        return SubjectKey(key_id=stored.key_id, key=key)


def key_id_of(sealed: str) -> str:
    """Which key a sealed text needs. Raises UnsealableError."""
    form, _, rest = sealed.partition(".")
    key_id, separator, _ = rest.partition(".")
    if form != FORM or not separator:
        raise UnsealableError
    return key_id


def _bound(purpose: str, place: tuple[str, ...]) -> list[bytes]:
    return [part.encode() for part in (purpose, *place)]
