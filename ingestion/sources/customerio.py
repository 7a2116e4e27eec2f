"""Customer.io's reporting webhooks: one JSON object a message, what became of a message or a subscription.

Reference: docs.customer.io/integrations/api/webhooks (metrics by `object_type`, `identifiers`, `prefetched`).
`identifiers.id` is the firm's own id of the person, a user of the product if the header `source-account` names the
workspace that the product's events come from; `cio_id` is Customer.io's. Both are null for a deleted person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from ingestion.contracts.event import (
    Actor,
    Campaign,
    Change,
    Channel,
    Claim,
    Consent,
    Draft,
    EventType,
    IdentifierType,
    ObjectRef,
)
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.campaign import campaign_in, campaign_of
from ingestion.sources.fields import claim, content_id, from_seconds, is_staff, named, path_of, plain_id, text_of
from ingestion.sources.split import one_or_many

SOURCE = Source(
    system="customer-io",
    sender="Customer.io's reporting webhooks",
    topic="raw.marketing",
    makes=(
        EventType.EMAIL_PROCESSED,
        EventType.EMAIL_DELIVERED,
        EventType.EMAIL_DEFERRED,
        EventType.EMAIL_OPENED,
        EventType.EMAIL_CLICKED,
        EventType.EMAIL_BOUNCED,
        EventType.EMAIL_SPAM,
        EventType.EMAIL_UNSUBSCRIBED,
        EventType.CHAT_MESSAGE,
        EventType.CONSENT_CHANGED,
        EventType.CONTACT_CHANGED,
    ),
    dedupe="event_id",
    ordering="none",
    leaves_out={
        "subject, content": "our own words",
        "failure_message": "mail servers repeat the address in it",
        "what becomes of push, SMS, in-app and other messages": "no type of their own: contact.changed with the action",
    },
    about=("data.identifiers.cio_id", "data.identifiers.id", "data.customer_id", "data.recipient"),
)

_MAIL: Mapping[str, tuple[EventType, Actor]] = MappingProxyType(
    {
        "drafted": (EventType.EMAIL_PROCESSED, Actor.AUTOMATION),
        "sent": (EventType.EMAIL_PROCESSED, Actor.AUTOMATION),
        "attempted": (EventType.EMAIL_DEFERRED, Actor.AUTOMATION),
        "deferred": (EventType.EMAIL_DEFERRED, Actor.AUTOMATION),
        "delivered": (EventType.EMAIL_DELIVERED, Actor.AUTOMATION),
        "opened": (EventType.EMAIL_OPENED, Actor.USER),
        "clicked": (EventType.EMAIL_CLICKED, Actor.USER),
        "converted": (EventType.CONTACT_CHANGED, Actor.AUTOMATION),
        "bounced": (EventType.EMAIL_BOUNCED, Actor.AUTOMATION),
        "dropped": (EventType.EMAIL_BOUNCED, Actor.AUTOMATION),
        "failed": (EventType.EMAIL_BOUNCED, Actor.AUTOMATION),
        "undeliverable": (EventType.EMAIL_BOUNCED, Actor.AUTOMATION),
        "spammed": (EventType.EMAIL_SPAM, Actor.USER),
        "unsubscribed": (EventType.EMAIL_UNSUBSCRIBED, Actor.USER),
    }
)
# Of the other channels; "deferred" and "spammed" are of e-mail alone.
_OTHER = frozenset(
    {
        *("drafted", "attempted", "sent", "delivered", "opened", "clicked", "converted", "bounced", "dropped"),
        *("failed", "undeliverable", "replied"),
    }
)
_CHANNELS = frozenset({"push", "sms", "in_app", "whatsapp", "slack", "webhook"})
_PHONES = frozenset({"sms", "whatsapp"})
_PREFERENCES = "cio_subscription_preferences_changed"
_TOPIC = re.compile(r"[A-Za-z0-9_\-]{1,60}")
_MAX_TOPICS = 50


class Identifiers(msgspec.Struct, gc=False):
    """`data.identifiers`."""

    id: str | int | None = None
    email: str | None = None
    cio_id: str | None = None


class Facts(msgspec.Struct, gc=False):
    """`data`, as far as it is read."""

    identifiers: Identifiers | None = None
    customer_id: str | int | None = None  # deprecated by `identifiers`
    email_address: str | None = None  # of subscriptions
    recipient: Any = None  # an address, a phone number, a channel of Slack
    delivery_id: str | None = None
    campaign_id: Any = None
    broadcast_id: Any = None
    newsletter_id: Any = None
    transactional_message_id: Any = None
    href: Any = None
    content: Any = None  # of changed preferences: JSON in a string
    prefetched: bool | None = None
    machine: bool | None = None


class Report(msgspec.Struct, gc=False):
    """The body."""

    event_id: str
    metric: str
    timestamp: int | float  # epoch seconds
    data: Facts
    object_type: str | None = None  # the documentation of changed preferences calls it `object_type_type`


class Preferences(msgspec.Struct, gc=False):
    """What a person chose in the subscription center."""

    topics: dict[str, bool] = {}


elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_decode = msgspec.json.Decoder(Report).decode
_decode_preferences = msgspec.json.Decoder(Preferences).decode


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one report."""
    report = _decode(element)
    facts = report.data
    kind = report.object_type or "customer"
    type_, actor = _meaning(report.metric, kind)
    time = from_seconds(report.timestamp, "timestamp")
    email, phone = _address(facts, kind), text_of(facts.recipient) if kind in _PHONES else None
    topics = _topics(facts) if report.metric == _PREFERENCES else {}
    private = {"email": email, "phone": phone}
    return Draft(
        id=plain_id(report.event_id) if report.event_id else content_id(context, type_, "", time, element),
        source=context.source,
        type=type_,
        time=time,
        channel=Channel.CHAT if type_ is EventType.CHAT_MESSAGE else Channel.MAP,
        claims=_claims(facts, email, phone, context),
        object=ObjectRef("message", plain_id(facts.delivery_id)) if facts.delivery_id else None,
        properties=_properties(report, kind, type_),
        change=tuple(Change(topic, new=str(chosen).lower()) for topic, chosen in topics.items()),
        campaign=_campaign(facts),
        consent=_consent(report.metric, topics),
        private={name: value for name, value in private.items() if value},
        actor=_actor(actor, facts, email, context),
    )


