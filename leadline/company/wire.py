"""What a sender puts on the wire: elements, batched into raw messages in received order.

Invariant: a message's elements keep their order, and every element is in exactly one message.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

Identifier = tuple[str, str, str]  # type, scope, value: as sent, before any normalisation


class Flag(StrEnum):
    """Why an element's event is no engagement of a buyer."""

    NONE = "-"
    TEST = "t"
    BOT = "b"
    STAFF = "s"


class Fate(StrEnum):
    """What must become of an element."""

    GOOD = "g"
    QUARANTINED = "q"
    DUPLICATE = "d"


@dataclass(slots=True)
class Element:
    """One vendor event. `body` is JSON-like until it is written, then the bytes of its JSON."""

    system: str
    key: str  # source object id
    body: Any
    occurred: float  # seconds since the epoch, the vendor's clock
    owner: int = -1  # number of the person it is about; -1 for nobody
    identifiers: tuple[Identifier, ...] = ()  # of the owner, that the body carries
    flag: Flag = Flag.NONE
    fate: Fate = Fate.GOOD
    received: float = 0.0  # seconds since the epoch, our clock
    alone: bool = False  # never batched with others
    planted: str = ""  # name of the trap this element is, counted in the truth

    def write(self) -> None:
        """Turn the body into the bytes that the vendor sends; a poisoned body may be bytes already."""
        if self.system == "meta-lead-ads":
            self.body = json.dumps(self.body).encode()  # Meta escapes every character beyond ASCII
        elif not isinstance(self.body, bytes):
            self.body = msgspec.json.encode(self.body)


@dataclass(frozen=True, slots=True)
class RawOut:
    """One message for a raw topic."""

    topic: str
    key: bytes
    value: bytes
    headers: dict[str, str]
    received: datetime  # aware, UTC


def utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def iso_ms(seconds: float) -> str:
    """`2025-09-25T10:05:28.123Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def iso_s(seconds: float) -> str:
    """`2025-09-25T10:05:28Z`."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()[:-6] + "Z"
