"""Marketo's documented activities, and the webhook that its adapter asks for, as canonical events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.contracts.event import (
    AccountHint,
    Actor,
    Campaign,
    Change,
    Channel,
    Claim,
    Consent,
    Draft,
    EventType,
    IdentifierType,
    ObjectRef,
)
from ingestion.errors import ContractBroken
from ingestion.sources.marketo_forms import form_fields
from tests.ingestion.sources.reading import RECEIVED, crm, email, read_all, read_one, reason
from tests.ingestion.sources.samples_engagement import (
    MARKETO_CHANGE,
    MARKETO_DELETED,
    MARKETO_FORM,
    MARKETO_HOOK,
    MARKETO_OPEN,
    MARKETO_VISIT,
)

SCOPE = "marketo:northlight:lead"
LEAD = crm(SCOPE, "4692803")


def activity(type_: int, value: Any = None, **attributes: Any) -> dict[str, Any]:
    pairs = [{"name": name.replace("_", " "), "value": one} for name, one in attributes.items()]
    return MARKETO_OPEN | {"activityTypeId": type_, "primaryAttributeValue": value, "attributes": pairs}


def test_page_view_has_a_path_a_referrer_and_a_campaign() -> None:
    draft = read_one("marketo", MARKETO_VISIT)
    assert draft.id == "102988"
    assert (draft.type, draft.channel, draft.actor) == (EventType.WEB_PAGE_VIEWED, Channel.WEB, Actor.USER)
    assert draft.time == datetime(2023, 1, 16, 23, 32, 19, tzinfo=UTC)
    assert draft.claims == (LEAD,)
    assert draft.properties == {"path": "/pricing.html", "referrer": "www.google.com"}
    assert draft.campaign == Campaign("google", "cpc")


def test_form_is_read_out_of_its_php_text() -> None:
    draft = read_one("marketo", MARKETO_FORM)
    assert (draft.type, draft.channel) == (EventType.LEAD_FORM_SUBMITTED, Channel.MAP)
    phone = Claim(IdentifierType.PHONE, "(845) 217-5220")
    assert draft.claims == (LEAD, email("jo@acme.com", verified=False), phone)
    assert draft.account == AccountHint(name="Acme")
    assert draft.properties == {"jobtitle": "CTO", "form": "1730", "referrer": "go.northlight-data.com"}
    assert draft.text == "Your_Goal__c: replace our ERP"
    assert draft.private["first_name"] == "Joé"
    assert draft.object == ObjectRef("form", "1730")


@pytest.mark.parametrize(
    ("type_", "expected", "actor", "channel"),
    [
        (6, EventType.EMAIL_PROCESSED, Actor.AUTOMATION, Channel.MAP),
        (7, EventType.EMAIL_DELIVERED, Actor.AUTOMATION, Channel.MAP),
        (8, EventType.EMAIL_BOUNCED, Actor.AUTOMATION, Channel.MAP),
        (9, EventType.EMAIL_UNSUBSCRIBED, Actor.USER, Channel.MAP),
        (10, EventType.EMAIL_OPENED, Actor.USER, Channel.MAP),
        (11, EventType.EMAIL_CLICKED, Actor.USER, Channel.MAP),
        (12, EventType.LEAD_CREATED, Actor.AUTOMATION, Channel.MAP),
        (22, EventType.CONTACT_CHANGED, Actor.AUTOMATION, Channel.MAP),
        (27, EventType.EMAIL_BOUNCED, Actor.AUTOMATION, Channel.MAP),
        (40, EventType.EMAIL_OPENED, Actor.USER, Channel.OUTBOUND),
        (45, EventType.EMAIL_REPLIED, Actor.USER, Channel.OUTBOUND),
    ],
)
def test_every_type_of_activity_has_its_meaning(
    type_: int, expected: EventType, actor: Actor, channel: Channel
) -> None:
    draft = read_one("marketo", MARKETO_OPEN | {"activityTypeId": type_})
    assert (draft.type, draft.actor, draft.channel) == (expected, actor, channel)


def test_mailing_is_the_campaign_and_the_object() -> None:
    draft = read_one("marketo", MARKETO_OPEN)
    assert (draft.campaign, draft.object) == (Campaign(name="2024-11 Newsletter"), ObjectRef("message", "23960"))
    assert read_one("marketo", MARKETO_OPEN | {"activityTypeId": 45}).campaign is None


def test_click_in_a_mail_says_where_without_the_query() -> None:
    draft = read_one("marketo", activity(11, "Newsletter", Link="https://acme.com/pricing?utm_source=nl&mkt_tok=x"))
    assert (draft.properties, draft.campaign) == ({"path": "/pricing"}, Campaign("nl"))


def test_link_to_a_document_is_a_download_and_no_other_link_is_a_page_view() -> None:
    draft = read_one("marketo", activity(3, "www.northlight-data.com/files/erp-guide.PDF"))
    assert draft.type is EventType.WEB_CONTENT_DOWNLOADED
    assert draft.properties == {"path": "/files/erp-guide.PDF", "content": "erp-guide.PDF"}
    draft = read_one("marketo", activity(3, "https://www.northlight-data.com/about"))
    assert (draft.type, draft.properties["action"]) == (EventType.CONTACT_CHANGED, "link_clicked")
    assert "path" not in read_one("marketo", activity(3, "Talk to Jo")).properties


def test_marked_bots_and_named_programs_are_bots() -> None:
    marked = read_one("marketo", activity(11, "x", **{"Is Bot Activity": True}))
    assert (marked.actor, marked.properties["machine"]) == (Actor.BOT, True)
    assert read_one("marketo", activity(10, "x", User_Agent="Barracuda Sentinel (EE)")).actor is Actor.BOT


def test_changed_fields_name_themselves_and_hide_their_values() -> None:
    draft = read_one("marketo", MARKETO_CHANGE)
    assert (draft.type, draft.actor) == (EventType.CONTACT_CHANGED, Actor.AUTOMATION)
    assert draft.time == datetime(2014, 9, 17, 22, 31, 49, tzinfo=UTC)
    assert draft.claims == (crm(SCOPE, "775"), email("jo@acme.com", verified=True))
    assert draft.private == {"first_name": "Jo", "email": "jo@acme.com", "state": "NC"}
    assert draft.change == (Change("firstName"), Change("email"), Change("state"))


def test_changes_are_read_in_the_form_of_activities_too() -> None:
    draft = read_one("marketo", activity(13, "Lead Status", New_Value="Qualified", Old_Value="Open"))
    assert draft.change == (Change("Lead Status", new="Qualified"),)
    draft = read_one("marketo", activity(13, "Industry", New_Value="Software"))
    assert (draft.properties, draft.change) == ({"industry": "Software"}, (Change("Industry"),))
    draft = read_one("marketo", activity(13, "Unsubscribed", New_Value="true"))
    assert (draft.type, draft.consent) == (EventType.CONSENT_CHANGED, Consent("marketing", False))


def test_a_fact_is_not_said_twice() -> None:
    fields = [{"name": "industry", "newValue": "Software"}]
    draft = read_one("marketo", MARKETO_CHANGE | {"fields": fields})
    assert (draft.properties, draft.change) == ({"industry": "Software"}, ())


def test_deleted_leads_name_stays_out() -> None:
    draft = read_one("marketo", MARKETO_DELETED)
    assert (draft.type, draft.object) == (EventType.CONTACT_DELETED, None)
    assert "Jo" not in repr(draft)


def test_merged_leads_are_claimed_together() -> None:
    draft = read_one("marketo", activity(32, "x", Merge_IDs="[126447, 126448]"))
    assert draft.type is EventType.IDENTITY_LINK
    assert draft.claims == (LEAD, crm(SCOPE, "126447"), crm(SCOPE, "126448"))


def test_whole_answer_is_its_activities_and_one_bad_one_stands_alone() -> None:
    answer = {"requestId": "24fd", "success": True, "result": [MARKETO_VISIT, {"activityTypeId": 1}, MARKETO_OPEN]}
    assert [type(one) for one in read_all("marketo", answer)] == [Draft, ContractBroken, Draft]
    assert "0 elements" in str(reason("marketo", {"success": True, "result": []}))


def test_webhook_says_what_the_template_says() -> None:
    draft = read_one("marketo", MARKETO_HOOK)
    assert (draft.type, draft.actor, draft.channel) == (EventType.LEAD_FORM_SUBMITTED, Actor.USER, Channel.MAP)
    assert draft.time == RECEIVED
    assert draft.claims == (LEAD, email("jo@acme.com", verified=True))
    assert draft.account == AccountHint("www.acme.com", name="Acme")
    assert draft.properties == {"jobtitle": "CTO", "company_size": 51, "form": "demo-request"}
    assert (draft.text, draft.campaign) == ("We want to replace our ERP", Campaign(name="Demo requests"))
    assert draft.consent == Consent("marketing", True)


def test_webhook_of_the_next_run_is_another_event() -> None:
    again = read_one("marketo", MARKETO_HOOK)
    assert again.id == read_one("marketo", MARKETO_HOOK).id
    assert again.id != read_one("marketo", MARKETO_HOOK | {"sent": "2013-08-08 16:36:14"}).id


def test_webhook_reads_tokens_under_any_of_their_names() -> None:
    for name in ("email", "emailAddress", "lead.Email Address"):
        draft = read_one("marketo", {"event": "contact.changed", name: "jo@acme.com", "lead.Country": "Germany"})
        assert draft.claims == (email("jo@acme.com", verified=True),)
        assert draft.properties == {"country": "Germany"}


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('a:1:{s:5:"Email";s:2:"a"}";}', []),
        ('a:2:{s:1:"a";i:7;s:1:"b";b:1;}', [("a", "7"), ("b", "1")]),
        ('a:2:{s:1:"a";s:1:"x";s:1:"b";O:8:"stdClass":0:{}}', [("a", "x")]),
        ('a:1:{s:1:"a";a:1:{s:1:"b";s:1:"c";}}', []),
        ('a:1:{s:999999:"a";}', []),
        ("Email=jo@acme.com", []),
        ("", []),
    ],
)
def test_php_text_is_read_as_far_as_it_holds_strings(text: str, fields: list[tuple[str, str]]) -> None:
    assert form_fields(text) == fields


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (
            MARKETO_OPEN | {"activityTypeId": 100001},
            "activityTypeId: 100001 has no canonical meaning, expected one of 1,",
        ),
        (
            MARKETO_OPEN | {"activityDate": "2024-11-08"},
            "activityDate: got str, expected an ISO 8601 date and time with",
        ),
        (MARKETO_OPEN | {"leadId": None}, "Expected `int | str`, got `null` - at `$.leadId`"),
        (MARKETO_HOOK | {"event": "lead.teleported"}, "event: got 'lead.teleported', expected one of lead.created"),
        ({"event": "contact.changed", "id": "{{lead.Id}}"}, "id, Email Address: got null, expected the lead's id"),
    ],
)
def test_broken_body_is_named(body: dict[str, Any], named: str) -> None:
    found = reason("marketo", body)
    assert isinstance(found, ContractBroken)
    assert named in str(found)
