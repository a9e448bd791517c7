"""The HTTP side: one thread per connection, kept alive, and a stop that lets requests end."""

import ipaddress
import logging
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast
from urllib.parse import urlsplit

from ops.clickhouse_front import answers
from ops.clickhouse_front.bodies import BodyCutError, RawBody, decoded
from ops.clickhouse_front.errors import Code, StatementError, refusal
from ops.clickhouse_front.execution import Stream
from ops.clickhouse_front.forms import FORM_TYPE, with_form
from ops.clickhouse_front.front import Front
from ops.clickhouse_front.requests import Request, decode_target, read_statement

logger = logging.getLogger(__name__)

CONNECTIONS_MAX = 256
WAITING_CONNECTIONS_MAX = 128
IDLE_CONNECTION_SECONDS = 600
DRAIN_BYTES_MAX = 64 << 20
WRITE_BUFFER_BYTES = 64 << 10

ABOUT = (
    "Ok.\n"
    "Backstock's development front over the embedded ClickHouse engine {version}. Not a server:\n"
    "no users, no grants, no replication, one process, loopback only.\n"
)


class FrontServer(ThreadingHTTPServer):
    """Listens from its construction on, and answers once `serve_forever` runs."""

    daemon_threads = True
    # Its threads end with the process; waiting for idle connections would never end.
    block_on_close = False
    request_queue_size = WAITING_CONNECTIONS_MAX

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), FrontHandler)
        self.front: Front | None = None
        self._idle = threading.Condition()
        self._active = 0
        self._stopping = False
        self._places = threading.BoundedSemaphore(CONNECTIONS_MAX)

    @contextmanager
    def request_running(self) -> Iterator[bool]:
        """Count a request as running. False, and not counted, when the front is stopping."""
        with self._idle:
            if self._stopping:
                admitted = False
            else:
                admitted = True
                self._active += 1
        try:
            yield admitted
        finally:
            with self._idle:
                self._active -= admitted
                self._idle.notify_all()

    def stop(self, grace_seconds: float) -> bool:
        """Take no more requests and let the running ones end; False when some did not in time."""
        with self._idle:
            self._stopping = True
        self.shutdown()
        self.server_close()
        with self._idle:
            return self._idle.wait_for(lambda: not self._active, timeout=grace_seconds)

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002
        """Refuse a connection beyond CONNECTIONS_MAX instead of letting threads pile up."""
        if self._places.acquire(blocking=False):
            return True
        logger.warning("refused a connection: %d are open", CONNECTIONS_MAX)
        with_socket = cast("socket.socket", request)
        with_socket.sendall(b"HTTP/1.1 503 Too many connections\r\nConnection: close\r\n\r\n")
        return False

    def process_request_thread(self, request: object, client_address: object) -> None:
        try:
            super().process_request_thread(cast("socket.socket", request), client_address)
        finally:
            self._places.release()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """Log what the connection's thread failed with; it is being handled while this runs."""
        logger.exception("connection from %s failed", client_address)  # noqa: LOG004


class FrontHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = answers.DISPLAY_NAME
    timeout = IDLE_CONNECTION_SECONDS
    disable_nagle_algorithm = True
    wbufsize = WRITE_BUFFER_BYTES

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (inherited)
        logger.debug(format, *args)

    def _answer(self) -> None:
        server = cast("FrontServer", self.server)
        with server.request_running() as admitted:
            if not admitted or server.front is None:
                self.close_connection = True
                self._send(HTTPStatus.SERVICE_UNAVAILABLE, {}, b"The front is stopping.\n")
                return
            try:
                self._route(server.front)
                self.wfile.flush()
            except (BodyCutError, OSError) as error:
                logger.info("the client went away: %s", error)
                self.close_connection = True

    def _route(self, front: Front) -> None:
        url = urlsplit(self.path)
        if url.path == "/ping":
            self._send(HTTPStatus.OK, {}, b"Ok.\n")
        elif url.path not in {"", "/"}:
            self._send(HTTPStatus.NOT_FOUND, {}, b"There is / and /ping.\n")
        elif self.command == "GET" and not url.query:
            self._send(HTTPStatus.OK, {}, ABOUT.format(version=front.engine.version).encode())
        else:
            self._run(front)

    def _run(self, front: Front) -> None:
        self._head_sent = False
        query_id = str(uuid.uuid4())
        body = RawBody(self.rfile, cast("Mapping[str, str]", self.headers))
        try:
            _refuse_browsers(self.headers.get("Origin"), self.headers.get("Host"))
            request = decode_target(self.path, method=self.command)
            query_id = request.query_id or query_id
            self._execute(front, request, body, query_id)
        except StatementError as error:
            self._send_failure(front, error, body, query_id)
        except (BodyCutError, OSError):
            raise
        except Exception as error:  # the worker's top: what nobody foresaw is told, not swallowed
            logger.exception("request %s failed", query_id)
            if self._head_sent:
                self.close_connection = True
                return
            self._send_failure(front, refusal(Code.UNKNOWN_EXCEPTION, repr(error)), body, query_id)

    def _execute(self, front: Front, request: Request, body: RawBody, query_id: str) -> None:
        pieces = decoded(body.pieces(), self.headers.get("Content-Encoding"))
        content_type = self.headers.get("Content-Type") or ""
        if content_type.lower().startswith(FORM_TYPE):
            request = with_form(request, content_type, pieces)
        if self.request_version != self.protocol_version:
            request = replace(request, buffered=True)  # HTTP/1.0 knows no chunks
        statement = read_statement(request.query, pieces)
        with front.run(request, statement) as answer:
            headers = answers.answer_headers(
                query_id=query_id, timezone=front.engine.timezone, answer_format=answer.format
            )
            accepted = self.headers.get("Accept-Encoding") if request.compressed else None
            encoding, encoder = answers.encoder_for(accepted)
            if encoding is not None:
                headers["Content-Encoding"] = encoding
            if isinstance(answer, Stream):
                self._send_stream(answer, headers, encoder)
                return
        # Out of the context, so that a slow reader keeps no handle and no session.
        headers |= answers.summary_header(answer.summary)
        self._send(HTTPStatus.OK, headers, encoder.encode(answer.body) + encoder.finish())

    def _send(self, status: HTTPStatus, headers: Mapping[str, str], body: bytes) -> None:
        self._send_head(status, {**headers, "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _send_head(self, status: HTTPStatus, headers: Mapping[str, str]) -> None:
        self._head_sent = True
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _send_stream(
        self, stream: Stream, headers: Mapping[str, str], encoder: answers.Encoder
    ) -> None:
        tag = answers.exception_tag()
        chunked = {"Transfer-Encoding": "chunked", "X-ClickHouse-Exception-Tag": tag}
        self._send_head(HTTPStatus.OK, {**headers, **chunked})
        # Not flushed: most answers are one block, and then leave in one packet with their end.
        self._send_chunk(encoder.encode(stream.first) if stream.first else b"")
        try:
            for block in stream.rest:
                self._send_chunk(encoder.encode(block))
                self.wfile.flush()
        except StatementError as error:
            self._send_chunk(encoder.encode(answers.exception_block(error.text, tag)))
            self._send_chunk(encoder.finish())
            # Without its last chunk no reader can take the answer for a whole one.
            self.close_connection = True
            return
        self._send_chunk(encoder.finish())
        self.wfile.write(b"0\r\n\r\n")

    def _send_chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(b"%x\r\n" % len(data) + data + b"\r\n")

    def _send_failure(
        self, front: Front, error: StatementError, body: RawBody, query_id: str
    ) -> None:
        logger.debug("query %s failed: %s", query_id, error.text)
        # A client that is still sending reads no answer.
        if not body.drain(DRAIN_BYTES_MAX):
            self.close_connection = True
        headers = answers.answer_headers(
            query_id=query_id, timezone=front.engine.timezone, answer_format=None
        )
        headers["X-ClickHouse-Exception-Code"] = str(error.code)
        version = "" if "(version " in error.text else f" (version {front.engine.version})"
        self._send(error.status, headers, f"{error.text}{version}\n".encode())


def _refuse_browsers(origin: str | None, host: str | None) -> None:
    """A web page must not reach an engine that has no users and may read files."""
    name = urlsplit(f"//{host or 'localhost'}").hostname or ""
    if origin is not None or not is_loopback(name):
        raise refusal(
            Code.ACCESS_DENIED, "this front answers programs on its own machine, not web pages"
        )


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
