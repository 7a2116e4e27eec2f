"""A HubSpot contact, company or deal as the CRM API answers it, fetched because a webhook named it by its id alone.

    {"portalId": "62515", "objectType": "contact", "object": {"id": "123", "properties": {…}, "updatedAt": "…", …}}

Reference: developers.hubspot.com/docs/api-reference, crm/objects. A standing is no change: the event names no changed
field, and a box that nobody ever ticked is no consent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from ingestion.contracts.event import AccountHint, EventType
from ingestion.sources.fields import Id, Moment, Number, from_iso, from_moment, text_of
from ingestion.sources.hubspot_properties import Meaning, company_property, contact_property, deal_property

# What is read of each; of two that say the same the first counts.
READ: Mapping[str, tuple[str, ...]] = {
    "contact": (
        *("email", "phone", "mobilephone", "firstname", "lastname", "jobtitle", "website", "hs_email_domain"),
        *("company", "associatedcompanyid", "industry", "country", "numberofemployees", "numemployees"),
        *("company_size", "web_technologies", "lifecyclestage", "hs_analytics_source", "lead_source"),
        *("hs_email_optout", "hs_lead_status", "message"),
    ),
    "company": (
        *("name", "domain", "website", "industry", "country", "numberofemployees", "web_technologies"),
        "lifecyclestage",
    ),
    "deal": (
        *("amount", "pipeline", "dealstage", "hs_is_closed_won", "hs_is_closed_lost", "closedate"),
        *("closed_lost_reason", "closed_won_reason", "description"),
    ),
}
_CLOSED_AT = "closedate"  # not to be read as a property: it is the time of the outcome
_IF_TRUE = frozenset({"hs_email_optout", "hs_is_closed_won", "hs_is_closed_lost"})
_MEANINGS = {"contact": contact_property, "company": company_property, "deal": deal_property}
# Of what a standing says, the first of these is what the event is.
_STRONGEST = (
    EventType.CRM_OUTCOME,
    EventType.CONSENT_CHANGED,
    EventType.CRM_STAGE_CHANGED,
    EventType.ACCOUNT_CHANGED,
    EventType.CONTACT_CHANGED,
)


class Object(msgspec.Struct, rename="camel", gc=False):
    """The API's answer."""

    id: Id
    updated_at: Moment
    properties: dict[str, str | int | float | bool | None] = {}


class Fetched(msgspec.Struct, rename="camel", gc=False):
    """An element: the answer, and what it does not say."""

    portal_id: Number
    object_type: Literal["contact", "company", "deal"]
    object: Object


class _Peek(msgspec.Struct, gc=False):
    object: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_peek = msgspec.json.Decoder(_Peek).decode
_decode = msgspec.json.Decoder(Fetched).decode


def is_fetched(element: msgspec.Raw) -> bool:
    """Whether an element is a fetched object and no notice."""
    return _peek(element).object is not msgspec.UNSET


def fetched_of(element: msgspec.Raw) -> Fetched:
    """A fetched object."""
    return _decode(element)


def content_of(fetched: Fetched) -> dict[str, str]:
    """What is read of the object's properties, in the order in which they count."""
    sent = fetched.object.properties
    texts = {name: _plain(sent.get(name)) for name in READ[fetched.object_type]}
    return {name: text for name, text in texts.items() if text and (name not in _IF_TRUE or text == "true")}


def meaning_of(fetched: Fetched) -> Meaning:
    """What all its properties say together."""
    read = _MEANINGS[fetched.object_type]
    return _together(
        EventType.CONTACT_CHANGED if fetched.object_type == "contact" else EventType.ACCOUNT_CHANGED,
        [read(name, text) for name, text in content_of(fetched).items() if name != _CLOSED_AT],
    )


def time_of(fetched: Fetched, meaning: Meaning) -> datetime:
    """When the object was last changed; a deal that is won or lost stands so since it was closed."""
    updated = from_moment(fetched.object.updated_at, "updatedAt")
    closed = text_of(fetched.object.properties.get(_CLOSED_AT))
    if meaning.type is not EventType.CRM_OUTCOME or closed is None:
        return updated
    return min(updated, from_iso(closed, _CLOSED_AT))


def _together(type_: EventType, said: list[Meaning]) -> Meaning:
    hints = [one.account for one in said]
    properties: dict[str, Any] = {}
    private: dict[str, str] = {}
    for one in said:
        properties |= one.properties
        private = one.private | private
    return Meaning(
        type=min((type_, *(one.type for one in said)), key=_STRONGEST.index),
        claims=tuple(claim for one in said for claim in one.claims),
        account=AccountHint(
            domain=next((hint.domain for hint in hints if hint.domain), None),
            name=next((hint.name for hint in hints if hint.name), None),
        ),
        company=next((one.company for one in said if one.company), None),
        properties=properties,
        consent=next((one.consent for one in said if one.consent), None),
        private=private,
        text="\n\n".join(one.text for one in said if one.text) or None,
    )


def _plain(value: str | int | float | bool | None) -> str | None:
    return str(value).lower() if isinstance(value, bool) else text_of(value)
