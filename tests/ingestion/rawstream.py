"""A small stream of raw messages for tests of the worker: visitors who become known, duplicates, poison."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ingestion.contracts.raw import CONTENT_TYPE, RECEIVED_TIME, SOURCE_ACCOUNT, SOURCE_SYSTEM
from ingestion.kafka import DurableProducer

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


@dataclass
class RawStream:
    """Sends messages one minute apart."""

    producer: DurableProducer
    partitions: int = 2
    sent: int = 0
    elements: int = 0
    minute: int = 0
    bodies: list[tuple[str, str, str, bytes]] = field(default_factory=list)

    def send(self, topic: str, system: str, key: str, body: Any, elements: int = 1) -> datetime:
        value = body if isinstance(body, bytes) else msgspec.json.encode(body)
        received = START + timedelta(minutes=self.minute)
        self.minute += 1
        self.producer.send(
            topic,
            key=key,
            value=value,
            headers={
                SOURCE_SYSTEM: system,
                SOURCE_ACCOUNT: "northlight",
                CONTENT_TYPE: "application/json",
                RECEIVED_TIME: received.isoformat(),
            },
            timestamp_ms=int(received.timestamp() * 1000),
        )
        self.sent += 1
        self.elements += elements
        self.bodies.append((topic, system, key, value))
        return received

    def again(self, number: int) -> None:
        """Deliver an earlier message once more, under new coordinates."""
        topic, system, key, value = self.bodies[number]
        self.send(topic, system, key, value)

    def visit(self, cookie: str, path: str = "/pricing", user: str | None = None) -> None:
        number, time = self.sent, START + timedelta(minutes=self.minute)
        body = {
            "type": "page",
            "messageId": f"page-{number}",
            "anonymousId": cookie,
            "userId": user,
            "timestamp": time.isoformat(),
            "properties": {"path": path, "url": f"https://northlight.com{path}"},
        }
        self.send("raw.product", "segment", cookie, {k: v for k, v in body.items() if v is not None})

    def identify(self, cookie: str, user: str, email: str) -> None:
        time = START + timedelta(minutes=self.minute)
        body = {
            "type": "identify",
            "messageId": f"identify-{self.sent}",
            "anonymousId": cookie,
            "userId": user,
            "timestamp": time.isoformat(),
            "traits": {"email": email, "name": "Jo Doe"},
        }
        self.send("raw.product", "segment", cookie, body)

    def contact(self, number: int, email: str) -> None:
        """A HubSpot array: the contact's address and its job title."""
        time = int((START + timedelta(minutes=self.minute)).timestamp() * 1000)
        common = {
            "subscriptionId": 1,
            "portalId": 62515,
            "occurredAt": time,
            "subscriptionType": "contact.propertyChange",
            "attemptNumber": 0,
            "objectId": number,
            "changeSource": "CRM_UI",
        }
        values = [("email", email), ("jobtitle", "Head of Data")]
        body = [
            common | {"eventId": self.sent * 10 + place, "propertyName": name, "propertyValue": value}
            for place, (name, value) in enumerate(values)
        ]
        self.send("raw.crm", "hubspot", str(number), body, elements=2)

    def poison(self, body: bytes) -> None:
        self.send("raw.marketing", "web-form", "poison", body)

    def mixed(self, seed: int, people: int) -> None:
        """A history in which everything happens."""
        rng = random.Random(seed)
        for person in range(people):
            for _ in range(rng.randint(1, 3)):
                self.visit(f"cookie-{person}")
            if rng.random() < 0.7:
                self.identify(f"cookie-{person}", f"user-{person}", f"p{person}@company{person % 3}.com")
            if rng.random() < 0.7:
                self.contact(1000 + person, f"p{person}@company{person % 3}.com")
            if rng.random() < 0.3:
                self.poison(rng.choice([b"{", b"[1,2]", b"\xff\xfe", b"null", b'{"id": 7}']))
                self.elements += self.bodies[-1][3] == b"[1,2]"
            if rng.random() < 0.2:
                self.visit("undefined")  # about nobody
            if rng.random() < 0.3:
                singles = [n for n, (_, system, *_) in enumerate(self.bodies) if system == "segment"]
                self.again(rng.choice(singles))
        self.producer.flush()
