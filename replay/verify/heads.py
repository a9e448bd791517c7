"""The signed heads that were published: a table in Postgres, and a topic in Kafka that a Postgres user cannot edit."""

from __future__ import annotations

import time

import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from replay.verify.chain import SignedHead, head_of_message, microseconds

READ_SECONDS_MAX = 30.0
_POLL_SECONDS = 1.0


class HeadsUnreadableError(Exception):
    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"the signed heads in topic {topic!r} could not be read: {reason}")
        self.topic = topic


def in_postgres(connection: psycopg.Connection) -> list[SignedHead]:
    found = connection.execute(
        "SELECT DISTINCT ON (ledger) ledger, position, chain_hash, recorded_at, signature"
        " FROM signed_heads ORDER BY ledger, position DESC"
    )
    return [
        SignedHead(
            ledger=ledger,
            position=position,
            chain_hash=bytes(chain_hash),
            recorded_at_us=microseconds(recorded_at),
            signature=bytes(signature),
            source="table signed_heads",
        )
        for ledger, position, chain_hash, recorded_at, signature in found
    ]


def in_kafka(bootstrap: str, topic: str) -> list[SignedHead]:
    """The highest head of each ledger in the topic, read from its first record to its present end."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "backstock-verify",  # asked for by the client; nothing is committed
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "check.crcs": True,
        }
    )
    try:
        partition = TopicPartition(topic, 0, OFFSET_BEGINNING)
        low, high = consumer.get_watermark_offsets(partition, timeout=READ_SECONDS_MAX)
        consumer.assign([TopicPartition(topic, 0, low)])
        return _highest(consumer, topic, high) if high > low else []
    finally:
        consumer.close()


def _highest(consumer: Consumer, topic: str, end: int) -> list[SignedHead]:
    heads: dict[str, SignedHead] = {}
    deadline = time.monotonic() + READ_SECONDS_MAX
    while time.monotonic() < deadline:
        message = consumer.poll(_POLL_SECONDS)
        if message is None:
            continue
        if message.error() is not None:
            raise HeadsUnreadableError(topic, str(message.error()))
        head = head_of_message(message.value() or b"")
        if head.ledger not in heads or head.position > heads[head.ledger].position:
            heads[head.ledger] = head
        if (message.offset() or 0) + 1 >= end:
            return list(heads.values())
    raise HeadsUnreadableError(topic, f"no end within {READ_SECONDS_MAX:.0f} s")
