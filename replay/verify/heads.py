"""Signed heads: in a table of Postgres, and in a topic of Kafka that Postgres cannot touch."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from replay.verify.rows import microseconds, pages

SILENCE_SECONDS_MAX = 30.0
MESSAGES_PER_POLL = 1_000
POLL_SECONDS = 1.0
TABLE, TOPIC = "table signed_heads", "the heads topic"
HEADS = """
SELECT ledger, position, chain_hash, recorded_at, key_id, signature FROM signed_heads
"""
NO_SUCH_TOPIC = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - so the library calls what it finds out by itself
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
)


class HeadsUnreadableError(Exception):
    def __init__(self, topic: str, reason: object) -> None:
        super().__init__(f"the signed heads in topic {topic!r} cannot be read: {reason}")
        self.topic = topic


class SignedHead(NamedTuple):
    ledger: str
    position: int
    chain_hash: bytes
    recorded_at_us: int
    key_id: str
    signature: bytes
    source: str


class HeadKey:
    """The public half of the key that a store signs its heads with."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._id = sha256(raw).hexdigest()[:16]

    def refuses(self, head: SignedHead) -> str | None:
        """Why the head is not signed by this key; None when it is."""
        text = (
            f"backstock.head.v1\n{head.ledger}\n{head.position}\n"
            f"{head.chain_hash.hex()}\n{head.recorded_at_us}"
        )
        try:
            self._key.verify(head.signature, text.encode())
        except InvalidSignature:
            return f"another signature, by key {head.key_id} (ours is {self._id})"
        return None


def in_postgres(connection: psycopg.Connection) -> Iterator[SignedHead]:
    """Every head in the table."""
    for page in pages(connection, "verify_heads", HEADS, ()):
        rows: Any = page
        for ledger, position, chain_hash, recorded_at, key_id, signature in rows:
            told = microseconds(recorded_at)
            yield SignedHead(ledger, position, chain_hash, told, key_id, signature, TABLE)


def in_kafka(bootstrap: str, topic: str) -> Iterator[SignedHead]:
    """Every head in the topic up to its present end; none when there is no such topic.

    Raises `HeadsUnreadableError`.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "backstock-verify",  # the client asks for one; nothing is committed
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "check.crcs": True,
            "log_level": 0,
        }
    )
    try:
        low, high = _bounds(consumer, topic)
        if high > low:
            consumer.assign([TopicPartition(topic, 0, low)])
            yield from _read(consumer, topic, low, high)
    except KafkaException as error:
        raise HeadsUnreadableError(topic, error) from error
    finally:
        consumer.close()


def _bounds(consumer: Consumer, topic: str) -> tuple[int, int]:
    partition = TopicPartition(topic, 0, OFFSET_BEGINNING)
    try:
        bounds = consumer.get_watermark_offsets(partition, timeout=SILENCE_SECONDS_MAX)
    except KafkaException as error:
        if error.args[0].code() in NO_SUCH_TOPIC:
            return 0, 0
        raise
    if bounds is None:
        raise HeadsUnreadableError(topic, f"no answer within {SILENCE_SECONDS_MAX:.0f} s")
    return bounds


def _read(consumer: Consumer, topic: str, low: int, high: int) -> Iterator[SignedHead]:
    heard = time.monotonic()
    following = low
    while following < high:
        # Waits until it has all of these, or for the whole time.
        messages = consumer.consume(min(MESSAGES_PER_POLL, high - following), POLL_SECONDS)
        if messages:
            heard = time.monotonic()
        elif time.monotonic() > heard + SILENCE_SECONDS_MAX:
            reason = f"nothing came from offset {following} on for {SILENCE_SECONDS_MAX:.0f} s"
            raise HeadsUnreadableError(topic, reason)
        for message in messages:
            if (error := message.error()) is not None:
                raise HeadsUnreadableError(topic, error)
            offset = message.offset()
            assert offset is not None, "what was consumed has its place"
            following = offset + 1
            try:
                yield _head_of(message.value() or b"")
            except (KeyError, TypeError, ValueError, msgspec.DecodeError) as error:
                raise HeadsUnreadableError(topic, f"offset {offset} is no head: {error}") from error


def _head_of(value: bytes) -> SignedHead:
    """Raises KeyError, TypeError or ValueError when it is something else."""
    body = msgspec.json.decode(value)
    try:
        signature = base64.b64decode(body["signature"], validate=True)
    except binascii.Error as error:
        raise ValueError(f"its signature is no base64: {error}") from error
    return SignedHead(
        ledger=body["ledger"],
        position=body["position"],
        chain_hash=bytes.fromhex(body["chain_hash"]),
        recorded_at_us=body["recorded_at"],
        key_id=body["key_id"],
        signature=signature,
        source=TOPIC,
    )
