"""An operator's ruling about identity, as a raw message: whoever may rule publishes it, and ingestion obeys it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import msgspec

from ingestion.contracts.raw import CONTENT_TYPE, RECEIVED_TIME, SOURCE_SYSTEM
from ingestion.sources import operator


class RulingMessage(NamedTuple):
    """What to publish."""

    id: str
    topic: str
    key: str
    value: bytes
    headers: dict[str, str]


def unmerge_message(a: str, b: str, *, by: str, reason: str, now: datetime) -> RulingMessage:
    """Two identifiers, by their hashes, are two persons' from now on. See `ingestion.sources.operator`."""
    ruling = operator.Ruling(id=str(uuid4()), time=now, action="unmerge", a=a, b=b, by=by, reason=reason)
    headers = {
        SOURCE_SYSTEM: operator.SYSTEM,
        CONTENT_TYPE: "application/json",
        RECEIVED_TIME: now.isoformat(),
    }
    return RulingMessage(ruling.id, operator.SOURCE.topic, a, msgspec.json.encode(ruling), headers)
