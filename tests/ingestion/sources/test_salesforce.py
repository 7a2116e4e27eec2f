"""Salesforce's documented change events and outbound messages as canonical events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from ingestion.contracts.event import (
    AccountHint,
    Actor,
    Change,
    Channel,
    Claim,
    Consent,
    Draft,
    EventType,
    IdentifierType,
    ObjectRef,
)
from ingestion.contracts.raw import CONTENT_TYPE
from ingestion.decode import subject
from ingestion.errors import ContractBroken, Quarantine, Undecodable
from ingestion.sources import ADAPTERS
from tests.ingestion.sources.reading import RECEIVED, crm, email, read_all, read_one, reason
from tests.ingestion.sources.samples_crm import (
    SALESFORCE_DEAL,
    SALESFORCE_GAP,
    SALESFORCE_LEAD,
    SALESFORCE_NOTIFICATION,
    SALESFORCE_PUBSUB,
)

LEAD, CONTACT, ACCOUNT, DEAL = "00Q5f000005bwLFEAY", "0035f00000CpXYZAA3", "0015f00002JUX1JAAX", "0065f00000Abc12AAB"
XML = {CONTENT_TYPE: "text/xml; charset=UTF-8"}


def change(entity: str, record: str, kind: str = "UPDATE", /, **fields: Any) -> dict[str, Any]:
    header = SALESFORCE_LEAD["data"]["payload"]["ChangeEventHeader"] | {
        "entityName": entity,
        "recordIds": [record],
        "changeType": kind,
        "changedFields": [*fields, "LastModifiedDate"] if kind == "UPDATE" else [],
    }
    return {"data": {"payload": {"ChangeEventHeader": header, **fields}}}


def headed(body: dict[str, Any], /, **header: Any) -> dict[str, Any]:
    payload = body["payload"]
    return body | {"payload": payload | {"ChangeEventHeader": payload["ChangeEventHeader"] | header}}


def record(kind: str, value: str) -> Any:
    return crm(f"salesforce:northlight:{kind}", value)


def message(*notifications: str, before: str = "", organization: str = "00DR00000001ABCMA2") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{organization}</OrganizationId><ActionId>04kR00000004CDEIA2</ActionId>"
        "<SessionId>00DR!AQ4AQ</SessionId><EnterpriseUrl>https://eu.my.salesforce.com/c</EnterpriseUrl>"
        f"<PartnerUrl>https://eu.my.salesforce.com/u</PartnerUrl>{''.join(notifications)}"
        "</notifications></soapenv:Body></soapenv:Envelope>"
    ).encode()


def notification(number: int = 0, **fields: str | None) -> str:
    sent = {"Id": LEAD, "Status": "Closed - Not Converted"} | fields
    inner = "".join(
        f'<sf:{name} xsi:nil="true"/>' if value is None else f"<sf:{name}>{value}</sf:{name}>"
        for name, value in sent.items()
    )
    return (
        f"<Notification><Id>04l0800002nrC5{number:04d}</Id>"
        '<sObject xsi:type="sf:Lead" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
        f"{inner}</sObject></Notification>"
    )


def test_lead_that_was_closed_unconverted_is_disqualified() -> None:
    draft = read_one("salesforce", SALESFORCE_LEAD)
    assert draft.id == f"00006948-0ac9-7da3-edb3-ea0e31b2334a:4:{LEAD}"
    assert draft.type is EventType.CRM_OUTCOME
    assert draft.time == datetime(2024, 4, 26, 17, 49, 40, tzinfo=UTC)
    assert draft.claims == (record("lead", LEAD),)
    assert draft.object == ObjectRef("lead", LEAD)
    assert draft.properties == {"object": "contact", "outcome": "disqualified", "reason": "closed_not_converted"}
    assert draft.change == (Change("Status", "Closed - Not Converted"),)
    assert draft.actor is Actor.STAFF
    assert draft.sequence == "00000001100638524517:0000000004"


def test_other_statuses_are_changes() -> None:
    assert read_one("salesforce", change("Lead", LEAD, Status="Working - Contacted")).type is EventType.CONTACT_CHANGED


def test_converted_lead_is_tied_to_what_became_of_it() -> None:
    body = change(
        "Lead",
        LEAD,
        Status="Closed - Converted",
        IsConverted=True,
        ConvertedDate="2024-04-26",
        ConvertedAccountId=ACCOUNT,
        ConvertedContactId=CONTACT,
        ConvertedOpportunityId=DEAL,
    )
    draft = read_one("salesforce", body)
    assert draft.type is EventType.IDENTITY_LINK
    assert draft.claims == (record("lead", LEAD), record("contact", CONTACT), record("deal", DEAL))
    assert draft.account == AccountHint(crm_id=f"salesforce:northlight:account:{ACCOUNT}")
    assert draft.properties == {"action": "converted"}


def test_new_lead_says_who_it_is_and_hides_it() -> None:
    body = change(
        "Lead",
        LEAD,
        "CREATE",
        Name={"FirstName": "Jo", "LastName": "Doe", "Salutation": None},
        Email="jo@acme.com",
        Phone="+49 30 1234567",
        MobilePhone="+49 170 1234567",
        Title="VP Data",
        Company="Acme",
        Website="https://www.acme.com",
        Industry="Manufacturing",
        NumberOfEmployees=417,
        LeadSource="Web",
        Address={"Street": "1 Way", "City": "Berlin", "Country": "Germany"},
        Description="Wants a demo",
        Favourite_Colour__c="blue",
        OwnerId="0055f000005mc66AAA",
        HasOptedOutOfEmail=False,
    )
    draft = read_one("salesforce", body)
    assert draft.type is EventType.LEAD_CREATED
    assert draft.claims == (
        record("lead", LEAD),
        email("jo@acme.com", verified=True),
        Claim(IdentifierType.PHONE, "+49 30 1234567"),
        Claim(IdentifierType.PHONE, "+49 170 1234567"),
    )
    assert draft.account == AccountHint("www.acme.com", name="Acme")
    assert draft.properties == {
        "action": "created",
        "jobtitle": "VP Data",
        "industry": "Manufacturing",
        "company_size": 417,
        "country": "Germany",
        "lead_source": "Web",
    }
    assert draft.private == {
        "first_name": "Jo",
        "last_name": "Doe",
        "email": "jo@acme.com",
        "phone": "+49 30 1234567",
        "MobilePhone": "+49 170 1234567",
        "address": "1 Way",
        "city": "Berlin",
        "Favourite_Colour__c": "blue",
    }
    assert draft.text == "Wants a demo"
    assert draft.change == ()
    assert draft.consent is None


def test_bitmaps_are_read_by_the_schema_and_only_what_changed_is_taken() -> None:
    draft = read_one("salesforce", SALESFORCE_PUBSUB)
    assert draft.claims == (record("contact", CONTACT), email("jo@acme.com", verified=True))
    assert draft.change == (
        Change("Title", "VP Data"),
        Change("Email"),
        Change("Phone"),
        Change("Name.FirstName"),
        Change("Name.LastName"),
        Change("MailingAddress.Country", "Germany"),
        Change("Description"),
    )
    assert draft.properties == {"jobtitle": "VP Data", "country": "Germany"}
    assert draft.private == {"first_name": "Jo", "last_name": "Doe", "email": "jo@acme.com"}
    assert draft.actor is Actor.AUTOMATION


def test_value_that_was_sent_as_a_difference_is_not_taken_for_the_value() -> None:
    assert read_one("salesforce", SALESFORCE_PUBSUB).text is None


def test_fields_of_a_compound_field_without_schema_are_those_that_were_sent() -> None:
    flat = [each if isinstance(each, str) else each["name"] for each in SALESFORCE_PUBSUB["schema"]]
    names = {change.field for change in read_one("salesforce", SALESFORCE_PUBSUB | {"schema": flat}).change}
    assert {"Name.FirstName", "Name.LastName", "MailingAddress.Country"} < names
    assert "Name.Salutation" not in names


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ("IeRuaY6cbI_HsV8Rv1Mc5g", "changedFields: a bitmap without a schema to read it by"),
        (None, "changedFields: a bitmap without a schema to read it by"),
        (["Name", "Title"], "schema: got list, expected the names of the event's fields"),
        (["ChangeEventHeader", "Title", "Email"], "changedFields: bit 3, expected one of the schema's 3 fields"),
        (["ChangeEventHeader", "jo@acme.com", "Title"], "changedFields: bit 3"),
    ],
)
def test_bitmap_that_cannot_be_read_is_a_reason_and_never_a_guess(schema: Any, named: str) -> None:
    found = reason("salesforce", SALESFORCE_PUBSUB | {"schema": schema})
    assert isinstance(found, ContractBroken)
    assert named in str(found)


def test_null_of_a_field_that_did_not_change_wipes_nothing() -> None:
    body = change("Contact", CONTACT, Title="CTO")
    body["data"]["payload"] |= {"Email": None, "Phone": None, "Name": None}
    draft = read_one("salesforce", body)
    assert draft.change == (Change("Title", "CTO"),)


def test_update_without_a_list_of_changes_clears_no_field() -> None:
    body = change("Contact", CONTACT, Title="CTO", Industry=None)
    body["data"]["payload"]["ChangeEventHeader"]["changedFields"] = None
    assert read_one("salesforce", body).change == (Change("Title", "CTO"),)


def test_cleared_field_is_named_without_a_value() -> None:
    draft = read_one("salesforce", change("Contact", CONTACT, Title=None))
    assert (draft.change, draft.properties) == ((Change("Title"),), {})


def test_every_record_of_an_event_is_an_event_of_its_own() -> None:
    found = read_all("salesforce", SALESFORCE_DEAL)
    drafts = [each for each in found if isinstance(each, Draft)]
    assert [draft.claims for draft in drafts] == [
        (record("deal", "0065f00000Abc12AAB"),),
        (record("deal", "0065f00000Abc13AAB"),),
    ]
    assert len({draft.id for draft in drafts}) == 2
    assert {draft.type for draft in drafts} == {EventType.CRM_OUTCOME}
    assert drafts == read_all("salesforce", [SALESFORCE_DEAL])


def test_event_that_would_multiply_without_bound_is_refused() -> None:
    ids = [f"0065f0000{number:06d}" for number in range(500)]
    body = SALESFORCE_DEAL | {"Description": "x" * 200_000}
    body["ChangeEventHeader"] = body["ChangeEventHeader"] | {"recordIds": ids}
    assert "recordIds: 500 ids, expected 1 or as many as come to 67108864 bytes" in str(reason("salesforce", body))


def test_both_forms_of_an_id_are_one_identity() -> None:
    # The example of help.salesforce.com, and of the change events' documentation.
    for short, long in (("a0D30000001n7Pi", "a0D30000001n7PiEAI"), (LEAD[:15], LEAD)):
        draft = read_one("salesforce", change("Lead", short, Title="CTO"))
        assert draft.claims == (record("lead", long),)
        assert draft == read_one("salesforce", change("Lead", long, Title="CTO"))


def test_our_own_writes_are_marked() -> None:
    for draft in read_all("salesforce", SALESFORCE_DEAL):  # client=25681700, which is ours
        assert isinstance(draft, Draft)
        assert draft.actor is Actor.AUTOMATION
        assert draft.properties["own_write_back"] is True
    score = read_one("salesforce", change("Lead", LEAD, Leadline_Score__c=83))
    assert score.properties == {"own_write_back": True}
    assert score.change == (Change("Leadline_Score__c", "83"),)
    assert (
        "own_write_back" not in read_one("salesforce", change("Lead", LEAD, Leadline_Score__c=83, Title="x")).properties
    )


@pytest.mark.parametrize(
    ("fields", "type_", "status"),
    [
        ({"StageName": "Qualification", "Probability": 10}, EventType.CRM_STAGE_CHANGED, "open"),
        ({"StageName": "Closed Won"}, EventType.CRM_OUTCOME, "won"),
        ({"StageName": "Gewonnen", "IsWon": True, "IsClosed": True}, EventType.CRM_OUTCOME, "won"),
        ({"StageName": "Verloren", "IsClosed": True}, EventType.CRM_OUTCOME, "lost"),
        ({"StageName": "Verloren", "IsWon": False}, EventType.CRM_OUTCOME, "lost"),
        ({"StageName": "Demo", "IsWon": False, "IsClosed": False}, EventType.CRM_STAGE_CHANGED, "open"),
    ],
)
def test_stage_of_a_deal_opens_and_closes_it(fields: dict[str, Any], type_: EventType, status: str) -> None:
    draft = read_one("salesforce", change("Opportunity", DEAL, **fields))
    assert (draft.type, draft.properties["deal_status"]) == (type_, status)
    assert draft.properties["dealstage"] == fields["StageName"].lower()
    assert draft.properties.get("outcome") == (status if type_ is EventType.CRM_OUTCOME else None)
    assert draft.object == ObjectRef("deal", DEAL)


def test_state_of_a_deal_is_not_read_as_a_change() -> None:
    body = SALESFORCE_NOTIFICATION | {"object": "Opportunity", "fields": {"Id": DEAL, "IsWon": "false"}}
    assert read_one("salesforce", body).type is EventType.ACCOUNT_CHANGED


def test_new_deal_is_open_and_belongs_to_its_contact_and_account() -> None:
    body = change(
        "Opportunity",
        DEAL,
        "CREATE",
        Name="Doe: rollout",
        StageName="Prospecting",
        Amount="1200.50",
        AccountId=ACCOUNT,
        ContactId=CONTACT,
        Loss_Reason__c="Chose nobody",
    )
    draft = read_one("salesforce", body)
    assert draft.type is EventType.CRM_STAGE_CHANGED
    assert draft.claims == (record("deal", DEAL), record("contact", CONTACT))
    assert draft.account == AccountHint(crm_id=f"salesforce:northlight:account:{ACCOUNT}")
    assert draft.properties == {
        "object": "deal",
        "action": "created",
        "deal_status": "open",
        "dealstage": "prospecting",
        "amount": 1200.5,
    }
    assert draft.private == {"Name": "Doe: rollout"}
    assert draft.text == "Chose nobody"


def test_deleted_deal_is_deleted_and_its_amount_alone_is_no_stage() -> None:
    deleted = read_one("salesforce", change("Opportunity", DEAL, "DELETE"))
    assert deleted.properties == {"object": "deal", "deal_status": "deleted", "action": "deleted"}
    amount = read_one("salesforce", change("Opportunity", DEAL, Amount=5))
    assert (amount.type, amount.properties) == (EventType.ACCOUNT_CHANGED, {"amount": 5.0})


def test_contact_role_ties_the_deal_to_the_contact() -> None:
    body = change("OpportunityContactRole", "00K5f00000Abc12EAC", "CREATE", OpportunityId=DEAL, ContactId=CONTACT)
    draft = read_one("salesforce", body)
    assert draft.type is EventType.IDENTITY_LINK
    assert draft.claims == (record("deal", DEAL), record("contact", CONTACT))
    deleted = read_one("salesforce", change("OpportunityContactRole", "00K5f00000Abc12EAC", "DELETE"))
    assert (deleted.type, deleted.claims) == (EventType.CONTACT_CHANGED, ())


def test_campaign_member_who_was_a_lead_is_the_contact() -> None:
    body = change("CampaignMember", "00v5f00000Abc12AAC", "CREATE", LeadId=LEAD, ContactId=CONTACT, HasResponded=True)
    draft = read_one("salesforce", body)
    assert draft.claims == (record("lead", LEAD), record("contact", CONTACT))
    assert draft.properties["action"] == "campaign_responded"


@pytest.mark.parametrize(
    ("entity", "fields", "type_", "kind"),
    [
        ("Task", {"TaskSubtype": "Call", "Subject": "Call Jo"}, EventType.CALL_LOGGED, "call"),
        ("Task", {"CallType": "Inbound"}, EventType.CALL_LOGGED, "call"),
        ("Task", {"TaskSubtype": "Task"}, EventType.CONTACT_CHANGED, "task"),
        ("Event", {"Subject": "Demo with Jo", "Description": "Notes"}, EventType.MEETING_BOOKED, "meeting"),
    ],
)
def test_activity_is_with_whom_it_was(entity: str, fields: dict[str, Any], type_: EventType, kind: str) -> None:
    draft = read_one(
        "salesforce", change(entity, "00T5f00000Abc12EAC", "CREATE", WhoId=LEAD, AccountId=ACCOUNT, **fields)
    )
    assert (draft.type, draft.actor) == (type_, Actor.STAFF)
    assert draft.claims == (record("lead", LEAD),)
    assert draft.object == ObjectRef(kind, "00T5f00000Abc12EAC")
    assert draft.text is None


def test_activity_about_a_deal_is_its_persons_and_later_changes_count_no_second_time() -> None:
    draft = read_one("salesforce", change("Task", "00T5f00000Abc12EAC", "CREATE", WhatId=DEAL, TaskSubtype="Call"))
    assert draft.claims == (record("deal", DEAL),)
    later = read_one("salesforce", change("Event", "00U5f00000Abc12EAC", WhoId=CONTACT, Location="Office"))
    assert (later.type, later.properties["action"]) == (EventType.CONTACT_CHANGED, "meeting_updated")


def test_case_is_a_ticket() -> None:
    body = change(
        "Case",
        "5005f00000Abc12AAC",
        "CREATE",
        ContactId=CONTACT,
        SuppliedEmail="jo@acme.com",
        Subject="Help",
        Description="Nothing syncs",
        Status="New",
        Priority="High",
        Origin="Web",
    )
    draft = read_one("salesforce", body)
    assert (draft.type, draft.channel, draft.actor) == (EventType.TICKET_CREATED, Channel.SUPPORT, Actor.USER)
    assert draft.claims == (record("contact", CONTACT), email("jo@acme.com", verified=False))
    assert draft.text == "Help\n\nNothing syncs"
    assert draft.properties == {"action": "created", "status": "new", "priority": "high", "via": "web"}
    body["data"]["payload"]["SuppliedEmail"] = "eva@northlight-data.com"
    assert read_one("salesforce", body).actor is Actor.STAFF
    closed = read_one("salesforce", change("Case", "5005f00000Abc12AAC", Status="Closed", IsClosed=True))
    assert (closed.type, closed.actor) == (EventType.TICKET_SOLVED, Actor.STAFF)


def test_account_is_a_company_and_claims_nobody() -> None:
    body = change("Account", ACCOUNT, "CREATE", Name="Acme", Website="acme.com", Phone="+49 30 1", Industry="Energy")
    body["data"]["payload"] |= {"BillingAddress": {"City": "Berlin", "Country": "Germany"}}
    draft = read_one("salesforce", body)
    assert (draft.type, draft.claims) == (EventType.ACCOUNT_CHANGED, ())
    assert draft.account == AccountHint("acme.com", f"salesforce:northlight:account:{ACCOUNT}", "Acme")
    assert draft.properties == {"action": "created", "industry": "Energy", "country": "Germany"}
    assert draft.private == {"Phone": "+49 30 1", "BillingAddress.City": "Berlin"}


@pytest.mark.parametrize(
    "fields",
    [
        {"Name": {"FirstName": "Jo", "LastName": "Doe"}},
        {"Name": "Jo Doe", "PersonEmail": "jo@acme.com"},
        {"Name": "Jo Doe", "IsPersonAccount": True},
    ],
)
def test_private_customers_name_is_no_companys(fields: dict[str, Any]) -> None:
    draft = read_one("salesforce", change("Account", ACCOUNT, "CREATE", **fields))
    assert draft.account == AccountHint(crm_id=f"salesforce:northlight:account:{ACCOUNT}")
    assert {"Doe", "Jo Doe"} & set(draft.private.values())


@pytest.mark.parametrize(("opted_out", "granted"), [(True, False), (False, True)])
def test_opting_out_changes_consent(opted_out: bool, granted: bool) -> None:
    draft = read_one("salesforce", change("Contact", CONTACT, HasOptedOutOfEmail=opted_out))
    assert (draft.type, draft.consent) == (EventType.CONSENT_CHANGED, Consent("marketing", granted))


@pytest.mark.parametrize(
    ("entity", "kind", "type_", "properties"),
    [
        ("Lead", "GAP_CREATE", EventType.LEAD_CREATED, {"action": "gap_create"}),
        ("Lead", "GAP_UPDATE", EventType.CONTACT_CHANGED, {"action": "gap_update"}),
        ("Contact", "GAP_DELETE", EventType.CONTACT_DELETED, {"action": "gap_delete"}),
        ("Account", "GAP_UNDELETE", EventType.ACCOUNT_CHANGED, {"action": "gap_undelete"}),
        ("Opportunity", "GAP_UPDATE", EventType.CRM_STAGE_CHANGED, {"action": "gap_update", "object": "deal"}),
        ("Event", "GAP_CREATE", EventType.CONTACT_CHANGED, {"action": "gap_create"}),
    ],
)
def test_gap_says_that_the_record_must_be_read_again(
    entity: str, kind: str, type_: EventType, properties: dict[str, Any]
) -> None:
    draft = read_one("salesforce", change(entity, LEAD, kind, Status="Unqualified"))
    assert (draft.type, draft.properties) == (type_, properties)
    assert draft.object is not None
    assert draft.object.id == LEAD


def test_archived_meeting_is_a_gap_about_nobody_in_particular() -> None:
    draft = read_one("salesforce", SALESFORCE_GAP)
    assert (draft.type, draft.claims, draft.object) == (
        EventType.CONTACT_CHANGED,
        (),
        ObjectRef("meeting", "00Uxx000000fvRQEAY"),
    )


def test_overflow_is_a_gap_of_every_record_of_the_object() -> None:
    for ids in ([], ["000000000000000AAA"]):
        body = change("Opportunity", DEAL, "GAP_OVERFLOW")
        body["data"]["payload"]["ChangeEventHeader"]["recordIds"] = ids
        draft = read_one("salesforce", body)
        assert draft.properties == {"action": "gap_overflow", "object": "deal"}
        assert (draft.claims, draft.object) == ((), ObjectRef("deal", "*"))
        assert draft.id == "00006948-0ac9-7da3-edb3-ea0e31b2334a:4:Opportunity"


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ({"recordIds": ["001*"]}, "recordIds: '001*' is every record of the object"),
        ({"recordIds": []}, "recordIds: 0 ids"),
        ({"recordIds": ["jo@acme.com"]}, "recordIds: got str, expected a record id of 15 or 18 letters and digits"),
        ({"entityName": "Order"}, "entityName: got 'Order', expected one of Lead, Contact"),
        ({"changeType": "MERGE"}, "changeType: got 'MERGE', expected CREATE, UPDATE"),
        ({"changeType": "OVERFLOW"}, "changeType: got 'OVERFLOW', expected CREATE, UPDATE"),
        ({"commitTimestamp": "soon"}, "Expected `int`, got `str` - at `$.commitTimestamp`"),
        ({"transactionKey": ""}, "transactionKey: got an empty string"),
        ({"changedFields": ["Status; DROP"]}, "changedFields: another text is no field's name"),
    ],
)
def test_broken_event_is_named(header: dict[str, Any], named: str) -> None:
    body = headed({"payload": SALESFORCE_LEAD["data"]["payload"]}, **header)
    found = reason("salesforce", body)
    assert isinstance(found, ContractBroken)
    assert named in str(found)


def test_body_without_a_header_is_named() -> None:
    assert "ChangeEventHeader: got null" in str(reason("salesforce", {"channel": "/meta/connect", "successful": True}))


def test_reference_that_is_no_id_is_named() -> None:
    found = reason("salesforce", change("Lead", LEAD, ConvertedContactId="jo"))
    assert "ConvertedContactId: got str, expected a record id" in str(found)


def test_outbound_message_is_a_notification_each() -> None:
    body = message(notification(1, Email="jo@acme.com", Phone=None), notification(2, Status="Open"))
    first, second = read_all("salesforce", body, headers=XML)
    assert isinstance(first, Draft)
    assert isinstance(second, Draft)
    assert (first.id, second.id) == ("04l0800002nrC50001", "04l0800002nrC50002")
    assert first.type is EventType.CRM_OUTCOME
    assert first.claims == (record("lead", LEAD), email("jo@acme.com", verified=True))
    assert first.properties == {"object": "contact", "outcome": "disqualified", "reason": "closed_not_converted"}
    assert (first.actor, first.change) == (Actor.AUTOMATION, ())
    assert second.type is EventType.CONTACT_CHANGED
    assert read_all("salesforce", body, headers=XML) == [first, second]


@pytest.mark.parametrize("media", ["text/xml", "application/xml", "application/soap+xml; charset=utf-8"])
def test_outbound_message_has_the_time_of_its_record_or_of_its_receipt(media: str) -> None:
    dated = message(notification(LastModifiedDate="2024-04-26T17:49:40.000Z"))
    moment = read_one("salesforce", dated, headers={CONTENT_TYPE: media}).time
    assert moment == datetime(2024, 4, 26, 17, 49, 40, tzinfo=UTC)
    assert read_one("salesforce", message(notification()), headers=XML).time == RECEIVED


def test_outbound_message_claims_the_same_record_as_a_change_event() -> None:
    opened = read_one("salesforce", SALESFORCE_NOTIFICATION)
    assert opened.claims[0] == read_one("salesforce", SALESFORCE_LEAD).claims[0]
    assert opened.text == "No budget for ERP"


def test_session_id_is_dropped() -> None:
    assert "AQ4AQ" not in repr(read_one("salesforce", message(notification()), headers=XML))


def test_text_is_unescaped_once() -> None:
    draft = read_one("salesforce", message(notification(Title="R&amp;D &lt;lead&gt;")), headers=XML)
    assert draft.properties["jobtitle"] == "R&D <lead>"


BOMB = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;&b;">]>'


@pytest.mark.parametrize(
    ("body", "error", "named"),
    [
        (message(notification(Title="&c;"), before=BOMB), Undecodable, "body: a DOCTYPE, expected none"),
        (message(notification(), before='<!DOCTYPE a SYSTEM "file:///etc/passwd">'), Undecodable, "a DOCTYPE"),
        (message(notification(Title="&b;")), Undecodable, "body: no well-formed XML at line 1"),
        (b"<a>" * 50 + b"</a>" * 50, Undecodable, "body: nested more than 16 deep"),
        (b"{}", Undecodable, "body: no well-formed XML"),
        (b"<html/>", ContractBroken, "body: 0 notifications"),
        (message(*map(notification, range(101))), ContractBroken, "body: more than 100 notifications"),
        (message("<Notification/>"), ContractBroken, "Expected `str`, got `null` - at `$.notification`"),
        (message(notification(), organization=""), ContractBroken, "OrganizationId: got an empty string"),
        (message(notification(Id="")), ContractBroken, "sObject/Id: got str, expected a record id"),
        (message(notification(LastModifiedDate="26.4.")), ContractBroken, "sObject/LastModifiedDate: got str"),
    ],
)
def test_broken_message_is_named_and_bounded(body: bytes, error: type[Quarantine], named: str) -> None:
    found = reason("salesforce", body, headers=XML)
    assert type(found) is error
    assert named in str(found)


def test_a_full_message_is_read_whole() -> None:
    assert len(read_all("salesforce", message(*map(notification, range(100))), headers=XML)) == 100


def test_events_of_one_transaction_follow_their_sequence() -> None:
    first = headed({"payload": SALESFORCE_LEAD["data"]["payload"]}, sequenceNumber=1)
    later = headed({"payload": SALESFORCE_LEAD["data"]["payload"]}, sequenceNumber=2)
    after = headed({"payload": SALESFORCE_LEAD["data"]["payload"]}, commitNumber=1100638524518, sequenceNumber=1)
    sequences = [read_one("salesforce", body).sequence or "" for body in (first, later, after)]
    assert sequences == sorted(sequences)
    assert RECEIVED - read_one("salesforce", first).time > timedelta(0)


@pytest.mark.parametrize(
    ("body", "record"), [(SALESFORCE_LEAD, LEAD), (SALESFORCE_PUBSUB, CONTACT), (SALESFORCE_DEAL, DEAL)]
)
def test_change_event_is_keyed_by_its_record_so_that_its_changes_keep_their_order(
    body: dict[str, Any], record: str
) -> None:
    assert subject(msgspec.json.encode(body), {}, ADAPTERS["salesforce"]) == record
