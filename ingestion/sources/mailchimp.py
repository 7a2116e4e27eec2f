"""Mailchimp's audience webhooks: a form-urlencoded body a message, about one subscriber.

Reference: mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks; the fields of each type stood in the
older developer.mailchimp.com/documentation/mailchimp/guides/about-webhooks. The webhook does not say whether the
subscriber, an admin or the API acted. `data[id]` names an address, not a person: it changes with the address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec

from ingestion.contracts.event import Actor, Channel, Consent, Draft, EventType, IdentifierType, ObjectRef
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.campaign import campaign_of
from ingestion.sources.fields import broken, claim, content_id, from_moment, is_staff, named, plain_id, text_of
from ingestion.sources.form_encoded import json_of_form
from ingestion.sources.person import person_of
from ingestion.sources.split import one_or_many

SOURCE = Source(
    system="mailchimp",
    sender="Mailchimp's audience webhooks",
    topic="raw.marketing",
    makes=(
        EventType.CONSENT_CHANGED,
        EventType.CONTACT_CHANGED,
        EventType.CONTACT_DELETED,
        EventType.IDENTITY_LINK,
        EventType.EMAIL_UNSUBSCRIBED,
        EventType.EMAIL_SPAM,
        EventType.EMAIL_BOUNCED,
    ),
    dedupe="a hash of the content: Mailchimp sends no event id, and the same body when it tries again",
    ordering="none; fired_at has whole seconds",
    leaves_out={
        "type campaign": "about a mailing, not a person; quarantined by name",
        "merge fields without a canonical meaning, INTERESTS, GROUPINGS": "the audience's own; they may be personal",
        "ip_opt, ip_signup": "of no use to a score",
    },
    about=("data.email", "data.new_email"),
    opens={"application/x-www-form-urlencoded": json_of_form},
)

# Mailchimp's own merge tags; others are read by their names.
_MERGES: Mapping[str, str] = MappingProxyType({"FNAME": "first_name", "LNAME": "last_name"})


class Subscriber(msgspec.Struct, gc=False):
    """`data`."""

    list_id: str | None = None
    email: str | None = None
    new_email: str | None = None
    old_email: str | None = None
    action: str | None = None  # unsub, delete
    reason: str | None = None  # manual, abuse, hard
    campaign_id: Any = None
    merges: dict[str, Any] | None = None


class Post(msgspec.Struct, gc=False):
    """The body."""

    type: str
    fired_at: str
    data: Subscriber


elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_decode = msgspec.json.Decoder(Post).decode

_REFUSAL = Consent("marketing", False)


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one message."""
    post = _decode(element)
    type_, actor, consent, properties = _meaning(post)
    time = _time(post.fired_at)
    subscriber = post.data
    pairs = _moved(subscriber) if type_ is EventType.IDENTITY_LINK else _described(subscriber)
    # Of one subscriber's old and new address Mailchimp itself says that they are one person's.
    person = person_of(pairs, verified=type_ is EventType.IDENTITY_LINK, answers=False)
    old = text_of(subscriber.old_email) if type_ is EventType.IDENTITY_LINK else None
    own = actor is Actor.USER and is_staff(person.email, context)
    return Draft(
        id=content_id(context, type_, subscriber.list_id or "", time, element),
        source=context.source,
        type=type_,
        time=time,
        channel=Channel.MAP,
        claims=person.claims + claim(IdentifierType.EMAIL, old, verified=True),
        account=person.account,
        object=ObjectRef("audience", plain_id(subscriber.list_id)) if subscriber.list_id else None,
        properties=person.properties | properties,
        campaign=campaign_of(name=subscriber.campaign_id),
        consent=consent,
        private=person.private | ({"previous_email": old} if old else {}),
        actor=Actor.STAFF if own else actor,
    )


def _meaning(post: Post) -> tuple[EventType, Actor, Consent | None, dict[str, Any]]:
    abuse = post.data.reason == "abuse"
    match post.type:
        case "subscribe":
            return EventType.CONSENT_CHANGED, Actor.USER, Consent("marketing", True), {}
        case "unsubscribe" if post.data.action == "delete" and not abuse:
            # An admin took the contact out of the audience, who never said no.
            return EventType.CONTACT_DELETED, Actor.STAFF, None, {}
        case "unsubscribe":
            return EventType.EMAIL_SPAM if abuse else EventType.EMAIL_UNSUBSCRIBED, Actor.USER, _REFUSAL, {}
        case "cleaned" if abuse:
            return EventType.EMAIL_SPAM, Actor.USER, _REFUSAL, {}
        case "cleaned":
            return EventType.EMAIL_BOUNCED, Actor.AUTOMATION, None, {"bounce": "bounce"}
        case "profile":
            return EventType.CONTACT_CHANGED, Actor.USER, None, {"action": "updated"}
        case "upemail":
            return EventType.IDENTITY_LINK, Actor.USER, None, {}
    expected = "subscribe, unsubscribe, cleaned, profile or upemail"
    raise ContractBroken(f"type: got {named(post.type)}, expected {expected}")


def _described(subscriber: Subscriber) -> Iterator[tuple[str, Any]]:
    """Whom the message is about, and what the audience knows of them."""
    merges = subscriber.merges or {}
    email = text_of(subscriber.email) or text_of(merges.get("EMAIL"))
    if email is None:
        raise broken("data.email", None, "the subscriber's address")
    for name, value in merges.items():
        if name != "EMAIL":
            yield _MERGES.get(name, name), value
    yield "email", email


def _moved(subscriber: Subscriber) -> Iterator[tuple[str, Any]]:
    """The new address of a subscriber who had another."""
    if not text_of(subscriber.new_email) or not text_of(subscriber.old_email):
        raise broken("data.new_email, data.old_email", None, "the new and the old address")
    yield "email", subscriber.new_email


def _time(fired_at: str) -> datetime:
    """`fired_at` has no zone. Mailchimp's API 1.3 and 2.0, of the webhooks' age, put every time of this form in GMT."""
    try:
        moment = datetime.fromisoformat(fired_at)
    except ValueError:
        raise broken("fired_at", fired_at, "a date and time, YYYY-MM-DD HH:MM:SS") from None
    return from_moment(moment if moment.tzinfo else moment.replace(tzinfo=UTC), "fired_at")
