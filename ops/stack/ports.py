"""Ports of the parts: chosen once, remembered in the data directory, chosen again when taken."""

import random
import socket
from collections.abc import Collection, Iterator

LOOPBACK = "127.0.0.1"
# Below the range the kernel gives to outgoing connections: a client that retries against a dead
# part must never be handed that part's port, or be connected to itself.
PORT_FIRST = 20_000
PORT_LAST = 31_999
CANDIDATES_MAX = 200


def is_free(port: int) -> bool:
    """Whether nobody listens on the loopback port (connections that linger do not count)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _candidates() -> Iterator[int]:
    chooser = random.SystemRandom()
    return (chooser.randint(PORT_FIRST, PORT_LAST) for _ in range(CANDIDATES_MAX))


def choose(taken: Collection[int] = ()) -> int:
    """Return a free loopback port outside `taken`. Raises OSError when none was found."""
    for port in _candidates():
        if port not in taken and is_free(port):
            return port
    raise OSError(f"found no free port between {PORT_FIRST} and {PORT_LAST}")
