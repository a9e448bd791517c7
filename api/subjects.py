"""Who a customer is stands in the table `subjects`; the log only ever sees an opaque id.

Part of the command path: one of the few places that hold the log role's connections.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from anyio.to_thread import run_sync

from commands.submission import subject_id
from eventlog.postgres.connections import Pool, borrowed

Kind = Literal["customer", "approver"]
# A subject that was erased meanwhile is written down again after at most this long.
WRITTEN_SECONDS_MAX = 60.0
WRITTEN_SUBJECTS_MAX = 100_000
SECRET = "SELECT subject_secret FROM tenants WHERE tenant = %s"  # noqa: S105 # a statement
WRITE_DOWN = """
    INSERT INTO subjects (tenant, subject, kind, external_id)
    SELECT %s, s.subject, %s, s.external_id
    FROM unnest(%s::text[], %s::text[]) AS s (subject, external_id)
    ON CONFLICT DO NOTHING
"""


class Subjects:
    """Makes subject ids, and writes down whose they are before any command that names them."""

    def __init__(self, log_pool: Pool, *, monotonic: Callable[[], float]) -> None:
        self._pool = log_pool
        self._monotonic = monotonic
        self._secrets: dict[str, bytes] = {}
        self._written: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def customers(self, tenant: str, names: Iterable[str]) -> Mapping[str, str]:
        """As `people`."""
        return await self.people(tenant, "customer", names)

    async def people(self, tenant: str, kind: Kind, names: Iterable[str]) -> Mapping[str, str]:
        """The subject id of each of them, by the tenant's own name for it.

        Raises LogUnavailableError: then no command that names them may be sent.
        """
        wanted = set(names)
        if not wanted:
            return {}
        secret = self._secrets.get(tenant)
        if secret is None:
            secret = self._secrets[tenant] = await run_sync(self._secret, tenant)
        subjects = {name: subject_id(secret, kind, name) for name in wanted}
        now = self._monotonic()
        fresh = {
            name: subject
            for name, subject in subjects.items()
            if self._written.get((tenant, subject), 0.0) <= now
        }
        if fresh:
            await run_sync(self._write_down, tenant, kind, fresh)
            self._remember(tenant, fresh.values(), now + WRITTEN_SECONDS_MAX)
        return subjects

    def _secret(self, tenant: str) -> bytes:
        with borrowed(self._pool) as connection:
            ((secret,),) = connection.execute(SECRET, (tenant,)).fetchall()
        return bytes(secret)

    def _write_down(self, tenant: str, kind: Kind, fresh: Mapping[str, str]) -> None:
        # In one order everywhere, so that two requests cannot wait for each other.
        rows = sorted((subject, name) for name, subject in fresh.items())
        columns = [subject for subject, _ in rows], [name for _, name in rows]
        with borrowed(self._pool) as connection:
            connection.execute(WRITE_DOWN, (tenant, kind, *columns))

    def _remember(self, tenant: str, subjects: Iterable[str], until: float) -> None:
        for subject in subjects:
            self._written[(tenant, subject)] = until
            self._written.move_to_end((tenant, subject))
        while len(self._written) > WRITTEN_SUBJECTS_MAX:
            self._written.popitem(last=False)
