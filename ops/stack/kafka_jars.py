"""Kafka's jars: pinned by SHA-256 in kafka_jars.lock, fetched once by jgo, verified at each start.

They are kept in the user's cache, so that only the first start on a machine needs a network.
`python -m ops.stack.kafka_jars VERSION` writes the lock for another version of Kafka.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops.stack.errors import JarError

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

LOCK = Path(__file__).with_name("kafka_jars.lock")
KAFKA = "org.apache.kafka:kafka_2.13"
# Kafka logs through slf4j 1.7; this binding writes plain lines to the part's log file.
LOGGING = "org.slf4j:slf4j-simple"
FETCHERS = 8
FETCH_ATTEMPTS = 3
FETCH_PAUSE_SECONDS = 1.0
FETCH_TIMEOUT_SECONDS = 30
RUN_SCOPES = frozenset({None, "compile", "runtime"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedJar:
    """`coordinate` is group:artifact:version; `sha256` the hex digest of the jar."""

    coordinate: str
    sha256: str

    @property
    def file_name(self) -> str:
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"

    def verify(self, path: Path, remedy: str) -> None:
        """Raise JarError when the file at `path` is not the pinned jar."""
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != self.sha256:
            reason = f"{path} has SHA-256 {actual}, but {self.sha256} is pinned. {remedy}"
            raise JarError(self.coordinate, reason)


def cache_directory() -> Path:
    """Return the user's cache directory for Backstock; it need not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).expanduser().absolute() / "backstock"


def read_lock(lock: Path = LOCK) -> tuple[PinnedJar, ...]:
    """Return the pinned jars in class path order. Raises JarError on a malformed line."""
    jars = []
    for number, line in enumerate(lock.read_text().splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        words = line.split()
        if len(words) != 2 or words[0].count(":") != 2 or len(words[1]) != 64:  # noqa: PLR2004
            raise JarError(f"{lock}, line {number}", "expected `group:artifact:version sha256`")
        jars.append(PinnedJar(coordinate=words[0], sha256=words[1]))
    return tuple(jars)


def fetch(jars: Sequence[PinnedJar], cache: Path) -> tuple[Path, ...]:
    """Return the paths of the verified jars, fetching those that are not in the cache yet.

    Raises JarError when a jar is not the pinned one, or cannot be fetched.
    """
    directory = cache / "jars"
    paths = tuple(directory / jar.file_name for jar in jars)
    with exclusive(cache):
        missing = [(jar, path) for jar, path in zip(jars, paths, strict=True) if not path.exists()]
        if missing:
            directory.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as staging:
                _fetch_all(missing, Path(staging))
    for jar, path in zip(jars, paths, strict=True):
        jar.verify(path, "Delete that file and start again")
    return paths


@contextmanager
def exclusive(cache: Path) -> Iterator[None]:
    """Keep other processes of this user from filling the cache at the same time."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "lock").open("a")
    except OSError as error:
        reason = f"cannot be written ({error.strerror}). Set XDG_CACHE_HOME to a directory that can"
        raise JarError(str(cache), reason) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch_all(missing: Sequence[tuple[PinnedJar, Path]], staging: Path) -> None:
    context = _maven(staging)

    def fetch_one(jar: PinnedJar, path: Path) -> None:
        group, artifact, version = jar.coordinate.split(":")
        fetched = _download(context.project(group, artifact).at_version(version).artifact())
        # Verified before it gets its place: an interrupted transfer is never taken for a jar.
        jar.verify(fetched, "The repository has answered with another file: do not use it")
        fetched.replace(path)

    with ThreadPoolExecutor(FETCHERS) as pool:
        for done in [pool.submit(fetch_one, jar, path) for jar, path in missing]:
            done.result()


def _maven(repository: Path) -> "MavenContext":
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    # A mirror of the user's own, from jgo's configuration file, comes before Maven Central.
    mirrors = GlobalSettings.load().repositories
    central = MavenContext().remote_repos
    return MavenContext(
        repo_cache=repository, remote_repos=mirrors | central, timeout=FETCH_TIMEOUT_SECONDS
    )


def _download(artifact: "Artifact") -> Path:
    import requests

    for attempt in range(1, FETCH_ATTEMPTS + 1):
        try:
            return Path(artifact.resolve())
        except (requests.RequestException, RuntimeError) as error:
            path = artifact.cached_path
            if path is not None:
                path.unlink(missing_ok=True)
            if attempt == FETCH_ATTEMPTS:
                reason = (
                    f"cannot be fetched ({error}). The first start on a machine needs a network; "
                    "or give a broker of your own by BACKSTOCK_KAFKA_BOOTSTRAP"
                )
                raise JarError(str(artifact), reason) from error
            time.sleep(FETCH_PAUSE_SECONDS)
    raise AssertionError("unreachable: the last attempt returns or raises")


def write_lock(version: str, lock: Path = LOCK) -> None:
    """Resolve Kafka of that version with all it needs and pin every jar by what it is now."""
    staging = Path(tempfile.mkdtemp(prefix="kafka-jars-"))
    try:
        context = _maven(staging)
        kafka = context.create_dependency(f"{KAFKA}:{version}")
        named, others = context.resolver.resolve([kafka])
        artifacts = [each.artifact for each in (*named, *others) if each.scope in RUN_SCOPES]
        slf4j = next(each.version for each in artifacts if each.artifactId == "slf4j-api")
        artifacts.append(context.create_dependency(f"{LOGGING}:{slf4j}").artifact)
        lines = [
            "# Kafka and all it runs with: group:artifact:version and the jar's SHA-256.",
            "# Written by `python -m ops.stack.kafka_jars VERSION`.",
        ]
        for each in artifacts:
            digest = hashlib.sha256(_download(each).read_bytes()).hexdigest()
            lines.append(f"{each.groupId}:{each.artifactId}:{each.version} {digest}")
        lock.write_text("\n".join(lines) + "\n")
    finally:
        shutil.rmtree(staging)


if __name__ == "__main__":
    write_lock(sys.argv[1])
