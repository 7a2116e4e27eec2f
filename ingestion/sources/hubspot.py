"""HubSpot webhooks: a JSON array of up to 100 subscription events, in the older form and the generic one.

Fields and subscription types: developers.hubspot.com/docs/api-reference/webhooks (classic), and "Create generic
webhook subscriptions" for `object.*` with `objectTypeId`. `attemptNumber` is no part of an event's identity.
Objects that were fetched from the CRM API are elements too: `hubspot_object`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from ingestion.contracts.event import Actor, Channel, Claim, Draft, EventType, IdentifierType, ObjectRef
from ingestion.errors import ContractBroken
from ingestion.sources import hubspot_object
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.fields import Id, broken, content_id, from_millis, named, plain_id
from ingestion.sources.hubspot_properties import Meaning, company_property, contact_property, deal_property
from ingestion.sources.split import one_or_many

SOURCE = Source(
    system="hubspot",
    sender="HubSpot webhooks, classic and generic subscriptions; fetched objects",
    topic="raw.crm",
    makes=(
        EventType.LEAD_CREATED,
        EventType.CONTACT_CHANGED,
        EventType.CONTACT_DELETED,
        EventType.ACCOUNT_CHANGED,
        EventType.CRM_STAGE_CHANGED,
        EventType.CRM_OUTCOME,
        EventType.CONSENT_CHANGED,
        EventType.MEETING_BOOKED,
        EventType.CALL_LOGGED,
        EventType.IDENTITY_LINK,
        EventType.IDENTITY_UNLINK,
    ),
    dedupe="portalId, subscriptionId, objectId, occurredAt, eventId, propertyName (retries differ in attemptNumber); "
    "of a fetched object its content and updatedAt",
    ordering="not promised; occurredAt orders the changes of one object",
    leaves_out={"values of properties without a canonical meaning": "they may be personal: sealed, only named openly"},
    about=("objectId", "fromObjectId", "object.id"),
)

TEST_EVENT = 100  # the event id that the subscription's *Test* button always sends
OWN_PREFIX = "leadline_"  # of the contact properties that our own integration writes

OBJECT_TYPES: Mapping[str, str] = MappingProxyType(
    {"0-1": "contact", "0-2": "company", "0-3": "deal", "0-47": "meeting", "0-48": "call"}
)

# Who stands behind a `changeSource`; whatever is not named here is some automation.
_USERS = frozenset({"FORM", "FORMS", "MEETINGS", "CONVERSATIONS"})
_STAFF = frozenset({"CRM", "CRM_UI", "CRM_UI_BULK_ACTION", "MOBILE_ANDROID", "MOBILE_IOS", "CONTACTS", "DEALS"})

_PROPERTY_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,100}")


class Notice(msgspec.Struct, rename="camel", gc=False):
    """One subscription event."""

    event_id: int
    subscription_id: int
    portal_id: int
    occurred_at: int  # epoch milliseconds
    subscription_type: str
    object_id: Id | None = None
    object_type_id: str | None = None
    property_name: str | None = None
    property_value: str | int | float | bool | None = None
    change_source: str | None = None
    source_id: str | None = None
    association_type: str | None = None
    association_type_id: int | None = None
    association_removed: bool = False
    from_object_id: Id | None = None
    to_object_id: Id | None = None
    from_object_type_id: str | None = None
    to_object_type_id: str | None = None
    primary_object_id: Id | None = None
    merged_object_ids: list[Id] = []
    new_object_id: Id | None = None


elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_decode = msgspec.json.Decoder(Notice).decode


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one subscription event; raises `ContractBroken` for a subscription that has no canonical meaning."""
    if hubspot_object.is_fetched(element):
        return _fetched(element, context)
    notice = _decode(element)
    kind, _, action = notice.subscription_type.partition(".")
    if action == "associationChange":
        return _association(notice, kind, context)
    if kind == "object":
        kind = OBJECT_TYPES.get(notice.object_type_id or "", "")
    if notice.object_id is None:
        raise broken("objectId", None, f"the id of the {kind or 'object'}")
    if action == "propertyChange":
        return _property(notice, kind, context)
    if action == "merge" and kind == "contact":
        return _merge(notice, context)
    type_ = _LIFECYCLE.get((kind, action))
    if type_ is None:
        raise _unmapped(notice)
    properties = {"action": _ACTIONS[action]}
    if kind == "deal":
        properties |= {"object": "deal", "deal_status": "deleted" if action == "deletion" else "open"}
    return _draft(notice, context, type_, kind, notice.object_id, Meaning(properties=properties))


