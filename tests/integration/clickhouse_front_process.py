"""A front in a process of its own, on a free port, as the development stack starts it."""

import http.client
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import clickhouse_connect
from clickhouse_connect.driver.client import Client

ROOT = Path(__file__).parents[2]
READY = re.compile(r"ready on http://127\.0\.0\.1:(\d+)")
READY_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 20.0


@dataclass(slots=True, kw_only=True)
class FrontProcess:
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def client(self, **options: Any) -> Client:
        return clickhouse_connect.get_client(host="127.0.0.1", port=self.port, **options)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STOP_SECONDS_MAX)

    def terminate(self) -> int:
        self.process.terminate()
        return self.process.wait(STOP_SECONDS_MAX)


def command(data: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "ops.clickhouse_front", "--data", str(data), *options]


def start_front(data: Path, log: Path) -> FrontProcess:
    with log.open("wb") as stderr:
        process = subprocess.Popen(command(data, "--port", "0"), cwd=ROOT, stderr=stderr)
    deadline = time.monotonic() + READY_SECONDS_MAX
    while (ready := READY.search(log.read_text())) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"the front did not start: {log.read_text()}")
        time.sleep(0.02)
    return FrontProcess(process=process, port=int(ready[1]), log=log)


@contextmanager
def running_front(home: Path) -> Iterator[FrontProcess]:
    """A front with a database `shop`; it must stop cleanly and have logged no traceback."""
    front = start_front(home / "data", home / "log")
    try:
        with front.client() as client:
            client.command("CREATE DATABASE shop")
        yield front
    except BaseException:
        front.kill()
        raise
    assert front.terminate() == 0, front.log.read_text()
    assert "Traceback" not in front.log.read_text(), front.log.read_text()


class Plain:
    """One HTTP request without a client: what curl would send."""

    def __init__(self, front: FrontProcess) -> None:
        self.port = front.port

    def __call__(
        self,
        body: bytes | Iterator[bytes] | None = None,
        *,
        method: str = "POST",
        path: str = "/",
        headers: dict[str, str] | None = None,
        **arguments: str,
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        target = f"{path}?{urlencode(arguments)}" if arguments else path
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return response.status, dict(response.headers), response.read()
        finally:
            connection.close()
