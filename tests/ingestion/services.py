"""The stage's four services as processes, as a user starts them, beside the vendors' APIs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from ingestion.app import HYDRATION_GROUP, INGESTION_GROUP, LAKE_GROUP
from ingestion.contracts.raw import EVENTS_TOPIC, RAW_TOPICS
from ingestion.hydration.table import Hydrations
from ingestion.kafka import group_lag
from ingestion.receiver.request import Request
from ingestion.receiver.senders import SENDERS
from tests.conftest import answers, free_port, wait_until
from tests.ingestion.hydration.conftest import TOKENS, write_connections
from tests.ingestion.test_worker import KEY, Stage

SERVICES = ("receive", "hydrate", "ingest", "lake")
KEYLESS = ("receive", "hydrate")  # they talk to the internet
SECRET = b"0123456789abcdef"


class Services:
    """Receiver, hydration, ingestion and lake writer on one broker."""

    def __init__(self, stage: Stage, folder: Path, vendors: str, **environment: str) -> None:
        self.stage = stage
        self.hydrations = Hydrations(stage.engine)
        self.receiver_port = free_port()
        self.ports = {name: free_port() for name in SERVICES}
        self._environment = environment | {
            **TOKENS,
            "UNSET": SECRET.decode(),  # what the connections are signed with
            "KAFKA_BOOTSTRAP_SERVERS": stage.bootstrap,
            "LEADLINE_HOME": str(folder),
            "LEADLINE_DATABASE_URL": f"sqlite:///{folder}/leadline.db",
            "LEADLINE_CONNECTIONS": str(write_connections(folder / "connections.toml", vendors)),
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        """All of them, from their first breath to a clean end."""
        with ExitStack() as opened:
            processes = [opened.enter_context(self._process(name)) for name in SERVICES]
            for name in SERVICES:
                wait_until(lambda: bool(self.scrape(name)), f"{name} to answer", 120)  # noqa: B023
            wait_until(lambda: answers(self.receiver_port), "the receiver to listen")
            yield
            for process in processes:
                process.terminate()
            assert [process.wait(timeout=60) for process in processes] == [0] * len(SERVICES)

    @contextmanager
    def _process(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        words = ["--port", str(self.receiver_port)] if name == "receive" else []
        given = os.environ | self._environment | {"LEADLINE_METRICS_PORT": str(self.ports[name])}
        if name not in KEYLESS:
            given |= {"LEADLINE_IDENTITY_KEY": KEY.hex(), "LEADLINE_MASTER_KEY": KEY.hex()}
        process = subprocess.Popen([sys.executable, "-m", "leadline", name, *words], env=given)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def scrape(self, name: str) -> list[Sample]:
        """What a service's /metrics shows; nothing if it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except (urllib.error.URLError, ConnectionError):
            return []
        return [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def deliver(self, sender: str, body: bytes, *, signed: bool = True, headers: Mapping[str, str] = {}) -> int:
        """One webhook; the status of the answer."""
        sent = Request("POST", f"/in/acme-{sender}", "", {b"content-type": b"application/json"}, body)
        if signed:
            sent = SENDERS[sender].scheme.sign(sent, SECRET, time.time())
        given = {name.decode(): value.decode() for name, value in sent.headers.items()} | dict(headers)
        url = f"http://127.0.0.1:{self.receiver_port}{sent.path}"
        return httpx2.post(url, content=body, headers=given, timeout=30).status_code

    def is_drained(self) -> bool:
        """Whether all that was sent has been fetched, read and kept."""
        raw = list(RAW_TOPICS)
        lags = {HYDRATION_GROUP: raw, INGESTION_GROUP: raw, LAKE_GROUP: [EVENTS_TOPIC]}
        return not any(group_lag(self.stage.bootstrap, group, topics) for group, topics in lags.items())


def base_name(sample: str) -> str:
    """The metric that a sample belongs to."""
    return re.sub(r"_(bucket|sum|count|created)$", "", sample)
