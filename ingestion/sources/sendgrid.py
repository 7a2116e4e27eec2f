"""SendGrid's event webhook: a JSON array of what became of the e-mails that we sent.

Reference: twilio.com/docs/sendgrid/for-developers/tracking-events/event. Free text of mail servers (`reason`,
`response`) often repeats the address and is left out, as is the reader's IP address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from ingestion.contracts.event import Actor, Campaign, Channel, Consent, Draft, EventType, IdentifierType, ObjectRef
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.bots import is_bot
from ingestion.sources.campaign import campaign_in, campaign_of
from ingestion.sources.fields import (
    claim,
    content_id,
    from_seconds,
    is_staff,
    list_of,
    named,
    path_of,
    plain_id,
    tag_of,
)
from ingestion.sources.split import one_or_many

SOURCE = Source(
    system="sendgrid",
    sender="SendGrid's event webhook",
    topic="raw.marketing",
    makes=(
        EventType.EMAIL_PROCESSED,
        EventType.EMAIL_DELIVERED,
        EventType.EMAIL_DEFERRED,
        EventType.EMAIL_BOUNCED,
        EventType.EMAIL_OPENED,
        EventType.EMAIL_CLICKED,
        EventType.EMAIL_SPAM,
        EventType.EMAIL_UNSUBSCRIBED,
        EventType.CONSENT_CHANGED,
    ),
    dedupe="sg_event_id",
    ordering="none",
    leaves_out={"reason, response": "mail servers repeat the address in them", "ip": "of no use to a score"},
    about=("sg_message_id",),
)

TEST_ADDRESS = "example@test.com"  # of the webhook's *Test Your Integration* button

TYPES: Mapping[str, EventType] = MappingProxyType(
    {
        "processed": EventType.EMAIL_PROCESSED,
        "delivered": EventType.EMAIL_DELIVERED,
        "deferred": EventType.EMAIL_DEFERRED,
        "bounce": EventType.EMAIL_BOUNCED,
        "blocked": EventType.EMAIL_BOUNCED,
        "dropped": EventType.EMAIL_BOUNCED,
        "open": EventType.EMAIL_OPENED,
        "click": EventType.EMAIL_CLICKED,
        "spamreport": EventType.EMAIL_SPAM,
        "unsubscribe": EventType.EMAIL_UNSUBSCRIBED,
        "group_unsubscribe": EventType.EMAIL_UNSUBSCRIBED,
        "group_resubscribe": EventType.CONSENT_CHANGED,
    }
)
_BY_READER = frozenset({"open", "click", "spamreport", "unsubscribe", "group_unsubscribe", "group_resubscribe"})
_REFUSALS = frozenset({"spamreport", "unsubscribe"})


class MailEvent(msgspec.Struct, gc=False):
    """One element, as far as it is read."""

    email: str
    event: str
    timestamp: int | float  # epoch seconds
    sg_event_id: str | None = None
    sg_message_id: str | None = None
    type: Any = None  # of a bounce: bounce or blocked
    url: Any = None
    useragent: str | None = None
    sg_machine_open: bool | None = None
    category: Any = None
    asm_group_id: int | str | None = None
    singlesend_name: Any = None
    marketing_campaign_name: Any = None


elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_decode = msgspec.json.Decoder(MailEvent).decode


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one mail event."""
    mail = _decode(element)
    type_ = TYPES.get(mail.event)
    if type_ is None:
        raise ContractBroken(f"event: got {named(mail.event)}, expected one of {', '.join(TYPES)}")
    time = from_seconds(mail.timestamp, "timestamp")
    reference = mail.sg_message_id
    return Draft(
        id=plain_id(mail.sg_event_id)
        if mail.sg_event_id
        else content_id(context, type_, reference or "", time, element),
        source=context.source,
        type=type_,
        time=time,
        channel=Channel.MAP,
        claims=claim(IdentifierType.EMAIL, mail.email),
        object=ObjectRef("message", plain_id(reference)) if reference else None,
        properties=_properties(mail),
        campaign=_campaign(mail),
        consent=_consent(mail),
        private={"email": mail.email},
        actor=_actor(mail, context),
        test=mail.email == TEST_ADDRESS,
    )


def _properties(mail: MailEvent) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if mail.category and (category := list_of(mail.category)):
        found["category"] = category
    if mail.event == "click" and (path := path_of(mail.url)):
        found["path"] = path
    elif TYPES[mail.event] is EventType.EMAIL_BOUNCED:
        found["bounce"] = "dropped" if mail.event == "dropped" else tag_of(mail.type) or mail.event
    if mail.sg_machine_open:
        found["machine"] = True
    if mail.asm_group_id is not None and (group := str(mail.asm_group_id)).isdecimal():
        found["unsubscribe_group"] = int(group[:18])
    return found


def _campaign(mail: MailEvent) -> Campaign | None:
    linked = campaign_in(mail.url) if mail.event == "click" else None
    return linked or campaign_of(name=mail.singlesend_name or mail.marketing_campaign_name)


def _consent(mail: MailEvent) -> Consent | None:
    """A group's refusal is not a refusal of all e-mail; a resubscription restores its group."""
    if mail.event in _REFUSALS:
        return Consent("marketing", False)
    if mail.event in ("group_unsubscribe", "group_resubscribe"):
        return Consent(f"marketing:{tag_of(mail.asm_group_id) or 'group'}", mail.event == "group_resubscribe")
    return None


def _actor(mail: MailEvent, context: SourceContext) -> Actor:
    if mail.event not in _BY_READER:
        return Actor.AUTOMATION
    # Apple's and other privacy proxies open every message; that is nobody's act.
    if mail.sg_machine_open or is_bot(mail.useragent):
        return Actor.BOT
    return Actor.STAFF if is_staff(mail.email, context) else Actor.USER
