"""A Kafka for this machine: real Apache Kafka, one node, one process, started and stopped by us.

The invariant: what a client was told is stored survives `kill` and the next `start` on the same directory, and no
broker outlives the process that started it. Nothing here speaks the Kafka protocol; the clients are in `ingestion`.
"""

import base64
import os
import random
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from ingestion.kafka_mock import MockCluster
from leadline.child import dying_with_us
from leadline.errors import BrokerSetupError, BrokerStartError
from leadline.kafka_installation import KAFKA_VERSION, find_java, kafka_jars, run_quietly, tail_of

HOST = "127.0.0.1"

# Below Linux's ephemeral range (32768 and up): the kernel never lends such a port to somebody's outgoing connection,
# so a broker that was killed finds its own port free again.
_PORTS = range(20_000, 32_000)

_LOG4J = """\
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {logs}/server.log
appender.file.filePattern = {logs}/server.%i.log
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{ISO8601}} %-5p %c{{1}}: %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 20MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 2
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
"""


class Broker(Protocol):
    """What the rest of Leadline sees of a broker, whichever it is. Leaving the `with` block stops what we started."""

    @property
    def kind(self) -> str:
        """`apache-kafka`, `external` or `librdkafka-mock`."""

    @property
    def version(self) -> str:
        """The broker's version, or `unknown`."""

    @property
    def bootstrap_servers(self) -> str:
        """What a client's `bootstrap.servers` is set to."""

    @property
    def keeps_everything(self) -> bool:
        """False when old messages are forgotten while the topic is in use (small demonstrations only)."""

    def stop(self) -> None:
        """End it if we started it. Repeating it does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class _Stopping:
    """Leaving the `with` block stops the broker."""

    def stop(self) -> None:
        """Nothing to end, unless a subclass started something."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.stop()


class ExternalBroker(_Stopping):
    """A cluster somebody else runs; never stopped by us."""

    kind = "external"
    version = "unknown"
    keeps_everything = True

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers


class MockBroker(_Stopping):
    """librdkafka's in-process cluster: see `ingestion.kafka_mock` for what it cannot do."""

    kind = "librdkafka-mock"
    keeps_everything = False

    def __init__(self) -> None:
        self._cluster = MockCluster()
        self.version = self._cluster.version
        self.bootstrap_servers = self._cluster.bootstrap_servers

    def stop(self) -> None:
        """End the cluster."""
        self._cluster.stop()