_ACTIONS = {
    "creation": "created",
    "deletion": "deleted",
    "restore": "restored",
    "merge": "merged",
    "privacyDeletion": "privacy_deleted",
}
_LIFECYCLE = {
    ("contact", "creation"): EventType.LEAD_CREATED,
    ("contact", "deletion"): EventType.CONTACT_DELETED,
    ("contact", "privacyDeletion"): EventType.CONTACT_DELETED,
    ("contact", "restore"): EventType.CONTACT_CHANGED,
    ("company", "creation"): EventType.ACCOUNT_CHANGED,
    ("company", "deletion"): EventType.ACCOUNT_CHANGED,
    ("company", "restore"): EventType.ACCOUNT_CHANGED,
    ("company", "merge"): EventType.ACCOUNT_CHANGED,
    ("deal", "creation"): EventType.CRM_STAGE_CHANGED,
    ("deal", "deletion"): EventType.CRM_STAGE_CHANGED,
    ("deal", "restore"): EventType.CRM_STAGE_CHANGED,
    ("deal", "merge"): EventType.CRM_STAGE_CHANGED,
}
_PROPERTIES: dict[str, Callable[[str, str | None], Meaning]] = {
    "contact": contact_property,
    "company": company_property,
    "deal": deal_property,
}


def _fetched(element: msgspec.Raw, context: SourceContext) -> Draft:
    """An object as it stands. Fetched again, it is the same event unless it has changed."""
    fetched = hubspot_object.fetched_of(element)
    meaning, kind = hubspot_object.meaning_of(fetched), fetched.object_type
    time = hubspot_object.time_of(fetched, meaning)
    notice = Notice(0, 0, int(fetched.portal_id), int(time.timestamp() * 1000), f"{kind}.fetched")
    content = msgspec.Raw(msgspec.json.encode(hubspot_object.content_of(fetched)))
    return msgspec.structs.replace(
        _draft(notice, context, meaning.type, kind, fetched.object.id, meaning),
        id=content_id(context, f"{notice.portal_id}:{kind}", _plain(fetched.object.id), time, content),
    )


def _property(notice: Notice, kind: str, context: SourceContext) -> Draft:
    read, name = _PROPERTIES.get(kind), notice.property_name
    if read is None:
        raise _unmapped(notice)
    if not name or not _PROPERTY_NAME.fullmatch(name):
        raise broken("propertyName", name, "the internal name of a property, letters, digits and underscores")
    meaning = read(name, None if notice.property_value is None else _plain(notice.property_value))
    return _draft(notice, context, meaning.type, kind, notice.object_id, meaning)


def _association(notice: Notice, kind: str, context: SourceContext) -> Draft:
    """Two objects were tied together or parted; the event names both ends and has no `objectId`."""
    if notice.from_object_id is None or notice.to_object_id is None:
        raise broken("fromObjectId, toObjectId", None, "the ids of both ends")
    first, last = ends_of(notice, kind)
    ends = {first: notice.from_object_id, last: notice.to_object_id}
    removed = notice.association_removed
    if len(ends) < 2 or not ends.keys() <= {"contact", "company", "deal", "meeting", "call"}:
        raise _unmapped(notice)
    if "company" in ends:
        person = first if last == "company" else last
        type_, action = EventType.ACCOUNT_CHANGED, "parted" if removed else "associated"
        meaning = Meaning(properties={"action": action}, company=None if removed else str(ends["company"]))
        return _draft(notice, context, type_, person, ends[person], meaning)
    meeting = next((end for end in ("meeting", "call") if end in ends), None)
    if meeting and "contact" in ends:
        # The activity's own creation does not say whom it was with, and its id is no identifier of a person.
        type_ = EventType.MEETING_BOOKED if meeting == "meeting" else EventType.CALL_LOGGED
        if removed:
            type_ = EventType.CONTACT_CHANGED
        meaning = Meaning(properties={"action": f"{meeting}_parted" if removed else "associated"})
        found = _draft(notice, context, type_, "contact", ends["contact"], meaning)
        return msgspec.structs.replace(found, object=ObjectRef(meeting, plain_id(ends[meeting])))
    if ends.keys() == {"deal", "contact"}:
        type_ = EventType.IDENTITY_UNLINK if removed else EventType.IDENTITY_LINK
        meaning = Meaning(claims=(_crm(notice, "contact", ends["contact"]),))
        return _draft(notice, context, type_, "deal", ends["deal"], meaning)
    raise _unmapped(notice)


