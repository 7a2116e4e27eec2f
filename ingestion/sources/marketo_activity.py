"""One of Marketo's activities as a draft.

Invariant: `primaryAttributeValue` is read where it names a mailing, a page or a field, and nowhere else: of a deleted
lead it is the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
from ingestion.sources.adapter import SourceContext
from ingestion.sources.bots import is_bot
from ingestion.sources.campaign import campaign_in, campaign_of
from ingestion.sources.fields import (
    Id,
    claim,
    content_id,
    from_iso,
    host_of,
    is_staff,
    path_of,
    plain_id,
    tag_of,
    text_of,
)
from ingestion.sources.marketo_forms import form_fields
from ingestion.sources.marketo_meanings import (
    ACTIVITIES,
    BOUNCED,
    CHANGE,
    FORM,
    LINK,
    MERGE,
    SALES_BOUNCED,
    SOFT_BOUNCED,
    VISIT,
    known_fields,
    lead_scope,
    refused,
)
from ingestion.sources.person import Person, person_of

_DOCUMENT = re.compile(r"\.(?:pdf|docx?|pptx?|xlsx?|csv|zip|epub|odt|ods|odp)$", re.IGNORECASE)
_BARE_ADDRESS = re.compile(r"[\w.\-]{1,100}\.[A-Za-z]{2,20}(?:/|$)")
_DIGITS = re.compile(r"[0-9]{1,18}")
_FIELD_NAME = re.compile(r"[A-Za-z0-9_ \-]{1,60}")
_BOUNCES: Mapping[int, str] = {BOUNCED: "bounce", SOFT_BOUNCED: "blocked", SALES_BOUNCED: "bounce"}
_OPEN_VALUES = frozenset({"status", "lead_source", "unsubscribed"})  # changed fields whose values are labels
_MAX_MERGED = 100


class Attribute(msgspec.Struct, gc=False):
    """An attribute of an activity."""

    name: str
    value: Any = None


class Field(msgspec.Struct, rename="camel", gc=False):
    """A changed field, as `leadchanges.json` has it."""

    name: str
    new_value: Any = None


class Activity(msgspec.Struct, rename="camel", gc=False):
    """The activity, as far as it is read."""

    activity_type_id: int
    activity_date: str  # ISO 8601, also with `+0000`
    lead_id: Id
    marketo_guid: str | int | None = msgspec.field(default=None, name="marketoGUID")  # takes the place of `id`
    id: Id | None = None
    primary_attribute_value_id: Any = None
    primary_attribute_value: Any = None
    attributes: list[Attribute] = []
    fields: list[Field] = []


_decode = msgspec.json.Decoder(Activity).decode


def activity_draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one activity; raises `ContractBroken` for a type that has no canonical meaning."""
    activity = _decode(element)
    kind = activity.activity_type_id
    meaning = ACTIVITIES.get(kind)
    if meaning is None:
        expected = ", ".join(str(known) for known in ACTIVITIES)
        raise ContractBroken(f"activityTypeId: {kind} has no canonical meaning, expected one of {expected}")
    attributes = {one.name: one.value for one in activity.attributes}
    address = _address(activity, attributes)
    path = path_of(address)
    changes = list(_changes(activity, attributes)) if kind == CHANGE else []
    facts = dict(known_fields(changes))
    refuses = refused(facts.get("unsubscribed"))
    type_ = meaning.type
    if kind == LINK and path is not None and _DOCUMENT.search(path):
        type_ = EventType.WEB_CONTENT_DOWNLOADED
    elif refuses is not None:
        type_ = EventType.CONSENT_CHANGED
    elif type_ is EventType.EMAIL_UNSUBSCRIBED:
        refuses = True
    person = _person(kind, changes, attributes)
    properties = person.properties | _properties(activity, attributes, type_, path)
    if type_ is EventType.CONTACT_CHANGED and meaning.action:
        properties["action"] = meaning.action
    if lead_source := tag_of(facts.get("lead_source")):
        properties["lead_source"] = lead_source
    time = from_iso(activity.activity_date, "activityDate")
    reference = activity.marketo_guid or activity.id
    return Draft(
        id=plain_id(reference) if reference else content_id(context, type_, str(activity.lead_id), time, element),
        source=context.source,
        type=type_,
        time=time,
        channel=meaning.channel,
        claims=_claims(activity, attributes, person, context),
        account=person.account,
        object=_object(activity, type_),
        properties=properties,
        change=tuple(_change(name, value) for name, value in changes if _is_open(name, properties)),
        campaign=_campaign(activity, attributes, type_, meaning.channel, address),
        consent=None if refuses is None else Consent("marketing", not refuses),
        private=person.private,
        text=person.text,
        actor=_actor(meaning.actor, attributes, person, context),
    )


