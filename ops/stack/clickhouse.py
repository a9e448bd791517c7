"""The ClickHouse engine behind our thin HTTP front, for development (see ops.clickhouse_front)."""

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from ops.stack.child import Launch
from ops.stack.directory import DataDirectory
from ops.stack.health import answers_http
from ops.stack.ports import LOOPBACK

DATABASE = "backstock"
PACKAGES = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickHousePart:
    """The address is an http:// URL that ends in the database, which the migrations create."""

    name: str = "clickhouse"
    after: tuple[str, ...] = ()

    def prepare(self, directory: DataDirectory) -> Launch:
        home = directory.part(self.name)
        port = directory.port(self.name)
        front = ("-m", "ops.clickhouse_front", "--data", str(home), "--port", str(port))
        return Launch(
            argv=(sys.executable, *front),
            address=f"http://{LOOPBACK}:{port}/{DATABASE}",
            cwd=home,
            orphaned=signal.SIGTERM,
            environment={"PYTHONPATH": str(PACKAGES)},
        )

    def check(self, address: str) -> None:
        answers_http(self.name, "/ping")(address)
