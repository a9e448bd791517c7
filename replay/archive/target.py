"""The place of an archive: a directory, or a prefix of an object store that speaks S3.

Every file is read and written whole (a segment is some tens of MB), so each is hashed before it
is believed, and is there as a whole or not at all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pyarrow import fs

from eventlog.heads import HeadKey
from replay.archive.faults import DamagedError, TargetError
from replay.archive.manifest import DAMAGED, MANIFEST_FILE, FileEntry, Manifest
from replay.archive.signature import Sealed, decode, encode

COMPRESSION: Final = "zstd"
OWNER_ONLY_FILE: Final = 0o600
# Of s3://KEY:SECRET@bucket. A secret that is not percent-encoded may hold a slash.
CREDENTIALS: Final = re.compile(r"(?<=://)[^@?]*:[^@?]*@")
UNFINISHED: Final = ".unfinished"
# Arrow's own errors are OSErrors or ValueErrors.
FAULTS: Final = (OSError, pa.ArrowException)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`name` is as the user wrote it, without credentials; `root` is the path inside `files`."""

    name: str
    files: fs.FileSystem
    root: str

    @classmethod
    def of(cls, name: str) -> Target:
        """Of a local path, file:///path or s3://bucket/prefix?endpoint_override=host:port&scheme=….

        Raises `TargetError` for a URI that is not understood.
        """
        if "://" not in name:
            path = Path(name).expanduser().absolute()
            return cls(name=name, files=fs.LocalFileSystem(), root=str(path))
        shown = CREDENTIALS.sub("", name).partition("?")[0]
        try:
            files, root = fs.FileSystem.from_uri(name)
        except FAULTS as error:
            reason = f"is no place for an archive: {str(error).replace(name, shown)}"
            # From nothing: a trace would show the URI.
            raise TargetError(shown, reason) from None
        return cls(name=shown, files=files, root=root.rstrip("/"))

    def manifest(self) -> Manifest | None:
        """None where there is none. Raises `DamagedError`, `TargetError`."""
        found = self._sealed(None)
        return None if found is None else found.manifest

    def known_manifest(self) -> Manifest:
        """Raises `TargetError` where there is no archive, or none that was finished once."""
        return self.sealed().manifest

    def sealed(self, trusted: Ed25519PublicKey | None = None) -> Sealed:
        """The same, and who signed it. Raises `DamagedError` too for what `trusted` did not."""
        found = self._sealed(trusted)
        if found is None:
            raise TargetError(self.name, f"is no archive: it has no {MANIFEST_FILE}")
        if found.manifest.run == 0:
            reason = "its first run was not finished: finish it with `backstock archive write`"
            raise TargetError(self.name, reason)
        return found

    def save(self, manifest: Manifest, key: HeadKey | None = None) -> None:
        self.put(MANIFEST_FILE, encode(manifest, key))

    def _sealed(self, trusted: Ed25519PublicKey | None) -> Sealed | None:
        content = self.read_if_there(MANIFEST_FILE)
        return None if content is None else decode(self.path(MANIFEST_FILE), content, trusted)

    def path(self, file: str) -> str:
        """As shown to people."""
        return f"{self.name.rstrip('/')}/{file}"

    def read_if_there(self, file: str) -> bytes | None:
        """None when the file is not there. Raises `TargetError`."""
        try:
            with self.files.open_input_stream(self._inside(file), compression=None) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None
        except FAULTS as error:
            raise TargetError(self.path(file), f"cannot be read: {error}") from error

    def read(self, entry: FileEntry) -> bytes:
        """The file that the manifest speaks of. Raises `DamagedError` for any other content."""
        where = self.path(entry.file)
        content = self.read_if_there(entry.file)
        if content is None:
            raise DamagedError(where, f"is missing; {DAMAGED}")
        if len(content) != entry.bytes:
            reason = f"has {len(content)} bytes, {entry.bytes} were written; {DAMAGED}"
            raise DamagedError(where, reason)
        if sha256(content).hexdigest() != entry.sha256:
            raise DamagedError(where, f"was altered: its hash is another one; {DAMAGED}")
        return content

    def batches(self, entry: FileEntry, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The file's row groups. Raises `DamagedError`."""
        content = self.read(entry)
        try:
            file = pq.ParquetFile(pa.BufferReader(content))
            if not file.schema_arrow.equals(schema) or file.metadata.num_rows != entry.rows:
                raise DamagedError(self.path(entry.file), f"has other columns or rows; {DAMAGED}")
            for group in range(file.num_row_groups):
                yield from file.read_row_group(group).combine_chunks().to_batches()
        except pa.ArrowException as error:
            raise DamagedError(self.path(entry.file), f"cannot be decoded: {error}") from error

    def put(self, file: str, content: bytes | pa.Buffer) -> None:
        """Have the file there whole, in place of an older one, or not at all."""
        path = self._inside(file)
        try:
            if isinstance(self.files, fs.LocalFileSystem):
                _put_locally(Path(path), content)
                return
            with self.files.open_output_stream(path, compression=None) as stream:
                stream.write(content)
        except FAULTS as error:
            reason = (
                f"cannot be written: {_words(error)}. What was archived before is as it was:"
                " make room or give rights, and write again"
            )
            raise TargetError(self.path(file), reason) from error

    def listed(self) -> list[str]:
        """Every file, by its path inside the archive. Raises `TargetError`."""
        try:
            found = self.files.get_file_info(
                fs.FileSelector(self.root, recursive=True, allow_not_found=True)
            )
        except FAULTS as error:
            raise TargetError(self.name, f"cannot be listed: {error}") from error
        return [
            each.path.removeprefix(self.root).lstrip("/")
            for each in found
            if each.type != fs.FileType.Directory
        ]

    def delete(self, file: str) -> None:
        try:
            self.files.delete_file(self._inside(file))
        except FAULTS as error:
            raise TargetError(self.path(file), f"cannot be deleted: {_words(error)}") from error

    def _inside(self, file: str) -> str:
        return f"{self.root}/{file}"


class ParquetFile:
    """A file in the making, compressed in memory; nobody sees it before `seal`."""

    def __init__(self, schema: pa.Schema) -> None:
        self._sink = pa.BufferOutputStream()
        self._writer = pq.ParquetWriter(self._sink, schema, compression=COMPRESSION)
        self.rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """One more row group."""
        self._writer.write_batch(batch, row_group_size=max(1, batch.num_rows))
        self.rows += batch.num_rows

    def seal(self, target: Target, file: str) -> FileEntry:
        """Raises `TargetError`; then nothing was written."""
        self._writer.close()
        content = self._sink.getvalue()
        target.put(file, content)
        digest = sha256(content).hexdigest()
        return FileEntry(file=file, rows=self.rows, bytes=content.size, sha256=digest)


def _put_locally(path: Path, content: bytes | pa.Buffer) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(path.name + UNFINISHED)
    try:
        # Owner only: command keys and subjects are nobody else's business.
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(memoryview(content))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    # The name is on the disk as well before anything relies on it.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _words(error: Exception) -> str:
    """Without the temporary name, which tells nobody anything."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
