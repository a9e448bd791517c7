"""The `eventsourcing` library's infrastructure on one ledger of the log.

Its `Application`, `Repository` and `NotificationLog` work with

    PERSISTENCE_MODULE=eventlog.postgres.factory  LEDGER=acme/main  POSTGRES_USER=backstock_log …
"""

from __future__ import annotations

from eventsourcing import postgres
from eventsourcing.utils import Environment
from psycopg.conninfo import make_conninfo

from eventlog.postgres.connections import open_log_pool
from eventlog.postgres.recorder import LedgerRecorder

POOL_SIZE = 10


class LedgerFactory(postgres.PostgresFactory):
    """Infrastructure for an application on one ledger, as the log role; `LEDGER` names it."""

    LEDGER = "LEDGER"

    def __init__(self, env: Environment) -> None:
        super().__init__(env)
        if self.datastore.enable_db_functions:
            raise OSError(f"{self.POSTGRES_ENABLE_DB_FUNCTIONS} gives up the order of events")
        ledger = env.get(self.LEDGER)
        if not ledger:
            raise OSError(f"no ledger in the environment with key {self.LEDGER!r}")
        self._ledger = ledger
        dsn = make_conninfo(
            dbname=env.get(self.POSTGRES_DBNAME),
            host=env.get(self.POSTGRES_HOST),
            port=env.get(self.POSTGRES_PORT),
            user=env.get(self.POSTGRES_USER),
            password=env.get(self.POSTGRES_PASSWORD),
        )
        self._pool = open_log_pool(dsn, size=POOL_SIZE, name=ledger)

    def application_recorder(self) -> LedgerRecorder:
        return LedgerRecorder(self.datastore, ledger=self._ledger, pool=self._pool)

    def close(self) -> None:
        self._pool.close()
        super().close()
