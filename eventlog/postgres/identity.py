"""Which store this is, and who lives in it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from eventlog.postgres.connections import Pool, borrowed
from eventlog.shards import shard_of


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreIdentity:
    """`epoch` is raised by who restores an older PostgreSQL beside newer stores (decision 9)."""

    store_id: UUID
    epoch: int
    shards: int


def store_identity(pool: Pool) -> StoreIdentity:
    """Raises `LogUnavailableError`."""
    with borrowed(pool) as connection:
        rows = connection.execute("SELECT store_id, epoch, shards FROM store_identity").fetchall()
    store_id, epoch, shards = rows[0]
    return StoreIdentity(store_id=store_id, epoch=epoch, shards=shards)


def add_tenant(pool: Pool, tenant: str, name: str, *, subject_secret: bytes) -> None:
    """Make a tenant known; one that is known already keeps its secret."""
    with borrowed(pool) as connection:
        connection.execute(
            "INSERT INTO tenants (tenant, name, subject_secret) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (tenant, name, subject_secret),
        )


def add_ledger(pool: Pool, tenant: str, name: str = "main") -> str:
    """Give a tenant a ledger, in the shard that its id calls for; returns the id. Repeatable."""
    ledger = f"{tenant}/{name}"
    shard = shard_of(ledger, store_identity(pool).shards)
    with borrowed(pool) as connection:
        connection.execute(
            "INSERT INTO ledgers (ledger, tenant, shard) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (ledger, tenant, shard),
        )
    return ledger
