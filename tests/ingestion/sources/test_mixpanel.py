"""Rows of Mixpanel's raw export as canonical events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from ingestion.contracts.event import Actor, Campaign, Channel, Draft, EventType
from ingestion.errors import ContractBroken
from tests.ingestion.sources.reading import RECEIVED, cookie, email, read_all, read_one, reason, user
from tests.ingestion.sources.samples_product import (
    MIXPANEL_ALIAS,
    MIXPANEL_IDENTIFY,
    MIXPANEL_MERGE,
    MIXPANEL_PAGE,
    MIXPANEL_SIGNED_UP,
)

DEVICE = cookie("18daf23")
USER = (user("u_82"), cookie("u_82"))


def row(event: str = "Report Exported", **properties: Any) -> dict[str, Any]:
    return {"event": event, "properties": {"time": 1602611311, "$insert_id": "i1", "distinct_id": "u_82"} | properties}


def test_visitors_row_is_the_devices_act() -> None:
    draft = read_one("mixpanel", MIXPANEL_SIGNED_UP)
    assert (draft.type, draft.channel, draft.actor) == (EventType.PRODUCT_SIGNED_UP, Channel.PRODUCT, Actor.USER)
    assert draft.time == datetime(2020, 10, 13, 17, 48, 31, tzinfo=UTC)
    assert draft.claims == (DEVICE,)
    assert draft.properties == {"plan": "team"}


def test_page_is_a_users_view_with_path_referrer_and_campaign() -> None:
    draft = read_one("mixpanel", MIXPANEL_PAGE)
    assert (draft.type, draft.channel) == (EventType.WEB_PAGE_VIEWED, Channel.WEB)
    assert draft.claims == (*USER, DEVICE, email("jo@acme.com", verified=True))
    assert draft.properties == {"path": "/pricing", "referrer": "www.google.com"}
    assert draft.campaign == Campaign("google", "cpc")


@pytest.mark.parametrize(
    ("properties", "claims"),
    [
        ({}, (cookie("u_82"),)),
        ({"$user_id": "u_82"}, USER),
        ({"$user_id": "u_82", "$device_id": "$device:18daf23"}, (*USER, DEVICE)),
        ({"distinct_id": "$device:18daf23"}, (DEVICE,)),
        ({"$distinct_id_before_identity": "$device:18daf23"}, (cookie("u_82"), DEVICE)),
        ({"email": "colleague@acme.com"}, (cookie("u_82"),)),
    ],
)
def test_id_is_a_users_only_where_the_row_says_so(properties: dict[str, Any], claims: tuple[Any, ...]) -> None:
    assert read_one("mixpanel", row(**properties)).claims == claims


def test_identify_alias_and_merge_link_ids() -> None:
    drafts = [read_one("mixpanel", body) for body in (MIXPANEL_IDENTIFY, MIXPANEL_ALIAS, MIXPANEL_MERGE)]
    assert {draft.type for draft in drafts} == {EventType.IDENTITY_LINK}
    assert drafts[0].claims == (*USER, DEVICE)
    assert drafts[1].claims == (DEVICE, cookie("other-17"))
    assert drafts[2].claims == (DEVICE, cookie("other-17"))


def test_identify_in_the_browsers_form_links_the_same_ids() -> None:
    browser = row("$identify", **{"$anon_distinct_id": "$device:18daf23"})
    assert read_one("mixpanel", browser).claims == (*USER, DEVICE)


@pytest.mark.parametrize(
    ("name", "type_", "actor"),
    [
        ("Report Exported", EventType.PRODUCT_FEATURE_USED, Actor.USER),
        ("Trial Started", EventType.PRODUCT_TRIAL_STARTED, Actor.USER),
        ("$ae_session", EventType.PRODUCT_SESSION_STARTED, Actor.USER),
        ("$mp_click", EventType.PRODUCT_FEATURE_USED, Actor.AUTOMATION),
        ("$mp_submit", EventType.PRODUCT_FEATURE_USED, Actor.AUTOMATION),
    ],
)
def test_names_have_their_type_and_what_the_tracker_notes_by_itself_is_no_engagement(
    name: str, type_: EventType, actor: Actor
) -> None:
    draft = read_one("mixpanel", row(name))
    assert (draft.type, draft.actor) == (type_, actor)


def test_forms_answers_are_the_products_own_properties() -> None:
    sent = {"challenge": "data silos", "mp_lib": "web", "$os": "Linux", "current_page_title": "Demo", "token": "secret"}
    draft = read_one("mixpanel", row("Form Submitted", **sent))
    assert draft.text == "challenge: data silos"
    assert b"secret" not in msgspec.json.encode(draft)


def test_time_is_read_in_seconds_and_in_milliseconds() -> None:
    seconds, millis = read_one("mixpanel", row(time=1602611311)), read_one("mixpanel", row(time=1602611311250))
    assert millis.time - seconds.time == timedelta(milliseconds=250)
    assert millis.id == seconds.id


def test_row_of_an_eastern_projects_clock_did_not_happen_after_it_was_processed() -> None:
    ahead = row(time=1602611311 + 9 * 3600, mp_processing_time_ms=1602611312000)
    assert read_one("mixpanel", ahead).time == datetime(2020, 10, 13, 17, 48, 32, tzinfo=UTC)


def test_row_is_the_same_one_after_mixpanel_merged_its_ids() -> None:
    before = row(distinct_id="$device:18daf23")
    after = row(**{"distinct_id": "u_82", "$distinct_id_before_identity": "$device:18daf23", "$city": "Berlin"})
    assert read_one("mixpanel", before).id == read_one("mixpanel", after).id


@pytest.mark.parametrize(
    "other", [row("Other"), row(time=1602611312), row(distinct_id="u_83"), row(**{"$insert_id": "i2"})]
)
def test_rows_that_differ_in_name_time_person_or_insert_id_are_two(other: dict[str, Any]) -> None:
    assert read_one("mixpanel", other).id != read_one("mixpanel", row()).id


def test_row_without_insert_id_is_known_by_its_content() -> None:
    without: dict[str, Any] = {"$insert_id": None}
    bare = row(**without)
    assert read_one("mixpanel", bare).id == read_one("mixpanel", dict(reversed(bare.items()))).id
    assert read_one("mixpanel", bare).id != read_one("mixpanel", row(**without, x=1)).id


def test_staff_are_told_by_their_address() -> None:
    assert read_one("mixpanel", row(**{"$email": "eva@northlight-data.com"})).actor is Actor.STAFF


def test_row_without_a_time_happened_when_it_was_received() -> None:
    assert read_one("mixpanel", row(time=None)).time == RECEIVED


def test_one_bad_row_stands_alone() -> None:
    found = read_all("mixpanel", [row(), {"event": "x"}, row("Other")])
    assert [type(one) for one in found] == [Draft, ContractBroken, Draft]


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"distinct_id": None}, "distinct_id, $user_id, $device_id: got none"),
        ({"distinct_id": "$device:"}, "distinct_id, $user_id, $device_id: got none"),
        ({"time": 17}, "time: 17 s is no time from 2000 on"),
        ({"time": "soon"}, "at `$.properties.time`"),
    ],
)
def test_broken_row_is_named(properties: dict[str, Any], named: str) -> None:
    found = reason("mixpanel", row(**properties))
    assert isinstance(found, ContractBroken)
    assert named in str(found)
