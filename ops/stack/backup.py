"""A stopped data directory as one verified archive, and back.

Every file's SHA-256 stands in a manifest at the archive's end. A backup is read back before it
gets its name, and a restored directory gets its name only when it equals the manifest.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import stat
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from ops.stack.directory import OWNER_ONLY_FILE, PERSONAL, DataDirectory
from ops.stack.errors import BackupError, DirectoryError

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdError, ZstdFile
else:
    from backports.zstd import ZstdError, ZstdFile

FORMAT = 1
MANIFEST = "backstock-manifest.json"
MANIFEST_BYTES_MAX = 512 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024
ZSTD_LEVEL = 3
GZIP_LEVEL = 6
# Belong to one run, can be made again, or open personal data: a copy would undo forgetting.
LEFT_OUT = frozenset({"run", "logs", PERSONAL})
UNFINISHED = ".unfinished"
SUFFIXES = (".tar.zst", ".tar.gz")
LINK = "link"
DAMAGE = (
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    ZstdError,
    EOFError,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """What a backup or a restore has done; `data_bytes` before compression."""

    archive: Path
    files: int
    data_bytes: int
    archive_bytes: int
    seconds: float


def back_up(directory: DataDirectory, archive: Path) -> BackupReport:
    """Write the data directory to `archive` (.tar.zst or .tar.gz), readable by its owner only.

    Raises DirectoryBusyError while anything runs on it, BackupError when the archive exists, has
    another suffix, or does not read back as it was written.
    """
    began = time.monotonic()
    archive = archive.expanduser().absolute()
    if not archive.name.endswith(SUFFIXES):
        raise BackupError(archive, f"the name must end in {' or '.join(SUFFIXES)}")
    if archive.exists():
        raise BackupError(archive, "exists already, and is not overwritten")
    if archive.is_relative_to(directory.root):
        raise BackupError(archive, "lies inside the data directory itself")
    if not directory.root.is_dir() or not any(directory.root.iterdir()):
        raise DirectoryError(directory.root, "is empty: there is nothing to back up")
    partial = archive.with_name(f".{archive.name}.partial")
    try:
        with directory.held():
            _write(directory.root, partial, archive.name)
        manifest = _read(partial, archive, _digest)
        partial.rename(archive)
    except OSError as error:
        raise BackupError(archive, f"cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return _report(archive, manifest, began)


def restore(
    archive: Path, directory: DataDirectory, *, elsewhere: Collection[str] = ()
) -> BackupReport:
    """Unpack a backup into a data directory that is absent or empty.

    `elsewhere` names the parts that are given by address: they are not in the backup, and may be
    newer than its PostgreSQL. Raises BackupError, leaving nothing behind, when there are such, or
    a file is missing, added or changed.
    """
    began = time.monotonic()
    archive = archive.expanduser().absolute()
    if elsewhere and "postgres" not in elsewhere:
        raise BackupError(
            archive,
            f"holds no {', '.join(sorted(elsewhere))}, which may be newer than its PostgreSQL: "
            "unset those addresses to restore, and before they are used with it again raise the "
            "store's epoch (docs/decisions/0009)",
        )
    root = directory.root
    if root.exists() and any(root.iterdir()):
        raise DirectoryError(root, "is not empty. Restore into a new directory with --data")
    root.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=root.parent.resolve(), prefix=f".{root.name}.restoring-"))
    try:
        manifest = _read(
            archive, archive, lambda member, content: _unpack(member, content, staging)
        )
        # On the disk before it has its name: a crash leaves the whole directory, or none.
        os.sync()
        if root.exists():
            root.rmdir()
        staging.rename(root)
    except OSError as error:
        raise BackupError(archive, f"cannot be restored: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return _report(archive, manifest, began)


def _report(archive: Path, files: dict[str, Any], began: float) -> BackupReport:
    sizes = [entry["bytes"] for entry in files.values() if "bytes" in entry]
    return BackupReport(
        archive=archive,
        files=len(sizes),
        data_bytes=sum(sizes),
        archive_bytes=archive.stat().st_size,
        seconds=round(time.monotonic() - began, 3),
    )


def _write(root: Path, partial: Path, name: str) -> None:
    manifest: dict[str, Any] = {}
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY_FILE)
    with os.fdopen(descriptor, "wb") as raw:
        os.fchmod(raw.fileno(), OWNER_ONLY_FILE)
        with (
            _packed(raw, name) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            for path in _contents(root):
                _add(tar, path, str(path.relative_to(root)), manifest)
            document = json.dumps({"format": FORMAT, "files": manifest}).encode()
            member = tarfile.TarInfo(MANIFEST)
            member.size = len(document)
            member.mode = OWNER_ONLY_FILE
            tar.addfile(member, io.BytesIO(document))
        raw.flush()
        os.fsync(raw.fileno())


def _contents(root: Path) -> Iterator[Path]:
    for top in sorted(root.iterdir()):
        if top.name not in LEFT_OUT and not top.name.endswith(UNFINISHED):
            yield top
            if top.is_dir() and not top.is_symlink():
                yield from sorted(top.rglob("*"))


def _add(tar: tarfile.TarFile, path: Path, name: str, manifest: dict[str, Any]) -> None:
    status = path.lstat()
    member = tarfile.TarInfo(name)
    member.mode = status.st_mode & stat.S_IRWXU
    member.mtime = int(status.st_mtime)
    if stat.S_ISLNK(status.st_mode):
        member.type = tarfile.SYMTYPE
        member.linkname = str(path.readlink())
        tar.addfile(member)
        manifest[name] = {LINK: member.linkname}
    elif stat.S_ISDIR(status.st_mode):
        member.type = tarfile.DIRTYPE
        tar.addfile(member)
        manifest[name] = {}
    elif stat.S_ISREG(status.st_mode):
        member.size = status.st_size
        with path.open("rb") as file:
            hashing = _Hashing(file)
            tar.addfile(member, hashing)
        manifest[name] = {"bytes": status.st_size, "sha256": hashing.digest.hexdigest()}


class _Hashing(io.RawIOBase):
    """Reads a file and hashes what is read."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self.digest.update(content)
        return content


