"""Outreach's documented notices as canonical events."""

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
from tests.ingestion.sources.reading import crm, email, read_one, reason
from tests.ingestion.sources.samples_engagement import (
    OUTREACH_ACCOUNT,
    OUTREACH_ADDRESS,
    OUTREACH_CALL,
    OUTREACH_CLICKED,
    OUTREACH_DELIVERED,
    OUTREACH_MAILING,
    OUTREACH_PROSPECT,
    OUTREACH_ROLE,
    OUTREACH_WON,
    outreach,
)

PROSPECT = crm("outreach:northlight:prospect", "300017")
DEAL = crm("outreach:northlight:deal", "90001")
STAMP = {"updatedAt": "2018-09-26T18:55:03.000Z"}


def touch(kind: str, value: int) -> Claim:
    return Claim(IdentifierType.ANONYMOUS_ID, f"{kind}-{value}", scope=f"outreach:northlight:{kind}")


def test_new_prospect_is_the_crms_own_person() -> None:
    draft = read_one("outreach", OUTREACH_PROSPECT)
    assert (draft.type, draft.channel, draft.actor) == (EventType.LEAD_CREATED, Channel.OUTBOUND, Actor.STAFF)
    assert draft.time == datetime(2018, 9, 26, 18, 1, 58, tzinfo=UTC)
    assert draft.claims == (
        PROSPECT,
        Claim(IdentifierType.PHONE, "+49 30 1234567"),
        email("jo.doe@acme.com", verified=True),
        email("jo@acme.com", verified=True),
    )
    assert draft.private["email"] == "jo@acme.com"
    assert draft.properties == {"jobtitle": "CTO", "lead_source": "webinar"}
    assert draft.account == AccountHint(crm_id="outreach:northlight:account:5", name="Acme")
    assert draft.consent is None


def test_update_holds_only_what_changed_and_names_it_without_values() -> None:
    sent = STAMP | {"addressStreet": "345 Tattooine Way", "personalNote1": "Likes ERP", "title": "CFO"}
    draft = read_one("outreach", outreach("prospect.updated", 300017, sent))
    assert draft.type is EventType.CONTACT_CHANGED
    assert draft.change == (Change("addressStreet"), Change("personalNote1"), Change("title"))
    assert draft.private == {"address": "345 Tattooine Way"}
    assert draft.properties == {"jobtitle": "CFO", "action": "updated"}
    assert (draft.text, draft.account) == (None, None)


def test_account_that_was_taken_away_is_none() -> None:
    body = outreach("prospect.updated", 300017, STAMP)
    for nothing in ({"id": 0}, {"id": None}, {}, None, {"data": None}):
        body["data"]["relationships"] = {"account": nothing}
        assert read_one("outreach", body).account is None
    body["data"]["relationships"] = {"account": {"data": {"type": "account", "id": "6"}}}
    assert read_one("outreach", body).account == AccountHint(crm_id="outreach:northlight:account:6")


@pytest.mark.parametrize(
    ("attributes", "granted"),
    [({"optedOut": True}, False), ({"emailOptedOut": False}, True), ({"emailsOptStatus": "opted_out"}, False)],
)
def test_opting_out_is_consent(attributes: dict[str, Any], granted: bool) -> None:
    draft = read_one("outreach", outreach("prospect.updated", 300017, STAMP | attributes))
    assert (draft.type, draft.consent) == (EventType.CONSENT_CHANGED, Consent("marketing", granted))


def test_deleted_prospect_is_deleted_when_the_notice_was_sent() -> None:
    draft = read_one("outreach", outreach("prospect.destroyed", 300017, STAMP | {"optedOut": True}))
    assert (draft.type, draft.consent) == (EventType.CONTACT_DELETED, None)
    assert draft.time == datetime(2018, 9, 26, 18, 55, 3, 874000, tzinfo=UTC)


def test_mailing_ties_its_later_notices_to_the_prospect() -> None:
    made = read_one("outreach", OUTREACH_MAILING)
    assert (made.type, made.claims) == (EventType.EMAIL_PROCESSED, (PROSPECT, touch("mailing", 700001)))
    delivered = read_one("outreach", OUTREACH_DELIVERED)
    assert (delivered.type, delivered.claims) == (EventType.EMAIL_DELIVERED, (touch("mailing", 700001),))
    assert delivered.object == made.object == ObjectRef("message", "700001")


