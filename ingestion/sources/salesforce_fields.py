"""Which of a Salesforce record's values mean something canonical, and which nobody may see.

Invariant: only the value of a field that is named here appears in `change` or `properties`. Any other may hold a name,
an address or a sentence, and goes to `private`, sealed. An address or a name may come as a compound field, as
`MailingAddress.City`, or flat, as `MailingCity`.
Fields: developer.salesforce.com/docs/platform/object-reference ("Standard Objects").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ingestion.contracts.event import AccountHint, Change, Channel, Claim, Consent, EventType, ObjectRef
from ingestion.sources.fields import tag_of, text_of
from ingestion.sources.person import person_of
from ingestion.sources.salesforce_record import Record

OWN_PREFIX = "leadline_"  # of the custom fields that our own integration writes

# Field of Salesforce -> the name under which `person_of` knows it.
COMPANY = {
    "Name": "company",
    "Website": "website",
    "Industry": "industry",
    "NumberOfEmployees": "employees",
    "Country": "country",
}
PERSON = COMPANY | {
    "Name": "name",
    "FirstName": "first_name",
    "LastName": "last_name",
    "Email": "email",
    "Phone": "phone",
    "Title": "title",
    "Company": "company",
    "Street": "address",
    "City": "city",
    "State": "state",
    "PostalCode": "postal_code",
}
NOBODY: Mapping[str, str] = {}

_SYSTEM = frozenset(
    {
        *("Id", "OwnerId", "RecordTypeId", "IsDeleted", "CreatedById", "CreatedDate", "LastModifiedById"),
        *("LastModifiedDate", "SystemModstamp", "LastActivityDate", "LastViewedDate", "LastReferencedDate"),
        *("CleanStatus", "Jigsaw", "JigsawContactId", "JigsawCompanyId", "PhotoUrl"),
    }
)
_SHOWN = frozenset(  # values that are a choice from a list, a number, a date or an id
    {
        *("Title", "Company", "Website", "Industry", "NumberOfEmployees", "Country", "LeadSource", "Rating", "Status"),
        *("StageName", "Amount", "Probability", "ForecastCategory", "ForecastCategoryName", "CloseDate", "Type"),
        *("IsWon", "IsClosed", "IsConverted", "ConvertedDate", "ConvertedAccountId", "ConvertedContactId"),
        *("ConvertedOpportunityId", "HasOptedOutOfEmail", "DoNotCall", "AccountId", "ContactId", "LeadId", "WhoId"),
        *("CampaignId", "OpportunityId", "WhatId", "Role", "IsPrimary", "HasResponded", "Priority", "Origin"),
        *("CallType", "TaskSubtype", "EventSubtype"),
    }
)
_ADDRESS = re.compile(
    r"(?:(?:Address|MailingAddress|BillingAddress)\.)?(?:Mailing|Billing)?(Street|City|State|PostalCode|Country)"
)


@dataclass(slots=True)
class Said:
    """A draft's parts, as far as they follow from one record."""

    type: EventType
    about: ObjectRef
    claims: tuple[Claim, ...] = ()
    account: AccountHint | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    change: tuple[Change, ...] = ()
    consent: Consent | None = None
    private: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    channel: Channel = Channel.CRM
    by_customer: bool = False


def said_of(record: Record, type_: EventType, kind: str, known: Mapping[str, str], *, spoken: bool = True) -> Said:
    """What can be said of any record: the facts that `known` names, all else sealed, and what changed.

    Args:
        kind: our word for the object.
        known: one of `PERSON`, `COMPANY` and `NOBODY`.
        spoken: its description is about the lead, or by it; not staff's notes on their own work.
    """
    said = Said(type_, ObjectRef(kind, record.id or "*"))
    if record.gap is not None or record.verb in ("created", "deleted", "restored"):
        said.properties["action"] = record.gap or record.verb
    facts: list[tuple[str, Any]] = []
    for name, value in record.fields.items():
        plain, text = _plain_name(name), _text(value)
        if name in _SYSTEM or text is None:
            continue
        if plain in known:
            facts.append((known[plain], value))
        elif plain == "LeadSource" and (tag := tag_of(value)):
            said.properties["lead_source"] = tag
        elif spoken and _is_free_text(name):
            said.text = f"{said.text}\n\n{text}" if said.text else text
        elif not _is_shown(plain):
            said.private[name] = text
    person = person_of(facts, verified=True, answers=False)
    said.claims, said.account = person.claims, person.account
    said.properties |= person.properties
    said.private |= person.private
    if record.verb == "updated":
        said.change = tuple(_changed(name, value) for name, value in record.fields.items() if name not in _SYSTEM)
        said.change += tuple(Change(name) for name in record.unread)
    return said


def is_own(record: Record) -> bool:
    """Whether only fields that our own integration writes were changed."""
    names = [name for name in (*record.fields, *record.unread) if name not in _SYSTEM]
    return record.verb == "updated" and bool(names) and all(name.lower().startswith(OWN_PREFIX) for name in names)


def is_true(value: Any) -> bool:
    """True, also as an outbound message writes it."""
    return value is True or value == "true"


def code_of(words: str) -> str:
    """A picklist's words as a code: `Closed - Not Converted` as `closed_not_converted`."""
    return "_".join(re.findall(r"\w+", words.lower()))


def amount_of(value: Any) -> float | None:
    """A sum of money, if it is one."""
    try:
        amount = float(text_of(value) or "")
    except ValueError:
        return None
    return amount if abs(amount) < 1e15 else None


def _plain_name(name: str) -> str:
    """A field's name without the compound field or the kind of address that it is part of."""
    if name.startswith("Name."):
        return name.removeprefix("Name.")
    found = _ADDRESS.fullmatch(name)
    return found[1] if found else name


def _is_free_text(name: str) -> bool:
    """Descriptions, and the fields that firms add for why a deal was lost: HubSpot's are free text too."""
    return name == "Description" or (name.endswith("__c") and "reason" in name.lower())


def _is_shown(name: str) -> bool:
    return name in _SHOWN or name.lower().startswith(OWN_PREFIX)


def _changed(name: str, value: Any) -> Change:
    return Change(name, tag_of(_text(value)) if _is_shown(_plain_name(name)) else None)


def _text(value: Any) -> str | None:
    return str(value).lower() if isinstance(value, bool) else text_of(value)