def _read(
    path: Path, archive: Path, take: Callable[[tarfile.TarInfo, IO[bytes] | None], str]
) -> dict[str, Any]:
    """Read the archive once, hand each member to `take`, compare it all with the manifest.

    `take` returns the SHA-256 of a file's content. Returns the manifest's files.
    """
    found: dict[str, Any] = {}
    manifest: dict[str, Any] | None = None
    try:
        with path.open("rb") as raw, _unpacked(raw, archive.name) as packed:
            with tarfile.open(fileobj=packed, mode="r|") as tar:
                for member in tar:
                    content = tar.extractfile(member) if member.isreg() else None
                    if member.name == MANIFEST and content is not None:
                        manifest = json.loads(content.read(MANIFEST_BYTES_MAX))
                    elif member.isreg():
                        found[member.name] = {"bytes": member.size, "sha256": take(member, content)}
                    else:
                        take(member, None)
                        found[member.name] = {LINK: member.linkname} if member.issym() else {}
            # To the very end: the compression's own checksum stands there.
            while packed.read(CHUNK_BYTES):
                pass
    except DAMAGE as error:
        raise BackupError(archive, f"is damaged or no backup: {error}") from error
    if manifest is None:
        raise BackupError(archive, "is cut off: its manifest is missing")
    if manifest.get("format") != FORMAT:
        reason = f"has format {manifest.get('format')}, and {FORMAT} is understood"
        raise BackupError(archive, reason)
    files: dict[str, Any] = manifest["files"]
    for name in sorted(files.keys() | found.keys()):
        if files.get(name) != found.get(name):
            raise BackupError(archive, f"{name} is not as the manifest says; nothing was restored")
    return files


def _unpack(member: tarfile.TarInfo, content: IO[bytes] | None, staging: Path) -> str:
    target = _place(member, staging)
    if member.isdir():
        target.mkdir(mode=stat.S_IRWXU)
    elif member.issym():
        target.symlink_to(member.linkname)
    elif content is not None:
        digest = hashlib.sha256()
        with target.open("xb") as file:
            os.fchmod(file.fileno(), member.mode & stat.S_IRWXU)
            while chunk := content.read(CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
        os.utime(target, (member.mtime, member.mtime))
        return digest.hexdigest()
    return ""


def _place(member: tarfile.TarInfo, staging: Path) -> Path:
    """Return where a member goes; refuse to write or to point outside the directory."""
    name = PurePosixPath(member.name)
    parent = staging.joinpath(*name.parts[:-1])
    inside = not name.is_absolute() and ".." not in name.parts and parent.resolve() == parent
    if member.issym():
        inside = inside and (parent / member.linkname).resolve().is_relative_to(staging)
    if not inside or not (member.isdir() or member.issym() or member.isreg()):
        raise tarfile.TarError(f"{member.name} does not belong into a data directory")
    return parent / name.name


def _digest(_member: tarfile.TarInfo, content: IO[bytes] | None) -> str:
    digest = hashlib.sha256()
    while content is not None and (chunk := content.read(CHUNK_BYTES)):
        digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _packed(raw: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    if name.endswith(".gz"):
        with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=GZIP_LEVEL) as file:
            yield cast("IO[bytes]", file)
    else:
        with ZstdFile(raw, "wb", level=ZSTD_LEVEL) as file:
            yield cast("IO[bytes]", file)


@contextmanager
def _unpacked(raw: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    if name.endswith(".gz"):
        with gzip.GzipFile(fileobj=raw, mode="rb") as file:
            yield cast("IO[bytes]", file)
    else:
        with ZstdFile(raw, "rb") as file:
            yield cast("IO[bytes]", file)
