"""Brings the stores to the state that the roles expect. Repeatable; several may call it at once."""

from __future__ import annotations

import time
from collections.abc import Mapping

import clickhouse_connect
from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from api.authentication import USUAL
from eventlog.heads import HeadKey
from eventlog.kafka.topics import ensure_topic, events_topic, heads_topic
from eventlog.postgres.connections import open_log_pool
from eventlog.postgres.identity import store_identity
from migrations.runner import migrate
from ops import access, forgetting
from ops.stack.directory import write_atomically
from ops.stores import Stores
from projections import catalogue
from projections.movements.schema import prepare

FIRST_TENANT = "demo"
FIRST_LEDGER = "main"
FIRST_KEY_FILE = "api-key"


def prepare_stores(stores: Stores) -> None:
    """Migrate Postgres, enter the read models, make topics, ClickHouse tables and signing key."""
    migrate(
        stores.admin_dsn,
        log_password=stores.log_password,
        read_password=stores.read_password,
        shards=stores.settings.shards,
    )
    pool = open_log_pool(stores.log_dsn, size=1, name="backstock-migrate")
    try:
        catalogue.ensure(pool, redis_prefix=stores.settings.redis_prefix)
        shards = store_identity(pool).shards
    finally:
        pool.close()
    prefix = stores.settings.kafka_prefix
    for topic in (events_topic(prefix, shards), heads_topic(prefix)):
        ensure_topic(stores.kafka_bootstrap, topic, sleep=time.sleep)
    with clickhouse(stores) as client:
        prepare(client, catalogue.FIRST_VERSION)
    HeadKey.in_directory(stores.keys_directory)
    # A restored backup may know the keys of people who were forgotten since.
    forgetting.forget_again(stores.log_dsn, stores.directory.personal)


def first_access(stores: Stores) -> Mapping[str, str]:
    """The development stack's own tenant and its key, made once and kept with the secrets."""
    access.add_tenant(stores.log_dsn, FIRST_TENANT, name="Demo", ledgers=[FIRST_LEDGER])
    kept = stores.directory.secrets / FIRST_KEY_FILE
    if not kept.exists():
        made = access.add_key(stores.log_dsn, FIRST_TENANT, name="development", scopes=USUAL)
        write_atomically(kept, made.api_key.encode())
    return {"api_key": stores.directory.secret(FIRST_KEY_FILE)}


def clickhouse(stores: Stores) -> Client:
    """A client of the store's database, which is made when it is not there yet."""
    url = stores.clickhouse_url
    server, _, database = url.rpartition("/")
    try:
        return clickhouse_connect.get_client(dsn=url)
    except DatabaseError:
        with clickhouse_connect.get_client(dsn=server) as client:
            client.command(f"CREATE DATABASE IF NOT EXISTS {quote_identifier(database)}")
        return clickhouse_connect.get_client(dsn=url)
