"""Close's documented webhooks as canonical events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.contracts.event import (
    AccountHint,
    Actor,
    Change,
    Channel,
    Claim,
    Consent,
    EventType,
    IdentifierType,
    ObjectRef,
)
from ingestion.errors import ContractBroken
from tests.ingestion.sources.reading import crm, email, read_all, read_one, reason
from tests.ingestion.sources.samples_crm import CLOSE_CONTACT, CLOSE_EMAIL, CLOSE_WON

CONTACT = crm("close:orga_XbVPx5fF:contact", "cont_BwlwYQkI")
DEAL = crm("close:orga_XbVPx5fF:deal", "oppo_7H4sjNso")
COMPANY = AccountHint(crm_id="close:orga_XbVPx5fF:lead:lead_zwqYhEFz")


def entry(body: dict[str, Any], data: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    event = body["event"]
    return body | {"event": event | fields | {"data": event["data"] | (data or {})}}


def about(object_type: str, action: str, data: dict[str, Any], **fields: Any) -> dict[str, Any]:
    event = CLOSE_CONTACT["event"] | {"object_type": object_type, "action": action, "object_id": "acti_1", "data": data}
    return CLOSE_CONTACT | {"event": event | fields}


def test_won_deal_is_an_outcome_of_its_contact() -> None:
    draft = read_one("close", CLOSE_WON)
    assert draft.type is EventType.CRM_OUTCOME
    assert draft.time == datetime(2019, 1, 15, 12, 48, 23, 395000, tzinfo=UTC)
    assert draft.claims == (DEAL, CONTACT)
    assert draft.object == ObjectRef("deal", "oppo_7H4sjNso")
    assert draft.account == COMPANY
    assert draft.properties == {
        "object": "deal",
        "dealstage": "won",
        "deal_status": "won",
        "outcome": "won",
        "amount": 1000.0,
    }
    assert draft.change == (
        Change("confidence", "100", "70"),
        Change("status_id"),
        Change("status_label", "Won", "Active"),
        Change("status_type", "won", "active"),
    )
    assert draft.actor is Actor.STAFF


@pytest.mark.parametrize(
    ("status", "changed", "type_", "ours"),
    [
        ("lost", ["status_type"], EventType.CRM_OUTCOME, "lost"),
        ("active", ["status_type"], EventType.CRM_STAGE_CHANGED, "open"),
        ("active", ["status_label"], EventType.CRM_STAGE_CHANGED, "open"),
        ("won", ["status_label"], EventType.CRM_STAGE_CHANGED, "won"),
    ],
)
def test_status_opens_and_closes_a_deal(status: str, changed: list[str], type_: EventType, ours: str) -> None:
    draft = read_one("close", entry(CLOSE_WON, {"status_type": status}, changed_fields=changed))
    assert (draft.type, draft.properties["deal_status"]) == (type_, ours)
    assert draft.properties.get("outcome") == (ours if type_ is EventType.CRM_OUTCOME else None)


def test_deal_whose_value_changed_is_no_new_stage() -> None:
    draft = read_one("close", entry(CLOSE_WON, changed_fields=["value", "date_updated"]))
    assert (draft.type, draft.properties) == (EventType.ACCOUNT_CHANGED, {"amount": 1000.0})


def test_deleted_deal_is_known_by_what_it_was() -> None:
    event = CLOSE_WON["event"] | {"action": "deleted", "data": None, "previous_data": CLOSE_WON["event"]["data"]}
    draft = read_one("close", CLOSE_WON | {"event": event})
    assert draft.properties == {"object": "deal", "deal_status": "deleted", "action": "deleted"}
    assert draft.claims == (DEAL, CONTACT)


def test_new_contact_is_a_lead_of_its_company() -> None:
    draft = read_one("close", CLOSE_CONTACT)
    assert draft.type is EventType.LEAD_CREATED
    assert draft.claims == (
        CONTACT,
        email("jo@acme.com", verified=True),
        Claim(IdentifierType.PHONE, "+19045551234"),
    )
    assert draft.account == COMPANY
    assert draft.properties == {"action": "created", "jobtitle": "VP Data"}
    assert draft.private == {"name": "Jo Doe", "email": "jo@acme.com", "phone": "+19045551234"}


def test_changed_contact_names_what_changed_and_shows_only_the_title() -> None:
    body = entry(
        CLOSE_CONTACT,
        action="updated",
        changed_fields=["title", "emails", "custom.cf_j0P7", "date_updated"],
        previous_data={"title": "Analyst", "emails": []},
    )
    draft = read_one("close", body)
    assert draft.type is EventType.CONTACT_CHANGED
    assert draft.change == (Change("title", "VP Data", "Analyst"), Change("emails"))


def test_deleted_contact_is_deleted() -> None:
    draft = read_one("close", entry(CLOSE_CONTACT, action="deleted"))
    assert (draft.type, draft.claims) == (EventType.CONTACT_DELETED, (CONTACT,))


def test_contact_who_took_himself_off_the_list_consents_no_more() -> None:
    emails = [{"email": "jo@acme.com", "is_unsubscribed": True}]
    assert read_one("close", entry(CLOSE_CONTACT, {"emails": emails})).consent == Consent("marketing", False)


def test_lead_is_a_company_whose_name_may_be_a_persons() -> None:
    lead = {
        "id": "lead_zwqYhEFz",
        "display_name": "Jo Doe",
        "url": "https://www.acme.com",
        "status_label": "Potential",
        "addresses": [{"city": "Berlin", "country": "DE"}],
        "description": "A maker of pumps",
        "contact_ids": ["cont_BwlwYQkI"],
    }
    draft = read_one("close", about("lead", "created", lead, object_id="lead_zwqYhEFz"))
    assert (draft.type, draft.claims) == (EventType.ACCOUNT_CHANGED, ())
    assert draft.account == AccountHint("www.acme.com", COMPANY.crm_id)
    assert draft.properties == {"action": "created", "country": "DE"}
    assert draft.private == {"name": "Jo Doe"}
    assert draft.text == "A maker of pumps"
    changed = about("lead", "updated", lead, changed_fields=["status_label"], previous_data={"status_label": "New"})
    assert read_one("close", changed).change == (Change("status_label", "Potential", "New"),)


@pytest.mark.parametrize(
    ("action", "status", "type_"),
    [
        ("created", "in-progress", EventType.CONTACT_CHANGED),
        ("answered", "in-progress", EventType.CONTACT_CHANGED),
        ("completed", "completed", EventType.CALL_LOGGED),
        ("created", "completed", EventType.CALL_LOGGED),  # by hand: it is never completed
        ("updated", "completed", EventType.CONTACT_CHANGED),
    ],
)
def test_call_counts_once(action: str, status: str, type_: EventType) -> None:
    call = {"status": status, "direction": "outbound", "contact_id": "cont_BwlwYQkI", "remote_phone": "+19045551234"}
    draft = read_one("close", about("activity.call", action, call))
    assert (draft.type, draft.claims, draft.actor) == (type_, (CONTACT,), Actor.STAFF)
    assert draft.properties == ({} if type_ is EventType.CALL_LOGGED else {"action": f"call_{action}"})
    assert draft.private == {"phone": "+19045551234"}


def test_inbound_call_is_the_contacts_own() -> None:
    call = {"status": "completed", "direction": "inbound", "contact_id": "cont_BwlwYQkI"}
    assert read_one("close", about("activity.call", "completed", call)).actor is Actor.USER


@pytest.mark.parametrize(
    ("attendees", "claims"),
    [
        (["cont_BwlwYQkI"], (CONTACT,)),
        (["cont_BwlwYQkI", None], (CONTACT,)),
        (["cont_BwlwYQkI", "cont_other"], ()),  # named together they would become one person
        ([], ()),
    ],
)
def test_meeting_is_booked_with_its_only_contact(attendees: list[str | None], claims: tuple[Claim, ...]) -> None:
    meeting = {"status": "upcoming", "attendees": [{"contact_id": each, "status": "yes"} for each in attendees]}
    draft = read_one("close", about("activity.meeting", "created", meeting))
    assert (draft.type, draft.claims) == (EventType.MEETING_BOOKED, claims)
    assert read_one("close", about("activity.meeting", "scheduled", meeting)).type is EventType.CONTACT_CHANGED


def test_incoming_mail_is_the_contacts_words() -> None:
    draft = read_one("close", CLOSE_EMAIL)
    assert (draft.type, draft.channel, draft.actor) == (EventType.EMAIL_REPLIED, Channel.OUTBOUND, Actor.USER)
    assert draft.claims == (CONTACT,)
    assert draft.text == "Re: your offer\n\nCan we talk about our ERP?"


@pytest.mark.parametrize(
    ("action", "status", "type_"),
    [
        ("created", "draft", EventType.CONTACT_CHANGED),
        ("sent", "sent", EventType.EMAIL_PROCESSED),
        ("created", "sent", EventType.EMAIL_PROCESSED),
        ("updated", "sent", EventType.CONTACT_CHANGED),
    ],
)
def test_outgoing_mail_counts_when_it_is_sent(action: str, status: str, type_: EventType) -> None:
    draft = read_one("close", entry(CLOSE_EMAIL, {"direction": "outgoing", "status": status}, action=action))
    assert (draft.type, draft.text) == (type_, None)
    assert draft.actor is not Actor.USER


@pytest.mark.parametrize(
    ("action", "type_", "granted"),
    [("created", EventType.EMAIL_UNSUBSCRIBED, False), ("deleted", EventType.CONSENT_CHANGED, True)],
)
def test_address_takes_itself_off_the_list_and_back(action: str, type_: EventType, granted: bool) -> None:
    draft = read_one("close", about("unsubscribed_email", action, {"email": "jo@acme.com"}, user_id=None))
    assert (draft.type, draft.consent, draft.actor) == (type_, Consent("marketing", granted), Actor.USER)
    assert draft.claims == (email("jo@acme.com", verified=True),)


def test_entries_that_were_drawn_together_are_told_apart_and_redelivery_is_not() -> None:
    drawn = entry(CLOSE_WON, date_updated="2019-01-15T12:48:29.100000")
    assert read_one("close", CLOSE_WON).id == read_one("close", CLOSE_WON | {"subscription_id": "whsub_other"}).id
    assert read_one("close", drawn).id != read_one("close", CLOSE_WON).id


def test_who_wrote_is_told_by_user_and_key() -> None:
    assert read_one("close", entry(CLOSE_WON, user_id=None)).actor is Actor.AUTOMATION
    assert read_one("close", entry(CLOSE_WON, api_key_id="api_123")).actor is Actor.AUTOMATION
    for name in ("api_key_id", "oauth_client_id"):
        key: dict[str, Any] = {name: "25681700"}
        own = read_one("close", entry(CLOSE_WON, **key))
        assert (own.actor, own.properties["own_write_back"]) == (Actor.AUTOMATION, True)


def test_one_bad_entry_in_an_array_stands_alone() -> None:
    found = read_all("close", [CLOSE_WON, {"event": {}}, CLOSE_CONTACT])
    assert [isinstance(each, ContractBroken) for each in found] == [False, True, False]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"object_type": "activity.note"}, "object_type: got 'activity.note', expected one of lead, contact"),
        ({"object_type": "activity.opportunity_status_change"}, "expected one of lead, contact, opportunity"),
        ({"object_id": ""}, "id, organization_id, object_id: got null"),
        ({"date_updated": "yesterday"}, "date_updated: got str, expected an ISO 8601 date and time"),
        ({"date_updated": "1987-01-15T12:48:23"}, "date_updated: the year 1987"),
        ({"data": []}, "Expected `object | null`, got `array` - at `$.event.data`"),
        ({"object_type": "unsubscribed_email", "data": {}}, "data.email: got null"),
    ],
)
def test_broken_entry_is_named(fields: dict[str, Any], named: str) -> None:
    found = reason("close", CLOSE_CONTACT | {"event": CLOSE_CONTACT["event"] | fields})
    assert isinstance(found, ContractBroken)
    assert named in str(found)
