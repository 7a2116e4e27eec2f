"""Intercom's notifications about people and companies: contacts, subscriptions, tracked events, mail that was sent."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from ingestion.contracts.event import (
    AccountHint,
    Actor,
    Campaign,
    Change,
    Channel,
    Consent,
    Draft,
    EventType,
    IdentifierType,
)
from ingestion.errors import ContractBroken
from ingestion.sources.campaign import campaign_of
from ingestion.sources.fields import broken, claim, count_of, from_seconds, named, plain_id, tag_of
from ingestion.sources.intercom_draft import (
    Scene,
    actor_of,
    claims_of,
    draft_of,
    hint_of,
    private_of,
    scope_of,
    unmapped,
)
from ingestion.sources.intercom_items import About, CompanyItem, ContactItem, TrackedItem
from ingestion.sources.person import person_of

_decode_about = msgspec.json.Decoder(About).decode
_decode_contact = msgspec.json.Decoder(ContactItem).decode
_decode_company = msgspec.json.Decoder(CompanyItem).decode
_decode_tracked = msgspec.json.Decoder(TrackedItem).decode

_CONTACT: Mapping[str, tuple[EventType, Actor]] = MappingProxyType(
    {
        "created": (EventType.LEAD_CREATED, Actor.USER),
        "signed_up": (EventType.PRODUCT_SIGNED_UP, Actor.USER),
        "added_email": (EventType.IDENTITY_LINK, Actor.USER),
        "email.updated": (EventType.IDENTITY_LINK, Actor.USER),
        "merged": (EventType.IDENTITY_LINK, Actor.STAFF),
        "updated": (EventType.CONTACT_CHANGED, Actor.AUTOMATION),
        "tag.created": (EventType.CONTACT_CHANGED, Actor.STAFF),
        "tag.deleted": (EventType.CONTACT_CHANGED, Actor.STAFF),
        "archive": (EventType.CONTACT_CHANGED, Actor.STAFF),
        "archived": (EventType.CONTACT_CHANGED, Actor.STAFF),
        "unarchive": (EventType.CONTACT_CHANGED, Actor.STAFF),
        "unarchived": (EventType.CONTACT_CHANGED, Actor.STAFF),
        "deleted": (EventType.CONTACT_DELETED, Actor.STAFF),
        "unsubscribed": (EventType.EMAIL_UNSUBSCRIBED, Actor.USER),
        "subscribed": (EventType.CONSENT_CHANGED, Actor.USER),
        "unsubscribe": (EventType.CONSENT_CHANGED, Actor.USER),  # granular: of one type of message
        "subscribe": (EventType.CONSENT_CHANGED, Actor.USER),
        "unsubscribed_from_sms": (EventType.CONTACT_CHANGED, Actor.USER),
    }
)
_GRANTS: Mapping[str, bool] = {"unsubscribed": False, "subscribed": True, "unsubscribe": False, "subscribe": True}


def contact_draft(scene: Scene, action: str) -> Draft:
    """Topics of contacts, of users and leads in the old API, of visitors, and of single subscription types."""
    action = action.removeprefix("lead.").removeprefix("user.")
    known = _CONTACT.get(action)
    if known is None:
        raise unmapped(scene.notice)
    type_, actor = known
    item = scene.notice.data.item
    about = _decode_about(item)
    contact = about.contact or about.user or _decode_contact(item)
    claims = claims_of(contact, scene)
    if contact.merged_from is not None:
        claims += claim(IdentifierType.ANONYMOUS_ID, contact.merged_from.id, scope=scope_of(scene))
    properties = _facts(contact)
    change: tuple[Change, ...] = ()
    if type_ is EventType.CONTACT_CHANGED:
        properties["action"] = action.replace(".", "_")
    if about.tag is not None and (tag := tag_of(about.tag.name)):
        change = (Change("tag", new=tag) if action == "tag.created" else Change("tag", old=tag),)
    return draft_of(
        scene,
        type_,
        actor_of(actor, contact, scene),
        properties,
        channel=Channel.PRODUCT if type_ is EventType.PRODUCT_SIGNED_UP else Channel.CHAT,
        about=("contact", contact.id),
        claims=claims,
        account=_employer(contact, scene),
        change=change,
        campaign=_campaign(contact) if action in ("created", "signed_up") else None,
        consent=_consent(about, action),
        private=private_of(contact),
    )


def _consent(about: About, action: str) -> Consent | None:
    granted = _GRANTS.get(action)
    if granted is None:
        return None
    types = about.subscription_types.data if about.subscription_types else []
    if action in ("unsubscribed", "subscribed"):
        return Consent("marketing", granted)
    return Consent(f"marketing:{plain_id(types[0].id)}", granted) if len(types) == 1 and types[0].id else None


def _facts(contact: ContactItem) -> dict[str, Any]:
    """What may be said openly of a contact; of the firm's own attributes only those that every source knows."""
    facts = person_of((contact.custom_attributes or {}).items(), verified=False, answers=False).properties
    place = contact.location or contact.location_data
    if place is not None and (country := tag_of(place.country) or tag_of(place.country_name)):
        facts["country"] = country
    return facts


