"""Verification as this deployment runs it: the addresses, the published heads, the public key."""

from __future__ import annotations

from pathlib import Path

import psycopg
import redis
from clickhouse_connect.driver.exceptions import ClickHouseError
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from eventlog.heads import PUBLIC_NAME
from eventlog.kafka.topics import heads_topic
from ops.settings import Settings
from ops.stack.errors import StackError
from ops.stores import Stores
from replay.verify.heads import HeadsUnreadableError
from replay.verify.report import Report
from replay.verify.run import Addresses, Progress, verify

UNREACHABLE = (psycopg.Error, redis.RedisError, ClickHouseError, HeadsUnreadableError, OSError)


class NotVerifiedError(StackError):
    """A store did not answer to the end: neither equal nor different, so not proven."""


def run_verification(
    settings: Settings, progress: Progress | None = None, *, deep: bool = False
) -> Report:
    """Check every law on the stores of these settings. Reads only.

    `deep`: every fed version of each read model, by the ids of its events too.

    Raises `StackError` when a store is not there, or does not answer to the end.
    """
    addresses = addresses_of(settings)
    try:
        return verify(addresses, progress or _silent, deep=deep)
    except UNREACHABLE as error:
        raise NotVerifiedError(
            f"nothing is proven, as a store did not answer to the end: {error}; see which with"
            " `backstock status`, then verify again"
        ) from error
    except LookupError as error:
        raise NotVerifiedError(f"nothing is proven: {error}") from error


def addresses_of(settings: Settings) -> Addresses:
    """Where `verify` reads. Raises `StackError` when an address or the key is not to be had."""
    stores = Stores.of(settings)
    return Addresses(
        postgres_dsn=stores.log_dsn,
        redis_url=stores.redis_url,
        clickhouse_url=stores.clickhouse_url,
        kafka_bootstrap=stores.kafka_bootstrap,
        heads_topic=heads_topic(settings.kafka_prefix).name,
        head_key=head_key(stores.keys_directory / PUBLIC_NAME),
    )


def _silent(_done: int, _total: int) -> None:
    """Tell nobody."""


def head_key(path: Path) -> Ed25519PublicKey | None:
    """The public key that heads are signed with; None when there is none yet."""
    if not path.exists():
        return None
    try:
        key = load_pem_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise NotVerifiedError(f"{path} holds no public key: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise NotVerifiedError(f"{path} holds a key of another kind than Ed25519")
    return key
