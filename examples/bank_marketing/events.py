"""Calls as canonical events: what a publisher sends that already speaks Leadline's contract.

A person is three events: the contact in an earlier campaign (if any), the profile on the morning's dialling list, and
the outcome, which carries the duration because both become known when the call ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from examples.bank_marketing.contacts import Call
from ingestion.contracts.event import SCHEMA, Channel, EventType
from ingestion.contracts.raw import CONTENT_TYPE, IMPORTED, RECEIVED_TIME, SOURCE_ACCOUNT, SOURCE_SYSTEM
from leadline.company import RawOut

SCOPE = "bank:1:contact"
OBJECT = "contact"


def person_id(call: Call) -> str:
    """The bank's own number of the person; the file has none, so it is the row's."""
    return f"C{100_000 + call.number}"


def messages(calls: Iterable[Call]) -> list[RawOut]:
    """Every event of every call, in the order in which they were received."""
    found = [message for call in calls for message in _of(call)]
    return sorted(found, key=lambda message: message.received)


def _of(call: Call) -> list[RawOut]:
    sent: list[RawOut] = []
    if call.earlier is not None:
        properties = {"previous": call.earlier.contacts, "poutcome": call.earlier.outcome}
        sent.append(_message(call, "earlier", EventType.CALL_LOGGED, call.earlier.at, properties))
    morning = call.dialled_at.replace(hour=6, minute=0)
    sent.append(_message(call, "profile", EventType.CONTACT_CHANGED, morning, dict(call.profile)))
    outcome = {"outcome": "won" if call.won else "lost", "duration": call.duration.total_seconds()}
    sent.append(_message(call, "outcome", EventType.CRM_OUTCOME, call.ended_at, outcome))
    return sent


def _message(call: Call, part: str, kind: EventType, at: datetime, properties: dict[str, Any]) -> RawOut:
    person = person_id(call)
    body = {
        "dataschema": SCHEMA,
        "id": f"{person}-{part}",
        "type": kind,
        "time": at,
        "channel": Channel.CRM,
        "claims": [{"type": "crm", "value": person, "scope": SCOPE, "verified": True}],
        "object": {"type": OBJECT, "id": person},
        "properties": properties,
        "actor": "staff",
    }
    headers = {
        SOURCE_SYSTEM: "canonical",
        SOURCE_ACCOUNT: "bank",
        CONTENT_TYPE: "application/json",
        RECEIVED_TIME: at.isoformat(),
        IMPORTED: "true",  # it was known when it happened, whenever it is replayed
    }
    return RawOut("raw.crm", person.encode(), msgspec.json.encode(body), headers, at)
