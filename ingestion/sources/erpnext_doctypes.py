"""What the documents of ERPNext and Frappe CRM mean: leads, contacts, companies, deals, tickets.

States: the doctypes' own definitions, github.com/frappe/erpnext (`erpnext/crm`, `selling`, `support`), frappe/crm
(`crm/fcrm`) and frappe/frappe (`contacts`). A document is sent in its state, so that a state is stated again with every
save. Names of leads and deals are unique in both products' series, and share a scope.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ingestion.contracts.event import AccountHint, Channel, Claim, Consent, EventType, IdentifierType
from ingestion.sources.erpnext_document import COMPANY, FIRM, PERSON, Document, Said, amount_of, rows_of, said_of
from ingestion.sources.fields import claim, tag_of, text_of

_LEAD_OUTCOMES: Mapping[str, tuple[str, str | None]] = {
    "converted": ("won", None),  # into a customer
    "lost quotation": ("lost", "lost_quotation"),
    "do not contact": ("disqualified", "do_not_contact"),
    "unqualified": ("disqualified", "unqualified"),
    "junk": ("disqualified", "junk"),
}
_LIFECYCLE: Mapping[str, str] = {"lead": "lead", "opportunity": "opportunity", "converted": "customer"}
_DEAL_OUTCOMES: Mapping[str, str] = {
    "won": "won",
    "converted": "won",
    "ordered": "won",
    "partially ordered": "won",
    "lost": "lost",
}
_DEAL_ENDS: Mapping[str, str] = {"closed": "lost", "expired": "lost", "cancelled": "deleted"}  # nobody decided
_TICKETS: Mapping[str, str] = {"replied": "pending", "on hold": "hold", "resolved": "solved"}


def _lead(document: Document) -> Said:
    said = _person(document, "lead")
    status = document.word("status")
    # In Frappe CRM a converted lead has become a deal, in ERPNext a customer.
    outcome = _LEAD_OUTCOMES.get(status) if (document.doctype, status) != ("CRM Lead", "converted") else None
    if stage := _LIFECYCLE.get(status) if document.doctype == "Lead" else None:
        said.properties |= {"object": "contact", "lifecyclestage": stage}
        if document.verb == "changed":
            said.type = EventType.CRM_STAGE_CHANGED
    if outcome is not None and document.verb != "deleted":
        said.type = EventType.CRM_OUTCOME
        said.properties |= {"object": "contact", "outcome": outcome[0]}
        if outcome[1] is not None:
            said.properties["reason"] = outcome[1]
    return said


def _contact(document: Document) -> Said:
    said = _person(document, "contact")
    for link in rows_of(document.fields.get("links")):
        if link.get("link_doctype") == "Customer":
            said.belongs_to(document.company("customer", link.get("link_name")))
            break
    return said


def _person(document: Document, kind: str) -> Said:
    type_ = {"created": EventType.LEAD_CREATED, "deleted": EventType.CONTACT_DELETED}.get(document.verb)
    said = said_of(document, type_ or EventType.CONTACT_CHANGED, kind, PERSON)
    said.claims = document.claim(kind, document.name) + said.claims
    if document.fields.get("unsubscribed") in (1, True, "1"):  # a box that nobody ticked is no consent
        said.consent = Consent("marketing", False)
        if said.type is EventType.CONTACT_CHANGED:
            said.type = EventType.CONSENT_CHANGED
    return said


def _customer(document: Document) -> Said:
    """A customer is a company, or a private person; only of a company is the name shown."""
    fields = document.fields
    said = said_of(document, EventType.ACCOUNT_CHANGED, "company", COMPANY)
    said.claims = document.claim("lead", fields.get("lead_name"))
    kind = "organization" if document.doctype == "CRM Organization" else "customer"
    name = text_of(fields.get("customer_name"))
    if name is not None and document.word("customer_type") == "company":
        said.account = AccountHint(said.account.domain if said.account else None, name=tag_of(name))
    elif name is not None:
        said.private["name"] = name
    said.belongs_to(document.company(kind, document.name))
    return said


def _deal(document: Document) -> Said:
    """An opportunity, a CRM deal, or a quotation, which stands for its opportunity if it names one."""
    fields = document.fields
    said = said_of(document, EventType.CRM_STAGE_CHANGED, "deal", COMPANY if document.doctype == "CRM Deal" else FIRM)
    said.deal = text_of(fields.get("opportunity")) if document.doctype == "Quotation" else None
    said.claims = document.claim("deal", said.deal or document.name) + _party(document, said)
    amounts = (amount_of(fields.get(name)) for name in ("opportunity_amount", "deal_value", "grand_total"))
    if (amount := next((each for each in amounts if each is not None), None)) is not None:
        said.properties["amount"] = amount
    status = "cancelled" if document.verb == "deleted" or fields.get("docstatus") == 2 else document.word("status")
    if not status:  # the admin did not choose it: then nothing is known of where the deal stands
        said.type = EventType.ACCOUNT_CHANGED
        return said
    outcome = _DEAL_OUTCOMES.get(status)
    stage = document.word("sales_stage") or status
    said.properties |= {"object": "deal", "dealstage": stage, "deal_status": outcome or _DEAL_ENDS.get(status, "open")}
    if outcome is None:
        return said
    said.type = EventType.CRM_OUTCOME
    said.properties["outcome"] = outcome
    if outcome == "lost" and (reason := _lost_reason(fields)):
        said.properties["reason"] = reason
    texts = (text_of(fields.get(name)) for name in ("order_lost_reason", "lost_notes"))
    said.text = "\n\n".join(text for text in texts if text) or None
    return said


def _party(document: Document, said: Said) -> tuple[Claim, ...]:
    """Whose deal it is: the lead it came from, else its contact with the contact's own addresses."""
    fields = document.fields
    of, party = document.word("opportunity_from") or document.word("quotation_to"), fields.get("party_name")
    lead = party if of == "lead" else fields.get("lead")
    customer = party if of == "customer" else fields.get("customer")
    if customer := document.company("customer", customer):
        said.belongs_to(customer)
    elif organization := document.company("organization", fields.get("organization")):
        said.belongs_to(organization)
    for name in ("contact_email", "email", "contact_mobile", "mobile_no", "customer_name", "first_name", "last_name"):
        if text := text_of(fields.get(name)):
            said.private[name] = text
    if text_of(lead) is not None:
        return document.claim("lead", lead)
    email = fields.get("contact_email") or fields.get("email")
    phone = fields.get("contact_mobile") or fields.get("mobile_no")
    return (
        document.claim("contact", fields.get("contact_person") or fields.get("contact"))
        + claim(IdentifierType.EMAIL, email, verified=True)
        + claim(IdentifierType.PHONE, phone)
    )


