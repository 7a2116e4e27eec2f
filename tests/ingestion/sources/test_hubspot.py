"""HubSpot's documented webhooks as canonical events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.contracts.event import AccountHint, Actor, Change, Consent, EventType, ObjectRef
from ingestion.errors import ContractBroken
from tests.ingestion.sources.reading import crm, email, read_all, read_one, reason
from tests.ingestion.sources.samples import (
    HUBSPOT_CREATION,
    HUBSPOT_DEAL_TO_CONTACT,
    HUBSPOT_MEETING,
    HUBSPOT_STAGE,
)

CONTACT = crm("hubspot:50687303:contact", "173595202426")


def changed(name: str, value: Any, **fields: Any) -> dict[str, Any]:
    return HUBSPOT_STAGE | {"propertyName": name, "propertyValue": value} | fields


def deal(name: str, value: Any) -> dict[str, Any]:
    return changed(name, value, subscriptionType="deal.propertyChange", objectId=9001)


def test_lifecycle_stage_is_a_fact_that_staff_state() -> None:
    draft = read_one("hubspot", [HUBSPOT_STAGE])
    assert draft.type is EventType.CRM_STAGE_CHANGED
    assert draft.time == datetime(2025, 12, 6, 17, 52, 8, 476000, tzinfo=UTC)
    assert draft.claims == (CONTACT,)
    assert draft.properties == {"object": "contact", "lifecyclestage": "opportunity"}
    assert draft.change == (Change("lifecyclestage", "opportunity"),)
    assert draft.actor is Actor.STAFF
    assert not draft.test


def test_creation_makes_a_lead() -> None:
    draft = read_one("hubspot", [HUBSPOT_CREATION])
    assert draft.type is EventType.LEAD_CREATED
    assert draft.object == ObjectRef("contact", "123")


def test_retry_of_an_event_has_the_same_id_and_another_event_has_not() -> None:
    retries = read_all("hubspot", [HUBSPOT_STAGE | {"attemptNumber": n} for n in range(3)])
    assert len({draft.id for draft in retries if not isinstance(draft, Exception)}) == 1
    changes = ("portalId", "subscriptionId", "objectId", "occurredAt", "eventId")
    others = [HUBSPOT_STAGE | {name: HUBSPOT_STAGE[name] + 1} for name in changes]
    others.append(HUBSPOT_STAGE | {"propertyName": "jobtitle"})
    ids = {draft.id for draft in read_all("hubspot", [HUBSPOT_STAGE, *others]) if not isinstance(draft, Exception)}
    assert len(ids) == 7


def test_email_change_claims_the_address_and_hides_it() -> None:
    draft = read_one("hubspot", [changed("email", "jo@acme.com")])
    assert draft.type is EventType.CONTACT_CHANGED
    assert draft.claims == (CONTACT, email("jo@acme.com", verified=True))
    assert draft.change == (Change("email"),)
    assert draft.private == {"email": "jo@acme.com"}


@pytest.mark.parametrize(
    ("name", "sealed"), [("firstname", "first_name"), ("a_custom_property", "a_custom_property"), ("city", "city")]
)
def test_value_of_a_property_that_is_not_known_to_be_harmless_is_sealed(name: str, sealed: str) -> None:
    draft = read_one("hubspot", [changed(name, "Jo Doe")])
    assert draft.change == (Change(name),)
    assert draft.properties == {}
    assert draft.private == {sealed: "Jo Doe"}


def test_redacted_values_claim_and_say_nothing() -> None:
    for name in ("email", "phone", "firstname", "jobtitle", "message"):
        draft = read_one("hubspot", [changed(name, "REDACTED")])
        assert draft.claims == (CONTACT,)
        assert draft.private == {}
        assert draft.text is None
        assert draft.change == (Change(name),)


@pytest.mark.parametrize(
    ("name", "value", "properties"),
    [
        ("jobtitle", "VP Data", {"jobtitle": "VP Data"}),
        ("industry", "COMPUTER_SOFTWARE", {"industry": "COMPUTER_SOFTWARE"}),
        ("numberofemployees", "240", {"company_size": 240}),
        ("web_technologies", "snowflake;dbt", {"technologies": ["snowflake", "dbt"]}),
        ("hs_analytics_source", "PAID_SEARCH", {"lead_source": "PAID_SEARCH"}),
    ],
)
def test_facts_become_properties(name: str, value: str, properties: dict[str, Any]) -> None:
    draft = read_one("hubspot", [changed(name, value)])
    assert draft.properties == properties
    assert draft.change == (Change(name, value),)


def test_company_and_domain_of_a_contact_are_hints_at_its_account() -> None:
    assert read_one("hubspot", [changed("company", "Acme")]).account == AccountHint(name="Acme")
    assert read_one("hubspot", [changed("website", "https://www.Acme.com/x")]).account == AccountHint("www.acme.com")


def test_message_is_free_text() -> None:
    draft = read_one("hubspot", [changed("message", " Call me ")])
    assert draft.text == "Call me"
    assert draft.change == (Change("message"),)


def test_opting_out_changes_consent() -> None:
    draft = read_one("hubspot", [changed("hs_email_optout", "true")])
    assert draft.type is EventType.CONSENT_CHANGED
    assert draft.consent == Consent("marketing", False)


def test_unqualified_lead_is_an_outcome() -> None:
    draft = read_one("hubspot", [changed("hs_lead_status", "UNQUALIFIED")])
    assert draft.type is EventType.CRM_OUTCOME
    assert draft.properties == {"object": "contact", "outcome": "disqualified", "reason": "unqualified"}
    assert read_one("hubspot", [changed("hs_lead_status", "OPEN")]).type is EventType.CONTACT_CHANGED


@pytest.mark.parametrize(
    ("name", "value", "type_", "status"),
    [
        ("dealstage", "qualifiedtobuy", EventType.CRM_STAGE_CHANGED, "open"),
        ("dealstage", "closedwon", EventType.CRM_OUTCOME, "won"),
        ("dealstage", "closedlost", EventType.CRM_OUTCOME, "lost"),
        ("hs_is_closed_won", "true", EventType.CRM_OUTCOME, "won"),
    ],
)
def test_deal_stages_open_and_close_opportunities(name: str, value: str, type_: EventType, status: str) -> None:
    draft = read_one("hubspot", [deal(name, value)])
    assert draft.type is type_
    assert draft.claims == (crm("hubspot:50687303:deal", "9001"),)
    assert draft.object == ObjectRef("deal", "9001")
    assert draft.properties["deal_status"] == status
    if type_ is EventType.CRM_OUTCOME:
        assert draft.properties["outcome"] == status


def test_deal_amount_is_a_number() -> None:
    assert read_one("hubspot", [deal("amount", "1200.50")]).properties == {"amount": 1200.5}
    assert read_one("hubspot", [deal("amount", "nan")]).properties == {}


def test_deal_is_tied_to_its_contact_and_parted_again() -> None:
    ends = (crm("hubspot:4737818:deal", "9001"), crm("hubspot:4737818:contact", "123"))
    tied = read_one("hubspot", [HUBSPOT_DEAL_TO_CONTACT])
    assert (tied.type, tied.claims) == (EventType.IDENTITY_LINK, ends)
    parted = read_one("hubspot", [HUBSPOT_DEAL_TO_CONTACT | {"associationRemoved": True}])
    assert (parted.type, parted.claims) == (EventType.IDENTITY_UNLINK, ends)
    assert tied.id != parted.id


@pytest.mark.parametrize(
    ("type_id", "kind", "type_"),
    [("0-47", "meeting", EventType.MEETING_BOOKED), ("0-48", "call", EventType.CALL_LOGGED)],
)
def test_activity_belongs_to_the_contact_it_is_associated_with(type_id: str, kind: str, type_: EventType) -> None:
    draft = read_one("hubspot", [HUBSPOT_MEETING | {"fromObjectTypeId": type_id}])
    assert draft.type is type_
    assert draft.claims == (crm("hubspot:4737818:contact", "123"),)
    assert draft.object == ObjectRef(kind, "555")
    assert draft.actor is Actor.USER


def test_company_association_says_the_contacts_account() -> None:
    body = HUBSPOT_DEAL_TO_CONTACT | {"subscriptionType": "contact.associationChange", "fromObjectId": 123}
    body |= {"associationType": "CONTACT_TO_COMPANY", "toObjectId": 77}
    draft = read_one("hubspot", [body])
    assert draft.type is EventType.ACCOUNT_CHANGED
    assert draft.claims == (crm("hubspot:4737818:contact", "123"),)
    assert draft.account == AccountHint(crm_id="hubspot:4737818:company:77")
    assert read_one("hubspot", [body | {"associationRemoved": True}]).account is None


def test_companys_own_change_claims_nobody() -> None:
    body = changed("domain", "acme.com", subscriptionType="company.propertyChange", objectId=77)
    draft = read_one("hubspot", [body])
    assert draft.claims == ()
    assert draft.account == AccountHint("acme.com", "hubspot:50687303:company:77")


def test_merged_contacts_are_linked() -> None:
    body = HUBSPOT_CREATION | {"subscriptionType": "contact.merge", "primaryObjectId": 123, "mergedObjectIds": [456]}
    draft = read_one("hubspot", [body])
    assert draft.type is EventType.IDENTITY_LINK
    scope = "hubspot:4737818:contact"
    assert draft.claims == (crm(scope, "123"), crm(scope, "456"))


def test_privacy_deletion_deletes_the_contact() -> None:
    draft = read_one("hubspot", [HUBSPOT_CREATION | {"subscriptionType": "contact.privacyDeletion"}])
    assert draft.type is EventType.CONTACT_DELETED
    assert draft.properties == {"action": "privacy_deleted"}


def test_generic_subscriptions_mean_the_same_as_the_older_ones() -> None:
    generic = HUBSPOT_STAGE | {"subscriptionType": "object.propertyChange", "objectTypeId": "0-1"}
    assert read_one("hubspot", [generic]) == read_one("hubspot", [HUBSPOT_STAGE])


def test_our_own_writes_are_marked_whoever_owns_the_subscription() -> None:
    for body in (
        changed("lifecyclestage", "lead", changeSource="INTEGRATION", sourceId="25681700"),
        changed("leadline_score", "83", changeSource="INTEGRATION", sourceId=""),
    ):
        draft = read_one("hubspot", [body])
        assert draft.actor is Actor.AUTOMATION
        assert draft.properties["own_write_back"] is True
    # `appId` is the subscription's app on every event, so it says nothing about the writer.
    assert "own_write_back" not in read_one("hubspot", [HUBSPOT_STAGE | {"appId": 25681700}]).properties


def test_the_test_button_is_a_test() -> None:
    assert read_one("hubspot", [HUBSPOT_CREATION | {"eventId": 100}]).test


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"occurredAt": 1539145399}, "occurredAt: is no time from 2000 on, expected epoch milliseconds"),
        ({"occurredAt": None}, "Expected `int`, got `null` - at `$.occurredAt`"),
        ({"objectId": None}, "objectId: got null"),
        ({"propertyName": None}, "propertyName: got null"),
        ({"subscriptionType": "line_item.propertyChange"}, "'line_item.propertyChange' has no canonical meaning"),
        ({"subscriptionType": "object.creation", "objectTypeId": "2-345"}, "'2-345' has no canonical meaning"),
    ],
)
def test_broken_notice_is_named(fields: dict[str, Any], named: str) -> None:
    found = reason("hubspot", [HUBSPOT_STAGE | fields])
    assert isinstance(found, ContractBroken)
    assert named in str(found)
