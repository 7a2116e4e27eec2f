"""A raw message as it lies on `raw.*`: the sender's bytes, untouched, and the headers that place them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

RAW_TOPICS = ("raw.crm", "raw.product", "raw.support", "raw.marketing")
EVENTS_TOPIC = "events"
QUARANTINE_TOPIC = "events.quarantine"
IDENTITY_TOPIC = "identity"
CHANGES_TOPIC = "features.changed"
DECISIONS_TOPIC = "decisions"
ALERTS_TOPIC = "alerts"

# Headers of a raw message.
SOURCE_SYSTEM = "source-system"  # which adapter reads it: hubspot, segment, …
SOURCE_ACCOUNT = "source-account"  # the sender's own account with the vendor; part of `source`
CONNECTION = "connection"  # the receiver's connection that a message came by
CONTENT_TYPE = "content-type"
SEGMENT_CALL = "segment-call"  # which of Segment's calls a body is that does not say so itself
RECEIVED_TIME = "received-time"  # RFC 3339, our clock at ingress; else the Kafka timestamp
TRACEPARENT = "traceparent"
IMPORTED = "imported"  # "true" for replayed history: knowledge time is the received time


@dataclass(frozen=True, slots=True)
class RawMessage:
    """One Kafka message of a raw topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: dict[str, str]
    received: datetime  # aware, UTC

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hex."""
        return sha256(self.value).hexdigest()
