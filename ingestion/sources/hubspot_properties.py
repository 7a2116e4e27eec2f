"""What a changed HubSpot property means: claims, facts, outcomes; and which values are nobody's business.

Invariant: only a value of a property that is named here appears in `change` or `properties`. Any other may hold a
name, an address or a sentence, and goes to `private`, sealed. HubSpot sends `REDACTED` for sensitive values.
Property names: knowledge.hubspot.com "HubSpot's default contact / company / deal properties".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ingestion.contracts.event import AccountHint, Change, Claim, Consent, EventType, IdentifierType
from ingestion.sources.fields import claim, count_of, host_of, list_of, tag_of, text_of

REDACTED = "REDACTED"
NO_ACCOUNT = AccountHint()

# Property of HubSpot -> our property, where the value is neither personal nor free text.
_CONTACT_FACTS: Mapping[str, str] = {
    "jobtitle": "jobtitle",
    "lifecyclestage": "lifecyclestage",
    "industry": "industry",
    "country": "country",
    "hs_analytics_source": "lead_source",
    "lead_source": "lead_source",
}
_COMPANY_FACTS: Mapping[str, str] = {"industry": "industry", "country": "country", "lifecyclestage": "lifecyclestage"}
_DEAL_FACTS: Mapping[str, str] = {"pipeline": "pipeline"}
_SIZES = frozenset({"numberofemployees", "numemployees", "company_size"})
_TECHNOLOGIES = frozenset({"web_technologies", "technologies"})
_WORDS = frozenset({"hs_lead_status", "hs_buying_role", "hs_seniority", "hs_role", "dealtype", "hs_priority"})
_PHONES = frozenset({"phone", "mobilephone", "hs_calculated_phone_number"})
_TEXTS = frozenset({"message", "closed_lost_reason", "closed_won_reason", "notes", "description"})
_NAMES: Mapping[str, str] = {"firstname": "first_name", "lastname": "last_name"}

_WON, _LOST = frozenset({"closedwon"}), frozenset({"closedlost"})


class Meaning(msgspec.Struct, frozen=True, gc=False):
    """A draft's parts, as far as they follow from one property."""

    type: EventType = EventType.CONTACT_CHANGED
    claims: tuple[Claim, ...] = ()
    account: AccountHint = NO_ACCOUNT
    company: str | None = None  # id of the CRM's company object
    properties: dict[str, Any] = {}
    change: tuple[Change, ...] = ()
    consent: Consent | None = None
    private: dict[str, str] = {}
    text: str | None = None


def contact_property(name: str, value: str | None) -> Meaning:
    """A contact's property; `value` is `None` or empty where it was cleared."""
    if name == "email":
        claims = () if value == REDACTED else claim(IdentifierType.EMAIL, value, verified=True)
        return Meaning(claims=claims, change=_named(name), private=_sealed("email", value))
    if name in _PHONES:
        claims = () if value == REDACTED else claim(IdentifierType.PHONE, value)
        return Meaning(claims=claims, change=_named(name), private=_sealed("phone", value))
    if name == "lifecyclestage" and (stage := tag_of(value)):
        properties = {"object": "contact", "lifecyclestage": stage.lower()}
        return Meaning(EventType.CRM_STAGE_CHANGED, properties=properties, change=_changed(name, value))
    if name == "hs_lead_status" and value == "UNQUALIFIED":
        properties = {"object": "contact", "outcome": "disqualified", "reason": "unqualified"}
        return Meaning(EventType.CRM_OUTCOME, properties=properties, change=_changed(name, value))
    if name == "hs_email_optout" and value in ("true", "false"):
        consent = Consent("marketing", value == "false")
        return Meaning(EventType.CONSENT_CHANGED, consent=consent, change=_changed(name, value))
    if name == "company":
        return Meaning(account=AccountHint(name=tag_of(value)), change=_changed(name, value))
    if name in ("website", "hs_email_domain"):
        return Meaning(account=AccountHint(domain=host_of(value)), change=_changed(name, value))
    if name == "associatedcompanyid":
        is_id = value is not None and value.isascii() and value.isdigit()
        return Meaning(company=value if is_id else None, change=_changed(name, value))
    return _fact(name, value, _CONTACT_FACTS, EventType.CONTACT_CHANGED)


def company_property(name: str, value: str | None) -> Meaning:
    """A company's property; the company itself is the account."""
    type_ = EventType.ACCOUNT_CHANGED
    if name == "name":
        return Meaning(type_, account=AccountHint(name=tag_of(value)), change=_changed(name, value))
    if name in ("domain", "website"):
        return Meaning(type_, account=AccountHint(domain=host_of(value)), change=_changed(name, value))
    return _fact(name, value, _COMPANY_FACTS, type_)


def deal_property(name: str, value: str | None) -> Meaning:
    """A deal's property: its stage, its outcome, its amount."""
    if name == "dealstage" and (word := tag_of(value)):
        stage = word.lower()
        outcome = "won" if stage in _WON else "lost" if stage in _LOST else None
        properties = {"object": "deal", "dealstage": stage, "deal_status": outcome or "open"}
        if outcome is None:
            return Meaning(EventType.CRM_STAGE_CHANGED, properties=properties, change=_changed(name, value))
        return Meaning(
            EventType.CRM_OUTCOME, properties=properties | {"outcome": outcome}, change=_changed(name, value)
        )
    # Pipelines with stages of their own close with these calculated properties instead.
    if name in ("hs_is_closed_won", "hs_is_closed_lost") and value == "true":
        outcome = "won" if name.endswith("won") else "lost"
        properties = {"object": "deal", "outcome": outcome, "deal_status": outcome}
        return Meaning(EventType.CRM_OUTCOME, properties=properties, change=_changed(name, value))
    if name == "amount":
        return Meaning(EventType.ACCOUNT_CHANGED, properties=_amount(value), change=_changed(name, value))
    return _fact(name, value, _DEAL_FACTS, EventType.ACCOUNT_CHANGED)


def _fact(name: str, value: str | None, facts: Mapping[str, str], type_: EventType) -> Meaning:
    if name in facts:
        tag = tag_of(value)
        return Meaning(type_, properties={facts[name]: tag} if tag else {}, change=_changed(name, value))
    if name in _SIZES:
        size = count_of(value)
        properties: dict[str, Any] = {} if size is None else {"company_size": size}
        return Meaning(type_, properties=properties, change=_changed(name, value))
    if name in _TECHNOLOGIES:
        technologies = list_of(value)
        properties = {"technologies": technologies} if technologies else {}
        return Meaning(type_, properties=properties, change=_changed(name, value))
    if name in _WORDS or name.startswith("leadline_"):
        return Meaning(type_, change=_changed(name, value))
    if name in _TEXTS:
        text = None if value == REDACTED else text_of(value)
        return Meaning(type_, change=_named(name), text=text)
    return Meaning(type_, change=_named(name), private=_sealed(_NAMES.get(name, name), value))


def _amount(value: str | None) -> dict[str, Any]:
    try:
        amount = float(value or "")
    except ValueError:
        return {}
    return {"amount": amount} if abs(amount) < 1e15 else {}


def _named(name: str) -> tuple[Change, ...]:
    return (Change(name),)


def _changed(name: str, value: str | None) -> tuple[Change, ...]:
    return (Change(name, None if value == REDACTED else tag_of(value)),)


def _sealed(name: str, value: str | None) -> dict[str, str]:
    text = text_of(value)
    return {} if text is None or text == REDACTED else {name: text}
