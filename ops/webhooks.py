"""Endpoints that payment providers report to, as an administrator sets them up."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import psycopg

from api.personal_sealing import WrappingKey
from api.webhooks import SECRET_BYTES, shown, wrapped
from ops.access import AccessError

ENDPOINT_BYTES = 12
INSERT = """
    INSERT INTO webhook_endpoints (endpoint, tenant, ledger, name, wrapping, wrapped_secret)
    VALUES (%s, %s, %s, %s, %s, %s)
"""
REVOKE = """
    UPDATE webhook_endpoints SET revoked_at = coalesce(revoked_at, clock_timestamp())
     WHERE endpoint = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEndpoint:
    """`secret` is shown this once: the store keeps it wrapped."""

    endpoint: str
    tenant: str
    ledger: str
    path: str
    secret: str


def add_endpoint(
    log_dsn: str, wrapping: WrappingKey, tenant: str, *, ledger: str, name: str
) -> NewEndpoint:
    """Make an endpoint for a tenant's ledger. Raises AccessError when there is no such one."""
    endpoint, secret = secrets.token_hex(ENDPOINT_BYTES), secrets.token_bytes(SECRET_BYTES)
    stored = wrapped(wrapping, tenant, endpoint, secret)
    whose = (endpoint, tenant, f"{tenant}/{ledger}", name)
    with psycopg.connect(log_dsn) as connection:
        try:
            connection.execute(INSERT, (*whose, stored.wrapping, stored.wrapped))
        except psycopg.errors.ForeignKeyViolation as error:
            raise AccessError(
                f"no ledger {tenant}/{ledger}: make it with"
                f" `backstock tenant add {tenant} --ledger {ledger}`"
            ) from error
    return NewEndpoint(
        endpoint=endpoint,
        tenant=tenant,
        ledger=ledger,
        path=f"/v1/webhooks/payments/{endpoint}",
        secret=shown(secret),
    )


def revoke_endpoint(log_dsn: str, endpoint: str) -> None:
    """From now on nothing that is sent there is taken."""
    with psycopg.connect(log_dsn) as connection:
        if connection.execute(REVOKE, (endpoint,)).rowcount == 0:
            raise AccessError(f"no endpoint {endpoint!r}: give the last part of its address")
