"""PostHog's events: bodies of its capture API (single, in a `batch`, in an array) and of its webhook destination.

Reference: posthog.com/docs/api/capture, …/docs/data/timestamps, …/docs/cdp/destinations/webhook, whose template is
`{"event": {…}, "person": {…}}`.

A `distinct_id` may be a user's id or a device's. It is a user's only where the sender says so: `$user_id`,
`$is_identified`, `$identify`. There it is claimed as both, so that events of the server's libraries, which say nothing,
find the same person. Ids that begin with `$` are placeholders (`$posthog_cookieless`, a group's name) and claim nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ingestion.contracts.event import Claim, Draft, EventType, IdentifierType
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.fields import Moment, claim, content_id, from_moment, plain_id, text_of
from ingestion.sources.person import Person, person_of
from ingestion.sources.product_draft import campaign_among, company_of, firm_in, own_properties, product_draft
from ingestion.sources.product_events import MAKES, Act, noted, page_viewed, screen_viewed, tracked
from ingestion.sources.split import is_array, nonempty, one_or_many

SOURCE = Source(
    system="posthog",
    sender="PostHog's capture bodies and its webhook destination",
    topic="raw.product",
    makes=MAKES,
    dedupe="uuid, else a hash of the content",
    ordering="none; timestamp is the client's",
    leaves_out={
        "api_key, token": "secrets of the sender",
        "$ip, $geoip_*": "where a connection ends says little of a firm",
        "$autocapture, $pageleave and other $ events": "kept as notes of the tracker: no act that anybody meant",
        "person.id": "PostHog's own merges rest on what clients say",
        "historical_migration": "of a whole body; in an import it makes the header `imported`, which says the same",
    },
    about=("distinct_id", "properties.distinct_id", "event.distinct_id"),
    history="historical_migration",
)

_ALIASES = frozenset({"$create_alias", "$merge_dangerously"})
_PERSON_EVENTS = frozenset({"$identify", "$set"})
_NOTED = frozenset({"survey shown", "survey dismissed"})


class _Fields(msgspec.Struct, kw_only=True, gc=False):
    distinct_id: str | int | None = None
    uuid: str | None = None
    timestamp: Moment | None = None
    properties: dict[str, Any] | None = None
    sets: dict[str, Any] | None = msgspec.field(name="$set", default=None)
    sets_once: dict[str, Any] | None = msgspec.field(name="$set_once", default=None)


class Captured(_Fields, kw_only=True, gc=False):
    """An event, as far as it is read."""

    event: str


class Profile(msgspec.Struct, gc=False):
    """`person` of the webhook."""

    properties: dict[str, Any] | None = None


class Sent(_Fields, kw_only=True, gc=False):
    """An element: an event, or the webhook's template around one."""

    event: str | Captured
    person: Profile | None = None


class Batch(msgspec.Struct):
    """The body of `POST /batch/`."""

    batch: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder(Sent).decode
_decode_batch = msgspec.json.Decoder(Batch).decode


def elements(body: bytes) -> Sequence[msgspec.Raw]:
    """The events of a body."""
    if b'"batch"' in body and not is_array(body):
        batch = _decode_batch(body).batch
        if batch is not msgspec.UNSET:
            return nonempty(batch)
    return one_or_many(body)


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one event."""
    sent = _decode(element)
    captured, name = _event(sent)
    properties = captured.properties or {}
    time = context.received if captured.timestamp is None else from_moment(captured.timestamp, "timestamp")
    claims = _claims(name, captured, properties, context)
    profile = _profile(sent.person, captured, properties, signed_in=any(c.verified for c in claims))
    act = _act(name, properties, profile, context)
    return product_draft(
        act,
        context,
        event_id=plain_id(captured.uuid) if captured.uuid else content_id(context, name, "", time, element),
        time=time,
        claims=claims,
        profile=None if act.person is profile else profile,
        firm=_firm(name, properties, context),
        campaign=campaign_among(properties, properties.get("$current_url")),
        user_agent=text_of(properties.get("$raw_user_agent")),
        test=properties.get("this_is_an_example_event") is True,
    )


def _event(sent: Sent) -> tuple[_Fields, str]:
    return (sent, sent.event) if isinstance(sent.event, str) else (sent.event, sent.event.event)


def _act(name: str, properties: dict[str, Any], profile: Person, context: SourceContext) -> Act:
    if name == "$pageview":
        addresses = (properties.get("$pathname"), properties.get("$current_url"))
        return page_viewed(*addresses, referrer=properties.get("$referrer"))
    if name == "$screen":
        return screen_viewed(properties.get("$screen_name"))
    if name in _PERSON_EVENTS:
        return Act(EventType.IDENTITY_LINK, person=profile)
    if name in _ALIASES:
        alias = claim(IdentifierType.ANONYMOUS_ID, properties.get("alias"), scope=context.account)
        return Act(EventType.IDENTITY_LINK, person=Person(claims=alias))
    if name == "$groupidentify":
        if _firm(name, properties, context) is None:
            return noted(name)
        traits = properties.get("$group_set")
        return Act(EventType.ACCOUNT_CHANGED, person=company_of(traits if isinstance(traits, dict) else {}))
    is_note = name.startswith("$") or name in _NOTED
    return noted(name) if is_note else tracked(name, own_properties(properties, "$"))


def _firm(name: str, properties: dict[str, Any], context: SourceContext) -> str | None:
    groups = properties.get("$groups")
    if name == "$groupidentify":
        groups = {text_of(properties.get("$group_type")) or "": properties.get("$group_key")}
    return firm_in("posthog", groups, context)


def _claims(name: str, captured: _Fields, properties: dict[str, Any], context: SourceContext) -> tuple[Claim, ...]:
    distinct = text_of(captured.distinct_id) or text_of(properties.get("distinct_id"))
    if distinct is None:
        raise ContractBroken("distinct_id: got none, expected whose event it is")
    # A server that describes a group makes an id up for it.
    made_up = name == "$groupidentify" and "$device_id" not in properties
    distinct = None if made_up or distinct.startswith("$") else distinct
    is_user = name == "$identify" or properties.get("$is_identified") is True
    user = text_of(properties.get("$user_id")) or (distinct if is_user else None)
    before = properties.get("$anon_distinct_id") if name == "$identify" else None
    found = claim(IdentifierType.USER_ID, user, verified=True, scope=context.account)
    for device in dict.fromkeys((distinct, text_of(before))):
        found += claim(IdentifierType.ANONYMOUS_ID, device, scope=context.account)
    return found


def _profile(person: Profile | None, captured: _Fields, properties: dict[str, Any], *, signed_in: bool) -> Person:
    """What is said of the person: the webhook's profile, and what this event sets of it."""
    said = (
        person.properties if person else None,
        captured.sets_once,
        properties.get("$set_once"),
        captured.sets,
        properties.get("$set"),
    )
    fields = {name: value for part in said if isinstance(part, dict) for name, value in part.items()}
    return person_of(fields.items(), verified=signed_in, answers=False)
