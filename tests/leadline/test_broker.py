"""The broker keeps what it acknowledged over a kill, starts quickly, and never outlives the process that started it."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from leadline.broker import ExternalBroker, KafkaBroker, open_broker
from leadline.errors import BrokerSetupError, BrokerStartError
from leadline.kafka_installation import find_java


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A running broker with the topic `t`."""
    with KafkaBroker(tmp_path_factory.mktemp("kafka")).start() as running:
        admin = AdminClient({"bootstrap.servers": running.bootstrap_servers})
        admin.create_topics([NewTopic("t", num_partitions=1, replication_factor=1)])["t"].result(timeout=20)
        yield running


def _produce(servers: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "linger.ms": 0})
    producer.produce("t", value)
    assert producer.flush(20) == 0


def _read_all(servers: str, group: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe(["t"])
    try:
        messages = consumer.consume(count, timeout=20)
    finally:
        consumer.close()
    return [value for message in messages if isinstance(value := message.value(), bytes)]


def test_an_acknowledged_message_survives_kill_and_restart_on_the_same_port(broker: KafkaBroker) -> None:
    servers = broker.bootstrap_servers
    _produce(servers, b"before the kill")
    assert _read_all(servers, "first", 1) == [b"before the kill"]

    broker.kill()
    assert broker.pid is None
    broker.start()

    assert broker.bootstrap_servers == servers
    _produce(servers, b"after the kill")
    assert _read_all(servers, "second", 2) == [b"before the kill", b"after the kill"]


def test_starting_a_running_broker_changes_nothing(broker: KafkaBroker) -> None:
    before = broker.pid
    broker.start()
    assert broker.pid == before


def test_a_port_in_use_is_named(broker: KafkaBroker, tmp_path: Path) -> None:
    port = int(broker.bootstrap_servers.rpartition(":")[2])
    with pytest.raises(BrokerSetupError, match=f"Port {port} .* is in use"):
        KafkaBroker(tmp_path, port=port).start()


def test_a_refused_setting_is_reported_in_kafkas_own_words(tmp_path: Path) -> None:
    with pytest.raises(BrokerStartError, match="no\\.such\\.role"):
        KafkaBroker(tmp_path, settings={"process.roles": "no.such.role"}).start()


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_the_broker_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = f"""
        import os, pathlib
        from leadline.broker import KafkaBroker
        broker = KafkaBroker(pathlib.Path({str(tmp_path)!r})).start()
        print(broker.pid, flush=True)
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == -9, done.stderr
    process = Path("/proc") / done.stdout.strip()
    deadline = time.monotonic() + 10
    while _runs(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(process)


def _runs(process: Path) -> bool:
    """A zombie that its new parent has not collected yet has ended."""
    try:
        return "State:\tZ" not in (process / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_environment_names_the_cluster_to_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka.example:9092")
    with open_broker(tmp_path) as broker:
        assert isinstance(broker, ExternalBroker)
        assert (broker.kind, broker.bootstrap_servers) == ("external", "kafka.example:9092")


def test_without_java_the_mock_cluster_stands_in_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    said: list[str] = []
    with open_broker(tmp_path, say=said.append) as broker:
        assert broker.kind == "librdkafka-mock"
        assert not broker.keeps_everything
        _produce(broker.bootstrap_servers, b"in the mock")
        assert _read_all(broker.bootstrap_servers, "g", 1) == [b"in the mock"]
    assert len(said) == 1
    assert "Install Java 17" in said[0]


def test_without_maven_and_jars_the_next_step_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java_only = tmp_path / "bin"
    java_only.mkdir()
    (java_only / "java").symlink_to(find_java())
    monkeypatch.setenv("PATH", str(java_only))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(BrokerSetupError, match="Install it \\(Debian: maven\\)"):
        KafkaBroker(tmp_path / "storage").start()
