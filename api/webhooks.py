"""Standard Webhooks: who reports, by a signature over id, instant and body; and which endpoint that
is. The secret of an endpoint is wrapped as personal keys are: the database alone cannot sign.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from api.personal_sealing import (
    ForeignKeyError,
    SubjectKey,
    UnsealableError,
    WrappedKey,
    WrappingKey,
)
from api.problems import Problem
from eventlog.postgres.connections import Pool, borrowed

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what every secret begins with
SECRET_BYTES: Final = 32
ENDPOINT: Final = re.compile(r"[0-9a-f]{24}")
MESSAGE_ID: Final = re.compile(r"[!-~]{1,100}")
SECONDS: Final = re.compile(r"\d{1,12}")
SIGNATURES_MAX: Final = 20
TOLERANCE: Final = timedelta(minutes=5)
FIND: Final = "SELECT tenant, ledger, wrapping, wrapped_secret FROM find_webhook_endpoint(%s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where one provider reports to: `ledger` is the short name of the one it writes to."""

    id: str
    tenant: str
    ledger: str
    secret: bytes

    @property
    def actor(self) -> str:
        return f"system_webhook_{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A message's headers, read but not yet believed."""

    message_id: str
    sent_at: datetime
    timestamp: str
    signatures: tuple[str, ...]

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Signed:
        """Raises Problem when one is missing or cannot be read."""
        message_id = headers.get("webhook-id", "")
        timestamp = headers.get("webhook-timestamp", "")
        signatures = headers.get("webhook-signature", "").split(" ")
        if not MESSAGE_ID.fullmatch(message_id):
            raise unverified("webhook-id is 1 to 100 printable ASCII characters without spaces")
        if not SECONDS.fullmatch(timestamp):
            raise unverified("webhook-timestamp is whole seconds since 1970")
        given = tuple(
            each.removeprefix("v1,") for each in signatures[:SIGNATURES_MAX] if each[:3] == "v1,"
        )
        if not given:
            raise unverified("webhook-signature is `v1,` and the signature in Base64")
        try:
            sent_at = datetime.fromtimestamp(int(timestamp), UTC)
        except (ValueError, OverflowError):
            raise unverified("webhook-timestamp is whole seconds since 1970") from None
        return cls(message_id=message_id, sent_at=sent_at, timestamp=timestamp, signatures=given)

    def check(self, secret: bytes, body: bytes, now: datetime) -> None:
        """Raises Problem unless it was signed with `secret`, and not long ago."""
        wanted = signature(secret, self.message_id, self.timestamp, body).encode()
        # All of them, so that how long it takes tells nothing.
        if not any([hmac.compare_digest(wanted, each.encode()) for each in self.signatures]):  # noqa: C419
            raise unknown_or_unsigned()
        if abs(now - self.sent_at) > TOLERANCE:
            minutes = int(TOLERANCE.total_seconds() // 60)
            raise unverified(f"it was signed more than {minutes} minutes from now; sign it again")


class Webhooks:
    """Finds endpoints with the read role. Blocks; thread-safe."""

    def __init__(self, read_pool: Pool, wrapping: WrappingKey) -> None:
        self._pool = read_pool
        self._wrapping = wrapping

    def endpoint(self, endpoint_id: str) -> Endpoint:
        """Raises Problem when it is unknown or revoked, LogUnavailableError."""
        if not ENDPOINT.fullmatch(endpoint_id):
            raise unknown_or_unsigned()
        with borrowed(self._pool) as connection:
            row = connection.execute(FIND, (endpoint_id,)).fetchone()
        if row is None:
            raise unknown_or_unsigned()
        tenant, ledger, wrapping, wrapped = row
        stored = WrappedKey(key_id=endpoint_id, wrapping=wrapping, wrapped=bytes(wrapped))
        try:
            secret = self._wrapping.unwrap(tenant, purpose(endpoint_id), stored).key
        except (ForeignKeyError, UnsealableError):
            raise Problem(
                "personal_key",
                "The secret of this endpoint is wrapped under a key that this process does not "
                "have; the operator has to bring back `personal/`, or make a new endpoint.",
            ) from None
        return Endpoint(
            id=endpoint_id, tenant=tenant, ledger=ledger.partition("/")[2], secret=secret
        )


def signature(secret: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """What follows `v1,`: HMAC-SHA256 over `<id>.<timestamp>.<body>`, in Base64."""
    content = f"{message_id}.{timestamp}.".encode() + body
    return b64encode(hmac.digest(secret, content, sha256)).decode()


def shown(secret: bytes) -> str:
    """A secret as providers take it."""
    return SECRET_PREFIX + b64encode(secret).decode()


def read_secret(text: str) -> bytes:
    """The opposite of `shown`. Raises ValueError."""
    if not text.startswith(SECRET_PREFIX):
        raise ValueError(f"a secret begins with {SECRET_PREFIX}")
    return b64decode(text.removeprefix(SECRET_PREFIX), validate=True)


def wrapped(wrapping: WrappingKey, tenant: str, endpoint_id: str, secret: bytes) -> WrappedKey:
    """A secret as the database has it."""
    key = SubjectKey(key_id=endpoint_id, key=secret)
    return wrapping.wrap(tenant, purpose(endpoint_id), key)


def purpose(endpoint_id: str) -> str:
    """What stands in a subject's place: no subject id looks like it."""
    return f"webhook/{endpoint_id}"


def unverified(detail: str) -> Problem:
    """The message may be right, its headers are not."""
    return Problem("webhook_unverified", f"The message cannot be verified: {detail}.")


def unknown_or_unsigned() -> Problem:
    """One answer for both: nobody learns which endpoints there are."""
    return unverified("there is no such endpoint, or it was not signed with the endpoint's secret")
