"""Intercom's documented notifications as canonical events."""

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
    EventType,
    IdentifierType,
    ObjectRef,
)
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Tenant
from ingestion.sources.intercom_items import plain_text
from tests.ingestion.sources.reading import crm, email, read_one, reason, user
from tests.ingestion.sources.samples_engagement import (
    INTERCOM_CHAT,
    INTERCOM_COMPANY,
    INTERCOM_LEAD,
    INTERCOM_OLD_CHAT,
    INTERCOM_PING,
    INTERCOM_STAT,
    INTERCOM_TICKET,
    INTERCOM_TRACKED,
    INTERCOM_USER,
    intercom,
)

SCOPE = "intercom:abc123def:contact"
PHONE = Claim(IdentifierType.PHONE, "+49 30 1234567")


def messenger(value: str) -> Claim:
    return Claim(IdentifierType.ANONYMOUS_ID, value, scope=SCOPE)


KNOWN = (crm(SCOPE, "6961f1c19b981fb5a0b90afb"), user("u_82"), email("jo@acme.com", verified=True), PHONE)


def test_user_is_vouched_for_and_described_openly_only_by_facts() -> None:
    draft = read_one("intercom", intercom("contact.user.created", INTERCOM_USER))
    assert draft.id == "notif_2a8995f8"
    assert (draft.type, draft.channel) == (EventType.LEAD_CREATED, Channel.CHAT)
    assert draft.time == datetime(2026, 1, 10, 6, 30, 59, tzinfo=UTC)
    assert draft.claims == (*KNOWN, messenger("6961f1c19b981fb5a0b90afb"))
    assert draft.private == {"email": "jo@acme.com", "name": "Jo Doe", "phone": "+49 30 1234567"}
    assert draft.properties == {"jobtitle": "VP Data", "country": "Germany"}
    assert draft.account == AccountHint(crm_id="intercom:abc123def:company:6961d175")
    assert draft.campaign == Campaign("google", name="spring")


def test_external_id_of_a_lead_is_made_up_and_its_address_only_claimed() -> None:
    draft = read_one("intercom", intercom("contact.lead.created", INTERCOM_LEAD))
    assert draft.claims == (email("jo@acme.com", verified=False), PHONE, messenger("6961d897719c606240178da8"))


def test_external_id_of_a_user_is_no_identifier_unless_the_tenant_says_whose() -> None:
    draft = read_one("intercom", intercom("contact.user.created", INTERCOM_USER), tenant=Tenant("demo"))
    assert IdentifierType.USER_ID not in [claim.type for claim in draft.claims]


def test_old_forms_of_users_and_leads_are_told_apart_by_type() -> None:
    old = {"id": "5ee3", "user_id": "u_82", "email": "jo@acme.com"}
    lead = read_one("intercom", intercom("contact.created", old | {"type": "contact"}))
    assert lead.claims == (email("jo@acme.com", verified=False), messenger("5ee3"))
    signed_in = read_one("intercom", intercom("user.created", old | {"type": "user"}))
    assert signed_in.claims == (
        crm(SCOPE, "5ee3"),
        user("u_82"),
        email("jo@acme.com", verified=True),
        messenger("5ee3"),
    )


def test_merge_attaches_the_lead_that_was_absorbed() -> None:
    merged = INTERCOM_USER | {"merged_from": {"type": "contact", "id": "6a3b2c4d"}}
    draft = read_one("intercom", intercom("contact.merged", merged))
    assert (draft.type, draft.actor) == (EventType.IDENTITY_LINK, Actor.STAFF)
    assert draft.claims[-1] == messenger("6a3b2c4d")


def test_lead_that_signs_up_signs_up_for_the_product() -> None:
    draft = read_one("intercom", intercom("contact.lead.signed_up", INTERCOM_USER))
    assert (draft.type, draft.channel, draft.actor) == (EventType.PRODUCT_SIGNED_UP, Channel.PRODUCT, Actor.USER)


@pytest.mark.parametrize(
    ("topic", "type_", "action"),
    [
        ("contact.email.updated", EventType.IDENTITY_LINK, None),
        ("contact.lead.added_email", EventType.IDENTITY_LINK, None),
        ("contact.user.updated", EventType.CONTACT_CHANGED, "updated"),
        ("contact.archived", EventType.CONTACT_CHANGED, "archived"),
        ("contact.unarchive", EventType.CONTACT_CHANGED, "unarchive"),
        ("contact.deleted", EventType.CONTACT_DELETED, None),
        ("user.deleted", EventType.CONTACT_DELETED, None),
        ("visitor.signed_up", EventType.PRODUCT_SIGNED_UP, None),
    ],
)
def test_every_topic_of_a_contact_has_its_type(topic: str, type_: EventType, action: str | None) -> None:
    draft = read_one("intercom", intercom(topic, INTERCOM_USER))
    assert (draft.type, draft.properties.get("action")) == (type_, action)


def test_deleted_contact_comes_with_its_id_alone() -> None:
    draft = read_one("intercom", intercom("contact.deleted", {"type": "contact", "id": "696122fb", "deleted": True}))
    assert (draft.claims, draft.object) == ((messenger("696122fb"),), ObjectRef("contact", "696122fb"))


