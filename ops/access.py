"""Tenants, their ledgers and their API keys, as an administrator sets them up."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import psycopg

from api.authentication import OPERATE, SCOPES
from domain.values import SLUG_PATTERN
from eventlog.shards import shard_of
from ops.stack.errors import StackError

KEY_ID_BYTES = 6
SECRET_BYTES = 24
SUBJECT_SECRET_BYTES = 32
# Whose operators' keys are: it has no ledger, and its keys see no tenant's.
OPERATOR = "operator"


class AccessError(StackError):
    """A tenant, ledger or key cannot be made or found; the sentence says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """`api_key` is shown this once: the store keeps only a hash of its secret part."""

    tenant: str
    key_id: str
    api_key: str
    scopes: tuple[str, ...]


def add_tenant(log_dsn: str, tenant: str, *, name: str, ledgers: Sequence[str]) -> list[str]:
    """Make a tenant and its ledgers; what is there already stays. Returns the ledgers' ids."""
    for slug in (tenant, *ledgers):
        if re.fullmatch(SLUG_PATTERN, slug) is None:
            raise AccessError(
                f"{slug!r} is no name for a tenant or ledger: lower-case letters, digits and"
                " hyphens, 31 at most, beginning with a letter or digit"
            )
    with psycopg.connect(log_dsn) as connection:
        connection.execute(
            "INSERT INTO tenants (tenant, name, subject_secret) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (tenant, name, secrets.token_bytes(SUBJECT_SECRET_BYTES)),
        )
        shards = connection.execute("SELECT shards FROM store_identity").fetchone()
        assert shards is not None, "a migrated store has its identity"
        made = [f"{tenant}/{ledger}" for ledger in ledgers]
        for ledger in made:
            connection.execute(
                "INSERT INTO ledgers (ledger, tenant, shard) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                (ledger, tenant, shard_of(ledger, shards[0])),
            )
    return made


def add_key(log_dsn: str, tenant: str, *, name: str, scopes: Sequence[str]) -> NewKey:
    """Make a further key for a tenant. Raises AccessError for an unknown tenant or scope."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        raise AccessError(f"no such scope: {', '.join(unknown)}; there are {', '.join(SCOPES)}")
    return _add_key(log_dsn, tenant, name=name, scopes=scopes)


def add_operator_key(log_dsn: str, *, name: str) -> NewKey:
    """Make a key for whoever operates the store: it may take the steps of replays, over all
    tenants, and nothing else.
    """
    add_tenant(log_dsn, OPERATOR, name="Operators", ledgers=())
    return _add_key(log_dsn, OPERATOR, name=name, scopes=(OPERATE,))


def _add_key(log_dsn: str, tenant: str, *, name: str, scopes: Sequence[str]) -> NewKey:
    key_id, secret = secrets.token_hex(KEY_ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    with psycopg.connect(log_dsn) as connection:
        try:
            connection.execute(
                "INSERT INTO api_keys (key_id, tenant, secret_hash, scopes, name)"
                " VALUES (%s, %s, %s, %s, %s)",
                (key_id, tenant, sha256(secret.encode()).digest(), list(scopes), name),
            )
        except psycopg.errors.ForeignKeyViolation as error:
            raise AccessError(
                f"no tenant {tenant!r}: make it with `backstock tenant add {tenant}`"
            ) from error
    return NewKey(
        tenant=tenant,
        key_id=key_id,
        api_key=f"bs_live_{key_id}_{secret}",
        scopes=tuple(scopes),
    )


def revoke_key(log_dsn: str, key_id: str) -> None:
    """From now on (processes remember a key for some seconds) the key opens nothing."""
    with psycopg.connect(log_dsn) as connection:
        done = connection.execute(
            "UPDATE api_keys SET revoked_at = coalesce(revoked_at, clock_timestamp())"
            " WHERE key_id = %s",
            (key_id,),
        )
        if done.rowcount == 0:
            raise AccessError(
                f"no key {key_id!r}: give the id, the part between bs_live_ and the secret"
            )
