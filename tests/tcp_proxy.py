"""A TCP proxy between a client and a server, on which a test cuts lines at the worst moment."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from urllib.parse import urlsplit

CHUNK_BYTES = 65_536


@dataclass(slots=True)
class Proxy:
    """`before` and `after` see each chunk from a client: True from `before` cuts both lines without
    passing it on; True from `after` passes it on and cuts when the server answers."""

    server: tuple[str, int]
    listener: socket.socket
    before: Callable[[bytes], bool] = lambda _: False
    after: Callable[[bytes], bool] = lambda _: False
    cuts: int = 0
    _lines: list[socket.socket] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def dsn(self, direct: str) -> str:
        """The same database by way of this proxy."""
        url = urlsplit(direct)
        who = url.netloc.rpartition("@")[0]
        return url._replace(netloc=f"{who}@127.0.0.1:{self.port}").geturl()

    def serve(self) -> None:
        with suppress(OSError):  # the listener was closed: the end
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.server)
                with self._lock:
                    self._lines += [client, server]
                muted = Event()
                for pump in (self._upstream, self._downstream):
                    Thread(target=pump, args=(client, server, muted), daemon=True).start()

    def _upstream(self, client: socket.socket, server: socket.socket, muted: Event) -> None:
        with suppress(OSError):  # the other side was cut
            while chunk := client.recv(CHUNK_BYTES):
                if self.before(chunk):
                    self._cut(client, server)
                    return
                if self.after(chunk):
                    muted.set()
                server.sendall(chunk)
        hang_up(server)

    def _downstream(self, client: socket.socket, server: socket.socket, muted: Event) -> None:
        with suppress(OSError):  # the other side was cut
            while chunk := server.recv(CHUNK_BYTES):
                if muted.is_set():
                    self._cut(client, server)
                    return
                client.sendall(chunk)
        hang_up(client)

    def _cut(self, *lines: socket.socket) -> None:
        self.cuts += 1
        for line in lines:
            hang_up(line)

    def close(self) -> None:
        hang_up(self.listener)
        with self._lock:
            for line in self._lines:
                hang_up(line)


def hang_up(line: socket.socket) -> None:
    with suppress(OSError):  # it is down already
        line.shutdown(socket.SHUT_RDWR)
    line.close()


@contextmanager
def proxy_to(dsn: str) -> Iterator[Proxy]:
    """A proxy to the server of this DSN (or URL); every line is cut at the end."""
    url = urlsplit(dsn)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy((url.hostname or "", url.port or 0), listener)
        thread = Thread(target=proxy.serve, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.close()
            thread.join()