class KafkaBroker(_Stopping):
    """One Apache Kafka node (KRaft: broker and controller in one process) on this machine's loopback address.

    The ports stay the same over `kill` and `start`, so clients reconnect by themselves. Start it from a thread that
    lives as long as the broker shall: Linux ends the process with the *thread* that started it.
    """

    kind = "apache-kafka"
    version = KAFKA_VERSION
    keeps_everything = True

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        heap: str = "768m",
        settings: Mapping[str, str] | None = None,
        patience: timedelta = timedelta(seconds=60),
    ) -> None:
        """Describe a broker; nothing runs before `start`.

        Args:
            directory: Where its storage, logs and settings live; made if missing, and found again by the next start.
            port: The clients' port; a free one is chosen if not given.
            heap: The Java heap, as `-Xmx` takes it.
            settings: Further lines of `server.properties`, which win over ours.
            patience: How long `start` waits for the port to answer.
        """
        self._directory = directory.resolve()
        self._port = port if port is not None else free_port()
        self._controller_port = free_port(other_than=self._port)
        self._heap = heap
        self._settings = dict(settings or {})
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """The loopback address and port of the node."""
        return f"{HOST}:{self._port}"

    @property
    def pid(self) -> int | None:
        """The node's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def log_file(self) -> Path:
        """Kafka's own log (warnings and errors)."""
        return self._directory / "logs" / "server.log"

    def start(self) -> Self:
        """Bring the node up and return when its port answers: about 2 s, and 1 s more to format new storage.

        Returns:
            The broker itself, so that `with KafkaBroker(d).start() as broker` reads well.

        Raises:
            BrokerSetupError: no Java, no Maven, or a port is in use.
            BrokerStartError: Kafka refused to format its storage or to start, or did not answer in time.
        """
        if self.pid is not None:
            return self
        java, classpath = find_java(), f"{kafka_jars()}/*"
        for port in (self._port, self._controller_port):
            _require_free(port)
        properties = self._write_settings()
        if not (self._directory / "data" / "meta.properties").exists():
            self._format(java, classpath, properties)
        self._process = self._launch(java, classpath, properties)
        self._wait_until_answering(self._process)
        return self

    def stop(self) -> None:
        """End the node in order (SIGTERM, at most 20 s, then SIGKILL). Repeating it does nothing."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the node as a power cut would; `start` brings it back on the same storage and port."""
        self._end(signal.SIGKILL)

    def _end(self, first: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(first)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _write_settings(self) -> Path:
        """Write `server.properties` and the logging settings; both are written anew at every start."""
        logs = self.log_file.parent
        logs.mkdir(parents=True, exist_ok=True)
        (self._directory / "log4j2.properties").write_text(_LOG4J.format(logs=logs))
        lines = _server_settings(self._directory / "data", self._port, self._controller_port) | self._settings
        properties = self._directory / "server.properties"
        properties.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        return properties

    def _format(self, java: Path, classpath: str, properties: Path) -> None:
        """Write the node's identity and first metadata record into its empty storage."""
        # The leading letter: Kafka's tool would read an id that starts with a dash as an option.
        cluster = "L" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
        tool = [str(java), *self._java_options("256m"), "-cp", classpath, "kafka.tools.StorageTool"]
        done = run_quietly([*tool, "format", "-t", cluster, "-c", str(properties)])
        if done.returncode != 0:
            raise BrokerStartError(
                f"Kafka could not format its storage in {self._directory / 'data'}: "
                f"{tail_of(done.stdout + done.stderr)}\nDelete that directory if it is left from another version."
            )

    def _launch(self, java: Path, classpath: str, properties: Path) -> subprocess.Popen[bytes]:
        command = [str(java), *self._java_options(self._heap), "-cp", classpath, "kafka.Kafka", str(properties)]
        with (self.log_file.parent / "output.log").open("wb") as output:
            # Its own session: Ctrl-C in a terminal reaches us, and we stop the broker last, after its clients.
            return subprocess.Popen(
                dying_with_us(command), stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    def _java_options(self, heap: str) -> list[str]:
        return [
            f"-Xmx{heap}",
            # The quick compiler alone: measured, a node that lives for minutes spends half its CPU in the thorough one.
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={self._directory / 'log4j2.properties'}",
        ]

    def _wait_until_answering(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._patience.total_seconds()
        while not _answers(self._port):
            if process.poll() is not None:
                self._process = None
                raise BrokerStartError(f"Kafka ended with status {process.returncode} while starting: {self._said()}")
            if time.monotonic() > deadline:
                self.kill()
                raise BrokerStartError(
                    f"Kafka did not answer on {self.bootstrap_servers} within {self._patience.total_seconds():.0f} s: "
                    f"{self._said()}"
                )
            time.sleep(0.02)

    def _said(self) -> str:
        """The end of what Kafka wrote, and where the whole of it is."""
        texts = [path.read_text(errors="replace") for path in self.log_file.parent.glob("*.log")]
        return f"{tail_of(chr(10).join(texts))}\nThe whole log: {self.log_file.parent}"


def open_broker(directory: Path, *, port: int | None = None, say: Callable[[str], None] = print) -> Broker:
    """The broker of this run, started and answering.

    `KAFKA_BOOTSTRAP_SERVERS` names a cluster to use; else Java 17 or newer runs Apache Kafka on `directory`; else
    librdkafka's in-process cluster stands in, and `say` is told so in one sentence.

    Raises:
        BrokerSetupError: Java is there but Maven is not, or a port is in use.
        BrokerStartError: Kafka did not come up.
    """
    servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "").strip()
    if servers:
        return ExternalBroker(servers)
    try:
        find_java()
    except BrokerSetupError as missing:
        say(
            f"{missing} Until then this run uses librdkafka's in-process cluster, "
            "which forgets old messages: good for a small demonstration only."
        )
        return MockBroker()
    return KafkaBroker(directory, port=port).start()


def _server_settings(data: Path, port: int, controller_port: int) -> dict[str, str]:
    """One node's `server.properties`. Kafka's defaults are for a cluster of three: everything replicated once here."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        # A killed node may register again only when its old session has ended: 9 s by default.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "4",
        # One person waits for this node: a group forms at once, and a worker that was killed is missed within seconds.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "group.consumer.min.session.timeout.ms": "1000",
        "group.consumer.session.timeout.ms": "6000",
        "group.consumer.min.heartbeat.interval.ms": "500",
        "group.consumer.heartbeat.interval.ms": "1000",
    }


def free_port(other_than: int | None = None) -> int:
    """A port nobody listens on now. Another process may still take it first: `start` then says so."""
    for port in random.sample(_PORTS, k=200):
        if port != other_than and _is_free(port):
            return port
    raise BrokerSetupError(f"No free port found between {_PORTS.start} and {_PORTS.stop}: give one by `port`.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As Kafka itself binds: connections of a killed predecessor that linger in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _require_free(port: int) -> None:
    if not _is_free(port):
        raise BrokerSetupError(
            f"Port {port} on {HOST} is in use, so Kafka cannot listen there: stop what holds it "
            f"(`ss -ltnp 'sport = :{port}'` names it), or choose another port."
        )


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
