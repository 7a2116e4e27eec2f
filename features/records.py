"""What feature workers say: control records to one another on `events`, notices to everybody on `features.changed`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ingestion.contracts.event import RecordKind

SET = "feature-set"  # header of control records: the service whose workers they are for


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a lead that ended, or a part of it, on its way to its heir's partition."""

    survivor: str  # differs from the forwarding's where that one has ended meanwhile
    survivor_key: str
    state: bytes  # encoded LeadState
    receivedtime: datetime  # of the event that ended the lead
    imported: bool

    @property
    def account(self) -> str | None:
        """The survivor's account: its partition key, unless that is the lead itself."""
        return None if self.survivor_key == self.survivor else self.survivor_key


class Forwarded(msgspec.Struct, frozen=True, kw_only=True):
    """An event that came for a lead which has ended, on its way to the heir's partition."""

    survivor: str
    survivor_key: str
    event: bytes  # JSON of the canonical event
    origin: str  # under which the heir counts it


class Outgoing(msgspec.Struct, frozen=True):
    """A record for a partition of `events`, by the partition key that decides it."""

    kind: RecordKind
    key: str
    value: bytes
    timestamp_ms: int


class Change(msgspec.Struct, frozen=True):
    """The lead's new row is readable."""

    lead: str
    known_at: datetime
    imported: bool = False


encode = msgspec.msgpack.Encoder().encode
decode_handover = msgspec.msgpack.Decoder(Handover).decode
decode_forwarded = msgspec.msgpack.Decoder(Forwarded).decode
decode_change = msgspec.json.Decoder(Change).decode