@pytest.mark.parametrize(
    ("action", "type_", "actor"),
    [
        ("opened", EventType.EMAIL_OPENED, Actor.USER),
        ("clicked", EventType.EMAIL_CLICKED, Actor.USER),
        ("replied", EventType.EMAIL_REPLIED, Actor.USER),
        ("bounced", EventType.EMAIL_BOUNCED, Actor.AUTOMATION),
        ("destroyed", EventType.EMAIL_PROCESSED, Actor.AUTOMATION),
    ],
)
def test_every_action_of_a_mailing_has_its_type(action: str, type_: EventType, actor: Actor) -> None:
    draft = read_one("outreach", outreach(f"mailing.{action}", 700001))
    assert (draft.type, draft.actor) == (type_, actor)


def test_open_and_delivery_do_not_count_again_in_the_update() -> None:
    for attributes in ({"openedAt": "2018-09-26T18:55:01.000Z", "openCount": 1}, {"state": "delivered"}):
        draft = read_one("outreach", outreach("mailing.updated", 700001, STAMP | attributes))
        assert (draft.type, draft.actor) == (EventType.EMAIL_PROCESSED, Actor.AUTOMATION)


def test_click_and_refusal_come_in_the_update() -> None:
    draft = read_one("outreach", OUTREACH_CLICKED)
    assert (draft.type, draft.actor, draft.time.second) == (EventType.EMAIL_CLICKED, Actor.USER, 1)
    refused = outreach("mailing.updated", 700001, STAMP | {"unsubscribedAt": "2018-09-26T18:55:01.000Z"})
    draft = read_one("outreach", refused)
    assert (draft.type, draft.consent) == (EventType.EMAIL_UNSUBSCRIBED, Consent("marketing", False))


def test_retry_is_the_same_event_whatever_its_stamp() -> None:
    later = OUTREACH_CLICKED | {"meta": OUTREACH_CLICKED["meta"] | {"deliveredAt": "2018-09-26T11:59:59.000-07:00"}}
    assert read_one("outreach", later).id == read_one("outreach", OUTREACH_CLICKED).id


def test_bare_notice_counts_once_a_minute() -> None:
    first = read_one("outreach", outreach("mailing.opened", 700001, at="11:55:03.874"))
    retry = read_one("outreach", outreach("mailing.opened", 700001, at="11:55:04.874"))
    second = read_one("outreach", outreach("mailing.opened", 700001, at="11:57:00.000"))
    other = read_one("outreach", outreach("mailing.opened", 700002, at="11:55:03.874"))
    assert first.id == retry.id
    assert len({first.id, second.id, other.id}) == 3


def test_sequences_are_our_sides_doing() -> None:
    draft = read_one("outreach", outreach("sequenceState.finished", 81))
    assert (draft.type, draft.actor) == (EventType.CONTACT_CHANGED, Actor.AUTOMATION)
    assert (draft.properties, draft.claims) == ({"action": "sequence_finished"}, (touch("sequenceState", 81),))


def test_call_is_logged_once_with_the_prospects_number_and_without_notes() -> None:
    draft = read_one("outreach", OUTREACH_CALL)
    assert (draft.type, draft.actor) == (EventType.CALL_LOGGED, Actor.STAFF)
    assert draft.claims == (PROSPECT, touch("call", 55001), Claim(IdentifierType.PHONE, "+49 30 1234567"))
    assert draft.text is None
    updated = read_one("outreach", outreach("call.updated", 55001, STAMP | {"outcome": "Answered"}))
    assert (updated.type, updated.claims) == (EventType.CONTACT_CHANGED, (touch("call", 55001),))


def test_inbound_call_is_the_leads_own_act() -> None:
    inbound = outreach("call.created", 55002, {"direction": "inbound", "from": "+49 89 7654321", "to": "+49 30 1"})
    draft = read_one("outreach", inbound)
    assert (draft.actor, draft.private) == (Actor.USER, {"phone": "+49 89 7654321"})


