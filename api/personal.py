"""Who may see personal data, and how it gets into an event: sealed under its subject's own key.

Sealing is part of the command path and makes keys, by the log role. Opening is part of the read
path: it sees the keys of one tenant, and makes none.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from api.personal_sealing import (
    KEY_BYTES,
    KEY_ID_BYTES,
    ForeignKeyError,
    SubjectKey,
    UnsealableError,
    WrappedKey,
    WrappingKey,
    key_id_of,
)
from api.problems import Problem
from commands.personal import ShipTo
from eventlog.postgres.connections import Pool, borrowed

SHIP_TO = "ship_to"
# Somebody may be forgotten between two looks; whoever comes again gets another key.
ATTEMPTS_MAX = 3
KEYS = """
    SELECT subject, key_id, wrapping, wrapped_key FROM subject_keys
    WHERE tenant = %s AND subject = ANY(%s)
"""
MAKE = """
    INSERT INTO subject_keys (tenant, subject, key_id, wrapping, wrapped_key)
    SELECT %s, k.* FROM unnest(%s::text[], %s::text[], %s::text[], %s::bytea[]) AS k
    ON CONFLICT (tenant, subject) DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where one order goes, and whose it is (a subject id)."""

    subject: str
    order_id: str
    ship_to: ShipTo


class Sealing:
    """Seals what commands hold, making a subject's key with the first text of theirs."""

    def __init__(
        self,
        log_pool: Pool,
        wrapping: WrappingKey,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._pool = log_pool
        self._wrapping = wrapping
        self._random_bytes = random_bytes

    def seal(self, tenant: str, destinations: Sequence[Destination]) -> list[str]:
        """One sealed text for each. Blocks. Raises Problem, LogUnavailableError: then no command
        that holds them may be sent.
        """
        # Looked up each time: under a key that was deleted meanwhile, nothing could be opened.
        keys = self._keys(tenant, {each.subject for each in destinations})
        return [
            keys[each.subject].seal(
                SHIP_TO,
                (tenant, each.subject, each.order_id),
                each.ship_to.model_dump_json(exclude_defaults=True).encode(),
            )
            for each in destinations
        ]

    def _keys(self, tenant: str, subjects: Iterable[str]) -> Mapping[str, SubjectKey]:
        # In one order everywhere, so that two requests cannot wait for each other.
        wanted = sorted(subjects)
        with borrowed(self._pool) as connection:
            for _ in range(ATTEMPTS_MAX):
                known = stored_keys(connection, tenant, wanted)
                missing = [subject for subject in wanted if subject not in known]
                if not missing:
                    return {
                        subject: _unwrapped(self._wrapping, tenant, subject, stored)
                        for subject, stored in known.items()
                    }
                self._make(connection, tenant, missing)
        raise Problem("busy", "A customer of these orders is being forgotten; send them again.")

    def _make(self, connection: Connection[TupleRow], tenant: str, subjects: Sequence[str]) -> None:
        made = [self._wrapping.wrap(tenant, subject, self._new_key()) for subject in subjects]
        columns = (
            list(subjects),
            [each.key_id for each in made],
            [each.wrapping for each in made],
            [each.wrapped for each in made],
        )
        connection.execute(MAKE, (tenant, *columns))

    def _new_key(self) -> SubjectKey:
        key_id = self._random_bytes(KEY_ID_BYTES).hex()
        return SubjectKey(key_id=key_id, key=self._random_bytes(KEY_BYTES))


class Opening:
    """Opens what is sealed, for a reader who may."""

    def __init__(self, wrapping: WrappingKey) -> None:
        self._wrapping = wrapping

    def ship_to(
        self, connection: Connection[TupleRow], place: tuple[str, str, str], sealed: str
    ) -> ShipTo | None:
        """`place`: tenant, subject, order. None when whose it is was forgotten.

        Blocks. Raises Problem when it should open and does not.
        """
        tenant, subject, _ = place
        stored = stored_keys(connection, tenant, [subject]).get(subject)
        try:
            if stored is None or stored.key_id != key_id_of(sealed):
                return None
            key = _unwrapped(self._wrapping, tenant, subject, stored)
            return ShipTo.model_validate_json(key.open(SHIP_TO, place, sealed))
        except UnsealableError:
            raise Problem(
                "internal", "The address does not open with its key; verify the ledger."
            ) from None


def stored_keys(
    connection: Connection[TupleRow], tenant: str, subjects: Sequence[str]
) -> dict[str, WrappedKey]:
    """By subject, of those that have one."""
    rows = connection.execute(KEYS, (tenant, list(subjects)))
    return {
        subject: WrappedKey(key_id=key_id, wrapping=wrapping, wrapped=bytes(wrapped))
        for subject, key_id, wrapping, wrapped in rows
    }


def _unwrapped(wrapping: WrappingKey, tenant: str, subject: str, stored: WrappedKey) -> SubjectKey:
    try:
        return wrapping.unwrap(tenant, subject, stored)
    except (ForeignKeyError, UnsealableError):
        raise Problem(
            "personal_key",
            "Names and addresses are sealed under a key that this process does not have; the"
            " operator has to bring back `personal/` of the data directory.",
        ) from None
