"""An operator's ruling about identity, as a raw message: whoever may rule publishes it, and ingestion obeys it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import msgspec

from ingestion.contracts.event import Identifier
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
    return _message("unmerge", a, b, by, reason, now)


def dismiss_message(a: str, b: str, *, by: str, reason: str, now: datetime) -> RulingMessage:
    """Nobody need look at what the review queue says of these two: identifiers, or leads."""
    return _message("dismiss", a, b, by, reason, now)


def link_message(one: Identifier, other: Identifier, *, by: str, reason: str, now: datetime) -> RulingMessage:
    """Two identifiers are one person's, as far as the constraints allow.

    Raises:
        msgspec.ValidationError: one of them is of a type that is never bonded.
    """
    kinds = [{"type": each.type.value, "scope": each.scope} for each in (one, other)]
    return _message("link", one.hash, other.hash, by, reason, now, msgspec.convert(kinds, _Kinds))


_Kinds = tuple[operator.Kind, operator.Kind]


def _message(
    action: Literal["unmerge", "link", "dismiss"],
    a: str,
    b: str,
    by: str,
    reason: str,
    now: datetime,
    kinds: _Kinds | None = None,
) -> RulingMessage:
    ruling = operator.Ruling(id=str(uuid4()), time=now, action=action, a=a, b=b, by=by, reason=reason, kinds=kinds)
    headers: dict[str, Any] = {
        SOURCE_SYSTEM: operator.SYSTEM,
        CONTENT_TYPE: "application/json",
        RECEIVED_TIME: now.isoformat(),
    }
    return RulingMessage(ruling.id, operator.SOURCE.topic, a, msgspec.json.encode(ruling), headers)
