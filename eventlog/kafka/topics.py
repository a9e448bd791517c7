"""Topics, made by us: a partition for each shard, kept for ever, with the timestamps we give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from eventlog.projection import StoreUnavailableError

REQUEST_SECONDS_MAX: Final = 5.0
ASK_SECONDS_MAX: Final = 3.0
VISIBLE_SECONDS_MAX: Final = 30.0
VISIBLE_PAUSE_SECONDS: Final = 0.05
RECORD_BYTES_MAX: Final = 16 * 1024 * 1024
FOREVER: Final = -1
BROKERS_DEFAULT: Final = -1
ANY_AGE: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """`retention_ms` of FOREVER (-1) keeps everything; `replicas` of -1 is the brokers' default."""

    name: str
    partitions: int
    retention_ms: int = FOREVER
    replicas: int = BROKERS_DEFAULT

    @property
    def settings(self) -> Mapping[str, str]:
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention_ms),
            "retention.bytes": str(FOREVER),
            "max.message.bytes": str(RECORD_BYTES_MAX),
            # A record bears the instant it was recorded at, which may be years ago when a topic
            # is filled again, and ahead of a broker's clock.
            "message.timestamp.type": "CreateTime",
            "message.timestamp.before.max.ms": str(ANY_AGE),
            "message.timestamp.after.max.ms": str(ANY_AGE),
        }


def events_topic(prefix: str, shards: int, *, retention_ms: int = FOREVER) -> Topic:
    """Every event of the store: partition = shard."""
    return Topic(name=f"{prefix}.events.v1", partitions=shards, retention_ms=retention_ms)


def heads_topic(prefix: str) -> Topic:
    """The signed heads of all ledgers."""
    return Topic(name=f"{prefix}.heads.v1", partitions=1)


class TopicMismatchError(Exception):
    """A topic of this name exists and is not as it must be: nothing was changed."""

    def __init__(self, topic: str, setting: str, found: object, wanted: object) -> None:
        super().__init__(
            f"topic {topic} has {setting} {found}, and must have {wanted}: choose another prefix "
            "(BACKSTOCK_KAFKA_PREFIX), or delete the topic, and the relay fills it again"
        )
        self.topic = topic
        self.setting = setting
        self.found = found
        self.wanted = wanted


def ensure_topic(bootstrap: str, topic: Topic, *, sleep: Callable[[float], object]) -> None:
    """Make the topic unless it is there and as it must be. Blocks until brokers know it.

    Safe to call from several processes at a time. Raises `StoreUnavailableError`,
    `TopicMismatchError`.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        if _partitions(admin, topic) is None:
            _create(admin, topic)
        deadline = monotonic() + VISIBLE_SECONDS_MAX
        while (partitions := _partitions(admin, topic)) is None:
            if monotonic() > deadline:
                raise StoreUnavailableError("Kafka", TimeoutError(f"no topic {topic.name} yet"))
            sleep(VISIBLE_PAUSE_SECONDS)
        if partitions != topic.partitions:
            raise TopicMismatchError(topic.name, "partitions", partitions, topic.partitions)
        _compare_settings(admin, topic)
    except KafkaException as error:
        raise StoreUnavailableError("Kafka", error) from error


def refuse_silent(bootstrap: str) -> None:
    """Return when a broker answers within ASK_SECONDS_MAX. Raises `StoreUnavailableError`."""
    try:
        AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}).list_topics(
            timeout=ASK_SECONDS_MAX
        )
    except KafkaException as error:
        raise StoreUnavailableError("Kafka", error) from error


def _partitions(admin: AdminClient, topic: Topic) -> int | None:
    """The number of partitions that have a leader, None when there is no such topic."""
    found = admin.list_topics(timeout=REQUEST_SECONDS_MAX).topics.get(topic.name)
    if found is None or found.error is not None:
        return None
    if any(partition.leader < 0 for partition in found.partitions.values()):
        return None
    return len(found.partitions)


def _create(admin: AdminClient, topic: Topic) -> None:
    new = NewTopic(topic.name, topic.partitions, topic.replicas, config=dict(topic.settings))
    try:
        admin.create_topics([new], request_timeout=REQUEST_SECONDS_MAX)[topic.name].result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


def _compare_settings(admin: AdminClient, topic: Topic) -> None:
    resource = ConfigResource(ResourceType.TOPIC, topic.name)
    found = admin.describe_configs([resource], request_timeout=REQUEST_SECONDS_MAX)
    entries = found[resource].result()
    for setting, wanted in topic.settings.items():
        entry = entries.get(setting)
        # Older brokers lack the limits on timestamps.
        if entry is not None and entry.value != wanted:
            raise TopicMismatchError(topic.name, setting, entry.value, wanted)