def _meaning(metric: str, kind: str) -> tuple[EventType, Actor]:
    if metric in ("subscribed", _PREFERENCES) or (metric == "unsubscribed" and kind != "email"):
        # Whatever message led to it, the person refuses or accepts all of them.
        return EventType.CONSENT_CHANGED, Actor.USER
    if kind == "email" and metric in _MAIL:
        return _MAIL[metric]
    if kind in _CHANNELS and metric in _OTHER:
        if metric == "replied":
            return EventType.CHAT_MESSAGE, Actor.USER
        return EventType.CONTACT_CHANGED, Actor.AUTOMATION
    what = f"{named(metric)} of {named(kind)}"
    raise ContractBroken(
        f"metric, object_type: {what} has no canonical meaning, expected a metric of a message or customer"
    )


def _address(facts: Facts, kind: str) -> str | None:
    """The e-mail address: of the person, else where the mail went."""
    known = text_of(facts.identifiers.email) if facts.identifiers else None
    return known or text_of(facts.email_address) or (text_of(facts.recipient) if kind == "email" else None)


def _claims(facts: Facts, email: str | None, phone: str | None, context: SourceContext) -> tuple[Claim, ...]:
    known = facts.identifiers or Identifiers()
    scope = f"customer-io:{context.account}:person"
    person = claim(IdentifierType.CRM, known.cio_id, verified=True, scope=scope)
    user = claim(IdentifierType.USER_ID, text_of(known.id) or facts.customer_id, verified=True, scope=context.account)
    # The profile's own address; a message may have gone to another one.
    verified = bool(text_of(known.email))
    address = claim(IdentifierType.EMAIL, email, verified=verified)
    return person + user + address + claim(IdentifierType.PHONE, phone)


def _properties(report: Report, kind: str, type_: EventType) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if type_ is EventType.CONTACT_CHANGED:
        found["action"] = f"{kind}_{report.metric}"
    elif type_ is EventType.EMAIL_BOUNCED:
        found["bounce"] = "bounce" if report.metric == "bounced" else "dropped"
    elif type_ is EventType.EMAIL_CLICKED and (path := path_of(report.data.href)):
        found["path"] = path
    if _is_machine(report.data):
        found["machine"] = True
    return found


def _campaign(facts: Facts) -> Campaign | None:
    ids = (facts.campaign_id, facts.newsletter_id, facts.broadcast_id, facts.transactional_message_id)
    return campaign_in(facts.href) or campaign_of(name=next((one for one in ids if one is not None), None))


def _topics(facts: Facts) -> dict[str, bool]:
    """The topics that were chosen or refused; none where the webhook is not set to send content."""
    content = text_of(facts.content)
    if content is None:
        return {}
    try:
        topics = _decode_preferences(content).topics
    except msgspec.DecodeError:
        raise ContractBroken("data.content: got a string that is no JSON object of topics, expected one") from None
    return {topic: topics[topic] for topic in list(topics)[:_MAX_TOPICS] if _TOPIC.fullmatch(topic)}


def _consent(metric: str, topics: Mapping[str, bool]) -> Consent | None:
    if metric in ("unsubscribed", "spammed"):
        return Consent("marketing", False)
    if metric == "subscribed":
        return Consent("marketing", True)
    # An event holds one decision; of several the changes tell each.
    if len(topics) == 1:
        [(topic, chosen)] = topics.items()
        return Consent(f"marketing:{topic}", chosen)
    return None


def _is_machine(facts: Facts) -> bool:
    """Opened ahead by a mail client's proxy, or clicked by a scanner. `proxied` alone only hides who reads."""
    return bool(facts.prefetched or facts.machine)


def _actor(actor: Actor, facts: Facts, email: str | None, context: SourceContext) -> Actor:
    if actor is not Actor.USER:
        return actor
    if _is_machine(facts):
        return Actor.BOT
    return Actor.STAFF if is_staff(email, context) else Actor.USER
