"""Documents of ERPNext and Frappe CRM, as their webhooks send them, as canonical events."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from ingestion.contracts.event import (
    AccountHint,
    Actor,
    Channel,
    Claim,
    Consent,
    EventType,
    IdentifierType,
    ObjectRef,
)
from ingestion.contracts.raw import CONTENT_TYPE
from ingestion.errors import ContractBroken
from tests.ingestion.sources.reading import RECEIVED, crm, email, read_one, reason
from tests.ingestion.sources.samples_crm import ERPNEXT_CRM_DEAL, ERPNEXT_ISSUE, ERPNEXT_LEAD

LEAD = crm("erpnext:northlight:lead", "CRM-LEAD-2025-00001")


def document(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"doctype": kind, "name": name, "modified": "2025-09-25 15:35:28.123456"} | fields


def hashed(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def test_lead_is_recognised_by_its_series_and_lost_with_its_quotation() -> None:
    draft = read_one("erpnext", ERPNEXT_LEAD)
    assert draft.type is EventType.CRM_OUTCOME
    assert draft.claims == (LEAD, email("jo@acme.com", verified=True))
    assert draft.object == ObjectRef("lead", "CRM-LEAD-2025-00001")
    assert draft.properties == {"object": "contact", "outcome": "lost", "reason": "lost_quotation"}
    assert draft.account == AccountHint(name="Acme")
    assert draft.private == {"email": "jo@acme.com"}
    assert draft.change == ()
    assert draft.actor is Actor.STAFF


@pytest.mark.parametrize(
    ("kind", "status", "type_", "properties"),
    [
        ("Lead", "Open", EventType.CONTACT_CHANGED, {}),
        ("Lead", "Opportunity", EventType.CRM_STAGE_CHANGED, {"lifecyclestage": "opportunity"}),
        ("Lead", "Converted", EventType.CRM_OUTCOME, {"outcome": "won", "lifecyclestage": "customer"}),
        ("Lead", "Do Not Contact", EventType.CRM_OUTCOME, {"outcome": "disqualified", "reason": "do_not_contact"}),
        ("CRM Lead", "Unqualified", EventType.CRM_OUTCOME, {"outcome": "disqualified", "reason": "unqualified"}),
        ("CRM Lead", "Junk", EventType.CRM_OUTCOME, {"outcome": "disqualified", "reason": "junk"}),
        ("CRM Lead", "Qualified", EventType.CONTACT_CHANGED, {}),
        ("CRM Lead", "Converted", EventType.CONTACT_CHANGED, {}),  # into a deal, which is not won yet
    ],
)
def test_status_of_a_lead(kind: str, status: str, type_: EventType, properties: dict[str, Any]) -> None:
    draft = read_one("erpnext", document(kind, "CRM-LEAD-2025-00001", status=status))
    assert draft.type is type_
    assert draft.properties == ({"object": "contact"} | properties if properties else {})


def test_both_products_leads_share_a_scope() -> None:
    for kind in ("Lead", "CRM Lead"):
        assert read_one("erpnext", document(kind, "CRM-LEAD-2025-00001")).claims == (LEAD,)


def test_lead_says_who_it_is_and_hides_it() -> None:
    body = document(
        "CRM Lead",
        "CRM-LEAD-2025-00001",
        event="after_insert",
        first_name="Jo",
        last_name="Doe",
        email="jo@acme.com",
        mobile_no="+49 170 1234567",
        job_title="CTO",
        organization="Acme",
        website="https://acme.com",
        industry="Manufacturing",
        no_of_employees="51-200",
        source="Website",
        annual_revenue=5,
        company="Northlight",
        custom_birthday="1980-01-01",
    )
    draft = read_one("erpnext", body)
    assert draft.type is EventType.LEAD_CREATED
    assert draft.claims == (LEAD, email("jo@acme.com", verified=True), Claim(IdentifierType.PHONE, "+49 170 1234567"))
    assert draft.account == AccountHint("acme.com", name="Acme")
    assert draft.properties == {
        "action": "created",
        "jobtitle": "CTO",
        "industry": "Manufacturing",
        "company_size": 51,
        "lead_source": "Website",
    }
    assert draft.private == {
        "first_name": "Jo",
        "last_name": "Doe",
        "email": "jo@acme.com",
        "phone": "+49 170 1234567",
    }


@pytest.mark.parametrize(
    ("fields", "type_"),
    [
        ({"event": "after_insert"}, EventType.LEAD_CREATED),
        ({"creation": "2025-09-25 15:35:28.123456"}, EventType.LEAD_CREATED),
        ({"creation": "2025-09-25 15:35:28.123456", "event": "on_update"}, EventType.CONTACT_CHANGED),
        ({"creation": "2025-09-01 15:35:28.123456"}, EventType.CONTACT_CHANGED),
        ({"event": "on_trash"}, EventType.CONTACT_DELETED),
    ],
)
def test_what_happened_is_told_by_the_event_or_by_the_times(fields: dict[str, Any], type_: EventType) -> None:
    assert read_one("erpnext", document("Lead", "CRM-LEAD-2025-00001", **fields)).type is type_


def test_lost_deal_has_the_firms_own_reason_and_the_notes_are_sealed() -> None:
    draft = read_one("erpnext", ERPNEXT_CRM_DEAL)
    assert draft.type is EventType.CRM_OUTCOME
    assert draft.properties == {
        "object": "deal",
        "dealstage": "lost",
        "deal_status": "lost",
        "outcome": "lost",
        "reason": "budget_constraints",
        "amount": 12000.0,
        "company_size": 51,
    }
    assert draft.text == "Jo says the ERP project is stopped"
    assert draft.claims == (
        crm("erpnext:northlight:deal", "CRM-DEAL-2025-00007"),
        crm("erpnext:northlight:contact", "Jo Doe-Acme"),
        email("jo@acme.com", verified=True),
        Claim(IdentifierType.PHONE, "+49 30 1234567"),
    )
    assert draft.account == AccountHint(crm_id=f"erpnext:northlight:organization:{hashed('Acme')}", name="Acme")


def test_deal_that_came_of_a_lead_is_the_leads_and_not_its_later_contacts() -> None:
    draft = read_one("erpnext", ERPNEXT_CRM_DEAL | {"lead": "CRM-LEAD-2025-00001"})
    assert draft.claims == (crm("erpnext:northlight:deal", "CRM-DEAL-2025-00007"), LEAD)
    assert draft.private["email"] == "jo@acme.com"


@pytest.mark.parametrize(
    ("kind", "status", "type_", "ours"),
    [
        ("Opportunity", "Open", EventType.CRM_STAGE_CHANGED, "open"),
        ("Opportunity", "Quotation", EventType.CRM_STAGE_CHANGED, "open"),
        ("Opportunity", "Converted", EventType.CRM_OUTCOME, "won"),
        ("Opportunity", "Lost", EventType.CRM_OUTCOME, "lost"),
        ("Opportunity", "Closed", EventType.CRM_STAGE_CHANGED, "lost"),
        ("Quotation", "Ordered", EventType.CRM_OUTCOME, "won"),
        ("Quotation", "Lost", EventType.CRM_OUTCOME, "lost"),
        ("Quotation", "Expired", EventType.CRM_STAGE_CHANGED, "lost"),
        ("Quotation", "Cancelled", EventType.CRM_STAGE_CHANGED, "deleted"),
        ("CRM Deal", "Negotiation", EventType.CRM_STAGE_CHANGED, "open"),
        ("CRM Deal", "Won", EventType.CRM_OUTCOME, "won"),
    ],
)
def test_status_of_a_deal(kind: str, status: str, type_: EventType, ours: str) -> None:
    draft = read_one("erpnext", document(kind, "X-2025-00001", status=status))
    assert (draft.type, draft.properties["deal_status"]) == (type_, ours)
    assert draft.properties.get("outcome") == (ours if type_ is EventType.CRM_OUTCOME else None)


def test_deal_that_was_deleted_or_cancelled_is_deleted() -> None:
    for fields in ({"event": "on_trash"}, {"docstatus": 2}):
        draft = read_one("erpnext", document("Quotation", "SAL-QTN-2025-00004", status="Ordered", **fields))
        assert (draft.type, draft.properties["deal_status"]) == (EventType.CRM_STAGE_CHANGED, "deleted")


def test_opportunity_is_its_partys() -> None:
    name, party = "CRM-OPP-2025-00003", "CRM-LEAD-2025-00001"
    of_lead = read_one("erpnext", {"name": name, "opportunity_from": "Lead", "party_name": party, "status": "Open"})
    assert of_lead.claims == (crm("erpnext:northlight:deal", name), LEAD)
    of_customer = read_one(
        "erpnext",
        {
            "name": name,
            "opportunity_from": "Customer",
            "party_name": "Acme GmbH",
            "contact_person": "Jo Doe-Acme GmbH",
            "status": "Lost",
            "lost_reasons": [{"lost_reason": "Too Expensive"}],
            "sales_stage": "Negotiation/Review",
        },
    )
    assert of_customer.claims[1] == crm("erpnext:northlight:contact", "Jo Doe-Acme GmbH")
    assert of_customer.account == AccountHint(crm_id=f"erpnext:northlight:customer:{hashed('Acme GmbH')}")
    assert of_customer.properties["reason"] == "too_expensive"
    assert of_customer.properties["dealstage"] == "negotiation/review"


def test_quotation_stands_for_its_opportunity() -> None:
    body = document(
        "Quotation", "SAL-QTN-2025-00004", opportunity="CRM-OPP-2025-00003", status="Ordered", grand_total=5
    )
    draft = read_one("erpnext", body)
    assert draft.object == ObjectRef("deal", "CRM-OPP-2025-00003")
    assert draft.claims == (crm("erpnext:northlight:deal", "CRM-OPP-2025-00003"),)
    assert draft.properties["amount"] == 5.0


def test_deal_without_its_status_says_nothing_of_where_it_stands() -> None:
    draft = read_one("erpnext", document("Opportunity", "CRM-OPP-2025-00003", opportunity_amount=5, sales_stage="Demo"))
    assert (draft.type, draft.properties) == (EventType.ACCOUNT_CHANGED, {"amount": 5.0})


def test_contacts_and_customers_are_named_after_people_and_their_names_hidden() -> None:
    contact = read_one(
        "erpnext",
        document(
            "Contact",
            "Jo Doe-Acme GmbH",
            email_id="jo@acme.com",
            designation="CTO",
            unsubscribed=1,
            links=[
                {"link_doctype": "Supplier", "link_name": "X"},
                {"link_doctype": "Customer", "link_name": "Acme GmbH"},
            ],
        ),
    )
    assert contact.claims[0] == crm("erpnext:northlight:contact", "Jo Doe-Acme GmbH")
    assert contact.object == ObjectRef("contact", hashed("Jo Doe-Acme GmbH"))
    assert contact.account == AccountHint(crm_id=f"erpnext:northlight:customer:{hashed('Acme GmbH')}")
    assert (contact.type, contact.consent) == (EventType.CONSENT_CHANGED, Consent("marketing", False))


@pytest.mark.parametrize(("kind", "name", "sealed"), [("Company", "Acme", {}), ("Individual", None, {"name": "Acme"})])
def test_only_a_companys_name_is_shown(kind: str, name: str | None, sealed: dict[str, str]) -> None:
    body = document(
        "Customer", "Acme", customer_name="Acme", customer_type=kind, website="acme.com", lead_name=LEAD.value
    )
    draft = read_one("erpnext", body)
    assert (draft.type, draft.claims) == (EventType.ACCOUNT_CHANGED, (LEAD,))
    assert draft.account == AccountHint("acme.com", f"erpnext:northlight:customer:{hashed('Acme')}", name)
    assert draft.private == sealed


def test_issue_is_a_ticket_of_whoever_raised_it() -> None:
    draft = read_one("erpnext", ERPNEXT_ISSUE)
    assert (draft.type, draft.channel, draft.actor) == (EventType.TICKET_CREATED, Channel.SUPPORT, Actor.USER)
    assert draft.claims == (
        crm("erpnext:northlight:contact", "Jo Doe-Acme GmbH"),
        email("jo@acme.com", verified=False),
    )
    assert draft.properties == {"status": "open", "priority": "high"}
    assert draft.text == "Help\n\n<p>The ERP is down</p>"
    assert read_one("erpnext", ERPNEXT_ISSUE | {"raised_by": "eva@northlight-data.com"}).actor is Actor.STAFF


@pytest.mark.parametrize(
    ("status", "type_", "ours"),
    [
        ("Replied", EventType.TICKET_CHANGED, "pending"),
        ("On Hold", EventType.TICKET_CHANGED, "hold"),
        ("Resolved", EventType.TICKET_SOLVED, "solved"),
        ("Closed", EventType.TICKET_SOLVED, "closed"),
    ],
)
def test_issue_changes_carry_the_status(status: str, type_: EventType, ours: str) -> None:
    draft = read_one("erpnext", ERPNEXT_ISSUE | {"status": status, "creation": "2025-09-01 10:00:00"})
    assert (draft.type, draft.properties["status"], draft.actor) == (type_, ours, Actor.STAFF)
    assert draft.text is None


def test_time_is_the_sites_if_it_names_its_zone_and_else_the_receipts() -> None:
    zoned = document("Lead", "CRM-LEAD-2025-00001", time_zone="Asia/Kolkata")
    assert read_one("erpnext", zoned).time == datetime(2025, 9, 25, 10, 5, 28, 123456, tzinfo=UTC)
    for unzoned in (document("Lead", "CRM-LEAD-2025-00001"), ERPNEXT_LEAD):
        assert read_one("erpnext", unzoned).time == RECEIVED


def test_tries_are_one_event_and_a_later_save_is_another() -> None:
    body = document("Lead", "CRM-LEAD-2025-00001", status="Open")
    spaced = json.dumps(body, indent=1, sort_keys=True).encode()
    assert read_one("erpnext", body).id == read_one("erpnext", spaced).id
    assert read_one("erpnext", body).id != read_one("erpnext", body | {"modified": "2025-09-25 15:35:29.000000"}).id
    assert read_one("erpnext", body).id != read_one("erpnext", body | {"event": "on_change"}).id


@pytest.mark.parametrize("media", ["", "application/json", "application/x-www-form-urlencoded"])
def test_body_is_json_whatever_the_header_says(media: str) -> None:
    assert read_one("erpnext", ERPNEXT_LEAD, headers={CONTENT_TYPE: media}).claims[0] == LEAD


def test_our_own_writes_and_visitors_are_known_by_their_user() -> None:
    own = read_one("erpnext", ERPNEXT_LEAD | {"modified_by": "25681700"})
    assert (own.actor, own.properties["own_write_back"]) == (Actor.AUTOMATION, True)
    visitor = document("Lead", "CRM-LEAD-2025-00001", event="after_insert", owner="Guest")
    assert read_one("erpnext", visitor).actor is Actor.USER


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"name": "CRM-OPP-2025-00003"}, "deal"),
        ({"name": "CRM-DEAL-2025-00003"}, "deal"),
        ({"name": "SAL-QTN-2025-00003"}, "deal"),
        ({"name": "ISS-2025-00003"}, "ticket"),
        ({"name": "Q1", "quotation_to": "Lead"}, "deal"),
        ({"name": "Acme", "customer_type": "Company"}, "company"),
        ({"name": "HR-17", "lead_owner": "eva@northlight-data.com"}, "lead"),
    ],
)
def test_doctype_that_is_not_named_is_recognised(fields: dict[str, Any], kind: str) -> None:
    found = read_one("erpnext", fields)
    assert found.object is not None
    assert found.object.type == kind


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"name": "X-1", "status": "Open"}, "doctype: got null, expected one of Lead, CRM Lead"),
        ({"name": "X-1", "doctype": "Sales Invoice"}, "doctype: got 'Sales Invoice', expected one of Lead"),
        ({"doctype": "Lead"}, "Object missing required field `name`"),
        (ERPNEXT_CRM_DEAL | {"time_zone": "../../etc/passwd"}, "time_zone: got str, expected a zone's IANA name"),
        (ERPNEXT_CRM_DEAL | {"time_zone": "Mars/Olympus"}, "time_zone: got str, expected a zone's IANA name"),
        (ERPNEXT_CRM_DEAL | {"modified": "today"}, "modified: got str, expected an ISO 8601 date and time"),
        (ERPNEXT_CRM_DEAL | {"modified": "1987-01-01"}, "modified: the year 1987"),
    ],
)
def test_broken_document_is_named(body: dict[str, Any], named: str) -> None:
    found = reason("erpnext", body)
    assert isinstance(found, ContractBroken)
    assert named in str(found)
