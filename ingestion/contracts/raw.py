"""A raw message as it lies on `raw.*`: the sender's bytes, untouched, and the headers that place them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType

import msgspec

RAW_TOPICS = ("raw.crm", "raw.product", "raw.support", "raw.marketing")
EVENTS_TOPIC = "events"
QUARANTINE_TOPIC = "events.quarantine"
IDENTITY_TOPIC = "identity"
CHANGES_TOPIC = "features.changed"
DECISIONS_TOPIC = "decisions"
ALERTS_TOPIC = "alerts"

SOURCE_SYSTEM = "source-system"
SOURCE_ACCOUNT = "source-account"
CONNECTION = "connection"
CONTENT_TYPE = "content-type"
SEGMENT_CALL = "segment-call"
REFERER = "referer"
USER_AGENT = "user-agent"
HONEYPOT = "honeypot"
RECEIVED_TIME = "received-time"
TRACEPARENT = "traceparent"
IMPORTED = "imported"
FETCHED_FOR = "fetched-for"
REPLAY_OF = "replay-of"

# What a raw message's headers say; only the first is needed. The raw topics' contracts are made of this.
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        SOURCE_SYSTEM: "Which adapter reads it.",
        SOURCE_ACCOUNT: "The sender's own account with the vendor, part of an event's `source`; `default` if left out.",
        CONNECTION: "The receiver's connection that it came by.",
        CONTENT_TYPE: "Media type; JSON if left out.",
        SEGMENT_CALL: "Which of Segment's calls a body is that does not say so itself.",
        REFERER: "Of a website's plain form: the page it was sent from.",
        USER_AGENT: "Of a website's plain form: the browser.",
        HONEYPOT: "Of a website's plain form: the field that people do not see.",
        RECEIVED_TIME: "RFC 3339, our clock at ingress; else Kafka's timestamp.",
        TRACEPARENT: "W3C trace context.",
        FETCHED_FOR: "Of an object fetched from a vendor's API: the raw topic/partition/offset that only named it.",
        IMPORTED: "`true` for replayed history: it became known when it was received.",
        REPLAY_OF: "Of what `leadline quarantine replay` sent: the offset, in the same partition, that it repeats.",
    }
)


@dataclass(frozen=True, slots=True)
class Replay:
    """That a message repeats an earlier one, of which elements were refused (ADR 12)."""

    offset: int  # of the earlier one, in the same partition
    sent: datetime  # aware, UTC


class RawMessage(msgspec.Struct, frozen=True, gc=False):
    """One Kafka message of a raw topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: dict[str, str]
    received: datetime  # aware, UTC; of a replay, when the original came
    replay: Replay | None = None

    @property
    def known(self) -> datetime:
        """When we knew of what it says: a replay is late news."""
        return self.received if self.replay is None else self.replay.sent

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hex."""
        return sha256(self.value).hexdigest()