def _address(activity: Activity, attributes: Mapping[str, Any]) -> str | None:
    """The page or link that the activity is about."""
    if activity.activity_type_id == VISIT:
        candidates = (attributes.get("Webpage URL"), activity.primary_attribute_value)
    elif activity.activity_type_id == LINK:
        candidates = (activity.primary_attribute_value, None)
    else:
        candidates = (attributes.get("Link"), None)  # of a click in a mail
    for candidate in candidates:
        text = text_of(candidate)
        if text is not None and ("://" in text or text.startswith("/")):
            return text
        if text is not None and _BARE_ADDRESS.match(text):
            return f"//{text}"
    return None


def _changes(activity: Activity, attributes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The changed fields with their new values, of both forms."""
    for one in activity.fields:
        yield one.name, one.new_value
    name = text_of(activity.primary_attribute_value)
    if not activity.fields and name is not None:
        yield name, attributes.get("New Value")


def _person(kind: int, changes: list[tuple[str, Any]], attributes: Mapping[str, Any]) -> Person:
    if kind == FORM:
        return person_of(form_fields(text_of(attributes.get("Form Fields")) or ""), verified=False, answers=True)
    return person_of(known_fields(changes), verified=True, answers=False)


def _properties(
    activity: Activity, attributes: Mapping[str, Any], type_: EventType, path: str | None
) -> dict[str, Any]:
    kind = activity.activity_type_id
    found: dict[str, Any] = {}
    if path is not None:
        found["path"] = path
        if type_ is EventType.WEB_CONTENT_DOWNLOADED and (name := tag_of(path.rpartition("/")[2])):
            found["content"] = name
    if referrer := host_of(attributes.get("Referrer URL")):
        found["referrer"] = referrer
    if kind == FORM and (form := tag_of(activity.primary_attribute_value_id)):
        found["form"] = form
    if kind in _BOUNCES:
        found["bounce"] = _BOUNCES[kind]
    if _is_machine(attributes):
        found["machine"] = True
    return found


def _claims(
    activity: Activity, attributes: Mapping[str, Any], person: Person, context: SourceContext
) -> tuple[Claim, ...]:
    scope = lead_scope(context)
    claims = claim(IdentifierType.CRM, activity.lead_id, verified=True, scope=scope)
    if activity.activity_type_id == MERGE:
        merged = dict.fromkeys(_DIGITS.findall(text_of(attributes.get("Merge IDs")) or "")[:_MAX_MERGED])
        for one in merged:
            claims += claim(IdentifierType.CRM, one, verified=True, scope=scope)
    return claims + person.claims


def _object(activity: Activity, type_: EventType) -> ObjectRef | None:
    reference = text_of(activity.primary_attribute_value_id)
    if reference is None:
        return None
    if activity.activity_type_id == FORM:
        return ObjectRef("form", plain_id(reference))
    return ObjectRef("message", plain_id(reference)) if type_.startswith("email.") else None


def _is_open(name: str, properties: Mapping[str, Any]) -> bool:
    """Whether a changed field is named in `change`; one whose value is a property already is not said twice."""
    return _FIELD_NAME.fullmatch(name) is not None and name not in properties


def _change(name: str, value: Any) -> Change:
    known = known_fields([(name, value)])
    return Change(name, new=tag_of(value) if known and known[0][0] in _OPEN_VALUES else None)


def _campaign(
    activity: Activity, attributes: Mapping[str, Any], type_: EventType, channel: Channel, address: str | None
) -> Campaign | None:
    query = text_of(attributes.get("Query Parameters"))
    linked = campaign_in(f"?{query}") if query else campaign_in(address)
    # The primary attribute of a mailing's activities is its name; of a sales mail it may be a subject.
    is_mailing = type_.startswith("email.") and channel is Channel.MAP
    return linked or (campaign_of(name=activity.primary_attribute_value) if is_mailing else None)


def _is_machine(attributes: Mapping[str, Any]) -> bool:
    """What the subscription's filter of bots marked."""
    return str(attributes.get("Is Bot Activity")).lower() == "true"


def _actor(actor: Actor, attributes: Mapping[str, Any], person: Person, context: SourceContext) -> Actor:
    if actor is not Actor.USER:
        return actor
    if _is_machine(attributes) or is_bot(text_of(attributes.get("User Agent"))):
        return Actor.BOT
    return Actor.STAFF if is_staff(person.email, context) else Actor.USER