def _lost_reason(fields: Mapping[str, Any]) -> str | None:
    """The first of the reasons that were chosen from the firm's list, as a code."""
    chosen = fields.get("lost_reason") or next(
        (row.get("lost_reason") for row in rows_of(fields.get("lost_reasons"))), ""
    )
    tag = tag_of(chosen)
    return "_".join(re.findall(r"\w+", tag.lower())) or None if tag else None


def _issue(document: Document) -> Said:
    fields = document.fields
    said = Said(EventType.TICKET_CHANGED, "ticket", channel=Channel.SUPPORT)
    said.claims = document.claim("lead", fields.get("lead")) or document.claim("contact", fields.get("contact"))
    if email := text_of(fields.get("raised_by")):  # an e-mail's sender
        said.claims += claim(IdentifierType.EMAIL, email)
        said.private["email"] = email
    said.belongs_to(document.company("customer", fields.get("customer")))
    status = "deleted" if document.verb == "deleted" else document.word("status")
    if status:
        said.properties["status"] = _TICKETS.get(status, status)
    if priority := document.word("priority"):
        said.properties["priority"] = priority
    if document.verb == "created":
        said.type = EventType.TICKET_CREATED
        said.by_customer = True
        said.text = (
            "\n\n".join(text for name in ("subject", "description") if (text := text_of(fields.get(name)))) or None
        )
    elif status in ("resolved", "closed"):
        said.type = EventType.TICKET_SOLVED
    return said


READERS: Mapping[str, Callable[[Document], Said]] = {
    "Lead": _lead,
    "CRM Lead": _lead,
    "Contact": _contact,
    "Customer": _customer,
    "CRM Organization": _customer,
    "Opportunity": _deal,
    "CRM Deal": _deal,
    "Quotation": _deal,
    "Issue": _issue,
}
