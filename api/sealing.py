"""Opaque strings for clients (position tokens, cursors), signed so that only ours come back."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import sha256

import orjson

MAC_BYTES = 16
SEALED_LENGTH_MAX = 4_096


class BrokenSealError(Exception):
    """The string was not sealed here, or for another purpose or tenant."""


class Sealer:
    """Every process of one deployment shares `secret`, so that any of them opens any seal."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seal(self, purpose: str, tenant: str, content: object) -> str:
        """`content` is JSON-ready."""
        payload = orjson.dumps(content)
        return _encoded(self._mac(purpose, tenant, payload) + payload)

    def open(self, purpose: str, tenant: str, sealed: str) -> object:
        """What was sealed for this purpose and tenant. Raises BrokenSealError."""
        if len(sealed) > SEALED_LENGTH_MAX or not sealed.isascii():
            raise BrokenSealError
        try:
            opened = urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        except Base64Error:
            raise BrokenSealError from None
        mac, payload = opened[:MAC_BYTES], opened[MAC_BYTES:]
        genuine = hmac.compare_digest(mac, self._mac(purpose, tenant, payload))
        # The decoder skips what it does not know: only one spelling of a seal is taken.
        if not genuine or _encoded(opened) != sealed:
            raise BrokenSealError
        content: object = orjson.loads(payload)
        return content

    def _mac(self, purpose: str, tenant: str, payload: bytes) -> bytes:
        named = f"{purpose}\0{tenant}\0".encode()
        return hmac.digest(self._secret, named + payload, sha256)[:MAC_BYTES]


def _encoded(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).decode().rstrip("=")
