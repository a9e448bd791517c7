"""Further API processes beside the one that the stack has."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ops.stack import ports
from ops.stack.errors import NotReadyError
from ops.stack.health import answers_http
from tests.e2e.conftest import Stack

START_SECONDS_MAX = 60.0


def start_api(stack: Stack, port: int) -> subprocess.Popen[str]:
    process = stack.start("api", "--port", str(port))
    ready = answers_http("api", "/livez")
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            ready(f"http://127.0.0.1:{port}")
        except NotReadyError:
            time.sleep(0.1)
        else:
            return process
    process.kill()
    pytest.fail(f"no API on port {port}: {process.communicate()[1]}")


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@contextmanager
def further_api(stack: Stack) -> Iterator[str]:
    """Its URL; it ends with the block."""
    port = ports.choose(set())
    process = start_api(stack, port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)
