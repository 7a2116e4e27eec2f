"""Mixpanel's events: rows of its raw export (one JSON object a line), which have the form of its import API.

Reference: docs.mixpanel.com/reference/raw-event-export, …/reference/import-events (deduplication),
…/docs/tracking-methods/id-management. The export is not deduplicated, and `distinct_id` is rewritten when Mixpanel
merges two ids; the id that an event came in with is then `$distinct_id_before_identity`, which does not change.

`time` is read as UTC. Projects older than 2023 write the local time of the project as if it were UTC, and nothing in
a row tells: whoever exports from one must shift `time` first. What can be said is that nothing happened after Mixpanel
processed it: a later `time` becomes `mp_processing_time_ms`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ingestion.contracts.event import Claim, Draft, EventType, IdentifierType
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.fields import claim, content_id, from_millis, from_seconds, plain_id, text_of
from ingestion.sources.person import person_of
from ingestion.sources.product_draft import campaign_among, own_properties, product_draft
from ingestion.sources.product_events import MAKES, Act, noted, page_viewed, tracked
from ingestion.sources.split import one_or_many

SOURCE = Source(
    system="mixpanel",
    sender="Mixpanel's raw export and events in the form of its import API",
    topic="raw.product",
    makes=tuple(kind for kind in MAKES if kind is not EventType.ACCOUNT_CHANGED),
    dedupe="event, distinct_id as it came in, time and $insert_id, else a hash of the content",
    ordering="none; time is the client's",
    leaves_out={
        "token": "a secret of the sender",
        "ip, $city, $region, mp_country_code": "where a connection ends says little of a firm",
        "group keys": "which property is one is a setting of the project, not in the row",
        "$mp_click, $mp_scroll and other $ events": "kept as notes of the tracker: no act that anybody meant",
    },
    about=("properties.distinct_id", "properties.$device_id"),
)

_DEVICE = "$device:"
_FIRST_MILLISECOND = 100_000_000_000  # as seconds it is the year 5138
_MERGES = frozenset({"$identify", "$create_alias", "$merge"})


class Properties(msgspec.Struct, kw_only=True, gc=False):
    """The properties that Mixpanel itself gives a meaning."""

    time: int | float | None = None  # epoch seconds, or milliseconds by the export's `time_in_ms`
    insert_id: str | None = msgspec.field(name="$insert_id", default=None)
    distinct_id: str | int | None = None
    distinct_id_before: str | int | None = msgspec.field(name="$distinct_id_before_identity", default=None)
    user_id: str | int | None = msgspec.field(name="$user_id", default=None)
    device_id: str | int | None = msgspec.field(name="$device_id", default=None)
    processed: int | None = msgspec.field(name="mp_processing_time_ms", default=None)
    # of $identify, $create_alias and $merge
    identified_id: str | int | None = msgspec.field(name="$identified_id", default=None)
    anon_id: str | int | None = msgspec.field(name="$anon_id", default=None)
    anon_distinct_id: str | int | None = msgspec.field(name="$anon_distinct_id", default=None)
    alias: str | int | None = None
    distinct_ids: list[str | int] | None = msgspec.field(name="$distinct_ids", default=None)


class Row(msgspec.Struct, gc=False):
    """A row, as Mixpanel reads it."""

    event: str
    properties: Properties


class Named(msgspec.Struct, gc=False):
    """A row, with whatever its properties are."""

    properties: dict[str, Any]


elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_decode = msgspec.json.Decoder(Row).decode
_decode_all = msgspec.json.Decoder(Named).decode


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one row."""
    row = _decode(element)
    known, sent = row.properties, _decode_all(element).properties
    time = _time(known, context)
    claims = _claims(row, context)
    signed_in = any(c.verified for c in claims)
    # `email` may be anybody's, an invited colleague's; `$email` is the user's own by Mixpanel's rules.
    profile = person_of([("email", sent.get("$email"))], verified=signed_in, answers=False)
    act = _act(row.event, sent)
    return product_draft(
        act,
        context,
        event_id=_id(row, time) or content_id(context, row.event, "", time, element),
        time=_bounded(time, known),
        claims=claims,
        profile=profile,
        campaign=campaign_among(sent, sent.get("current_url_search") or sent.get("$current_url")),
    )


def _act(name: str, sent: dict[str, Any]) -> Act:
    if name == "$mp_web_page_view":
        addresses = (sent.get("current_url_path"), sent.get("$current_url"))
        return page_viewed(*addresses, referrer=sent.get("$referrer"))
    if name in _MERGES:
        return Act(EventType.IDENTITY_LINK)
    if name == "$ae_session":
        return Act(EventType.PRODUCT_SESSION_STARTED)
    return noted(name) if name.startswith("$") else tracked(name, own_properties(sent, "$", "mp_"))


def _claims(row: Row, context: SourceContext) -> tuple[Claim, ...]:
    """Who acted. Whether a `distinct_id` is a user's or a device's is not said; it is claimed as the weaker kind."""
    sent = row.properties
    user: Any = sent.user_id
    devices: list[Any] = [sent.distinct_id, sent.distinct_id_before, sent.device_id]
    if row.event == "$identify":
        user = sent.identified_id or sent.user_id or (sent.distinct_id if sent.anon_distinct_id else None)
        devices += [sent.identified_id, sent.anon_id, sent.anon_distinct_id]
    elif row.event == "$create_alias":
        devices.append(sent.alias)
    elif row.event == "$merge":
        devices += (sent.distinct_ids or [])[:2]
    found = claim(IdentifierType.USER_ID, user, verified=True, scope=context.account)
    for device in dict.fromkeys(_bare(device) for device in devices):
        found += claim(IdentifierType.ANONYMOUS_ID, device, scope=context.account)
    if not found:
        raise ContractBroken("distinct_id, $user_id, $device_id: got none, expected at least one")
    return found


def _bare(distinct_id: Any) -> str | None:
    text = text_of(distinct_id)
    return None if text is None else text.removeprefix(_DEVICE)


def _id(row: Row, time: datetime) -> str | None:
    sent = row.properties
    if not sent.insert_id:
        return None
    came_in = _bare(sent.distinct_id_before) or _bare(sent.distinct_id) or ""
    # In whole seconds, for the same row may be exported in either unit.
    return plain_id("\x1f".join((row.event, came_in, str(int(time.timestamp())), sent.insert_id)))


def _time(sent: Properties, context: SourceContext) -> datetime:
    """When it happened; without a time Mixpanel takes the moment of arrival, so do we."""
    if sent.time is None:
        return context.received
    if sent.time < _FIRST_MILLISECOND:
        return from_seconds(sent.time, "time")
    return from_millis(int(sent.time), "time")


def _bounded(time: datetime, sent: Properties) -> datetime:
    return time if sent.processed is None else min(time, from_millis(sent.processed, "mp_processing_time_ms"))
