"""What Marketo's activity types mean, and which of a lead's fields say something.

Type ids are the same in every subscription, up to 100000 where custom activities begin; the names are those of
`GET /rest/v1/activities/types.json`. A field is called by its REST name in `leadchanges.json` and by its display name
in `activities.json` and in tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ingestion.contracts.event import Actor, Channel, EventType
from ingestion.sources.adapter import SourceContext


class Meaning(NamedTuple):
    """A type of activity."""

    type: EventType
    actor: Actor
    channel: Channel = Channel.MAP
    action: str | None = None


_CHANGED, _OUTBOUND = EventType.CONTACT_CHANGED, Channel.OUTBOUND

VISIT, FORM, LINK, BOUNCED, CHANGE, SOFT_BOUNCED, MERGE, SALES_BOUNCED = 1, 2, 3, 8, 13, 27, 32, 48

ACTIVITIES: Mapping[int, Meaning] = MappingProxyType(
    {
        VISIT: Meaning(EventType.WEB_PAGE_VIEWED, Actor.USER, Channel.WEB),
        FORM: Meaning(EventType.LEAD_FORM_SUBMITTED, Actor.USER),
        # A click on a page's link is no view of the page it leads to; a link to a document is a download.
        LINK: Meaning(_CHANGED, Actor.USER, Channel.WEB, "link_clicked"),
        6: Meaning(EventType.EMAIL_PROCESSED, Actor.AUTOMATION),
        7: Meaning(EventType.EMAIL_DELIVERED, Actor.AUTOMATION),
        BOUNCED: Meaning(EventType.EMAIL_BOUNCED, Actor.AUTOMATION),
        9: Meaning(EventType.EMAIL_UNSUBSCRIBED, Actor.USER),
        10: Meaning(EventType.EMAIL_OPENED, Actor.USER),
        11: Meaning(EventType.EMAIL_CLICKED, Actor.USER),
        12: Meaning(EventType.LEAD_CREATED, Actor.AUTOMATION),
        CHANGE: Meaning(_CHANGED, Actor.AUTOMATION),
        21: Meaning(_CHANGED, Actor.STAFF, action="converted"),
        22: Meaning(_CHANGED, Actor.AUTOMATION, action="score_changed"),
        24: Meaning(_CHANGED, Actor.AUTOMATION, action="list_joined"),
        25: Meaning(_CHANGED, Actor.AUTOMATION, action="list_left"),
        SOFT_BOUNCED: Meaning(EventType.EMAIL_BOUNCED, Actor.AUTOMATION),
        MERGE: Meaning(EventType.IDENTITY_LINK, Actor.STAFF, action="merged"),
        37: Meaning(EventType.CONTACT_DELETED, Actor.STAFF),
        39: Meaning(EventType.EMAIL_PROCESSED, Actor.STAFF, _OUTBOUND),
        40: Meaning(EventType.EMAIL_OPENED, Actor.USER, _OUTBOUND),
        41: Meaning(EventType.EMAIL_CLICKED, Actor.USER, _OUTBOUND),
        45: Meaning(EventType.EMAIL_REPLIED, Actor.USER, _OUTBOUND),
        46: Meaning(_CHANGED, Actor.AUTOMATION, action="interesting_moment"),
        SALES_BOUNCED: Meaning(EventType.EMAIL_BOUNCED, Actor.AUTOMATION, _OUTBOUND),
    }
)

# A field's name without case and blanks -> the name under which forms and traits know it. REST names and display names:
# experienceleague.adobe.com/docs/marketo-developer, "Lead Database", and the glossary of tokens.
_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "email": "email",
        "emailaddress": "email",
        "firstname": "first_name",
        "lastname": "last_name",
        "fullname": "name",
        "phone": "phone",
        "phonenumber": "phone",
        "mobilephone": "phone",
        "mobilephonenumber": "phone",
        "title": "jobtitle",
        "jobtitle": "jobtitle",
        "company": "company",
        "companyname": "company",
        "website": "website",
        "industry": "industry",
        "numberofemployees": "company_size",
        "numemployees": "company_size",
        "country": "country",
        "city": "city",
        "state": "state",
        "address": "address",
        "postalcode": "postal_code",
        "dateofbirth": "date_of_birth",
        "leadsource": "lead_source",
        "personsource": "lead_source",
        "leadstatus": "status",
        "personstatus": "status",
        "unsubscribed": "unsubscribed",
    }
)


def known_fields(fields: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The fields that have a meaning, under its name."""
    named = ((_FIELDS.get(_plain(name)), value) for name, value in fields)
    return [(meaning, value) for meaning, value in named if meaning is not None]


def _plain(name: str) -> str:
    """`lead.Email Address` and `emailAddress` as `emailaddress`."""
    return name.lower().removeprefix("lead.").removeprefix("company.").replace(" ", "").replace("_", "")


def filled(value: Any) -> bool:
    """Whether a token got a value; one that Marketo does not know stays as it was written."""
    return not (isinstance(value, str) and value.startswith("{{"))


def refused(unsubscribed: Any) -> bool | None:
    """The field Unsubscribed as a refusal; None for what is no answer."""
    word = str(unsubscribed).lower()
    return True if word in ("true", "1") else False if word in ("false", "0") else None


def lead_scope(context: SourceContext) -> str:
    """The scope of lead ids, in the subscription."""
    return f"marketo:{context.account}:lead"