def test_tags_are_changes() -> None:
    tagged = {"type": "contact_tag", "contact": INTERCOM_USER, "tag": {"type": "tag", "id": "1287", "name": "trial"}}
    draft = read_one("intercom", intercom("contact.user.tag.created", tagged))
    assert (draft.change, draft.actor) == ((Change("tag", new="trial"),), Actor.STAFF)
    old = {"type": "user_tag", "user": INTERCOM_USER, "tag": {"name": "trial"}}
    assert read_one("intercom", intercom("user.tag.deleted", old)).change == (Change("tag", old="trial"),)


def test_refusals_are_consent_of_their_own_reach() -> None:
    about = {"type": "contact_unsubscribe", "contact": INTERCOM_USER, "subscription_types": {"data": []}}
    draft = read_one("intercom", intercom("contact.unsubscribed", about))
    assert (draft.type, draft.consent) == (EventType.EMAIL_UNSUBSCRIBED, Consent("marketing", False))
    assert read_one("intercom", intercom("contact.subscribed", about)).consent == Consent("marketing", True)
    one = about | {"subscription_types": {"data": [{"id": "1943066"}]}}
    draft = read_one("intercom", intercom("granular.unsubscribe", one))
    assert (draft.type, draft.consent) == (EventType.CONSENT_CHANGED, Consent("marketing:1943066", False))


def test_company_is_an_account() -> None:
    draft = read_one("intercom", intercom("company.updated", INTERCOM_COMPANY))
    assert draft.type is EventType.ACCOUNT_CHANGED
    assert draft.account == AccountHint("www.acme.com", "intercom:abc123def:company:6961d175205cf6a4438f0c21", "Acme")
    assert draft.properties == {
        "industry": "Manufacturing",
        "company_size": 417,
        "plan": "team",
        "action": "updated",
    }
    both = {"company": INTERCOM_COMPANY, "contact": INTERCOM_LEAD}
    attached = read_one("intercom", intercom("company.contact.attached", both))
    assert (attached.account, attached.claims[-1]) == (draft.account, messenger(INTERCOM_LEAD["id"]))
    detached = read_one("intercom", intercom("company.contact.detached", both))
    assert (detached.account, detached.properties) == (None, {"action": "parted"})


def test_conversation_starts_with_the_customers_words_as_plain_text() -> None:
    draft = read_one("intercom", intercom("conversation.user.created", INTERCOM_CHAT))
    assert (draft.type, draft.actor, draft.channel) == (EventType.CHAT_STARTED, Actor.USER, Channel.CHAT)
    assert (draft.text, draft.properties) == ("What does it cost?", {"path": "/pricing"})
    assert draft.claims == (messenger("696205460674dbb9050aa7fd"),)
    assert draft.object == ObjectRef("chat", "215472621202693")


def test_reply_is_the_customers_newest_message_not_the_admins() -> None:
    draft = read_one("intercom", intercom("conversation.user.replied", INTERCOM_OLD_CHAT))
    assert (draft.type, draft.text) == (EventType.CHAT_MESSAGE, "Does it replace our ERP\n& the CRM?")
    # The author's type is `user` although the conversation's user is a lead.
    assert draft.claims == (email("jo@acme.com", verified=False), messenger("5c9553cb27e377f24eed49f7"))


@pytest.mark.parametrize(
    ("topic", "type_", "actor"),
    [
        ("conversation.admin.replied", EventType.CHAT_MESSAGE, Actor.STAFF),
        ("conversation.operator.replied", EventType.CHAT_MESSAGE, Actor.AUTOMATION),
        ("conversation.admin.single.created", EventType.CHAT_STARTED, Actor.STAFF),
        ("conversation.admin.closed", EventType.CHAT_ENDED, Actor.STAFF),
        ("conversation.admin.open.assigned", EventType.CONTACT_CHANGED, Actor.STAFF),
        ("conversation.rating.added", EventType.CONTACT_CHANGED, Actor.USER),
        ("conversation_part.redacted", EventType.CONTACT_CHANGED, Actor.STAFF),
    ],
)
def test_what_others_do_in_a_conversation_is_not_the_leads_word(topic: str, type_: EventType, actor: Actor) -> None:
    draft = read_one("intercom", intercom(topic, INTERCOM_OLD_CHAT))
    assert (draft.type, draft.actor, draft.text) == (type_, actor, None)


def test_deleted_conversation_is_nobodys() -> None:
    draft = read_one("intercom", intercom("conversation.deleted", {"type": "conversation", "conversation_id": "215"}))
    assert (draft.object, draft.claims) == (ObjectRef("chat", "215"), ())


def test_staff_who_try_the_messenger_are_staff() -> None:
    own = INTERCOM_OLD_CHAT | {"user": INTERCOM_OLD_CHAT["user"] | {"email": "eva@northlight-data.com"}}
    assert read_one("intercom", intercom("conversation.user.replied", own)).actor is Actor.STAFF


