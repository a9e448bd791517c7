"""Request bodies as pieces of bytes: by length or chunked, and decompressed as they come."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from io import BufferedIOBase
from typing import Protocol

import lz4.frame  # type: ignore[import-untyped]
from backports import zstd

from ops.clickhouse_front.errors import Code, refusal

PIECE_BYTES = 1 << 20
CHUNK_LINE_BYTES_MAX = 1024
TRAILER_LINES_MAX = 64
GZIP_OR_ZLIB = 47


class BodyCutError(Exception):
    """The client went away, or broke the protocol, before its body ended: no answer reaches it."""


class RawBody:
    """A body as it lies on the connection; what is not taken is drained or ends the connection."""

    def __init__(self, connection: BufferedIOBase, headers: Mapping[str, str]) -> None:
        self._connection = connection
        if "chunked" in (headers.get("Transfer-Encoding") or "").lower():
            self._pieces = self._chunked()
        else:
            self._pieces = self._sized(_length(headers.get("Content-Length")))

    def pieces(self) -> Iterator[bytes]:
        """The rest of the body in pieces of up to PIECE_BYTES. Raises BodyCutError."""
        return self._pieces

    def drain(self, bytes_max: int) -> bool:
        """Read and forget the rest, so that the client reads the answer; False when too long."""
        for piece in self._pieces:
            bytes_max -= len(piece)
            if bytes_max < 0:
                return False
        return True

    def _sized(self, length: int) -> Iterator[bytes]:
        while length > 0:
            piece = self._connection.read(min(length, PIECE_BYTES))
            if not piece:
                raise BodyCutError(f"the body ended {length} bytes before its Content-Length")
            length -= len(piece)
            yield piece

    def _chunked(self) -> Iterator[bytes]:
        while (size := self._chunk_size()) > 0:
            yield from self._sized(size)
            self._connection.readline(CHUNK_LINE_BYTES_MAX)
        for _ in range(TRAILER_LINES_MAX):
            if self._connection.readline(CHUNK_LINE_BYTES_MAX) in {b"\r\n", b"\n", b""}:
                return
        raise BodyCutError(f"more than {TRAILER_LINES_MAX} trailer lines")

    def _chunk_size(self) -> int:
        line = self._connection.readline(CHUNK_LINE_BYTES_MAX)
        try:
            return int(line.split(b";", 1)[0], 16)
        except ValueError as error:
            raise BodyCutError(f"{line!r} is no chunk size") from error


def _length(header: str | None) -> int:
    if header is None:
        return 0
    if not header.isdecimal():
        raise refusal(Code.HTTP_LENGTH_REQUIRED, f"Content-Length {header!r} is no number of bytes")
    return int(header)


class _Decompressor(Protocol):
    """One frame; what follows it lies in `unused_data` once `eof` is true."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, /) -> bytes: ...


_DECOMPRESSORS: dict[str, Callable[[], _Decompressor]] = {
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": zstd.ZstdDecompressor,
    "gzip": lambda: zlib.decompressobj(GZIP_OR_ZLIB),
    "deflate": lambda: zlib.decompressobj(GZIP_OR_ZLIB),
}


def decoded(pieces: Iterator[bytes], encoding: str | None) -> Iterator[bytes]:
    """The pieces decompressed by their Content-Encoding.

    Raises StatementError for an unknown encoding, a broken frame or one that does not end.
    """
    if encoding is None or encoding.lower() in {"", "identity"}:
        return pieces
    make = _DECOMPRESSORS.get(encoding.lower())
    if make is None:
        known = ", ".join(_DECOMPRESSORS)
        raise refusal(
            Code.UNKNOWN_COMPRESSION_METHOD, f"Content-Encoding {encoding!r}; send one of: {known}"
        )
    return _decompressed(pieces, encoding, make)


def _decompressed(
    pieces: Iterator[bytes], encoding: str, make: Callable[[], _Decompressor]
) -> Iterator[bytes]:
    frame: _Decompressor | None = None
    for piece in pieces:
        rest = piece
        # The client compresses each block into a frame of its own, and joins them.
        while rest:
            frame = frame or make()
            try:
                plain = frame.decompress(rest)
            except (RuntimeError, zstd.ZstdError, zlib.error) as error:
                raise refusal(Code.CANNOT_DECOMPRESS, f"broken {encoding} body: {error}") from error
            rest = b""
            if frame.eof:
                rest, frame = frame.unused_data or b"", None
            if plain:
                yield plain
    if frame is not None:
        raise refusal(Code.CANNOT_DECOMPRESS, f"the {encoding} body ends inside a frame")