def ends_of(notice: Notice, kind: str) -> tuple[str, str]:
    """The objects that an association change ties or parts, as far as they are known by name."""
    if notice.association_type:  # CONTACT_TO_COMPANY
        first, _, last = notice.association_type.lower().partition("_to_")
        return first, last
    first = OBJECT_TYPES.get(notice.from_object_type_id or "", kind)
    return first, OBJECT_TYPES.get(notice.to_object_type_id or "", "")


def _merge(notice: Notice, context: SourceContext) -> Draft:
    """The CRM's people say that these contacts are one."""
    merged = [notice.primary_object_id, *notice.merged_object_ids, notice.new_object_id]
    ids = dict.fromkeys(_plain(one) for one in merged if one is not None and one != notice.object_id)
    meaning = Meaning(claims=tuple(_crm(notice, "contact", one) for one in ids), properties={"action": "merged"})
    return _draft(notice, context, EventType.IDENTITY_LINK, "contact", notice.object_id, meaning)


def _draft(
    notice: Notice,
    context: SourceContext,
    type_: EventType,
    kind: str,
    object_id: int | str | None,
    meaning: Meaning,
) -> Draft:
    reference = plain_id(_plain(object_id))
    is_company = kind == "company"
    own = _is_own(notice, context)
    company = reference if is_company else meaning.company
    account = meaning.account
    if company is not None:
        account = msgspec.structs.replace(account, crm_id=f"hubspot:{notice.portal_id}:company:{company}")
    return Draft(
        id=_id(notice),
        source=context.source,
        type=type_,
        time=from_millis(notice.occurred_at, "occurredAt"),
        channel=Channel.CRM,
        claims=meaning.claims if is_company else (_crm(notice, kind, reference), *meaning.claims),
        account=account if account.domain or account.crm_id or account.name else None,
        object=ObjectRef(kind, reference),
        properties=meaning.properties | {"own_write_back": True} if own else meaning.properties,
        change=meaning.change,
        consent=meaning.consent,
        private=meaning.private,
        text=meaning.text,
        actor=Actor.AUTOMATION if own else _actor(notice.change_source),
        test=notice.event_id == TEST_EVENT,
        sequence=f"{notice.occurred_at:020d}",
    )


def _id(notice: Notice) -> str:
    """Portal, subscription, object, time and event; the property's name last, for it alone is free in form."""
    about = notice.object_id
    if about is None:
        about = f"{notice.from_object_id}-{notice.to_object_id}-{notice.association_removed:d}"
    key = f"{notice.portal_id}:{notice.subscription_id}:{about}:{notice.occurred_at}:{notice.event_id}"
    return plain_id(f"{key}:{notice.property_name}" if notice.property_name else key)


def _is_own(notice: Notice, context: SourceContext) -> bool:
    # `appId` is the app that the subscription belongs to, on every event; who wrote is `sourceId`.
    if notice.property_name is not None and notice.property_name.startswith(OWN_PREFIX):
        return True
    return notice.change_source == "INTEGRATION" and notice.source_id in context.tenant.own_apps


def _actor(change_source: str | None) -> Actor:
    if change_source in _USERS:
        return Actor.USER
    return Actor.STAFF if change_source in _STAFF else Actor.AUTOMATION


def _crm(notice: Notice, kind: str, object_id: int | str) -> Claim:
    return Claim(IdentifierType.CRM, _plain(object_id), True, f"hubspot:{notice.portal_id}:{kind}")


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unmapped(notice: Notice) -> ContractBroken:
    what = " ".join(
        named(word)
        for word in (
            notice.subscription_type,
            notice.object_type_id or notice.association_type or "",
            notice.from_object_type_id or "",
            notice.to_object_type_id or "",
        )
        if word
    )
    return ContractBroken(
        f"subscriptionType: {what} has no canonical meaning, expected a subscription to contacts, companies, deals "
        "or the associations between them, meetings and calls"
    )
