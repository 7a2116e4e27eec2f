"""Deliveries that are forged, stale, repeated or signed with a secret on its way out: a status, and one effect."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx2
import msgspec
import pytest

from ingestion.contracts.event import RecordKind, decode_event
from ingestion.contracts.raw import EVENTS_TOPIC
from ingestion.receiver.connections import Connection, load_connections
from ingestion.receiver.outlet import KafkaOutlet
from ingestion.receiver.request import Request
from ingestion.receiver.senders import SENDERS
from tests.ingestion.receiver.conftest import serving
from tests.ingestion.sources.samples import ZENDESK_USER
from tests.ingestion.test_worker import Stage

NEW, OLD, OTHERS = b"new-0123456789abcdef", b"old-0123456789abcdef", b"other-0123456789abcd"
HOUR = 3600.0


@pytest.fixture
def stage(empty_kafka: str, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(empty_kafka, f"sqlite:///{tmp_path}/leadline.db")
    yield stage
    stage.close()


def _connections(folder: Path, **secrets: bytes) -> dict[str, Connection]:
    """Two tenants' help desks; ours is changing its secret."""
    (folder / "connections.toml").write_text(
        '[ours]\nsender = "zendesk"\nsecrets = ["env:NEW", "env:OLD"]\n'
        '[theirs]\nsender = "zendesk"\nsecrets = ["env:OTHERS"]\n'
    )
    return load_connections(folder / "connections.toml", {name: secret.decode() for name, secret in secrets.items()})


def _user(number: int) -> bytes:
    return msgspec.json.encode(ZENDESK_USER | {"id": f"event-{number}"})


def test_each_delivery_has_its_status_and_each_event_one_effect(stage: Stage, tmp_path: Path) -> None:
    now = time.time()
    # the body's number, the secret, when it was signed, whether it was changed on the way; the answer
    deliveries = [
        (1, NEW, now, False, 200),
        (1, NEW, now, False, 200),  # the same once more: vendors repeat what they are not sure of
        (1, OLD, now, False, 200),  # and again, by a machine that has the old secret still
        (2, OLD, now, False, 200),
        (3, OTHERS, now, False, 401),
        (4, b"guessed-0123456789ab", now, False, 401),
        (5, NEW, now - HOUR, False, 401),
        (6, NEW, now + HOUR, False, 401),
        (7, NEW, now, True, 401),
    ]
    outlet = KafkaOutlet(stage.bootstrap)
    with ExitStack() as opened:
        opened.callback(outlet.close)
        connections = _connections(tmp_path, NEW=NEW, OLD=OLD, OTHERS=OTHERS)
        url = opened.enter_context(serving(connections, outlet))
        for number, secret, at, changed, status in deliveries:
            assert _deliver(url, "ours", _user(number), secret, at, changed=changed) == status
        assert _deliver(url, "theirs", _user(8), OTHERS, now) == 200
        assert _deliver(url, "theirs", _user(9), NEW, now) == 401
    stage.work()
    events = [decode_event(r.value) for r in stage.read(EVENTS_TOPIC) if r.headers["record"] == RecordKind.EVENT]
    assert sorted(event.id for event in events) == ["event-1", "event-2", "event-8"]


def test_a_secret_that_was_withdrawn_opens_nothing(stage: Stage, tmp_path: Path) -> None:
    connections = _connections(tmp_path, NEW=NEW, OLD=OLD, OTHERS=OTHERS)
    changed = {"ours": replace(connections["ours"], secrets=connections["ours"].secrets[:1])}
    outlet = KafkaOutlet(stage.bootstrap)
    with ExitStack() as opened:
        opened.callback(outlet.close)
        url = opened.enter_context(serving(changed, outlet))
        assert _deliver(url, "ours", _user(1), OLD, time.time()) == 401
        assert _deliver(url, "ours", _user(1), NEW, time.time()) == 200


def _deliver(url: str, connection: str, body: bytes, secret: bytes, at: float, *, changed: bool = False) -> int:
    sent = Request("POST", f"/in/{connection}", "", {b"content-type": b"application/json"}, body)
    signed = SENDERS["zendesk"].scheme.sign(sent, secret, at)
    body = body.replace(b"jo@", b"al@") if changed else body
    return httpx2.post(url + signed.path, content=body, headers=list(signed.headers.items()), timeout=30).status_code
