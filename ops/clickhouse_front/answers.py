"""What goes back over HTTP: headers, encodings, and the block that ends a broken stream."""

import json
import secrets
import string
import zlib
from collections.abc import Mapping
from typing import Protocol

import lz4.frame  # type: ignore[import-untyped]
from backports import zstd

from ops.clickhouse_front.execution import Summary

DISPLAY_NAME = "backstock-development-front"
TAG_LENGTH = 16
EXCEPTION_BYTES_MAX = 16 << 10
GZIP = 31

_CONTENT_TYPES = {
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TabSeparatedWithNames": "text/tab-separated-values; charset=UTF-8",
}
_CONTENT_TYPE_DEFAULT = "application/octet-stream"


class Encoder(Protocol):
    """Compresses one answer, a piece at a time: what comes back is complete up to that piece."""

    def encode(self, piece: bytes) -> bytes: ...
    def finish(self) -> bytes: ...


class Identity:
    def encode(self, piece: bytes) -> bytes:
        return piece

    def finish(self) -> bytes:
        return b""


class Lz4:
    """One frame for the whole answer: the client expects no more."""

    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor(auto_flush=True)
        self._started = False

    def encode(self, piece: bytes) -> bytes:
        return self._begin() + bytes(self._frame.compress(piece))

    def finish(self) -> bytes:
        return self._begin() + bytes(self._frame.flush())

    def _begin(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        return bytes(self._frame.begin())


class Zstd:
    def __init__(self) -> None:
        self._frame = zstd.ZstdCompressor()

    def encode(self, piece: bytes) -> bytes:
        return self._frame.compress(piece, zstd.ZstdCompressor.FLUSH_BLOCK)

    def finish(self) -> bytes:
        return self._frame.flush()


class Zlib:
    def __init__(self, *, window_bits: int) -> None:
        self._frame = zlib.compressobj(level=1, wbits=window_bits)

    def encode(self, piece: bytes) -> bytes:
        return self._frame.compress(piece) + self._frame.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._frame.flush()


def encoder_for(accepted: str | None) -> tuple[str | None, Encoder]:
    """The first encoding in an Accept-Encoding header that is known here, and its encoder."""
    for choice in (accepted or "").split(","):
        match choice.split(";")[0].strip().lower():
            case "lz4":
                return "lz4", Lz4()
            case "zstd":
                return "zstd", Zstd()
            case "gzip":
                return "gzip", Zlib(window_bits=GZIP)
            case "deflate":
                return "deflate", Zlib(window_bits=zlib.MAX_WBITS)
            case _:
                pass
    return None, Identity()


def answer_headers(*, query_id: str, timezone: str, answer_format: str | None) -> dict[str, str]:
    """The headers of every answer to a statement that did not fail."""
    headers = {
        "X-ClickHouse-Server-Display-Name": DISPLAY_NAME,
        "X-ClickHouse-Query-Id": query_id,
        "X-ClickHouse-Timezone": timezone,
        "Content-Type": _CONTENT_TYPES.get(answer_format or "TabSeparated", _CONTENT_TYPE_DEFAULT),
    }
    if answer_format is not None:
        headers["X-ClickHouse-Format"] = answer_format
    return headers


def summary_header(summary: Summary) -> Mapping[str, str]:
    """Counts as ClickHouse sends them: strings in JSON."""
    counts = {
        "read_rows": summary.read_rows,
        "read_bytes": summary.read_bytes,
        "written_rows": summary.written_rows,
        "written_bytes": summary.written_bytes,
        "elapsed_ns": int(summary.elapsed_seconds * 1e9),
    }
    return {"X-ClickHouse-Summary": json.dumps({name: str(n) for name, n in counts.items()})}


def exception_tag() -> str:
    """A word that no result holds by chance; it marks the exception in a broken stream."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(TAG_LENGTH))


def exception_block(text: str, tag: str) -> bytes:
    """What ends a stream whose statement failed after its headers were sent."""
    message = text.encode()[:EXCEPTION_BYTES_MAX] + b"\n"
    marker, word = b"__exception__\r\n", tag.encode()
    return b"".join(
        (b"\r\n", marker, word, b"\r\n", message, b"%d " % len(message), word, b"\r\n", marker)
    )
