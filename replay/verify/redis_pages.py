"""The hashes of `availability`, read from Redis: page by page, each with its own checkpoint.

One call for all would block the server for as long as a shop has SKUs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import redis

from replay.verify.catalogue import Entry, Identity, ShardMark, Streams
from replay.verify.redis_model import Fields, Page, Presence, of_stream
from replay.verify.report import LawResult

PAGE_KEYS = 500
SCAN_COUNT = 1_000
SECONDS_MAX = 30.0
OWN_KEYS = ("checkpoint", "ledgers", "unparked", "keys")
# KEYS: the shard's checkpoint, ledgers, unparked; then a page of its hashes.
READ_PAGE = """
local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call('HGETALL', key) end
return found
"""


def connect(url: str) -> redis.Redis:
    """A client that waits for an answer, and not for ever."""
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=SECONDS_MAX,
        socket_connect_timeout=SECONDS_MAX,
    )


class Availability:
    """Reads the pages before the log's snapshot is taken, which then has all their events, and
    settles after it what they show of parked streams. `mirror` is Postgres's word of still earlier.
    """

    def __init__(
        self,
        client: redis.Redis,
        entry: Entry,
        store: Identity,
        *,
        mirror: Mapping[int, ShardMark],
        law: LawResult,
    ) -> None:
        self._client: Any = client
        self._read = client.register_script(READ_PAGE)
        self._prefix = entry.places["availability"]
        self.name = f"hash {self._prefix}:* in Redis"
        self._store = store
        self._mirror = mirror
        self._law = law
        self.pages: list[Page] = []
        self.presences: list[Presence] = []

    def read(self) -> None:
        """Read every shard. Raises the client's errors."""
        for shard in range(self._store.shards):
            self._shard(shard)
        self._strays()

    def settle(self, parked: Streams) -> list[str]:
        """Tell each page where its parked streams stop. Returns the streams (`ledger|stream`) that
        a retry has moved since a page was read: there is no telling what that page shows of them.

        `parked`: as of the log's snapshot.
        """
        moved: set[str] = set()
        for shard in range(self._store.shards):
            now: Fields = self._client.hgetall(f"{self._prefix}:{{{shard}}}:unparked")
            for page in self.pages:
                if page.shard == shard:
                    page.settle(parked, now)
                    moved |= page.unsettled
        for presence in self.presences:
            presence.excused = {(ledger, of_stream(stream)[0]) for ledger, stream in parked}
        return sorted(moved)

    def _shard(self, shard: int) -> None:
        tag = f"{self._prefix}:{{{shard}}}"
        head = self._page(shard, tag, [])
        if not self._is_ours(shard, head):
            return
        skus: dict[str, set[str]] = {}
        names = self._client.sscan_iter(f"{tag}:keys", count=SCAN_COUNT)
        while keys := list(islice(names, PAGE_KEYS)):
            self.pages.append(self._page(shard, tag, keys))
            for key in keys:
                ledger, _, sku = key.removeprefix(f"{tag}:").partition(":")
                skus.setdefault(ledger, set()).add(sku)
        presence = Presence(
            name=self.name,
            law=self._law,
            shard=shard,
            positions=head.positions,
            skus=skus,
        )
        self.presences.append(presence)

    def _page(self, shard: int, tag: str, keys: list[str]) -> Page:
        own = [f"{tag}:{name}" for name in OWN_KEYS[:3]]
        found: Any = self._read(keys=[*own, *keys])
        checkpoint, ledgers, unparked, *hashes = (_pairs(flat) for flat in found)
        mark = ShardMark(-1, 0)
        if "position" in checkpoint and checkpoint.get("store_id") == self._store.store_id:
            mark = ShardMark(int(checkpoint["epoch"]), int(checkpoint["position"]))
        by_ledger: dict[str, dict[str, Fields]] = {}
        for key, fields in zip(keys, hashes, strict=True):
            ledger, _, sku = key.removeprefix(f"{tag}:").partition(":")
            by_ledger.setdefault(ledger, {})[sku] = fields
        return Page(
            name=self.name,
            law=self._law,
            shard=shard,
            mark=mark,
            positions={ledger: int(told.split()[0]) for ledger, told in ledgers.items()},
            hashes=by_ledger,
            unparked=unparked,
        )

    def _is_ours(self, shard: int, head: Page) -> bool:
        self._law.checked += 1
        noted = self._mirror.get(shard, ShardMark(0, 0)).position
        if head.mark.position < noted:
            self._law.differ(
                where=f"key {self._prefix}:{{{shard}}}:checkpoint in Redis",
                expected=f"position {noted} or more, as Postgres has noted",
                found=f"position {head.mark.position} of this store: emptied, or being rebuilt",
            )
        return head.mark.epoch >= 0

    def _strays(self) -> None:
        known = {
            f"{self._prefix}:{{{page.shard}}}:{ledger}:{sku}"
            for page in self.pages
            for ledger, hashes in page.hashes.items()
            for sku in hashes
        }
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", f"{self._prefix}:") + "*"
        for key in self._client.scan_iter(match=pattern, count=SCAN_COUNT):
            self._law.checked += 1
            if key not in known and self._is_stray(key):
                self._law.differ(
                    where=f"key {key} in Redis",
                    expected="a key that its shard's set of keys names",
                    found="a key beside it: no event explains it",
                )

    def _is_stray(self, key: str) -> bool:
        """It may have come since, with its name in the set, or be gone again."""
        tag = re.match(rf"{re.escape(self._prefix)}:\{{(\d+)\}}:", key)
        if tag is None or int(tag[1]) >= self._store.shards:
            return True
        if key.removeprefix(tag[0]) in OWN_KEYS:
            return False
        named, exists = (
            self._client.pipeline().sismember(f"{tag[0]}keys", key).exists(key).execute()
        )
        return bool(exists and not named)

    def places(self) -> Iterable[Page]:
        """One page for each place that pages of a shard stood at."""
        return {(page.shard, page.mark.position): page for page in self.pages}.values()


def _pairs(flat: list[str]) -> Fields:
    return dict(zip(flat[::2], flat[1::2], strict=True))
