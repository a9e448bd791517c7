"""Kafka's jars are the pinned ones, or Kafka does not start."""

import hashlib
from pathlib import Path

import pytest

from ops.stack.directory import DataDirectory
from ops.stack.errors import JarError
from ops.stack.kafka import KafkaPart
from ops.stack.kafka_jars import PinnedJar, fetch, read_lock

CONTENT = b"classes"
JAR = PinnedJar(coordinate="com.example:thing:1.0", sha256=hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache that holds the jar already."""
    jars = tmp_path / "cache" / "jars"
    jars.mkdir(parents=True)
    (jars / JAR.file_name).write_bytes(CONTENT)
    return tmp_path / "cache"


def test_a_jar_in_the_cache_needs_no_network(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert fetch([JAR], cache) == (cache / "jars" / "thing-1.0.jar",)


def test_a_jar_that_was_changed_in_the_cache_is_refused(cache: Path) -> None:
    path = cache / "jars" / JAR.file_name
    path.write_bytes(CONTENT + b"!")
    with pytest.raises(JarError) as refused:
        fetch([JAR], cache)
    assert JAR.coordinate in str(refused.value)
    assert JAR.sha256 in str(refused.value)
    assert "Delete that file" in str(refused.value)


def test_a_jar_that_cannot_be_fetched_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setattr("ops.stack.kafka_jars.FETCH_PAUSE_SECONDS", 0)
    with pytest.raises(JarError, match=r"thing.*needs a network"):
        fetch([JAR], tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("fetching-*"))


def test_kafka_does_not_start_with_a_jar_that_is_not_pinned(cache: Path, tmp_path: Path) -> None:
    lock = tmp_path / "jars.lock"
    lock.write_text(f"{JAR.coordinate} {'0' * 64}\n")
    directory = DataDirectory(root=tmp_path / "data")
    directory.create()
    with pytest.raises(JarError, match="is pinned"):
        KafkaPart(cache=cache, lock=lock).prepare(directory)
    assert not (directory.root / "kafka").exists()


def test_a_malformed_line_of_the_lock_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "jars.lock"
    lock.write_text(f"# jars\n{JAR.coordinate} {JAR.sha256}\ncom.example:thing {JAR.sha256}\n")
    with pytest.raises(JarError, match="line 3"):
        read_lock(lock)


def test_the_committed_lock_pins_every_jar_once() -> None:
    jars = read_lock()
    assert len({jar.file_name for jar in jars}) == len(jars) > 40
    assert any(jar.coordinate.startswith("org.apache.kafka:kafka_2.13:4.") for jar in jars)
