"""SendGrid's documented events as canonical events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.contracts.event import Actor, Campaign, Consent, Draft, EventType, ObjectRef
from ingestion.errors import ContractBroken
from tests.ingestion.sources.reading import email, read_all, read_one, reason
from tests.ingestion.sources.samples import SENDGRID_CLICK, SENDGRID_DROPPED


def mail(event: str, **fields: Any) -> dict[str, Any]:
    return SENDGRID_CLICK | {"event": event} | fields


def test_dropped_message_is_a_bounce_that_nobody_did() -> None:
    draft = read_one("sendgrid", [SENDGRID_DROPPED])
    assert draft.id == "ZHJvcC0xMDk5"
    assert (draft.type, draft.actor) == (EventType.EMAIL_BOUNCED, Actor.AUTOMATION)
    assert draft.time == datetime(2020, 9, 14, 19, 41, 32, tzinfo=UTC)
    assert draft.claims == (email("hello@world.com", verified=False),)
    assert draft.private == {"email": "hello@world.com"}
    assert draft.properties == {"bounce": "dropped"}
    assert draft.object == ObjectRef("message", "LRzXl_NHStOGhQ4kofSm_A.0")


def test_click_says_where_without_the_query() -> None:
    draft = read_one("sendgrid", [SENDGRID_CLICK])
    assert (draft.type, draft.actor) == (EventType.EMAIL_CLICKED, Actor.USER)
    assert draft.properties == {"path": "/pricing", "category": ["newsletter"], "unsubscribe_group": 17}
    assert draft.campaign == Campaign("newsletter", "email")


@pytest.mark.parametrize(
    ("event", "type_", "actor"),
    [
        ("processed", EventType.EMAIL_PROCESSED, Actor.AUTOMATION),
        ("delivered", EventType.EMAIL_DELIVERED, Actor.AUTOMATION),
        ("deferred", EventType.EMAIL_DEFERRED, Actor.AUTOMATION),
        ("bounce", EventType.EMAIL_BOUNCED, Actor.AUTOMATION),
        ("open", EventType.EMAIL_OPENED, Actor.USER),
        ("spamreport", EventType.EMAIL_SPAM, Actor.USER),
        ("unsubscribe", EventType.EMAIL_UNSUBSCRIBED, Actor.USER),
        ("group_unsubscribe", EventType.EMAIL_UNSUBSCRIBED, Actor.USER),
        ("group_resubscribe", EventType.CONSENT_CHANGED, Actor.USER),
    ],
)
def test_every_event_of_a_message_has_its_type(event: str, type_: EventType, actor: Actor) -> None:
    draft = read_one("sendgrid", [mail(event)])
    assert (draft.type, draft.actor) == (type_, actor)


def test_refusals_are_consent_of_their_own_reach() -> None:
    assert read_one("sendgrid", [mail("unsubscribe")]).consent == Consent("marketing", False)
    assert read_one("sendgrid", [mail("spamreport")]).consent == Consent("marketing", False)
    assert read_one("sendgrid", [mail("group_unsubscribe")]).consent == Consent("marketing:17", False)
    assert read_one("sendgrid", [mail("group_resubscribe")]).consent == Consent("marketing:17", True)
    assert read_one("sendgrid", [mail("open")]).consent is None


def test_privacy_proxies_and_scanners_open_as_bots() -> None:
    assert read_one("sendgrid", [mail("open", sg_machine_open=True)]).actor is Actor.BOT
    assert read_one("sendgrid", [mail("click", useragent="Barracuda Sentinel (EE)")]).actor is Actor.BOT


def test_staff_and_the_test_button_are_known_by_their_address() -> None:
    assert read_one("sendgrid", [mail("open", email="eva@northlight-data.com")]).actor is Actor.STAFF
    assert read_one("sendgrid", [mail("open", email="example@test.com")]).test


def test_event_without_id_is_known_by_its_content() -> None:
    one = read_one("sendgrid", [mail("open", sg_event_id=None)])
    assert one.id == read_one("sendgrid", [mail("open", sg_event_id=None)]).id
    assert one.id != read_one("sendgrid", [mail("open", sg_event_id=None, timestamp=1600112501)]).id


def test_one_bad_event_in_an_array_stands_alone() -> None:
    found = read_all("sendgrid", [SENDGRID_CLICK, mail("teleported"), SENDGRID_DROPPED])
    assert [type(one) for one in found] == [Draft, ContractBroken, Draft]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"event": "teleported"}, "event: got 'teleported', expected one of processed"),
        ({"timestamp": 1600112492000}, "timestamp: 1600112492000 s is no time from 2000 on"),
        ({"timestamp": "soon"}, "Expected `int | float`, got `str` - at `$.timestamp`"),
        ({"email": None}, "Expected `str`, got `null` - at `$.email`"),
    ],
)
def test_broken_event_is_named(fields: dict[str, Any], named: str) -> None:
    assert named in str(reason("sendgrid", [SENDGRID_CLICK | fields]))
