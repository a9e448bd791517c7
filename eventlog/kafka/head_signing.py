"""Publishes the signed heads of ledgers that moved: to a topic, then to the table."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Final

from msgspec.json import encode as encode_json

from eventlog.heads import HeadKey, microseconds
from eventlog.kafka.publisher import Publisher
from eventlog.kafka.records import HeaderList
from eventlog.kafka.topics import Topic
from eventlog.log import SignedHead
from eventlog.postgres.connections import Pool
from eventlog.postgres.heads import save_signed_heads, unsigned_heads

SIGNING_SECONDS: Final = 5.0


class HeadSigner:
    """Signs the heads of ledgers in given shards, at most every `seconds`."""

    def __init__(
        self,
        pool: Pool,
        key: HeadKey,
        topic: Topic,
        *,
        seconds: float = SIGNING_SECONDS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.topic = topic
        self._pool = pool
        self._key = key
        self._seconds = seconds
        self._clock = clock
        self._signed_at = -seconds

    def sign_due(self, publisher: Publisher, shards: frozenset[int]) -> None:
        """Sign when it is time. Blocks and raises as `sign`."""
        if self._clock() >= self._signed_at + self._seconds:
            self.sign(publisher, shards)

    def sign(self, publisher: Publisher, shards: frozenset[int]) -> None:
        """Publish a head for each ledger that moved since its last signed one.

        The topic comes first: after a crash the same heads are signed again, with the same
        signatures. Raises `StoreUnavailableError`, `LogUnavailableError`.
        """
        self._signed_at = self._clock()
        heads = [head for head in unsigned_heads(self._pool) if head.shard in shards]
        if not heads:
            return
        signed = [self._key.sign(head) for head in heads]
        publisher.send(self.topic.name, 0, _records(signed))
        publisher.confirm()
        save_signed_heads(self._pool, signed)


def _records(heads: Iterable[SignedHead]) -> Iterator[tuple[bytes, str, int, HeaderList]]:
    for head in heads:
        body = {
            "ledger": head.ledger,
            "position": head.position,
            "chain_hash": head.chain_hash.hex(),
            "recorded_at": microseconds(head.recorded_at),
            "key_id": head.key_id,
            "signature": b64encode(head.signature).decode(),
        }
        yield encode_json(body), head.ledger, microseconds(head.recorded_at) // 1000, []
