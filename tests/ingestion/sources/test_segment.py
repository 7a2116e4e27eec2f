"""Segment's documented calls as canonical events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.contracts.event import AccountHint, Actor, Campaign, Channel, Draft, EventType
from ingestion.errors import ContractBroken
from tests.ingestion.sources.reading import RECEIVED, cookie, email, read_all, read_one, reason, user
from tests.ingestion.sources.samples import (
    SEGMENT_ALIAS,
    SEGMENT_GROUP,
    SEGMENT_IDENTIFY,
    SEGMENT_PAGE,
    SEGMENT_TRACK,
)

VISITOR = cookie("507f191e810c19729de860ea")


def tracked(event: str, **properties: Any) -> dict[str, Any]:
    return SEGMENT_TRACK | {"event": event, "properties": properties}


def test_page_is_a_view_with_path_referrer_and_campaign() -> None:
    draft = read_one("segment", SEGMENT_PAGE)
    assert draft.id == "022bb90c-bbac-11e4-8dfc-aa07a5b093db"
    assert (draft.type, draft.channel, draft.actor) == (EventType.WEB_PAGE_VIEWED, Channel.WEB, Actor.USER)
    assert draft.time == datetime(2015, 12, 10, 4, 8, 31, 905000, tzinfo=UTC)
    assert draft.claims == (VISITOR,)
    assert draft.properties == {"path": "/pricing", "referrer": "www.google.com"}
    assert draft.campaign == Campaign("Newsletter", "email", "TPS", "tps", "image", {"gclid": "EAIa"})


def test_campaign_is_read_from_the_address_where_the_tracker_left_it_out() -> None:
    page = {"url": "https://acme.com/demo?utm_source=google&utm_medium=cpc&utm_campaign=erp&fbclid=x#top"}
    draft = read_one("segment", SEGMENT_PAGE | {"properties": page, "context": {"page": page}})
    assert draft.campaign == Campaign("google", "cpc", "erp", click_ids={"fbclid": "x"})
    assert draft.properties == {"path": "/demo"}


def test_path_with_an_address_in_it_is_masked() -> None:
    page = {"path": "/unsubscribe/jo%40acme.com/now"}
    assert read_one("segment", SEGMENT_PAGE | {"properties": page}).properties["path"] == "/unsubscribe/:redacted/now"


@pytest.mark.parametrize(
    ("event", "type_"),
    [
        ("Signed Up", EventType.PRODUCT_SIGNED_UP),
        ("Trial Started", EventType.PRODUCT_TRIAL_STARTED),
        ("Session Started", EventType.PRODUCT_SESSION_STARTED),
        ("session_started", EventType.PRODUCT_SESSION_STARTED),
        ("Feature Used", EventType.PRODUCT_FEATURE_USED),
        ("Content Downloaded", EventType.WEB_CONTENT_DOWNLOADED),
        ("Document Downloaded", EventType.WEB_CONTENT_DOWNLOADED),
        ("Email Opened", EventType.EMAIL_OPENED),
        ("Email Link Clicked", EventType.EMAIL_CLICKED),
        ("Live Chat Conversation Started", EventType.CHAT_STARTED),
        ("Report Exported", EventType.PRODUCT_FEATURE_USED),
    ],
)
def test_tracked_names_have_their_canonical_type(event: str, type_: EventType) -> None:
    assert read_one("segment", tracked(event)).type is type_


def test_unknown_name_is_a_feature_by_that_name() -> None:
    assert read_one("segment", tracked("Report Exported")).properties == {"name": "Report Exported"}
    assert read_one("segment", SEGMENT_TRACK).properties == {"name": "Dashboards", "plan": "team"}


def test_download_says_what() -> None:
    draft = read_one("segment", tracked("Content Downloaded", title="ERP guide", url="https://x.io/a/b.pdf?c=1"))
    assert draft.properties == {"content": "ERP guide", "path": "/a/b.pdf"}


def test_only_known_properties_leave_the_adapter_in_the_clear() -> None:
    draft = read_one("segment", tracked("Signed Up", email="jo@acme.com", first_name="Jo", phone="1", secret="x"))
    assert draft.properties == {}
    assert draft.private == {"email": "jo@acme.com", "first_name": "Jo", "phone": "1"}


def test_context_traits_claim_the_address_of_a_signed_in_user() -> None:
    draft = read_one("segment", SEGMENT_TRACK)
    assert draft.claims == (user("u_82"), email("jo@acme.com", verified=True))
    assert draft.private == {"email": "jo@acme.com"}


def test_identify_links_cookie_user_and_address() -> None:
    draft = read_one("segment", SEGMENT_IDENTIFY)
    assert draft.type is EventType.IDENTITY_LINK
    assert draft.claims == (user("u_82"), VISITOR, email("jo@acme.com", verified=True))
    assert draft.properties == {"jobtitle": "VP Data", "industry": "Manufacturing", "company_size": 417}
    assert draft.account == AccountHint(name="Acme")
    assert draft.private == {"email": "jo@acme.com", "first_name": "Jo", "last_name": "Doe"}


def test_address_of_an_anonymous_visitor_is_not_verified() -> None:
    draft = read_one("segment", SEGMENT_IDENTIFY | {"userId": None})
    assert draft.claims == (VISITOR, email("jo@acme.com", verified=False))


def test_group_says_the_users_account() -> None:
    draft = read_one("segment", SEGMENT_GROUP)
    assert draft.type is EventType.ACCOUNT_CHANGED
    assert draft.claims == (user("u_82"),)
    assert draft.account == AccountHint("www.acme.com", "segment:northlight:group:ws_91", "Acme")
    assert draft.properties == {"company_size": 51, "industry": "software"}
    assert draft.private == {}


def test_alias_links_the_former_id_as_the_weaker_kind() -> None:
    draft = read_one("segment", SEGMENT_ALIAS)
    assert (draft.type, draft.claims) == (EventType.IDENTITY_LINK, (user("u_82"), VISITOR))


def test_ids_of_two_workspaces_never_meet() -> None:
    assert read_one("segment", SEGMENT_PAGE, "other").claims != read_one("segment", SEGMENT_PAGE).claims


@pytest.mark.parametrize(
    ("agent", "actor"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Actor.BOT),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/126.0.0.0 Safari/537.36", Actor.BOT),
        ("python-requests/2.32", Actor.BOT),
        ("Mozilla/5.0 (Linux; Android 10; CUBOT NOTE 20) Chrome/99 Mobile Safari/537.36", Actor.USER),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", Actor.USER),
        (None, Actor.USER),
    ],
)
def test_programs_are_told_from_people_by_their_user_agent(agent: str | None, actor: Actor) -> None:
    assert read_one("segment", SEGMENT_PAGE | {"context": {"userAgent": agent}}).actor is actor


def test_own_people_are_staff() -> None:
    traits = {"email": "Eva@Northlight-Data.com"}
    assert read_one("segment", SEGMENT_TRACK | {"context": {"traits": traits}}).actor is Actor.STAFF
    assert read_one("segment", SEGMENT_IDENTIFY | {"traits": traits}).actor is Actor.STAFF


def test_batch_and_array_hold_one_call_an_element() -> None:
    for body in ({"batch": [SEGMENT_PAGE, SEGMENT_TRACK], "sentAt": "…"}, [SEGMENT_PAGE, SEGMENT_TRACK]):
        assert [type(found) for found in read_all("segment", body)] == [Draft, Draft]


def test_word_batch_in_a_call_makes_no_batch() -> None:
    draft = read_one("segment", tracked("Feature Used", feature='"batch"'))
    assert draft.properties["name"] == '"batch"'


def test_missing_timestamp_falls_back_to_the_moment_of_receipt() -> None:
    assert read_one("segment", SEGMENT_PAGE | {"timestamp": None}).time.microsecond == 909000
    assert read_one("segment", SEGMENT_PAGE | {"timestamp": None, "receivedAt": None}).time == RECEIVED


def test_call_without_message_id_is_known_by_its_content() -> None:
    anonymous = {name: value for name, value in SEGMENT_PAGE.items() if name != "messageId"}
    shuffled = dict(reversed(anonymous.items()))
    one, again = read_one("segment", anonymous), read_one("segment", shuffled)
    assert one.id == again.id
    assert len(one.id) == 64
    assert one.id != read_one("segment", anonymous | {"version": 3}).id


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"anonymousId": None}, "userId, anonymousId: got neither"),
        ({"timestamp": "2015-12-10T04:08:31"}, "timezone component - at `$.timestamp`"),
        ({"timestamp": "1999-12-31T23:59:59Z"}, "timestamp: the year 1999 is out of range"),
        ({"type": "teleport"}, "Invalid value 'teleport' - at `$.type`"),
    ],
)
def test_broken_call_is_named(fields: dict[str, Any], named: str) -> None:
    found = reason("segment", SEGMENT_PAGE | fields)
    assert isinstance(found, ContractBroken)
    assert named in str(found)
