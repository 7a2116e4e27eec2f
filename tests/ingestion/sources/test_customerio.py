"""Customer.io's documented reports as canonical events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.contracts.event import (
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
from tests.ingestion.sources.reading import crm, email, read_one, reason, user
from tests.ingestion.sources.samples_engagement import (
    CUSTOMERIO_CLICKED,
    CUSTOMERIO_OPENED,
    CUSTOMERIO_SMS,
    CUSTOMERIO_TOPICS,
)


def mail(metric: str, kind: str = "email", **data: Any) -> dict[str, Any]:
    return CUSTOMERIO_OPENED | {"metric": metric, "object_type": kind, "data": CUSTOMERIO_OPENED["data"] | data}


def test_open_is_the_profiles_own() -> None:
    draft = read_one("customer-io", CUSTOMERIO_OPENED)
    assert draft.id == "01E4C8BES586H0A5PFK1ARB9JW"
    assert (draft.type, draft.actor, draft.channel) == (EventType.EMAIL_OPENED, Actor.USER, Channel.MAP)
    assert draft.time == datetime(2020, 3, 26, 20, 25, 48, tzinfo=UTC)
    assert draft.claims == (
        crm("customer-io:northlight:person", "d9c106000001"),
        user("u_82"),
        email("jo@acme.com", verified=True),
    )
    assert draft.private == {"email": "jo@acme.com"}
    assert draft.object == ObjectRef("message", "RPILAgABcRhIBqSp7kiPekGBIeVh")
    assert (draft.campaign, draft.properties) == (Campaign(name="9"), {})


def test_where_a_mail_went_is_no_proof_of_whose_address_it_is() -> None:
    draft = read_one("customer-io", mail("delivered", identifiers={"id": "u_82"}, recipient="jo.doe@acme.com"))
    assert draft.claims == (user("u_82"), email("jo.doe@acme.com", verified=False))


def test_deleted_person_is_known_by_the_address_alone() -> None:
    draft = read_one("customer-io", mail("opened", customer_id="", identifiers={"id": None}))
    assert draft.claims == (email("jo@acme.com", verified=False),)


@pytest.mark.parametrize(
    ("metric", "type_", "actor"),
    [
        ("drafted", EventType.EMAIL_PROCESSED, Actor.AUTOMATION),
        ("sent", EventType.EMAIL_PROCESSED, Actor.AUTOMATION),
        ("attempted", EventType.EMAIL_DEFERRED, Actor.AUTOMATION),
        ("delivered", EventType.EMAIL_DELIVERED, Actor.AUTOMATION),
        ("bounced", EventType.EMAIL_BOUNCED, Actor.AUTOMATION),
        ("dropped", EventType.EMAIL_BOUNCED, Actor.AUTOMATION),
        ("converted", EventType.CONTACT_CHANGED, Actor.AUTOMATION),
        ("spammed", EventType.EMAIL_SPAM, Actor.USER),
        ("unsubscribed", EventType.EMAIL_UNSUBSCRIBED, Actor.USER),
    ],
)
def test_every_metric_of_a_mail_has_its_type(metric: str, type_: EventType, actor: Actor) -> None:
    draft = read_one("customer-io", mail(metric))
    assert (draft.type, draft.actor) == (type_, actor)


def test_click_says_where_without_the_query() -> None:
    draft = read_one("customer-io", CUSTOMERIO_CLICKED)
    assert (draft.type, draft.properties) == (EventType.EMAIL_CLICKED, {"path": "/pricing"})
    assert draft.campaign == Campaign("cio")


def test_machines_open_and_click_as_bots_but_a_proxy_that_hides_a_reader_does_not() -> None:
    for body in (mail("opened", prefetched=True), mail("clicked", machine=True)):
        draft = read_one("customer-io", body)
        assert (draft.actor, draft.properties["machine"]) == (Actor.BOT, True)
    assert read_one("customer-io", mail("opened", proxied=True)).actor is Actor.USER


def test_staff_are_known_by_their_address() -> None:
    own = {"id": "u_1", "email": "eva@northlight-data.com"}
    assert read_one("customer-io", mail("opened", identifiers=own)).actor is Actor.STAFF


def test_refusals_are_consent() -> None:
    for body in (mail("unsubscribed"), mail("spammed"), mail("unsubscribed", "customer")):
        assert read_one("customer-io", body).consent == Consent("marketing", False)
    draft = read_one("customer-io", mail("subscribed", "customer"))
    assert (draft.type, draft.consent) == (EventType.CONSENT_CHANGED, Consent("marketing", True))
    assert read_one("customer-io", mail("unsubscribed", "push")).type is EventType.CONSENT_CHANGED


def test_chosen_topics_are_changes_and_a_single_one_is_consent() -> None:
    draft = read_one("customer-io", CUSTOMERIO_TOPICS)
    assert (draft.type, draft.consent) == (EventType.CONSENT_CHANGED, Consent("marketing:topic_1", False))
    assert draft.claims == (user("u_82"), email("jo@acme.com", verified=False))
    both = '{"topics":{"topic_1":false,"topic_2":true}}'
    several = CUSTOMERIO_TOPICS | {"data": CUSTOMERIO_TOPICS["data"] | {"content": both}}
    draft = read_one("customer-io", several)
    assert (draft.consent, draft.change) == (None, (Change("topic_1", new="false"), Change("topic_2", new="true")))
    silent = CUSTOMERIO_TOPICS | {"data": {"identifiers": {"id": "u_82"}}}
    assert read_one("customer-io", silent).change == ()


def test_other_messages_count_as_nothing_that_the_lead_did_but_a_reply() -> None:
    draft = read_one("customer-io", CUSTOMERIO_SMS)
    assert (draft.type, draft.channel, draft.actor) == (EventType.CHAT_MESSAGE, Channel.CHAT, Actor.USER)
    assert draft.claims == (user("u_82"), Claim(IdentifierType.PHONE, "+49 30 1234567"))
    draft = read_one("customer-io", mail("opened", "push", recipient=None))
    assert (draft.type, draft.actor, draft.properties) == (
        EventType.CONTACT_CHANGED,
        Actor.AUTOMATION,
        {"action": "push_opened"},
    )
    slack = mail("sent", "slack", recipient="#signups", identifiers={"id": "u_82"}, email_address=None)
    assert read_one("customer-io", slack).claims == (user("u_82"),)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"metric": "teleported"}, "metric, object_type: 'teleported' of 'email' has no canonical meaning"),
        ({"object_type": "pigeon"}, "metric, object_type: 'opened' of 'pigeon'"),
        ({"timestamp": 1585254348000}, "timestamp: 1585254348000 s is no time from 2000 on"),
        ({"timestamp": "abc"}, "Expected `int | float`, got `str` - at `$.timestamp`"),
        ({"data": None}, "Expected `object`, got `null` - at `$.data`"),
    ],
)
def test_broken_report_is_named(fields: dict[str, Any], named: str) -> None:
    found = reason("customer-io", CUSTOMERIO_OPENED | fields)
    assert isinstance(found, ContractBroken)
    assert named in str(found)


def test_topics_that_are_no_json_are_named() -> None:
    body = CUSTOMERIO_TOPICS | {"data": CUSTOMERIO_TOPICS["data"] | {"content": "not json {{{"}}
    assert "data.content: got a string that is no JSON object of topics" in str(reason("customer-io", body))