@pytest.mark.parametrize(
    ("action", "attributes", "type_", "status"),
    [
        ("created", {"probability": 0}, EventType.CRM_STAGE_CHANGED, "open"),
        ("updated", {"probability": 40}, EventType.CRM_STAGE_CHANGED, "open"),
        ("updated", {"probability": 100}, EventType.CRM_OUTCOME, "won"),
        ("updated", {"probability": 0, "lostReason": "No budget for Jo"}, EventType.CRM_OUTCOME, "lost"),
        ("destroyed", {"probability": 100}, EventType.CRM_STAGE_CHANGED, "deleted"),
    ],
)
def test_probability_tells_how_a_deal_stands(
    action: str, attributes: dict[str, Any], type_: EventType, status: str
) -> None:
    draft = read_one("outreach", outreach(f"opportunity.{action}", 90001, STAMP | attributes))
    assert (draft.type, draft.properties["deal_status"]) == (type_, status)
    assert draft.properties.get("outcome") == (status if type_ is EventType.CRM_OUTCOME else None)
    assert draft.text == attributes.get("lostReason")


def test_stage_of_zero_per_cent_is_no_outcome_without_a_reason() -> None:
    moved = read_one(
        "outreach", outreach("opportunity.updated", 90001, STAMP | {"probability": 0}, opportunityStage=41)
    )
    assert moved.type is EventType.CRM_STAGE_CHANGED
    assert moved.properties == {"object": "deal"}
    assert Change("opportunityStage", new="41") in moved.change


def test_won_deal_has_its_stage_amount_and_account() -> None:
    draft = read_one("outreach", OUTREACH_WON)
    assert draft.claims == (DEAL,)
    assert draft.properties == {
        "amount": 4200.0,
        "object": "deal",
        "deal_status": "won",
        "outcome": "won",
        "dealstage": "44",
    }
    assert draft.account == AccountHint(crm_id="outreach:northlight:account:5")
    assert draft.object == ObjectRef("deal", "90001")


def test_update_that_says_nothing_of_the_stage_does_not_reopen_a_deal() -> None:
    draft = read_one("outreach", outreach("opportunity.updated", 90001, STAMP | {"amount": 17}))
    assert (draft.type, draft.properties) == (EventType.ACCOUNT_CHANGED, {"amount": 17.0, "action": "updated"})
    moved = read_one("outreach", outreach("opportunity.updated", 90001, STAMP, opportunityStage=45))
    assert (moved.type, moved.properties) == (EventType.CRM_STAGE_CHANGED, {"object": "deal"})
    assert moved.change == (Change("opportunityStage", new="45"),)


def test_role_ties_a_prospect_to_a_deal() -> None:
    draft = read_one("outreach", OUTREACH_ROLE)
    assert (draft.type, draft.claims) == (EventType.IDENTITY_LINK, (DEAL, PROSPECT))
    parted = outreach("opportunityProspectRole.destroyed", 12, STAMP, opportunity=90001, prospect=300017)
    assert read_one("outreach", parted).type is EventType.IDENTITY_UNLINK


def test_account_and_address_events() -> None:
    draft = read_one("outreach", OUTREACH_ACCOUNT)
    assert (draft.type, draft.claims) == (EventType.ACCOUNT_CHANGED, ())
    assert draft.account == AccountHint("acme.com", "outreach:northlight:account:6", "Acme")
    assert draft.properties == {"action": "created", "industry": "software"}
    draft = read_one("outreach", OUTREACH_ADDRESS)
    assert draft.type is EventType.IDENTITY_LINK
    assert draft.claims[:2] == (PROSPECT, email("jo@acme.com", verified=True))


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (outreach("task.completed", 2), "meta.eventName: got 'task.completed', expected one of prospect.*, account.*"),
        (outreach("mailing.teleported", 2), "meta.eventName: got 'mailing.teleported', expected mailing.created"),
        (outreach("jo@acme.com", 2), "meta.eventName: got 11 characters"),
        (outreach("prospect.updated", 2, {"updatedAt": "soon"}), "data.attributes.updatedAt: got str, expected an ISO"),
        ({"data": {"id": 1}, "meta": {"eventName": "x"}}, "missing required field `deliveredAt`"),
    ],
)
def test_broken_notice_is_named(body: dict[str, Any], named: str) -> None:
    found = reason("outreach", body)
    assert isinstance(found, ContractBroken)
    assert named in str(found)
