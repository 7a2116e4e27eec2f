"""Amplitude's events: rows of its export (one JSON object a line) and events of its HTTP V2 API.

Reference: amplitude.com/docs/apis/analytics/export, …/http-v2, …/docs/data/web-autocapture-schema. The export's times
carry no zone; they are documented as UTC. `user_id` is a signed-in user's by Amplitude's rules, `device_id` a device's;
both have the project as scope, which is the header `source-account`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ingestion.contracts.event import Claim, Draft, EventType, IdentifierType
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.fields import broken, claim, content_id, from_millis, from_moment, plain_id, text_of
from ingestion.sources.person import Person, person_of
from ingestion.sources.product_draft import campaign_among, company_of, firm_in, own_properties, product_draft
from ingestion.sources.product_events import MAKES, Act, noted, page_viewed, screen_viewed, tracked
from ingestion.sources.split import is_array, nonempty, one_or_many

SOURCE = Source(
    system="amplitude",
    sender="Amplitude's export and events in the form of its HTTP V2 API",
    topic="raw.product",
    makes=MAKES,
    dedupe="uuid, else device_id and $insert_id, else a hash of the content",
    ordering="none; event_time is the client's, corrected by Amplitude",
    leaves_out={
        "api_key": "a secret of the sender",
        "ip_address, city, country, location_*": "where a connection ends says little of a firm",
        "amplitude_id": "Amplitude's own merges, which later ones change",
        "clicks, changes and started forms of autocapture": "kept as notes of the tracker: no act that anybody meant",
        "$identify's $add, $append, $unset": "they say a difference, not a value",
    },
    about=("user_id", "device_id"),
)

_PREFIX = "[Amplitude] "
# What the browser's SDK notes by itself, by the names that come without the prefix.
_NOTED = frozenset({"element clicked", "element changed", "form started", "rage click", "dead click", "web vitals"})


class Event(msgspec.Struct, kw_only=True, gc=False):
    """A row or an event, as far as it is read."""

    event_type: str
    uuid: str | None = None
    insert_id: str | None = None
    exported_insert_id: str | None = msgspec.field(name="$insert_id", default=None)
    user_id: str | int | None = None
    device_id: str | int | None = None
    event_time: str | None = None
    time: int | None = None  # epoch milliseconds
    event_properties: dict[str, Any] | None = None
    user_properties: dict[str, Any] | None = None
    groups: dict[str, Any] | None = None
    group_properties: dict[str, Any] | None = None
    user_agent: str | None = None


class Batch(msgspec.Struct):
    """The body of `POST /2/httpapi`."""

    events: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder(Event).decode
_decode_batch = msgspec.json.Decoder(Batch).decode


def elements(body: bytes) -> Sequence[msgspec.Raw]:
    """The rows or events of a body."""
    if b'"events"' in body and not is_array(body):
        batch = _decode_batch(body).events
        if batch is not msgspec.UNSET:
            return nonempty(batch)
    return one_or_many(body)


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one row or event."""
    event = _decode(element)
    time = _time(event, context)
    claims = _claims(event, context)
    signed_in = any(c.verified for c in claims)
    traits, properties = _set_in(event.user_properties), event.event_properties or {}
    profile = person_of(traits.items(), verified=signed_in, answers=False)
    firm = firm_in("amplitude", event.groups, context)
    act = _act(event, properties, profile, firm)
    is_about_person = act.person is profile
    return product_draft(
        act,
        context,
        event_id=_id(event) or content_id(context, event.event_type, "", time, element),
        time=time,
        claims=claims,
        profile=None if is_about_person else profile,
        firm=firm,
        campaign=campaign_among(traits if is_about_person else properties, _auto(properties, "Page Location")),
        user_agent=event.user_agent,
    )


def _act(event: Event, properties: dict[str, Any], profile: Person, firm: str | None) -> Act:
    name = event.event_type.removeprefix(_PREFIX)
    plain = name.strip().lower()
    if plain == "page viewed":
        addresses = (_auto(properties, word) for word in ("Page Path", "Page URL", "Page Location"))
        return page_viewed(*addresses, referrer=properties.get("referrer"))
    if plain == "screen viewed":
        return screen_viewed(_auto(properties, "Screen Name"))
    if plain == "file downloaded":
        file = {"content": _auto(properties, "File Name"), "link_url": _auto(properties, "Link URL")}
        return tracked(name, file | own_properties(properties, _PREFIX))
    if name == "$identify":
        return Act(EventType.IDENTITY_LINK, person=profile)
    if name == "$groupidentify" and firm is not None:
        return Act(EventType.ACCOUNT_CHANGED, person=company_of(_set_in(event.group_properties)))
    # Autocapture notes any form of a site, a search or a log-in; only a session is what it says.
    captured = name != event.event_type or plain in _NOTED or _auto(properties, "Form Destination") is not None
    act = tracked(name, own_properties(properties, _PREFIX))
    is_note = name.startswith("$") or (captured and act.type is not EventType.PRODUCT_SESSION_STARTED)
    return noted(name) if is_note else act


def _auto(properties: dict[str, Any], name: str) -> Any:
    """A property of autocapture; it comes with and without the prefix."""
    value = properties.get(_PREFIX + name)
    return properties.get(name) if value is None else value


def _id(event: Event) -> str | None:
    if event.uuid:
        return plain_id(event.uuid)
    insert_id = event.exported_insert_id or event.insert_id
    device = text_of(event.device_id)
    return plain_id(f"{device} {insert_id}" if device else insert_id) if insert_id else None


def _time(event: Event, context: SourceContext) -> datetime:
    """When it happened; without a time Amplitude takes the moment of the upload, so do we."""
    if event.event_time is not None:
        try:
            moment = datetime.fromisoformat(event.event_time)
        except ValueError:
            raise broken("event_time", event.event_time, "a date and time as in 2020-09-14 19:41:32.123000") from None
        return from_moment(moment if moment.tzinfo else moment.replace(tzinfo=UTC), "event_time")
    return context.received if event.time is None else from_millis(event.time, "time")


def _claims(event: Event, context: SourceContext) -> tuple[Claim, ...]:
    user, device = text_of(event.user_id), text_of(event.device_id)
    if user is None and device is None:
        raise ContractBroken("user_id, device_id: got neither, expected at least one")
    if user == device:  # some libraries fill both with the device's
        user = None
    return claim(IdentifierType.USER_ID, user, verified=True, scope=context.account) + claim(
        IdentifierType.ANONYMOUS_ID, device, scope=context.account
    )


def _set_in(sent: dict[str, Any] | None) -> dict[str, Any]:
    """Properties as an export has them, or as `$identify` sets them by its operations."""
    if not sent:
        return {}
    found = {name: value for name, value in sent.items() if not name.startswith("$")}
    for operation in ("$setOnce", "$set"):
        values = sent.get(operation)
        found |= values if isinstance(values, dict) else {}
    return found
