"""Who is asking: API keys `bs_live_<keyid>_<secret>`, of which the store keeps a hash only."""

from __future__ import annotations

import hmac
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from anyio.to_thread import run_sync

from eventlog.postgres.connections import Pool, borrowed

API_KEY = re.compile(r"bs_live_([A-Za-z0-9]{1,64})_([A-Za-z0-9_-]{20,128})")
# A revoked key works for at most this long.
REMEMBERED_SECONDS_MAX = 3.0
REMEMBERED_KEYS_MAX = 4_096
READ, WRITE, PERSONAL = "inventory:read", "inventory:write", "personal:read"
SCOPES = {
    READ: "Ask for items, stock, orders, movements and answers.",
    WRITE: "Send commands.",
    PERSONAL: "See to whom and where an order goes.",
}
# What a key may do unless something else is said: whoever needs personal data is named.
USUAL = (READ, WRITE)
# Over all tenants: of keys made for operators only, never beside a tenant's scopes.
OPERATE = "replay:operate"
AUTHENTICATE = "SELECT tenant, scopes FROM authenticate_key(%s, %s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A tenant's key that was shown, and what it may do."""

    tenant: str
    key_id: str
    scopes: frozenset[str]

    @property
    def actor(self) -> str:
        return f"key_{self.key_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remembered:
    secret_hash: bytes
    principal: Principal
    until: float


class KeyAuthentication:
    """Looks keys up with the read role, and remembers good ones for REMEMBERED_SECONDS_MAX."""

    def __init__(self, read_pool: Pool, *, monotonic: Callable[[], float]) -> None:
        self._pool = read_pool
        self._monotonic = monotonic
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()

    async def principal(self, api_key: str) -> Principal | None:
        """Whose key it is; None when it is unknown, wrong or revoked.

        Raises LogUnavailableError.
        """
        shown = API_KEY.fullmatch(api_key)
        if shown is None:
            return None
        key_id, secret_hash = shown[1], sha256(shown[2].encode()).digest()
        now = self._monotonic()
        known = self._remembered.get(key_id)
        if (
            known is not None
            and now < known.until
            and hmac.compare_digest(known.secret_hash, secret_hash)
        ):
            return known.principal
        principal = await run_sync(self._look_up, key_id, secret_hash)
        if principal is not None:
            until = now + REMEMBERED_SECONDS_MAX
            found = _Remembered(secret_hash=secret_hash, principal=principal, until=until)
            self._remember(key_id, found)
        return principal

    def _look_up(self, key_id: str, secret_hash: bytes) -> Principal | None:
        with borrowed(self._pool) as connection:
            row = connection.execute(AUTHENTICATE, (key_id, secret_hash)).fetchone()
        if row is None:
            return None
        tenant, scopes = row
        return Principal(tenant=tenant, key_id=key_id, scopes=frozenset(scopes))

    def _remember(self, key_id: str, found: _Remembered) -> None:
        self._remembered[key_id] = found
        self._remembered.move_to_end(key_id)
        if len(self._remembered) > REMEMBERED_KEYS_MAX:
            self._remembered.popitem(last=False)
