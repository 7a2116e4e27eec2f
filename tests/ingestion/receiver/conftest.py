"""A receiver on a real port, with every sender connected."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from ingestion.contracts.event import Draft
from ingestion.contracts.raw import RECEIVED_TIME, RawMessage
from ingestion.decode import read
from ingestion.errors import DeliveryFailed, Quarantine
from ingestion.metrics import ReceiverMetrics
from ingestion.receiver.asgi import Outlet, Receiver
from ingestion.receiver.connections import Connection, address_list, load_connections
from ingestion.receiver.senders import SENDERS
from ingestion.receiver.server import server_of
from ingestion.sources.adapter import Tenant
from tests.conftest import answers, free_port, wait_until
from tests.ingestion.receiver.keys import keys

WEBSITE = "https://www.acme.com"


@dataclass
class RecordingOutlet:
    """Keeps what is appended; refuses while `down`."""

    kept: list[tuple[str, str | None, bytes, dict[str, str]]] = field(default_factory=list)
    down: bool = False

    async def append(self, topic: str, key: str | None, value: bytes, headers: Mapping[str, str]) -> None:
        if self.down:
            raise DeliveryFailed("topic raw.crm: not acknowledged")
        self.kept.append((topic, key, value, dict(headers)))

    def ready(self) -> bool:
        return not self.down

    def read(self) -> list[Draft | Quarantine]:
        """What ingestion makes of everything that was kept."""
        found = []
        for offset, (topic, key, value, headers) in enumerate(self.kept):
            received = datetime.fromisoformat(headers[RECEIVED_TIME])
            raw = RawMessage(topic, 0, offset, key.encode() if key else None, value, headers, received)
            found += read(raw, Tenant("demo"))
        return found

    def read_one(self) -> Draft:
        """The draft of the one good element that was kept."""
        [draft] = self.read()
        assert isinstance(draft, Draft), repr(draft)
        return draft


@pytest.fixture
def connections(tmp_path: Path) -> dict[str, Connection]:
    """One connection of each sender, `acme-{sender}`, two secrets each."""
    environment: dict[str, str] = {}
    tables: list[str] = []
    for number, (name, sender) in enumerate(SENDERS.items()):
        tables += [f"[acme-{name}]", f'sender = "{name}"', 'account = "northlight"']
        if sender.scheme.needs_secret:
            held = keys(name)[1]
            environment |= {f"SECRET_{number}_{place}": secret.decode() for place, secret in enumerate(held)}
            tables.append(f'secrets = ["env:SECRET_{number}_0", "env:SECRET_{number}_1"]')
        if sender.browsers:
            tables.append(f'origins = ["{WEBSITE}"]')
        if name == "meta-lead-ads":
            environment["VERIFY"] = "verify-me"
            tables.append('verify_token = "env:VERIFY"')
    path = tmp_path / "connections.toml"
    path.write_text("\n".join(tables))
    return load_connections(path, environment)


@contextmanager
def serving(connections: Mapping[str, Connection], outlet: Outlet, trusted_proxies: str = "") -> Iterator[str]:
    """A receiver's URL while it runs."""
    port = free_port()
    proxies = address_list(filter(None, [trusted_proxies]))
    receiver = Receiver(connections, outlet, ReceiverMetrics(CollectorRegistry()), trusted_proxies=proxies)
    server = server_of(receiver, host="127.0.0.1", port=port)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: answers(port), "the receiver to listen")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def outlet() -> RecordingOutlet:
    return RecordingOutlet()


Serve = Callable[..., httpx2.Client]


@pytest.fixture
def client(connections: dict[str, Connection], outlet: RecordingOutlet) -> Iterator[httpx2.Client]:
    """Asks a receiver that keeps everything in `outlet`."""
    with ExitStack() as stack:
        url = stack.enter_context(serving(connections, outlet))
        yield stack.enter_context(httpx2.Client(base_url=url, trust_env=False, timeout=10))


def basic(write_key: str) -> dict[str, str]:
    """Segment's authentication."""
    return {"authorization": f"Basic {base64.b64encode(f'{write_key}:'.encode()).decode()}"}
