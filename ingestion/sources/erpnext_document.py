"""A document of ERPNext or Frappe CRM as it was sent, and what can be said of any of them.

Invariant: of the fields only those that are named here leave it; names, addresses and phone numbers sealed.
Fields: the doctypes' own definitions, github.com/frappe/erpnext, frappe/crm and frappe/frappe.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from ingestion.contracts.event import AccountHint, Channel, Claim, Consent, EventType, IdentifierType
from ingestion.sources.fields import claim, tag_of, text_of
from ingestion.sources.person import person_of

# A name of a naming series, `CRM-LEAD-2025-00001`. Contacts and customers are named after people and companies.
_SERIES = re.compile(r"[A-Z][A-Z0-9]*(?:-[A-Z0-9.]+)*-[0-9]+(?:-[0-9]+)?")

# Field of a document -> the name under which `person_of` knows it.
FIRM: Mapping[str, str] = {
    "website": "website",
    "industry": "industry",
    "no_of_employees": "employees",
    "country": "country",
}
COMPANY: Mapping[str, str] = {  # `company` is the site's own
    **FIRM,
    "company_name": "company",
    "organization": "company",
    "organization_name": "company",
}
PERSON: Mapping[str, str] = {
    **COMPANY,
    "email_id": "email",
    "email": "email",
    "phone": "phone",
    "mobile_no": "phone",
    "lead_name": "name",
    "full_name": "name",
    "first_name": "first_name",
    "last_name": "last_name",
    "job_title": "job_title",
    "designation": "job_title",
    "city": "city",
    "state": "state",
}
_SOURCES = ("source", "utm_source")  # the newer name is of version 16


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was sent: its name, what happened to it, and those of its fields that the admin chose."""

    doctype: str
    name: str
    verb: str  # created, changed, deleted
    scope: str  # of the site
    fields: Mapping[str, Any]

    def word(self, field: str) -> str:
        """A state or a choice, in lower case; empty if it was not sent."""
        return (tag_of(self.fields.get(field)) or "").lower()

    def claim(self, kind: str, name: Any) -> tuple[Claim, ...]:
        """A claim to a document of the site, of none if it is not named."""
        return claim(IdentifierType.CRM, name, verified=True, scope=f"{self.scope}:{kind}")

    def company(self, kind: str, name: Any) -> str | None:
        """A company's document as a hint names it."""
        text = text_of(name)
        return None if text is None else f"{self.scope}:{kind}:{public_name(text)}"


@dataclass(slots=True)
class Said:
    """A draft's parts, as far as they follow from the document."""

    type: EventType
    kind: str
    claims: tuple[Claim, ...] = ()
    account: AccountHint | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    consent: Consent | None = None
    private: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    channel: Channel = Channel.CRM
    deal: str | None = None  # the document that stands for the deal, if it is another
    by_customer: bool = False

    def belongs_to(self, crm_id: str | None) -> None:
        """Notes the company's document, if it is known."""
        if crm_id is not None:
            hint = self.account or AccountHint()
            self.account = AccountHint(hint.domain, crm_id, hint.name)


def public_name(name: str) -> str:
    """A document's name as it may stand in the clear: one of a series, else its hash."""
    return name if _SERIES.fullmatch(name) else sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def said_of(document: Document, type_: EventType, kind: str, known: Mapping[str, str]) -> Said:
    """The facts that `known` names, one of `FIRM`, `COMPANY` and `PERSON`, and what happened."""
    said = Said(type_, kind)
    if document.verb != "changed":
        said.properties["action"] = document.verb
    fields = document.fields
    person = person_of(((known[name], fields[name]) for name in known if name in fields), verified=True, answers=False)
    said.claims, said.account = person.claims, person.account
    said.properties |= person.properties
    said.private |= person.private
    if source := next((tag for name in _SOURCES if (tag := tag_of(fields.get(name)))), None):
        said.properties["lead_source"] = source
    return said


def rows_of(table: Any) -> list[dict[str, Any]]:
    """The rows of a child table."""
    return [row for row in table[:100] if isinstance(row, dict)] if isinstance(table, list) else []


def amount_of(value: Any) -> float | None:
    """A sum of money, if it is one; the default of such fields is 0."""
    try:
        amount = float(text_of(value) or "")
    except ValueError:
        return None
    return amount if 0 < abs(amount) < 1e15 else None
