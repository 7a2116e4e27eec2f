"""Marketo: lead activities as the REST API answers them, and the body of a webhook that an admin defines.

Activities: `result` of `GET /rest/v1/activities.json`, `leadchanges.json` or `deletedleads.json`, whole or one by one;
reference experienceleague.adobe.com/docs/marketo-developer, "Activities". The header `source-account` is the Munchkin
id, the scope of lead ids.

Webhooks have no form of their own. Paste this template, choose JSON as *Request Token Encoding*, and say in `event`
what the campaign stands for. Tokens of leads and companies may stand under any of their names (`Email Address`,
`email`, `lead.Email Address`); what no table knows is left out. `message` is free text, here of a field *Comments*:

    {"event": "lead.form_submitted", "form": "demo-request", "campaign": "{{campaign.name}}",
     "sent": "{{system.dateTime}}", "id": "{{lead.Id}}", "Email Address": "{{lead.Email Address}}",
     "First Name": "{{lead.First Name}}", "Last Name": "{{lead.Last Name}}", "Job Title": "{{lead.Job Title}}",
     "Phone Number": "{{lead.Phone Number}}", "Company Name": "{{company.Company Name}}",
     "Website": "{{company.Website}}", "Industry": "{{company.Industry}}",
     "Num Employees": "{{company.Num Employees}}", "Country": "{{lead.Country}}",
     "Lead Source": "{{lead.Lead Source}}", "Unsubscribed": "{{lead.Unsubscribed}}", "message": "{{lead.Comments}}"}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec

from ingestion.contracts.event import Actor, Channel, Consent, Draft, EventType, IdentifierType, ObjectRef
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.campaign import campaign_of
from ingestion.sources.fields import broken, claim, content_id, is_staff, named, plain_id, tag_of, text_of
from ingestion.sources.marketo_activity import activity_draft
from ingestion.sources.marketo_meanings import ACTIVITIES, filled, known_fields, lead_scope, refused
from ingestion.sources.person import person_of
from ingestion.sources.split import is_array, nonempty, one_or_many

_HOOKS: Mapping[str, tuple[EventType, Actor]] = MappingProxyType(
    {
        "lead.created": (EventType.LEAD_CREATED, Actor.AUTOMATION),
        "lead.form_submitted": (EventType.LEAD_FORM_SUBMITTED, Actor.USER),
        "contact.changed": (EventType.CONTACT_CHANGED, Actor.AUTOMATION),
        "consent.changed": (EventType.CONSENT_CHANGED, Actor.USER),
        "web.content_downloaded": (EventType.WEB_CONTENT_DOWNLOADED, Actor.USER),
        "meeting.booked": (EventType.MEETING_BOOKED, Actor.USER),
        "email.unsubscribed": (EventType.EMAIL_UNSUBSCRIBED, Actor.USER),
    }
)

SOURCE = Source(
    system="marketo",
    sender="Marketo's REST activities and webhooks of smart campaigns",
    topic="raw.marketing",
    makes=tuple(dict.fromkeys((*(one.type for one in ACTIVITIES.values()), *(one for one, _ in _HOOKS.values())))),
    dedupe="marketoGUID, else id; of a webhook a hash of its content, where `sent` tells one run from the next",
    ordering="activityDate has whole seconds; webhooks none",
    leaves_out={
        "Client IP Address": "of no use to a score",
        "primaryAttributeValue but of mail and changes": "of a deleted lead it is the name",
        "fields without a canonical meaning": "the subscription's own; they may be personal",
        "other activity types, custom ones": "no canonical meaning; quarantined by number",
    },
    about=("leadId", "id"),
)


class Answer(msgspec.Struct, gc=False):
    """A page of the REST API's answer."""

    result: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


class Kind(msgspec.Struct, rename="camel", gc=False):
    """What an element is: an activity has a type."""

    activity_type_id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode_answer = msgspec.json.Decoder(Answer).decode
_decode_kind = msgspec.json.Decoder(Kind).decode
_decode_hook = msgspec.json.Decoder(dict[str, Any]).decode

_NEVER = datetime(2000, 1, 1, tzinfo=UTC)  # stands for the time in the hash of a body that has none


def elements(body: bytes) -> Sequence[msgspec.Raw]:
    """The activities of an answer, or the one element that the body is."""
    if b'"result"' in body and not is_array(body):
        result = _decode_answer(body).result
        if result is not msgspec.UNSET:
            return nonempty(result)
    return one_or_many(body)


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one activity, or a webhook's body."""
    if _decode_kind(element).activity_type_id is not msgspec.UNSET:
        return activity_draft(element, context)
    return _hook(element, context)


def _hook(element: msgspec.Raw, context: SourceContext) -> Draft:
    sent = {name: value for name, value in _decode_hook(element).items() if filled(value)}
    event = text_of(sent.get("event")) or EventType.CONTACT_CHANGED
    known = _HOOKS.get(event)
    if known is None:
        raise ContractBroken(f"event: got {named(event)}, expected one of {', '.join(_HOOKS)}")
    type_, actor = known
    fields = known_fields(sent.items())
    person = person_of(fields, verified=True, answers=False)
    lead = claim(IdentifierType.CRM, sent.get("id"), verified=True, scope=lead_scope(context))
    if not lead and not person.claims:
        raise broken("id, Email Address", None, "the lead's id or address, as the template has them")
    facts = dict(fields)
    about = {"form": tag_of(sent.get("form")), "lead_source": tag_of(facts.get("lead_source"))}
    refuses = True if type_ is EventType.EMAIL_UNSUBSCRIBED else refused(facts.get("unsubscribed"))
    return Draft(
        id=content_id(context, event, text_of(sent.get("id")) or "", _NEVER, element),
        source=context.source,
        type=type_,
        # The only stamp that a token gives, `system.dateTime`, has no zone. Marketo calls while the campaign runs, so
        # that the receipt is the time.
        time=context.received,
        channel=Channel.MAP,
        claims=lead + person.claims,
        account=person.account,
        object=ObjectRef("form", plain_id(about["form"])) if about["form"] else None,
        properties=person.properties | {name: value for name, value in about.items() if value},
        campaign=campaign_of(name=sent.get("campaign")),
        consent=None if refuses is None else Consent("marketing", not refuses),
        private=person.private,
        text=text_of(sent.get("message")),
        actor=Actor.STAFF if actor is Actor.USER and is_staff(person.email, context) else actor,
    )