def test_ticket_is_opened_answered_and_solved() -> None:
    draft = read_one("intercom", intercom("ticket.created", INTERCOM_TICKET))
    assert (draft.type, draft.channel, draft.actor) == (EventType.TICKET_CREATED, Channel.SUPPORT, Actor.USER)
    assert (draft.properties, draft.text) == ({"status": "new", "via": "messenger"}, "Sync\n\nNothing syncs")
    assert (draft.object, draft.claims) == (
        ObjectRef("ticket", "215472629311235"),
        (messenger("696346bbaebb5a479d3851a3"),),
    )
    author = {"id": "696346bbaebb5a479d3851a3", "type": "user", "name": None, "email": "jo@acme.com"}
    part = {"type": "ticket_part", "part_type": "comment", "body": "<p>Still broken</p>", "author": author}
    reply = {"type": "ticket_ticket_part", "ticket": INTERCOM_TICKET, "ticket_part": part}
    draft = read_one("intercom", intercom("ticket.contact.replied", reply))
    assert (draft.type, draft.text, draft.actor) == (EventType.TICKET_CHANGED, "Still broken", Actor.USER)
    assert draft.claims == (email("jo@acme.com", verified=False), messenger("696346bbaebb5a479d3851a3"))
    assert read_one("intercom", intercom("ticket.admin.replied", reply)).text is None
    resolved = INTERCOM_TICKET | {"ticket_state": {"category": "resolved"}}
    for topic in ("ticket.state.updated", "ticket.closed"):
        draft = read_one("intercom", intercom(topic, resolved))
        assert (draft.type, draft.properties["status"]) == (EventType.TICKET_SOLVED, "solved")


def test_event_of_the_firms_own_code_is_the_use_of_a_feature() -> None:
    draft = read_one("intercom", intercom("event.created", INTERCOM_TRACKED))
    assert (draft.type, draft.channel) == (EventType.PRODUCT_FEATURE_USED, Channel.PRODUCT)
    assert draft.properties == {"name": "invited-friend"}
    assert draft.time == datetime(2026, 1, 10, 6, 20, tzinfo=UTC)
    assert draft.claims[:3] == KNOWN[:3]


@pytest.mark.parametrize(
    ("stat", "type_", "actor"),
    [
        ("receipt", EventType.EMAIL_PROCESSED, Actor.AUTOMATION),
        ("open", EventType.EMAIL_OPENED, Actor.USER),
        ("click", EventType.EMAIL_CLICKED, Actor.USER),
        ("reply", EventType.EMAIL_REPLIED, Actor.USER),
        ("hard_bounce", EventType.EMAIL_BOUNCED, Actor.AUTOMATION),
        ("spam_complaint", EventType.EMAIL_SPAM, Actor.USER),
        ("unsubscribe", EventType.EMAIL_UNSUBSCRIBED, Actor.USER),
    ],
)
def test_what_became_of_a_mail(stat: str, type_: EventType, actor: Actor) -> None:
    item = INTERCOM_STAT | {"content_stat": INTERCOM_STAT["content_stat"] | {"stat_type": stat}}
    draft = read_one("intercom", intercom("content_stat.email", item))
    assert (draft.type, draft.actor, draft.channel) == (type_, actor, Channel.MAP)
    assert draft.campaign == Campaign(name="Welcome")
    refuses = type_ in (EventType.EMAIL_SPAM, EventType.EMAIL_UNSUBSCRIBED)
    assert draft.consent == (Consent("marketing", False) if refuses else None)


def test_ping_is_a_test_and_its_second_attempt_is_the_same_event() -> None:
    draft = read_one("intercom", INTERCOM_PING)
    assert (draft.test, draft.claims) == (True, ())
    assert read_one("intercom", INTERCOM_PING | {"delivery_attempts": 2, "first_sent_at": 1}).id == draft.id
    assert read_one("intercom", INTERCOM_PING | {"created_at": 1768026660}).id != draft.id


def test_html_becomes_text_line_by_line() -> None:
    assert plain_text('<p class="no-margin">A &lt;b&gt;</p>\n<ul><li>one</li><li>two</li></ul><img src="x">') == (
        "A <b>\none\ntwo"
    )
    assert plain_text("<p> </p>") is None
    assert plain_text("<" * 50_000) == "<" * 50_000


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"topic": "article.published"}, "topic: 'article.published' has no canonical meaning"),
        ({"topic": "contact.teleported"}, "topic: 'contact.teleported' has no canonical meaning"),
        ({"topic": "content_stat.tour"}, "topic: 'content_stat.tour' has no canonical meaning"),
        ({"topic": "jo@acme.com"}, "topic: 11 characters"),
        ({"created_at": 1768026659000}, "created_at: 1768026659000 s is no time from 2000 on"),
        ({"data": {}}, "missing required field `item`"),
    ],
)
def test_broken_notification_is_named(fields: dict[str, Any], named: str) -> None:
    found = reason("intercom", intercom("contact.user.created", INTERCOM_USER) | fields)
    assert isinstance(found, ContractBroken)
    assert named in str(found)
