"""Which shard a ledger lives in: fixed for ever once the store's number of shards is."""

from __future__ import annotations

from hashlib import sha256


def shard_of(ledger: str, shards: int) -> int:
    """The shard (0 … shards - 1) of a ledger id such as `acme/main`."""
    return int.from_bytes(sha256(ledger.encode()).digest()[:8], "big") % shards
