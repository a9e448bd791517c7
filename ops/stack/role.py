"""One of our own processes as the stack runs it: a command, an environment, a sign of health."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.stack.child import Launch
from ops.stack.directory import DataDirectory
from ops.stack.errors import NotReadyError

# By which a role finds each part.
ADDRESS_VARIABLES: Mapping[str, str] = {
    "postgres": "BACKSTOCK_POSTGRES_DSN",
    "kafka": "BACKSTOCK_KAFKA_BOOTSTRAP",
    "redis": "BACKSTOCK_REDIS_URL",
    "clickhouse": "BACKSTOCK_CLICKHOUSE_URL",
}
READY_VARIABLE = "BACKSTOCK_READY_FILE"
PACKAGES = Path(__file__).parents[2]


def role_environment(addresses: Mapping[str, str], directory: DataDirectory) -> dict[str, str]:
    """Return the environment of every role: ours, and where the parts and the data are."""
    found = {ADDRESS_VARIABLES[name]: address for name, address in addresses.items()}
    return dict(os.environ) | found | {"BACKSTOCK_DATA": str(directory.root)}


def say_ready() -> None:
    """Tell the supervisor, if there is one, that this role does its work from now on."""
    path = os.environ.get(READY_VARIABLE)
    if path:
        Path(path).touch()


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role: `argv`, with `environment` added to a part's own.

    It is ready when `is_ready(address)` returns; without one, when it has called `say_ready`.
    `after` names roles that must be ready first. `address` is empty when nobody reaches it.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    is_ready: Callable[[str], None] | None = None
    address: str = ""
    after: tuple[str, ...] = ()
    farewell_seconds: float = 15.0

    def prepare(self, directory: DataDirectory) -> Launch:
        ready_file = directory.run / f"{self.name}.ready"
        ours = {"PYTHONPATH": str(PACKAGES), READY_VARIABLE: str(ready_file)}
        return Launch(
            argv=self.argv,
            address=self.address,
            cwd=directory.root,
            environment=dict(self.environment) | ours,
            ready_file=ready_file,
            farewell_seconds=self.farewell_seconds,
        )

    def check(self, address: str) -> None:
        if self.is_ready is not None:
            self.is_ready(address)
        elif not Path(address).exists():
            raise NotReadyError(self.name, "has not said yet that it is ready")


def backstock(*arguments: str) -> tuple[str, ...]:
    """Return the argv of `backstock ARGUMENTS` in this very environment."""
    return (sys.executable, "-m", "ops.main", *arguments)
