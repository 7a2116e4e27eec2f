"""PostHog's capture bodies and its webhook's template as canonical events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ingestion.contracts.event import AccountHint, Actor, Campaign, Channel, Draft, EventType
from ingestion.errors import ContractBroken
from tests.ingestion.sources.reading import RECEIVED, cookie, email, read_all, read_one, reason, user
from tests.ingestion.sources.samples_product import (
    POSTHOG_ALIAS,
    POSTHOG_BATCH,
    POSTHOG_FEATURE,
    POSTHOG_GROUP,
    POSTHOG_IDENTIFY,
    POSTHOG_PAGEVIEW,
    POSTHOG_WEBHOOK,
)

VISITOR = cookie("018daf23-89b3-7cf8-a4f1-94064c96df90")
USER = (user("u_82"), cookie("u_82"))


def event(name: str, distinct_id: str = "device-1", **properties: Any) -> dict[str, Any]:
    return POSTHOG_PAGEVIEW | {"event": name, "distinct_id": distinct_id, "properties": properties}


def test_pageview_is_a_visitors_view_with_path_referrer_and_campaign() -> None:
    draft = read_one("posthog", POSTHOG_PAGEVIEW)
    assert draft.id == "018daf24-0b1e-7d11-9c2f-6e5d1a1f0a01"
    assert (draft.type, draft.channel, draft.actor) == (EventType.WEB_PAGE_VIEWED, Channel.WEB, Actor.USER)
    assert draft.time == datetime(2024, 5, 22, 17, 9, 29, 220000, tzinfo=UTC)
    assert draft.claims == (VISITOR,)
    assert draft.properties == {"path": "/pricing", "referrer": "www.google.com"}
    assert draft.campaign == Campaign("newsletter", "email")


def test_identify_links_user_device_and_address_and_seals_the_person() -> None:
    draft = read_one("posthog", POSTHOG_IDENTIFY)
    assert draft.type is EventType.IDENTITY_LINK
    assert draft.claims == (*USER, VISITOR, email("jo@acme.com", verified=True))
    assert draft.private == {"email": "jo@acme.com", "name": "Jo Doe"}
    assert draft.properties == {"jobtitle": "VP Data", "plan": "free"}


def test_person_properties_are_read_beside_the_event_as_servers_libraries_write_them() -> None:
    body = event("$set", "u_82") | {"$set": {"email": "jo@acme.com"}, "$set_once": {"email": "old@acme.com"}}
    draft = read_one("posthog", body)
    assert (draft.type, draft.claims) == (
        EventType.IDENTITY_LINK,
        (cookie("u_82"), email("jo@acme.com", verified=False)),
    )


@pytest.mark.parametrize(
    ("body", "claims"),
    [
        (event("bought", "u_82"), (cookie("u_82"),)),
        (event("bought", "u_82", **{"$is_identified": True}), USER),
        (event("bought", "u_82", **{"$user_id": "u_82"}), USER),
        (event("bought", "u_82", **{"$is_identified": False}), (cookie("u_82"),)),
        (event("$identify", "u_82"), USER),
        (event("bought", "$posthog_cookieless"), ()),
        (event("bought", distinct_id="") | {"properties": {"distinct_id": "u_82"}}, (cookie("u_82"),)),
    ],
)
def test_id_is_a_users_only_where_the_sender_says_so(body: dict[str, Any], claims: tuple[Any, ...]) -> None:
    assert read_one("posthog", body).claims == claims


def test_alias_links_two_ids_as_the_weaker_kind() -> None:
    draft = read_one("posthog", POSTHOG_ALIAS)
    assert (draft.type, draft.claims) == (EventType.IDENTITY_LINK, (cookie("device-123"), cookie("device-456")))


def test_group_describes_an_account_and_names_nobody() -> None:
    draft = read_one("posthog", POSTHOG_GROUP)
    assert (draft.type, draft.claims) == (EventType.ACCOUNT_CHANGED, ())
    assert draft.account == AccountHint("acme.com", "posthog:northlight:company:acme", "Acme")
    assert draft.properties == {"company_size": 417}


def test_group_that_is_no_firm_is_no_account() -> None:
    properties = {"$group_type": "project", "$group_key": "p1", "$group_set": {"name": "Secret", "employees": 5}}
    draft = read_one("posthog", event("$groupidentify", "$project_p1", **properties))
    assert (draft.account, draft.properties, draft.actor) == (None, {"name": "$groupidentify"}, Actor.AUTOMATION)


@pytest.mark.parametrize(
    ("name", "type_", "actor"),
    [
        ("user signed up", EventType.PRODUCT_SIGNED_UP, Actor.USER),
        ("trial_started", EventType.PRODUCT_TRIAL_STARTED, Actor.USER),
        ("Application Opened", EventType.PRODUCT_SESSION_STARTED, Actor.USER),
        ("report exported", EventType.PRODUCT_FEATURE_USED, Actor.USER),
        ("$screen", EventType.PRODUCT_FEATURE_USED, Actor.USER),
        ("$autocapture", EventType.PRODUCT_FEATURE_USED, Actor.AUTOMATION),
        ("$pageleave", EventType.PRODUCT_FEATURE_USED, Actor.AUTOMATION),
        ("Application Backgrounded", EventType.PRODUCT_FEATURE_USED, Actor.AUTOMATION),
        ("survey shown", EventType.PRODUCT_FEATURE_USED, Actor.AUTOMATION),
    ],
)
def test_names_have_their_type_and_what_the_tracker_notes_by_itself_is_no_engagement(
    name: str, type_: EventType, actor: Actor
) -> None:
    draft = read_one("posthog", event(name))
    assert (draft.type, draft.actor) == (type_, actor)


def test_feature_is_used_for_an_account() -> None:
    draft = read_one("posthog", POSTHOG_FEATURE)
    assert draft.properties == {"name": "report exported", "plan": "team"}
    assert draft.account == AccountHint(crm_id="posthog:northlight:company:acme")


def test_forms_answers_are_the_products_own_properties() -> None:
    sent = {
        "email": "jo@acme.com",
        "challenge": "data silos",
        "$browser": "Chrome",
        "utm_source": "x",
        "token": "phc_s",
    }
    draft = read_one("posthog", event("form submitted", **sent))
    assert draft.type is EventType.LEAD_FORM_SUBMITTED
    assert draft.text == "challenge: data silos"
    assert draft.claims == (cookie("device-1"), email("jo@acme.com", verified=False))


def test_webhook_is_the_same_event_with_the_persons_profile() -> None:
    draft = read_one("posthog", POSTHOG_WEBHOOK)
    assert draft.id == read_one("posthog", POSTHOG_FEATURE).id
    assert draft.claims == (*USER, email("jo@acme.com", verified=True))
    assert draft.properties == {"name": "report exported", "jobtitle": "VP Data"}
    assert draft.private == {"email": "jo@acme.com"}


def test_webhooks_example_is_a_test() -> None:
    example: dict[str, Any] = {"$current_url": "https://us.posthog.com/", "this_is_an_example_event": True}
    body = {"event": event("$pageview", **example), "person": {"properties": {"email": "example@posthog.com"}}}
    assert read_one("posthog", body).test


def test_batch_and_array_hold_one_event_an_element() -> None:
    for body in (POSTHOG_BATCH, POSTHOG_BATCH | {"historical_migration": True}, POSTHOG_BATCH["batch"]):
        assert [type(found) for found in read_all("posthog", body)] == [Draft, Draft]


def test_secret_and_address_of_the_connection_are_nowhere() -> None:
    for body in (POSTHOG_BATCH, POSTHOG_ALIAS, POSTHOG_WEBHOOK):
        written = msgspec.json.encode([found for found in read_all("posthog", body) if isinstance(found, Draft)])
        assert b"phc_secret" not in written
        assert b"203.0.113.7" not in written


def test_staff_and_programs_are_told_from_users() -> None:
    staff = POSTHOG_IDENTIFY | {"properties": {"$set": {"email": "eva@northlight-data.com"}}}
    assert read_one("posthog", staff).actor is Actor.STAFF
    assert read_one("posthog", event("$pageview", **{"$raw_user_agent": "Googlebot/2.1"})).actor is Actor.BOT


def test_event_without_uuid_is_known_by_its_content() -> None:
    one = read_one("posthog", POSTHOG_ALIAS)
    assert one.id == read_one("posthog", dict(reversed(POSTHOG_ALIAS.items()))).id
    assert one.id != read_one("posthog", POSTHOG_ALIAS | {"distinct_id": "device-124"}).id


def test_missing_timestamp_is_the_moment_of_receipt() -> None:
    assert read_one("posthog", POSTHOG_PAGEVIEW | {"timestamp": None}).time == RECEIVED


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"distinct_id": None, "properties": {}}, "distinct_id: got none"),
        ({"timestamp": "2020-08-16T09:03:11.913767"}, "timezone component - at `$.timestamp`"),
        ({"timestamp": 1770000000}, "Expected `datetime | null`, got `int` - at `$.timestamp`"),
        ({"event": None}, "at `$.event`"),
    ],
)
def test_broken_event_is_named(fields: dict[str, Any], named: str) -> None:
    found = reason("posthog", POSTHOG_PAGEVIEW | fields)
    assert isinstance(found, ContractBroken)
    assert named in str(found)
