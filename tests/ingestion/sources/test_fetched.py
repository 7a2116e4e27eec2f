"""Objects that were fetched from the vendors' APIs as canonical events."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.contracts.event import AccountHint, Actor, Claim, Consent, EventType, IdentifierType, ObjectRef
from tests.ingestion.sources.reading import crm, email, read_one, reason, user
from tests.ingestion.sources.samples import HUBSPOT_STAGE
from tests.ingestion.sources.samples_fetched import (
    HUBSPOT_COMPANY,
    HUBSPOT_CONTACT,
    HUBSPOT_FETCHED,
    HUBSPOT_WON,
    SALESFORCE_FETCHED,
    ZENDESK_ANSWER,
    ZENDESK_FETCHED,
)

CHANGED = datetime(2025, 12, 6, 17, 52, 8, 476000, tzinfo=UTC)


def hubspot(kind: str, answer: dict[str, Any], **properties: Any) -> dict[str, Any]:
    body = answer | {"properties": answer["properties"] | properties}
    return {"portalId": "50687303", "objectType": kind, "object": body}


def zendesk(**fields: Any) -> dict[str, Any]:
    return ZENDESK_FETCHED | {"answer": {"user": ZENDESK_ANSWER["user"] | fields}}


def test_contact_of_hubspot_says_all_that_its_properties_say_one_by_one() -> None:
    draft = read_one("hubspot", HUBSPOT_FETCHED[0])
    assert (draft.type, draft.time, draft.actor) == (EventType.CRM_STAGE_CHANGED, CHANGED, Actor.AUTOMATION)
    phone = Claim(IdentifierType.PHONE, "+49 30 1234567")
    contact = crm("hubspot:50687303:contact", "173595202426")
    assert draft.claims == (contact, email("jo@acme.com", verified=True), phone)
    assert draft.account == AccountHint("www.acme.com", "hubspot:50687303:company:9017", "Acme")
    assert draft.properties == {
        "object": "contact",
        "jobtitle": "VP Data",
        "company_size": 240,
        "lifecyclestage": "opportunity",
        "lead_source": "PAID_SEARCH",
    }
    assert draft.change == ()
    assert draft.private == {"email": "jo@acme.com", "phone": "+49 30 1234567", "first_name": "Jo", "last_name": "Doe"}
    assert draft.text == "Call me"


def test_fetched_contact_is_the_one_of_the_notices() -> None:
    fetched, notice = read_one("hubspot", HUBSPOT_FETCHED[0]), read_one("hubspot", [HUBSPOT_STAGE])
    assert (fetched.object, fetched.source) == (notice.object, notice.source)
    assert fetched.claims[0] == notice.claims[0]


def test_only_a_ticked_box_is_a_consent_given_or_withdrawn() -> None:
    out = read_one("hubspot", hubspot("contact", HUBSPOT_CONTACT, hs_email_optout="true"))
    assert (out.type, out.consent) == (EventType.CONSENT_CHANGED, Consent("marketing", False))
    assert read_one("hubspot", hubspot("contact", HUBSPOT_CONTACT, hs_email_optout="false")).consent is None


def test_company_of_hubspot_is_an_account() -> None:
    draft = read_one("hubspot", hubspot("company", HUBSPOT_COMPANY))
    assert (draft.type, draft.claims) == (EventType.ACCOUNT_CHANGED, ())
    assert draft.account == AccountHint("acme.com", "hubspot:50687303:company:9017", "Acme")
    assert draft.properties == {"industry": "MACHINERY", "company_size": 240}


def test_won_deal_of_hubspot_was_won_when_it_was_closed() -> None:
    draft = read_one("hubspot", hubspot("deal", HUBSPOT_WON))
    assert (draft.type, draft.object) == (EventType.CRM_OUTCOME, ObjectRef("deal", "9001"))
    assert draft.time == datetime(2025, 11, 20, 8, tzinfo=UTC)
    assert draft.properties["outcome"] == draft.properties["deal_status"] == "won"
    assert draft.properties["amount"] == 12000.5
    assert draft.private == {}
    is_open = read_one("hubspot", hubspot("deal", HUBSPOT_WON, hs_is_closed_won="false"))
    assert (is_open.type, is_open.time) == (EventType.CRM_STAGE_CHANGED, CHANGED)
    assert is_open.properties["deal_status"] == "open"


def test_user_of_zendesk_ties_the_requester_to_an_address() -> None:
    draft = read_one("zendesk", ZENDESK_FETCHED)
    assert (draft.type, draft.actor) == (EventType.IDENTITY_LINK, Actor.USER)
    assert draft.time == datetime(2024, 4, 17, 17, 18, tzinfo=UTC)
    requester = crm("zendesk:88888888:user", "20978392")
    assert draft.claims == (requester, email("jo@acme.com", verified=True), user("u_82"))
    assert draft.private == {"email": "jo@acme.com", "name": "Jo Doe"}


def test_record_of_salesforce_is_its_present_state() -> None:
    draft = read_one("salesforce", SALESFORCE_FETCHED)
    assert (draft.type, draft.actor) == (EventType.CONTACT_CHANGED, Actor.AUTOMATION)
    assert draft.time == datetime(2024, 4, 26, 18, 38, 5, tzinfo=UTC)
    contact = crm("salesforce:northlight:contact", "0035f00000CpXYZAA3")
    assert draft.claims == (contact, email("jo@acme.com", verified=True))
    assert draft.account == AccountHint(crm_id="salesforce:northlight:account:0015f00002JUX1JAAX")
    assert draft.properties == {"jobtitle": "VP Data", "country": "Germany"}
    assert draft.change == ()
    assert draft.consent is None


@pytest.mark.parametrize(
    ("system", "body", "path", "moving"),
    [
        ("hubspot", HUBSPOT_FETCHED[0], ("object", "properties"), "hs_time_in_lead"),
        ("zendesk", ZENDESK_FETCHED, ("answer", "user"), "last_login_at"),
        ("salesforce", SALESFORCE_FETCHED, (), "LastViewedDate"),
    ],
)
@given(value=st.text(min_size=1, max_size=20).filter(str.strip))
def test_what_is_fetched_twice_is_the_same_event_unless_it_has_changed(
    system: str, body: dict[str, Any], path: tuple[str, ...], moving: str, value: str
) -> None:
    def having(name: str) -> dict[str, Any]:
        changed = copy.deepcopy(body)
        inner = changed
        for step in path:
            inner = inner[step]
        inner[name] = value
        return changed

    first = read_one(system, body)
    assert read_one(system, having(moving)) == first
    respaced = msgspec.json.format(msgspec.json.encode(body), indent=3)
    assert read_one(system, respaced) == first
    said = {"hubspot": "jobtitle", "zendesk": "name", "salesforce": "Title"}[system]
    assert read_one(system, having(said)).id != first.id


def test_objects_with_the_same_number_are_different_events() -> None:
    same = [hubspot(kind, HUBSPOT_COMPANY) for kind in ("contact", "company", "deal")]
    same.append(same[0] | {"portalId": "1"})
    assert len({read_one("hubspot", body).id for body in same}) == 4


@pytest.mark.parametrize(
    ("system", "body", "named"),
    [
        ("hubspot", HUBSPOT_FETCHED[0] | {"objectType": "ticket"}, "Invalid enum value 'ticket'"),
        ("hubspot", HUBSPOT_FETCHED[0] | {"object": {"id": "1"}}, "missing required field `updatedAt`"),
        ("hubspot", hubspot("deal", HUBSPOT_WON, closedate="soon"), "closedate: got str"),
        ("zendesk", ZENDESK_FETCHED | {"answer": {}}, "missing required field `user`"),
        ("zendesk", zendesk(updated_at=None), "Expected `datetime`"),
        ("salesforce", SALESFORCE_FETCHED | {"Id": "1"}, "Id: got str"),
        ("salesforce", SALESFORCE_FETCHED | {"LastModifiedDate": None}, "LastModifiedDate: got null"),
    ],
)
def test_broken_answer_is_named(system: str, body: dict[str, Any], named: str) -> None:
    assert named in str(reason(system, body))
