"""Forgetting a person: their key is deleted, and with it everything that was sealed under it.

A journal beside the stores, in no backup, names the keys that were deleted: a restored backup
forgets them again before anything is read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import psycopg

from commands.submission import SUBJECT, subject_id
from ops.stack.directory import OWNER_ONLY_FILE
from ops.stack.errors import StackError

JOURNAL = "forgotten"
CUSTOMER = "customer"
SECRET = "SELECT subject_secret FROM tenants WHERE tenant = %s"  # noqa: S105 # a statement
DELETE_KEY = "DELETE FROM subject_keys WHERE tenant = %s AND subject = %s RETURNING key_id"
DELETE_NAME = "DELETE FROM subjects WHERE tenant = %s AND subject = %s"
DELETE_AGAIN = """
    WITH gone AS (DELETE FROM subject_keys WHERE key_id = ANY(%s) RETURNING tenant, subject)
    DELETE FROM subjects USING gone
     WHERE subjects.tenant = gone.tenant AND subjects.subject = gone.subject
"""
DELETE_FOREIGN = "DELETE FROM subject_keys WHERE wrapping <> %s RETURNING key_id"


class ForgettingError(StackError):
    """Nobody was forgotten; the sentence says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """`known`: whether there was anything to forget, a key or a name."""

    tenant: str
    subject: str
    known: bool


def forget(log_dsn: str, personal: Path, tenant: str, customer: str) -> Forgotten:
    """Delete a customer's key and name, for ever. `customer` is the tenant's own name for them, or
    their subject id. Repeatable; stopped anywhere, it is done or can be done again.
    """
    with psycopg.connect(log_dsn) as connection:
        secret = connection.execute(SECRET, (tenant,)).fetchone()
        if secret is None:
            raise ForgettingError(f"no tenant {tenant!r}: give the id it was added with")
        subject = customer
        if not SUBJECT.fullmatch(customer):
            subject = subject_id(bytes(secret[0]), CUSTOMER, customer)
        keys = connection.execute(DELETE_KEY, (tenant, subject)).fetchall()
        # Before the commit: a key that is journalled and still there is deleted at the next start.
        _note(personal, [key_id for (key_id,) in keys])
        names = connection.execute(DELETE_NAME, (tenant, subject))
    return Forgotten(tenant=tenant, subject=subject, known=bool(keys) or names.rowcount > 0)


def forget_foreign(log_dsn: str, personal: Path, wrapping: str) -> int:
    """Delete every key that another wrapping key than this one wraps: nobody can use them any more.
    Returns how many.
    """
    with psycopg.connect(log_dsn) as connection:
        keys = connection.execute(DELETE_FOREIGN, (wrapping,)).fetchall()
        _note(personal, [key_id for (key_id,) in keys])
    return len(keys)


def forget_again(log_dsn: str, personal: Path) -> None:
    """Delete the keys that the journal names, as after a restore. Without one, do nothing."""
    journal = personal / JOURNAL
    if not journal.exists():
        return
    with psycopg.connect(log_dsn) as connection:
        connection.execute(DELETE_AGAIN, (journal.read_text().split(),))


def _note(personal: Path, key_ids: list[str]) -> None:
    if not key_ids:
        return
    descriptor = os.open(
        personal / JOURNAL, os.O_WRONLY | os.O_CREAT | os.O_APPEND, OWNER_ONLY_FILE
    )
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{key_id}\n" for key_id in key_ids)
        file.flush()
        os.fsync(file.fileno())
