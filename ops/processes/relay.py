"""The relay as a process: committed events to Kafka, signed heads at intervals."""

from __future__ import annotations

import secrets
import time

from eventlog.heads import HeadKey
from eventlog.kafka.cursors import RelayCursors
from eventlog.kafka.head_signing import HeadSigner
from eventlog.kafka.relay import RelayParts, run_relay
from eventlog.kafka.topics import ensure_topic, events_topic, heads_topic
from eventlog.leases import ShardLeases, relay_leases
from eventlog.postgres.connections import open_log_pool
from eventlog.postgres.identity import store_identity
from eventlog.postgres.positions import shard_positions
from eventlog.postgres.reader import PostgresReader
from ops.processes.lifecycle import calm_collector, log_to_stderr, stop_event
from ops.stack.role import say_ready
from ops.stores import Stores

POOL_CONNECTIONS = 3
INCARNATION_BYTES = 6


def run(stores: Stores, *, name: str) -> None:
    """Publish until told to stop. `name` must be this process's own among all relays."""
    log_to_stderr()
    stop = stop_event()
    pool = open_log_pool(stores.log_dsn, size=POOL_CONNECTIONS, name="backstock-relay")
    try:
        identity = store_identity(pool)
        events = events_topic(stores.settings.kafka_prefix, identity.shards)
        heads = heads_topic(stores.settings.kafka_prefix)
        for topic in (events, heads):
            ensure_topic(stores.kafka_bootstrap, topic, sleep=time.sleep)
        incarnation = secrets.token_hex(INCARNATION_BYTES)
        leases = ShardLeases(pool, relay_leases(), name=name, incarnation=incarnation)
        key = HeadKey.in_directory(stores.keys_directory)
        parts = RelayParts(
            bootstrap=stores.kafka_bootstrap,
            events=events,
            reader=PostgresReader(pool),
            leases=leases,
            cursors=RelayCursors(pool, owner=leases.owner),
            shard_positions=lambda: shard_positions(pool),
            signer=HeadSigner(pool, key, heads),
            epoch=identity.epoch,
        )
        calm_collector()
        say_ready()
        run_relay(parts, stop=stop)
    finally:
        pool.close()
