"""Rows of Amplitude's export and events of its HTTP API as canonical events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ingestion.contracts.event import AccountHint, Actor, Campaign, Channel, Draft, EventType
from ingestion.errors import ContractBroken
from tests.ingestion.sources.reading import RECEIVED, cookie, email, read_all, read_one, reason, user
from tests.ingestion.sources.samples_product import (
    AMPLITUDE_BATCH,
    AMPLITUDE_GROUP,
    AMPLITUDE_IDENTIFY,
    AMPLITUDE_PAGE,
    AMPLITUDE_ROW,
)

DEVICE = cookie("C8F9E604-F01A-4BD9-95C6-8E5357DF265D")
USER = user("u_8200")


def row(event_type: str, **event_properties: Any) -> dict[str, Any]:
    return AMPLITUDE_ROW | {"event_type": event_type, "event_properties": event_properties}


def test_exported_row_is_the_use_of_a_feature_at_a_time_in_utc() -> None:
    draft = read_one("amplitude", AMPLITUDE_ROW)
    assert draft.id == "bf0b9b2a-304d-11ea-934f-22000b56058f"
    assert (draft.type, draft.channel, draft.actor) == (EventType.PRODUCT_FEATURE_USED, Channel.PRODUCT, Actor.USER)
    assert draft.time == datetime(2020, 9, 14, 19, 41, 32, 123000, tzinfo=UTC)
    assert draft.claims == (USER, DEVICE, email("jo@acme.com", verified=True))
    assert draft.account == AccountHint(crm_id="amplitude:northlight:company:acme")
    assert draft.properties == {"name": "Dashboards", "plan": "team", "jobtitle": "VP Data"}
    assert draft.private == {"email": "jo@acme.com"}


def test_page_is_a_visitors_view_with_path_referrer_and_campaign() -> None:
    draft = read_one("amplitude", AMPLITUDE_PAGE)
    assert (draft.type, draft.claims) == (EventType.WEB_PAGE_VIEWED, (DEVICE,))
    assert draft.properties == {"path": "/pricing", "referrer": "www.google.com"}
    assert draft.campaign == Campaign("google", "cpc")


def test_names_of_autocapture_come_with_and_without_their_prefix() -> None:
    bare = {"Page Path": "/pricing", "Page Location": "https://acme.com/pricing?utm_source=google&gclid=EAIa"}
    draft = read_one("amplitude", row("Page viewed", **bare))
    assert (draft.type, draft.properties["path"]) == (EventType.WEB_PAGE_VIEWED, "/pricing")
    assert draft.campaign == Campaign("google", click_ids={"gclid": "EAIa"})


def test_identify_sets_facts_by_its_operations() -> None:
    draft = read_one("amplitude", AMPLITUDE_IDENTIFY)
    assert draft.type is EventType.IDENTITY_LINK
    assert draft.time == datetime(2020, 9, 14, 19, 41, 33, tzinfo=UTC)
    assert draft.claims == (USER, DEVICE, email("jo@acme.com", verified=True))
    assert (draft.account, draft.properties) == (AccountHint(name="Acme"), {"plan": "team"})


def test_group_describes_an_account() -> None:
    draft = read_one("amplitude", AMPLITUDE_GROUP)
    assert (draft.type, draft.claims) == (EventType.ACCOUNT_CHANGED, (USER,))
    assert draft.account == AccountHint("acme.com", "amplitude:northlight:org_id:org_123", "Acme")
    assert draft.properties == {"industry": "Manufacturing"}


@pytest.mark.parametrize("groups", [{"project": "p1"}, {"company": ["a", "b"]}, {"company": []}, {}])
def test_groups_that_do_not_name_one_firm_name_none(groups: dict[str, Any]) -> None:
    assert read_one("amplitude", AMPLITUDE_ROW | {"groups": groups}).account is None


@pytest.mark.parametrize(
    ("name", "type_", "actor"),
    [
        ("session_start", EventType.PRODUCT_SESSION_STARTED, Actor.USER),
        ("Session Started", EventType.PRODUCT_SESSION_STARTED, Actor.USER),
        ("[Amplitude] Application Opened", EventType.PRODUCT_SESSION_STARTED, Actor.USER),
        ("[Amplitude] Screen Viewed", EventType.PRODUCT_FEATURE_USED, Actor.USER),
        ("[Amplitude] File Downloaded", EventType.WEB_CONTENT_DOWNLOADED, Actor.USER),
        ("Trial Started", EventType.PRODUCT_TRIAL_STARTED, Actor.USER),
        ("Form Submitted", EventType.LEAD_FORM_SUBMITTED, Actor.USER),
        ("session_end", EventType.PRODUCT_FEATURE_USED, Actor.AUTOMATION),
        ("[Amplitude] Form Submitted", EventType.PRODUCT_FEATURE_USED, Actor.AUTOMATION),
        ("[Amplitude] Element Clicked", EventType.PRODUCT_FEATURE_USED, Actor.AUTOMATION),
        ("Element Clicked", EventType.PRODUCT_FEATURE_USED, Actor.AUTOMATION),
    ],
)
def test_names_have_their_type_and_what_the_tracker_notes_by_itself_is_no_engagement(
    name: str, type_: EventType, actor: Actor
) -> None:
    draft = read_one("amplitude", row(name))
    assert (draft.type, draft.actor) == (type_, actor)


def test_form_that_autocapture_noted_is_not_a_leads_form() -> None:
    draft = read_one("amplitude", row("Form Submitted", **{"Form ID": "login", "Form Destination": "/login"}))
    assert (draft.type, draft.actor, draft.text) == (EventType.PRODUCT_FEATURE_USED, Actor.AUTOMATION, None)


def test_download_says_what() -> None:
    file = {"[Amplitude] File Name": "/guides/erp.pdf", "[Amplitude] Link URL": "https://acme.com/guides/erp.pdf?x=1"}
    draft = read_one("amplitude", row("[Amplitude] File Downloaded", **file))
    assert draft.properties == {"content": "/guides/erp.pdf", "path": "/guides/erp.pdf", "jobtitle": "VP Data"}


def test_devices_id_in_the_place_of_a_users_is_a_devices() -> None:
    draft = read_one("amplitude", AMPLITUDE_PAGE | {"user_id": AMPLITUDE_PAGE["device_id"]})
    assert draft.claims == (DEVICE,)


def test_address_of_a_visitor_is_not_verified() -> None:
    assert read_one("amplitude", AMPLITUDE_ROW | {"user_id": None}).claims == (
        DEVICE,
        email("jo@acme.com", verified=False),
    )


def test_row_without_uuid_is_known_by_its_device_and_insert_id() -> None:
    one = AMPLITUDE_ROW | {"uuid": None}
    assert read_one("amplitude", one).id == read_one("amplitude", one | {"server_upload_time": "later"}).id
    assert read_one("amplitude", one).id != read_one("amplitude", one | {"device_id": "other-device"}).id
    bare = one | {"$insert_id": None}
    assert len(read_one("amplitude", bare).id) == 64
    assert read_one("amplitude", bare).id == read_one("amplitude", dict(reversed(bare.items()))).id


def test_upload_and_array_hold_one_event_an_element() -> None:
    for body in (AMPLITUDE_BATCH, [AMPLITUDE_ROW, AMPLITUDE_PAGE]):
        assert [type(found) for found in read_all("amplitude", body)] == [Draft, Draft]


def test_secret_and_address_of_the_connection_are_nowhere() -> None:
    found = [*read_all("amplitude", AMPLITUDE_BATCH), *read_all("amplitude", AMPLITUDE_ROW)]
    written = msgspec.json.encode([one for one in found if isinstance(one, Draft)])
    for secret in (b"secret", b"203.0.113.7", b"Berlin"):
        assert secret not in written


def test_staff_and_programs_are_told_from_users() -> None:
    traits = {"email": "eva@northlight-data.com"}
    assert read_one("amplitude", AMPLITUDE_ROW | {"user_properties": traits}).actor is Actor.STAFF
    assert read_one("amplitude", AMPLITUDE_IDENTIFY | {"user_agent": "python-requests/2.32"}).actor is Actor.BOT


def test_event_without_a_time_happened_when_it_was_received() -> None:
    assert read_one("amplitude", AMPLITUDE_IDENTIFY | {"time": None}).time == RECEIVED


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"user_id": None, "device_id": ""}, "user_id, device_id: got neither"),
        ({"event_time": "yesterday"}, "event_time: got str, expected a date and time"),
        ({"event_time": "1970-01-01 00:00:00"}, "event_time: the year 1970 is out of range"),
        ({"event_time": None, "time": 1600112493}, "time: is no time from 2000 on, expected epoch milliseconds"),
        ({"event_type": None}, "Expected `str`, got `null` - at `$.event_type`"),
    ],
)
def test_broken_row_is_named(fields: dict[str, Any], named: str) -> None:
    found = reason("amplitude", AMPLITUDE_ROW | fields)
    assert isinstance(found, ContractBroken)
    assert named in str(found)
