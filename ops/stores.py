"""Where each store is and as whom a process may enter it, from settings and the data directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ops.settings import Settings
from ops.stack.directory import DataDirectory
from ops.stack.errors import NotRunningError, StackError
from ops.stack.role import ADDRESS_VARIABLES
from ops.stack.state import StackState

LOG_ROLE = "backstock_log"
READ_ROLE = "backstock_read"


class AddressMissingError(StackError):
    def __init__(self, part: str) -> None:
        super().__init__(
            f"no address of {part}: start the stack with `backstock up`,"
            f" or set {ADDRESS_VARIABLES[part]}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Addresses, some with passwords in them: never to be shown whole."""

    settings: Settings
    directory: DataDirectory
    addresses: Mapping[str, str]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Addresses that are set come first, then those of the stack that runs on the data."""
        directory = DataDirectory(root=settings.data)
        try:
            running = StackState.running(directory).addresses
        except NotRunningError:
            running = {}
        return cls(
            settings=settings,
            directory=directory,
            addresses=running | settings.external_addresses(),
        )

    @property
    def admin_dsn(self) -> str:
        return self._address("postgres")

    @property
    def log_dsn(self) -> str:
        given = self.settings.postgres_log_dsn
        return given.get_secret_value() if given else self._as(LOG_ROLE, self.log_password)

    @property
    def read_dsn(self) -> str:
        given = self.settings.postgres_read_dsn
        return given.get_secret_value() if given else self._as(READ_ROLE, self.read_password)

    @property
    def log_password(self) -> str:
        return self.directory.secret("postgres-log")

    @property
    def read_password(self) -> str:
        return self.directory.secret("postgres-read")

    @property
    def kafka_bootstrap(self) -> str:
        return self._address("kafka")

    @property
    def redis_url(self) -> str:
        return self._address("redis")

    @property
    def clickhouse_url(self) -> str:
        return self._address("clickhouse")

    @property
    def keys_directory(self) -> Path:
        """Where the key that signs heads is, and the public one that proves them."""
        return self.directory.root / "keys"

    @property
    def api_signing_secret(self) -> bytes:
        """Signs cursors and tokens: the same in every API process of a deployment."""
        return self.directory.secret("api-signing").encode()

    @property
    def personal_secret(self) -> bytes:
        """Wraps the keys of personal data: the same in every API process of a deployment."""
        return self.directory.personal_secret().encode()

    def _as(self, role: str, password: str) -> str:
        login = {"user": role, "password": password}
        return make_conninfo("", **(conninfo_to_dict(self.admin_dsn) | login))

    def _address(self, part: str) -> str:
        if part not in self.addresses:
            raise AddressMissingError(part)
        return self.addresses[part]
