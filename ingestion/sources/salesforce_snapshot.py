"""A Salesforce record as the REST API answers it, fetched because a change event did not hold what changed.

    {"attributes": {"type": "Lead", "url": "…"}, "Id": "00Q…", "Status": "…", …}

Reference: developer.salesforce.com/docs/platform/api_rest ("sObject Rows"). Compound fields come beside their parts.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from ingestion.sources.adapter import SourceContext
from ingestion.sources.fields import broken, content_id, from_iso
from ingestion.sources.salesforce_record import Record, field_name, record_id

_MOVING = frozenset({"LastViewedDate", "LastReferencedDate"})  # they change by our looking


class Attributes(msgspec.Struct, gc=False):
    """What the record is."""

    type: str


class _Peek(msgspec.Struct, gc=False):
    attributes: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_peek = msgspec.json.Decoder(_Peek).decode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def is_snapshot(element: msgspec.Raw) -> bool:
    """Whether an element is a record as the REST API answers it."""
    return _peek(element).attributes is not msgspec.UNSET


def record_of(element: msgspec.Raw) -> Record:
    """The record in its present state."""
    sent = _decode(element)
    kind = msgspec.convert(sent.pop("attributes"), Attributes).type
    about = record_id(sent.pop("Id", None), "Id")
    fields = {
        field_name(name, "record"): value
        for name, value in sent.items()
        if value is not None and not isinstance(value, dict) and name not in _MOVING
    }
    return Record(kind, about, "sent", fields)


def time_of(record: Record) -> datetime:
    """When the record was last changed."""
    stamp = record.fields.get("LastModifiedDate")
    if not isinstance(stamp, str):
        raise broken("LastModifiedDate", stamp, "when the record was last changed")
    return from_iso(stamp, "LastModifiedDate")


def id_of(record: Record, context: SourceContext) -> str:
    """The id of its event: fetched again, it is the same one unless the record has changed."""
    content = msgspec.Raw(msgspec.json.encode(record.fields))
    return content_id(context, record.entity, record.id or "", time_of(record), content)
