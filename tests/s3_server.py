"""As much of S3 as an archive needs, on a free port: objects in a dictionary, for one test.

Speaks to Arrow's own S3 client, which writes by multipart uploads in chunked encoding.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase, BytesIO
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "stock"


@dataclass(slots=True, kw_only=True)
class Bucket:
    """`objects` by key; while `is_full`, whatever is written is refused."""

    port: int = 0
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    is_full: bool = False

    def uri(self, prefix: str) -> str:
        place = f"endpoint_override=127.0.0.1:{self.port}&scheme=http&region=us-east-1"
        return f"s3://{BUCKET}/{prefix}?{place}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, bucket: Bucket, *arguments: object) -> None:
        self.bucket = bucket
        super().__init__(*arguments)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def key(self) -> tuple[str, dict[str, list[str]]]:
        url = urlsplit(self.path)
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        assert bucket == BUCKET
        return key, parse_qs(url.query, keep_blank_values=True)

    def body(self) -> bytes:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding") == "chunked":
            raw = _unchunked(self.rfile)
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            raw = _unchunked(BytesIO(raw))
        return raw

    def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def error(self, status: int, code: str) -> None:
        self.answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())

    def do_PUT(self) -> None:
        key, query = self.key()
        content = self.body()
        if self.bucket.is_full:
            self.error(403, "QuotaExceeded")
            return
        if "uploadId" in query:
            self.bucket.uploads[query["uploadId"][0]][int(query["partNumber"][0])] = content
        else:
            self.bucket.objects[key] = content
        self.answer(200, ETag='"1"')

    def do_POST(self) -> None:
        key, query = self.key()
        self.body()
        if self.bucket.is_full:
            self.error(403, "QuotaExceeded")
        elif "uploads" in query:
            upload = str(len(self.bucket.uploads))
            self.bucket.uploads[upload] = {}
            told = f"<UploadId>{upload}</UploadId>"
            self.answer(200, _xml("InitiateMultipartUploadResult", told))
        else:
            parts = self.bucket.uploads.pop(query["uploadId"][0])
            self.bucket.objects[key] = b"".join(parts[number] for number in sorted(parts))
            self.answer(200, _xml("CompleteMultipartUploadResult", '<ETag>"1"</ETag>'))

    def do_DELETE(self) -> None:
        self.bucket.objects.pop(self.key()[0], None)
        self.answer(204)

    def do_HEAD(self) -> None:
        key, _ = self.key()
        if not key:
            self.answer(200)
        elif key in self.bucket.objects:
            self.answer(200, Content_Length=str(len(self.bucket.objects[key])), ETag='"1"')
        else:
            self.answer(404)

    def do_GET(self) -> None:
        key, query = self.key()
        if "list-type" in query:
            self.answer(200, self.listing(query["prefix"][0] if "prefix" in query else ""))
        elif key not in self.bucket.objects:
            self.error(404, "NoSuchKey")
        elif (wanted := self.headers.get("Range")) is not None:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            content = self.bucket.objects[key]
            part = content[int(first) : int(last) + 1 if last else None]
            told = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
            self.answer(206, part, Content_Range=told)
        else:
            self.answer(200, self.bucket.objects[key], ETag='"1"')

    def listing(self, prefix: str) -> bytes:
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
            "<LastModified>2026-03-01T12:00:00.000Z</LastModified></Contents>"
            for key, content in sorted(self.bucket.objects.items())
            if key.startswith(prefix)
        )
        return _xml("ListBucketResult", f"<IsTruncated>false</IsTruncated>{found}")


def _unchunked(stream: BufferedIOBase) -> bytes:
    """What chunks hold, up to the empty one and the lines behind it."""
    content = b""
    while size := int(stream.readline().partition(b";")[0], 16):
        content += stream.read(size)
        stream.readline()
    while stream.readline().strip():
        pass
    return content


def _xml(name: str, content: str) -> bytes:
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'<?xml version="1.0"?><{name} xmlns="{space}">{content}</{name}>'.encode()


@contextmanager
def s3_bucket() -> Iterator[Bucket]:
    """An empty bucket, served until the end of the block."""
    bucket = Bucket()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, bucket))
    server.daemon_threads = True
    bucket.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
