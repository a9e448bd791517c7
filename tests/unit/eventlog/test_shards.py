from __future__ import annotations

from collections import Counter
from hashlib import sha256

from eventlog.shards import shard_of


def test_a_ledgers_shard_never_changes() -> None:
    assert [shard_of(ledger, 16) for ledger in ("acme/main", "acme/eu", "b/main")] == [10, 10, 2]
    expected = int(sha256(b"acme/main").hexdigest()[:16], 16) % 64
    assert shard_of("acme/main", 64) == expected


def test_ledgers_spread_over_all_shards() -> None:
    spread = Counter(shard_of(f"tenant-{number}/main", 16) for number in range(1_600))
    assert sorted(spread) == list(range(16))
    assert max(spread.values()) < 160
