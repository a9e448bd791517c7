"""Names of the keys. All keys of a shard share its hash tag, so that one script may touch them.

`<prefix>:{<shard>}:<ledger>:<sku>` is a hash: a field per location with its available units, and
`#safety_stock`, `#backorder_limit`, `#status` of the item. A ledger's id has a slash, so none of
them is called like the four keys of the shard itself.
"""

from __future__ import annotations

import re

SAFETY_STOCK = "#safety_stock"
BACKORDER_LIMIT = "#backorder_limit"
STATUS = "#status"


def place(redis_prefix: str, version: int) -> str:
    """The prefix of this version's keys, as the catalogue holds it."""
    return f"{redis_prefix}:availability:v{version}"


class ShardKeys:
    """The keys of one shard: of its checkpoint, its ledgers' positions, its hashes."""

    __slots__ = ("_shard", "checkpoint", "keys", "ledgers", "unparked")

    def __init__(self, prefix: str, shard: int) -> None:
        self._shard = f"{prefix}:{{{shard}}}:"
        self.checkpoint = f"{self._shard}checkpoint"
        self.ledgers = f"{self._shard}ledgers"
        self.keys = f"{self._shard}keys"
        self.unparked = f"{self._shard}unparked"

    def hash_of(self, ledger: str, sku: str) -> str:
        """The hash of one SKU."""
        return f"{self._shard}{ledger}:{sku}"

    @property
    def everything(self) -> str:
        """A pattern for SCAN that matches each key of the shard, and no other."""
        return re.sub(r"([*?\[\]\\])", r"\\\1", self._shard) + "*"
