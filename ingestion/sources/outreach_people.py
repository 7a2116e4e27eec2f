"""Outreach's prospects, their addresses, and accounts. They are the CRM's own: it vouches for their addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ingestion.contracts.event import AccountHint, Actor, Consent, Draft, EventType, IdentifierType
from ingestion.sources.campaign import campaign_of
from ingestion.sources.fields import claim, count_of, host_of, tag_of, text_of
from ingestion.sources.outreach_draft import Scene, changes_of, draft_of, facts_of, unmapped
from ingestion.sources.person import person_of

_PHONES = ("workPhones", "mobilePhones", "homePhones", "voipPhones", "otherPhones")
# Attributes of a prospect -> the name under which forms and traits know them.
_FIELDS: Mapping[str, str] = {
    "firstName": "first_name",
    "lastName": "last_name",
    "name": "name",
    "title": "title",
    "company": "company",
    "addressCity": "city",
    "addressState": "state",
    "addressStreet": "address",
    "addressZip": "postal_code",
    "addressCountry": "country",
    "dateOfBirth": "date_of_birth",
    "gender": "gender",
}
_OPTED = {"opted_in": True, "opted_out": False}


def prospect(scene: Scene) -> Draft:
    """A person whom the sales people write to and call."""
    types = {
        "created": EventType.LEAD_CREATED,
        "updated": EventType.CONTACT_CHANGED,
        "destroyed": EventType.CONTACT_DELETED,
    }
    type_ = types.get(scene.action)
    if type_ is None:
        raise unmapped(scene, "prospect.created, updated or destroyed")
    attributes = scene.attributes
    person = person_of(_described(attributes), verified=True, answers=False)
    consent = _consent(scene)
    if consent is not None and type_ is EventType.CONTACT_CHANGED:
        type_ = EventType.CONSENT_CHANGED
    properties = person.properties | facts_of(lead_source=tag_of(attributes.get("source")))
    if type_ is EventType.CONTACT_CHANGED:
        properties["action"] = "updated"
    company = scene.company()
    hint = AccountHint(None, company, person.company) if company or person.company else None
    return draft_of(
        scene,
        type_,
        Actor.STAFF,
        "prospect",
        claims=scene.crm("prospect", scene.notice.data.id) + person.claims,
        account=hint,
        properties=properties,
        change=changes_of(scene, properties),
        campaign=campaign_of(name=attributes.get("campaignName")),
        consent=consent,
        private=person.private,
    )


def _described(attributes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, meaning in _FIELDS.items():
        yield meaning, attributes.get(name)
    # The first one last: it is the one that is sealed under the plain name.
    for name in _PHONES:
        for phone in reversed(_listed(attributes.get(name))):
            yield "phone", phone
    for email in reversed(_listed(attributes.get("emails"))):
        yield "email", email


def _listed(value: Any) -> list[Any]:
    return value[:20] if isinstance(value, list) else []


def _consent(scene: Scene) -> Consent | None:
    """Whether the prospect takes e-mail. That a new one has not opted out is no decision."""
    sent = scene.attributes
    granted = _OPTED.get(str(sent.get("emailsOptStatus")))
    for name in ("optedOut", "emailOptedOut"):
        if isinstance(sent.get(name), bool):
            granted = not sent[name]
    if granted is None or scene.action == "destroyed" or (granted and scene.action == "created"):
        return None
    return Consent("marketing", granted)


def email_address(scene: Scene) -> Draft:
    """One of a prospect's addresses."""
    types = {
        "created": EventType.IDENTITY_LINK,
        "updated": EventType.CONTACT_CHANGED,
        # The address was this prospect's all the same.
        "destroyed": EventType.CONTACT_CHANGED,
    }
    type_ = types.get(scene.action)
    if type_ is None:
        raise unmapped(scene, "emailAddress.created, updated or destroyed")
    email = text_of(scene.attributes.get("email"))
    refuses = scene.action != "destroyed" and text_of(scene.attributes.get("unsubscribedAt")) is not None
    if refuses:
        type_ = EventType.CONSENT_CHANGED
    person = scene.crm("prospect", scene.related("prospect"))
    return draft_of(
        scene,
        type_,
        Actor.USER if refuses else Actor.STAFF,
        "email_address",
        claims=person
        + claim(IdentifierType.EMAIL, email, verified=True)
        + scene.tie("emailAddress", scene.notice.data.id),
        properties={"action": f"email_{scene.action}"} if type_ is EventType.CONTACT_CHANGED else {},
        consent=Consent("marketing", False) if refuses else None,
        private={"email": email} if email else {},
    )


def account(scene: Scene) -> Draft:
    """A company."""
    if scene.action not in ("created", "updated", "destroyed"):
        raise unmapped(scene, "account.created, updated or destroyed")
    sent = scene.attributes
    size = count_of(sent.get("numberOfEmployees"))
    properties = facts_of(
        action="deleted" if scene.action == "destroyed" else scene.action,
        industry=tag_of(sent.get("industry")),
        company_size=count_of(sent.get("linkedInEmployees")) if size is None else size,
    )
    domain = host_of(sent.get("domain")) or host_of(sent.get("websiteUrl"))
    return draft_of(
        scene,
        EventType.ACCOUNT_CHANGED,
        Actor.STAFF,
        "account",
        account=AccountHint(domain, scene.crm_id(scene.notice.data.id), tag_of(sent.get("name"))),
        properties=properties,
        change=changes_of(scene, properties),
    )