def _employer(contact: ContactItem, scene: Scene) -> AccountHint | None:
    """The contact's company; of several none, for which one this is about is not said."""
    listed = (*contact.companies.companies, *contact.companies.data) if contact.companies else ()
    return hint_of(listed[0], scene) if len(listed) == 1 else None


def _campaign(contact: ContactItem) -> Campaign | None:
    return campaign_of(
        source=contact.utm_source,
        medium=contact.utm_medium,
        name=contact.utm_campaign,
        term=contact.utm_term,
        content=contact.utm_content,
    )


_COMPANY = frozenset({"created", "updated", "deleted"})
_ATTACHED = {"contact.attached": "associated", "contact.detached": "parted"}


def company_draft(scene: Scene, action: str) -> Draft:
    """A company, or a contact that was attached to one."""
    if action in _ATTACHED:
        about = _decode_about(scene.notice.data.item)
        if about.contact is None or about.company is None:
            raise broken("data.item.contact, data.item.company", None, "both ends")
        return draft_of(
            scene,
            EventType.ACCOUNT_CHANGED,
            Actor.STAFF,
            {"action": _ATTACHED[action]},
            about=("contact", about.contact.id),
            claims=claims_of(about.contact, scene),
            account=hint_of(about.company, scene) if action == "contact.attached" else None,
            private=private_of(about.contact),
        )
    if action not in _COMPANY:
        raise unmapped(scene.notice)
    company = _decode_company(scene.notice.data.item)
    plan = company.plan.get("name") if isinstance(company.plan, dict) else company.plan
    facts = {
        "industry": tag_of(company.industry),
        "company_size": count_of(company.size),
        "plan": tag_of(plan),
        "action": action,
    }
    return draft_of(
        scene,
        EventType.ACCOUNT_CHANGED,
        Actor.STAFF,
        {name: value for name, value in facts.items() if value is not None},
        about=("company", company.id),
        account=hint_of(company, scene),
    )


def tracked_draft(scene: Scene, action: str) -> Draft:
    """An event that the firm's own code sent to Intercom: the use of a feature by a signed-in user."""
    if action != "created":
        raise unmapped(scene.notice)
    tracked = _decode_tracked(scene.notice.data.item)
    user = ContactItem(id=tracked.intercom_user_id, role="user", user_id=tracked.user_id, email=tracked.email)
    at = scene._replace(time=from_seconds(tracked.created_at, "data.item.created_at"))
    return draft_of(
        at,
        EventType.PRODUCT_FEATURE_USED,
        actor_of(Actor.USER, user, scene),
        {"name": tag_of(tracked.event_name) or "unnamed"},
        channel=Channel.PRODUCT,
        claims=claims_of(user, scene),
        private=private_of(user),
    )


_MAIL: Mapping[str, tuple[EventType, Actor]] = MappingProxyType(
    {
        "receipt": (EventType.EMAIL_PROCESSED, Actor.AUTOMATION),
        "open": (EventType.EMAIL_OPENED, Actor.USER),
        "click": (EventType.EMAIL_CLICKED, Actor.USER),
        "reply": (EventType.EMAIL_REPLIED, Actor.USER),
        "hard_bounce": (EventType.EMAIL_BOUNCED, Actor.AUTOMATION),
        "soft_bounce": (EventType.EMAIL_BOUNCED, Actor.AUTOMATION),
        "spam_complaint": (EventType.EMAIL_SPAM, Actor.USER),
        "unsubscribe": (EventType.EMAIL_UNSUBSCRIBED, Actor.USER),
        "goal_success": (EventType.CONTACT_CHANGED, Actor.AUTOMATION),
    }
)
_BOUNCES = {"hard_bounce": "bounce", "soft_bounce": "blocked"}


def mail_draft(scene: Scene, action: str) -> Draft:
    """What became of an outbound e-mail; other content stats are not read."""
    about = _decode_about(scene.notice.data.item)
    if action != "email" or about.content_stat is None:
        raise unmapped(scene.notice)
    stat = about.content_stat
    known = _MAIL.get(stat.stat_type)
    if known is None:
        expected = ", ".join(_MAIL)
        raise ContractBroken(
            f"data.item.content_stat.stat_type: got {named(stat.stat_type)}, expected one of {expected}"
        )
    type_, actor = known
    contact = about.contact or ContactItem()
    properties: dict[str, Any] = {}
    if bounce := _BOUNCES.get(stat.stat_type):
        properties["bounce"] = bounce
    if type_ is EventType.CONTACT_CHANGED:
        properties["action"] = stat.stat_type
    refuses = type_ in (EventType.EMAIL_SPAM, EventType.EMAIL_UNSUBSCRIBED)
    return draft_of(
        scene,
        type_,
        actor_of(actor, contact, scene),
        properties,
        channel=Channel.MAP,
        about=("message", stat.content_id),
        claims=claims_of(contact, scene),
        campaign=campaign_of(name=stat.content_title),
        consent=Consent("marketing", False) if refuses else None,
        private=private_of(contact),
    )
