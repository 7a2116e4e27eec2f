"""What the receiver answered 2xx is on the raw topic, whoever is killed and stopped meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from ingestion.contracts.raw import RAW_TOPICS
from ingestion.kafka import create_topics, read_topic
from ingestion.receiver.request import Request
from ingestion.receiver.senders import SENDERS
from leadline.broker import KafkaBroker
from tests.conftest import free_port, tries, wait_until

SECRET = b"0123456789abcdef"
SEEDS = range(tries(3))
SENDERS_AT_ONCE = 4


@dataclass
class Traffic:
    """Senders that post signed deliveries one after another and keep count of the answers."""

    url: str
    acknowledged: set[bytes] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)
    stop: threading.Event = field(default_factory=threading.Event)

    def send(self, sender: int) -> None:
        number = 0
        while not self.stop.is_set():
            number += 1
            self.one(b'{"id":"%d-%d","detail":{"id":"%d"}}' % (sender, number, number % 50))

    def one(self, body: bytes) -> bool:
        sent = Request("POST", "/in/desk", "", {b"content-type": b"application/json"}, body)
        signed = SENDERS["zendesk"].scheme.sign(sent, SECRET, time.time())
        try:
            answer = httpx2.post(self.url + signed.path, content=body, headers=list(signed.headers.items()), timeout=10)
        except httpx2.HTTPError:  # nobody answered: the sender would try again
            return False
        self.statuses.add(answer.status_code)
        if answer.status_code == 200:
            self.acknowledged.add(body)
        return answer.status_code == 200

    @contextmanager
    def flowing(self) -> Iterator[None]:
        threads = [threading.Thread(target=self.send, args=(number,)) for number in range(SENDERS_AT_ONCE)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()


@pytest.fixture
def broker(broker: KafkaBroker) -> KafkaBroker:
    """With the raw topics."""
    create_topics(broker.bootstrap_servers, dict.fromkeys(RAW_TOPICS, 2))
    return broker


@contextmanager
def receiver(folder: Path, bootstrap: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    (folder / "connections.toml").write_text('[desk]\nsender = "zendesk"\nsecrets = ["env:DESK_SECRET"]\n')
    given = {
        "DESK_SECRET": SECRET.decode(),
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "LEADLINE_CONNECTIONS": str(folder / "connections.toml"),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "leadline", "receive", "--port", str(port)], env=os.environ | given, cwd=folder
    )
    try:
        wait_until(lambda: _alive(port), "the receiver to answer")
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def _alive(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/healthz", timeout=1).status_code == 200
    except httpx2.HTTPError:
        return False


def _stored(broker: KafkaBroker) -> set[bytes]:
    return {record.value for record in read_topic(broker.bootstrap_servers, "raw.support")}


def _kill_broker(broker: KafkaBroker) -> None:
    broker.kill()
    time.sleep(1)  # the outage itself
    broker.start()


def _stop_broker(broker: KafkaBroker) -> None:
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGSTOP)
    time.sleep(6)  # longer than the receiver waits for an acknowledgement
    os.kill(broker.pid, signal.SIGCONT)


@pytest.mark.parametrize("fault", [_kill_broker, _stop_broker])
def test_nothing_is_acknowledged_that_a_lost_broker_does_not_hold(
    fault: Callable[[KafkaBroker], None], broker: KafkaBroker, tmp_path: Path
) -> None:
    port = free_port()
    with receiver(tmp_path, broker.bootstrap_servers, port):
        traffic = Traffic(f"http://127.0.0.1:{port}")
        with traffic.flowing():
            wait_until(lambda: len(traffic.acknowledged) > 100, "some traffic")
            fault(broker)
            before = len(traffic.acknowledged)
            wait_until(lambda: len(traffic.acknowledged) > before + 100, "traffic after the outage")
        assert traffic.statuses == {200, 503}
        assert traffic.acknowledged <= _stored(broker)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_acknowledged_that_a_killed_receiver_did_not_store(
    seed: int, broker: KafkaBroker, tmp_path: Path
) -> None:
    port, chance = free_port(), random.Random(seed)
    traffic = Traffic(f"http://127.0.0.1:{port}")
    with receiver(tmp_path, broker.bootstrap_servers, port) as first, traffic.flowing():
        wait_until(lambda: len(traffic.acknowledged) > chance.randint(50, 300), "some traffic")
        first.send_signal(signal.SIGKILL)
        first.wait()
        with receiver(tmp_path, broker.bootstrap_servers, port):
            before = len(traffic.acknowledged)
            wait_until(lambda: len(traffic.acknowledged) > before + 50, "traffic after the restart")
            traffic.stop.set()
    assert traffic.statuses == {200}
    assert traffic.acknowledged <= _stored(broker)


def test_a_receiver_that_is_told_to_stop_answers_what_it_has_begun(broker: KafkaBroker, tmp_path: Path) -> None:
    port = free_port()
    with receiver(tmp_path, broker.bootstrap_servers, port) as process:
        traffic = Traffic(f"http://127.0.0.1:{port}")
        with traffic.flowing():
            wait_until(lambda: len(traffic.acknowledged) > 100, "some traffic")
            process.terminate()
            process.wait(timeout=30)
    assert traffic.statuses == {200}
    assert traffic.acknowledged <= _stored(broker)
