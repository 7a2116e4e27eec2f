"""What happens to Salesforce's objects means: leads and contacts, companies, deals, activities, cases.

A record that was converted, a contact's role in a deal and a campaign member tie ids together, for Salesforce itself
vouches for both. An event of an update holds only what changed, so that whom it is about may not be in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ingestion.contracts.event import AccountHint, Channel, Claim, Consent, EventType, IdentifierType, ObjectRef
from ingestion.sources.fields import claim, tag_of, text_of
from ingestion.sources.salesforce_fields import (
    COMPANY,
    NOBODY,
    PERSON,
    Said,
    amount_of,
    code_of,
    is_true,
    said_of,
)
from ingestion.sources.salesforce_record import Record, reference

_PERSON_ACCOUNT = frozenset({"FirstName", "LastName", "PersonEmail", "PersonContactId"})
_DISQUALIFIED = frozenset({"closed - not converted", "unqualified", "disqualified"})
_STAGES = {"closed won": "won", "closed lost": "lost"}  # with which every org starts
_PREFIXES = {"00Q": "lead", "003": "contact", "001": "account", "006": "deal"}  # of record ids, by object
_OPENED_BY_CUSTOMERS = frozenset({"Web", "Email", "Chat"})  # origins of cases
_TICKETS: Mapping[str, str] = {
    "working": "open",
    "escalated": "open",
    "in progress": "open",
    "on hold": "hold",
    "waiting on customer": "pending",
}


@dataclass(frozen=True, slots=True)
class Org:
    """The Salesforce organisation whose ids are claimed."""

    account: str

    def claim(self, kind: str, about: str | None) -> tuple[Claim, ...]:
        """A claim to a record; none where the record is not known. Deals are `deal`, as identity knows them."""
        return claim(IdentifierType.CRM, about, verified=True, scope=f"salesforce:{self.account}:{kind}")

    def of_company(self, said: Said, account: str | None) -> None:
        """Notes to which company the record belongs, if that is known."""
        if account is not None:
            hint = said.account or AccountHint()
            said.account = AccountHint(hint.domain, f"salesforce:{self.account}:account:{account}", hint.name)


def _lead(record: Record, org: Org) -> Said:
    said = _person(record, org, "lead")
    account, contact, deal = (
        reference(record.fields, f"Converted{kind}Id") for kind in ("Account", "Contact", "Opportunity")
    )
    status = tag_of(record.fields.get("Status"))
    if account or contact or deal:
        said.type = EventType.IDENTITY_LINK
        said.properties["action"] = "converted"
        said.claims += org.claim("contact", contact) + org.claim("deal", deal)
        org.of_company(said, account)
    elif status and status.lower() in _DISQUALIFIED and record.verb != "restored":
        said.type = EventType.CRM_OUTCOME
        said.properties |= {"object": "contact", "outcome": "disqualified", "reason": code_of(status)}
    return said


def _contact(record: Record, org: Org) -> Said:
    said = _person(record, org, "contact")
    org.of_company(said, reference(record.fields, "AccountId"))
    return said


def _person(record: Record, org: Org, kind: str) -> Said:
    type_ = {"created": EventType.LEAD_CREATED, "deleted": EventType.CONTACT_DELETED}.get(record.verb)
    said = said_of(record, type_ or EventType.CONTACT_CHANGED, kind, PERSON)
    mobile = claim(IdentifierType.PHONE, record.fields.get("MobilePhone"))
    said.claims = org.claim(kind, record.id) + said.claims + mobile
    opted_out = record.fields.get("HasOptedOutOfEmail")
    # A box that nobody ever ticked is no consent; one that somebody unticked is.
    if opted_out is not None and (is_true(opted_out) or record.verb == "updated"):
        said.consent = Consent("marketing", not is_true(opted_out))
        if said.type is EventType.CONTACT_CHANGED:
            said.type = EventType.CONSENT_CHANGED
    return said


def _account(record: Record, org: Org) -> Said:
    """A company, or a private customer: then the account's name is a person's."""
    fields = record.fields
    is_person = is_true(fields.get("IsPersonAccount")) or any(
        name in _PERSON_ACCOUNT or name.startswith("Name.") for name in fields
    )
    known = {name: meaning for name, meaning in COMPANY.items() if name != "Name"} if is_person else COMPANY
    said = said_of(record, EventType.ACCOUNT_CHANGED, "company", known)
    org.of_company(said, record.id)
    return said


def _opportunity(record: Record, org: Org) -> Said:
    fields = record.fields
    said = said_of(record, EventType.ACCOUNT_CHANGED, "deal", NOBODY)
    said.claims = org.claim("deal", record.id) + org.claim("contact", reference(fields, "ContactId"))
    org.of_company(said, reference(fields, "AccountId"))
    if (amount := amount_of(fields.get("Amount"))) is not None:
        said.properties["amount"] = amount
    status = "deleted" if record.verb == "deleted" else None if record.gap else _standing(record)
    if status is None and record.gap is None:
        return said
    said.type = EventType.CRM_STAGE_CHANGED
    said.properties["object"] = "deal"
    if status is not None:
        said.properties["deal_status"] = status
    if stage := tag_of(fields.get("StageName")):
        said.properties["dealstage"] = stage.lower()
    if status in ("won", "lost") and record.verb != "restored":
        said.type = EventType.CRM_OUTCOME
        said.properties["outcome"] = status
    return said


def _standing(record: Record) -> str | None:
    """Open, won or lost, by the flags that follow from the stage, else by its name; None where nothing is said of it.

    An update names only the flags that it changed: a deal that closes without being won keeps IsWon as it was, false,
    and one that was won keeps IsClosed when it becomes lost.
    """
    won, closed = record.fields.get("IsWon"), record.fields.get("IsClosed")
    stage = text_of(record.fields.get("StageName"))
    if is_true(won):
        return "won"
    if stage and stage.lower() in _STAGES:
        return _STAGES[stage.lower()]
    if closed is not None and not is_true(closed):
        return "open"
    is_told = won is not None or record.verb == "updated"
    if is_true(closed):
        return "lost" if is_told else None
    if won is not None and record.verb == "updated":
        return "lost"
    return "open" if stage or record.verb == "created" else None


def _task(record: Record, org: Org) -> Said:
    fields = record.fields
    is_call = fields.get("TaskSubtype") == "Call" or text_of(fields.get("CallType")) is not None
    return _activity(record, org, "call" if is_call else "task", EventType.CALL_LOGGED if is_call else None)


def _event(record: Record, org: Org) -> Said:
    return _activity(record, org, "meeting", EventType.MEETING_BOOKED)


def _activity(record: Record, org: Org, kind: str, made: EventType | None) -> Said:
    """What staff do with somebody, else about a deal or a company; `made` is what its creation means."""
    said = said_of(record, EventType.CONTACT_CHANGED, kind, NOBODY, spoken=False)
    who, what = reference(record.fields, "WhoId"), reference(record.fields, "WhatId")
    whom, whereof = (_PREFIXES.get(about[:3]) if about else None for about in (who, what))
    if whom in ("lead", "contact"):
        said.claims = org.claim(whom, who)
    elif whereof == "deal":
        said.claims = org.claim(whereof, what)
    org.of_company(said, reference(record.fields, "AccountId") or (what if whereof == "account" else None))
    if record.verb == "created" and made is not None and record.gap is None:
        said.type = made
    elif record.gap is None:
        said.properties["action"] = f"{kind}_{record.verb}"
    return said


def _case(record: Record, org: Org) -> Said:
    fields = record.fields
    is_new = record.verb == "created" and record.gap is None
    said = said_of(record, EventType.TICKET_CHANGED, "ticket", NOBODY, spoken=is_new)
    said.channel = Channel.SUPPORT
    # The address was typed into a form, or is an e-mail's sender.
    supplied = claim(IdentifierType.EMAIL, fields.get("SuppliedEmail"))
    said.claims = org.claim("contact", reference(fields, "ContactId")) + supplied
    org.of_company(said, reference(fields, "AccountId"))
    status = "deleted" if record.verb == "deleted" else (tag_of(fields.get("Status")) or "").lower()
    if status:
        said.properties["status"] = _TICKETS.get(status, status)
    for name, ours in (("Priority", "priority"), ("Origin", "via")):
        if tag := tag_of(fields.get(name)):
            said.properties[ours] = tag.lower()
    if is_new:
        said.type = EventType.TICKET_CREATED
        said.by_customer = tag_of(fields.get("Origin")) in _OPENED_BY_CUSTOMERS
        said.text = "\n\n".join(part for part in (said.private.pop("Subject", None), said.text) if part) or None
    elif is_true(fields.get("IsClosed")) or status == "closed":
        said.type = EventType.TICKET_SOLVED
    return said


def _campaign_member(record: Record, org: Org) -> Said:
    """Somebody's place in a campaign. Both ids are of one person, who was a lead and is a contact now."""
    fields = record.fields
    said = said_of(record, EventType.CONTACT_CHANGED, "campaign_member", NOBODY)
    said.claims = org.claim("lead", reference(fields, "LeadId")) + org.claim("contact", reference(fields, "ContactId"))
    if campaign := reference(fields, "CampaignId"):
        said.about = ObjectRef("campaign", campaign)
    if record.gap is None:
        happened = "responded" if is_true(fields.get("HasResponded")) else f"member_{record.verb}"
        said.properties["action"] = f"campaign_{happened}"
    return said


def _contact_role(record: Record, org: Org) -> Said:
    """A contact's part in a deal. Its deletion and a mere change of role do not say whose part it was."""
    said = said_of(record, EventType.CONTACT_CHANGED, "contact_role", NOBODY)
    deal, contact = reference(record.fields, "OpportunityId"), reference(record.fields, "ContactId")
    said.claims = org.claim("deal", deal) + org.claim("contact", contact)
    if deal and contact:
        said.type = EventType.IDENTITY_LINK
        said.about = ObjectRef("deal", deal)
    elif record.gap is None:
        said.properties["action"] = f"contact_role_{record.verb}"
    return said


READERS: Mapping[str, Callable[[Record, Org], Said]] = {
    "Lead": _lead,
    "Contact": _contact,
    "Account": _account,
    "Opportunity": _opportunity,
    "Task": _task,
    "Event": _event,
    "Case": _case,
    "CampaignMember": _campaign_member,
    "OpportunityContactRole": _contact_role,
}
