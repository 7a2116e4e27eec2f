"""CloudEvents of any publisher as canonical events, in the three ways they come."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ingestion.contracts.event import AccountHint, Actor, Channel, Draft, EventType, ObjectRef
from ingestion.contracts.raw import CONTENT_TYPE
from ingestion.errors import ContractBroken, Quarantine, Undecodable, UnknownVersion
from tests.ingestion.sources.reading import RECEIVED, cookie, email, read_all, read_one, reason, user
from tests.ingestion.sources.samples_product import CLOUDEVENT_BASE64, CLOUDEVENT_CANONICAL, CLOUDEVENT_SHORT

STRUCTURED = {CONTENT_TYPE: "application/cloudevents+json; charset=UTF-8"}
BATCH = {CONTENT_TYPE: "application/cloudevents-batch+json"}
DATA: dict[str, Any] = CLOUDEVENT_SHORT["data"]
BINARY = {
    "ce_specversion": "1.0",
    "ce_type": "com.acme.product.feature_used",
    "ce_source": "/acme/app",
    "ce_id": "A234-1234-1234",
    "ce_time": "2025-09-25T10:05:28.123Z",
    "ce_subject": "u_82",
    "ce_sequence": "0000000017",
    CONTENT_TYPE: "application/json; charset=utf-8",
}


def short(type_: str, **data: Any) -> dict[str, Any]:
    return CLOUDEVENT_SHORT | {"type": type_, "data": {"user_id": "u_82"} | data}


def test_structured_event_in_the_short_form_is_read() -> None:
    draft = read_one("cloudevents", CLOUDEVENT_SHORT, headers=STRUCTURED)
    assert draft.id == "/acme/app A234-1234-1234"
    assert (draft.type, draft.channel, draft.actor) == (EventType.PRODUCT_FEATURE_USED, Channel.PRODUCT, Actor.USER)
    assert draft.time == datetime(2025, 9, 25, 10, 5, 28, 123000, tzinfo=UTC)
    assert draft.claims == (user("u_82"), email("jo@acme.com", verified=True), cookie("0f6d"))
    assert draft.account == AccountHint("acme.com", "cloudevents:northlight:account:ws_91")
    assert draft.properties == {"name": "Dashboards", "plan": "team"}
    assert draft.private == {"email": "jo@acme.com"}
    assert (draft.text, draft.sequence) == ("Where is the ERP connector?", "0000000017")


def test_binary_event_is_the_same_as_the_structured_one() -> None:
    structured = read_one("cloudevents", CLOUDEVENT_SHORT, headers=STRUCTURED)
    assert read_one("cloudevents", DATA, headers=BINARY) == structured
    assert read_one("cloudevents", DATA, headers=BINARY | {CONTENT_TYPE: ""}) == structured


def test_structured_event_may_repeat_its_attributes_in_headers() -> None:
    found = read_one("cloudevents", CLOUDEVENT_SHORT, headers=BINARY | {"ce_id": "other"} | STRUCTURED)
    assert found.id == "/acme/app A234-1234-1234"


def test_batch_holds_one_event_an_element() -> None:
    found = read_all("cloudevents", [CLOUDEVENT_SHORT, {}, CLOUDEVENT_BASE64], headers=BATCH)
    assert [type(one) for one in found] == [Draft, ContractBroken, Draft]


def test_data_cannot_write_attributes_of_its_own() -> None:
    found = reason("cloudevents", b'{"user_id":"u_82"}, "id":"forged"', headers=BINARY)
    assert isinstance(found, Undecodable)


def test_data_in_base64_without_a_time_is_read() -> None:
    draft = read_one("cloudevents", CLOUDEVENT_BASE64, headers=STRUCTURED)
    assert (draft.type, draft.time, draft.claims) == (EventType.PRODUCT_TRIAL_STARTED, RECEIVED, (user("u_82"),))


def test_canonical_event_is_taken_over_below_its_envelope() -> None:
    draft = read_one("cloudevents", CLOUDEVENT_CANONICAL, headers=STRUCTURED)
    assert (draft.id, draft.type) == ("/desk/1 chat-7f3a", EventType.CHAT_MESSAGE)
    assert draft.time == datetime(2025, 9, 25, 10, 5, 28, 123000, tzinfo=UTC)
    assert draft.claims == (email("jo@acme.com", verified=True),)
    assert draft.object == ObjectRef("chat", "c-91")
    assert (draft.private, draft.text, draft.lang) == ({"name": "Jo Doe"}, "Wie teuer ist das?", "de")


def test_canonical_event_in_binary_mode_is_taken_over() -> None:
    names = ("specversion", "type", "source", "id", "time", "dataschema")
    headers = {f"ce_{name}": CLOUDEVENT_CANONICAL[name] for name in names}
    structured = read_one("cloudevents", CLOUDEVENT_CANONICAL, headers=STRUCTURED)
    assert read_one("cloudevents", CLOUDEVENT_CANONICAL["data"], headers=headers) == structured


def test_canonical_event_without_a_time_of_its_envelope_keeps_its_own() -> None:
    draft = read_one("cloudevents", CLOUDEVENT_CANONICAL | {"time": None})
    assert draft.time == datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sent", "type_"),
    [
        ("product.signed_up", EventType.PRODUCT_SIGNED_UP),
        ("com.acme.product.signed_up", EventType.PRODUCT_SIGNED_UP),
        ("com.acme/lead.form_submitted.v2", EventType.LEAD_FORM_SUBMITTED),
        ("com.acme.signed_up", EventType.PRODUCT_SIGNED_UP),
        ("com.acme.session-started", EventType.PRODUCT_SESSION_STARTED),
        ("Com.Acme.Meeting_Booked", EventType.MEETING_BOOKED),
    ],
)
def test_type_is_what_a_publishers_ends_in(sent: str, type_: EventType) -> None:
    assert read_one("cloudevents", short(sent)).type is type_


@pytest.mark.parametrize("type_", list(EventType))
def test_every_canonical_type_has_a_channel(type_: EventType) -> None:
    assert read_one("cloudevents", short(f"com.acme.{type_}")).type is type_


def test_what_a_visitor_typed_is_not_verified() -> None:
    draft = read_one("cloudevents", short("lead.form_submitted", email="jo@acme.com"))
    assert draft.claims == (user("u_82"), email("jo@acme.com", verified=False))
    bare = CLOUDEVENT_SHORT | {"data": {"email": "jo@acme.com"}}
    assert read_one("cloudevents", bare).claims == (email("jo@acme.com", verified=False),)


def test_own_people_are_staff() -> None:
    assert read_one("cloudevents", short("product.signed_up", email="eva@northlight-data.com")).actor is Actor.STAFF


def test_properties_are_cut_to_what_they_may_hold() -> None:
    sent = {"path": "https://acme.com/a?b=1", "name": "jo@acme.com", "technologies": ["SAP", {}], "amount": 1.5}
    draft = read_one("cloudevents", short("product.feature_used", properties=sent))
    assert draft.properties == {"path": "/a", "technologies": ["SAP"], "amount": 1.5}


def test_events_of_two_sources_do_not_share_ids_and_long_ids_are_hashed() -> None:
    ids = {read_one("cloudevents", CLOUDEVENT_SHORT | {"source": source}).id for source in ("/a", "/b", "/" + "x" * 99)}
    assert len(ids) == 3
    assert max(map(len, ids)) == 64


@pytest.mark.parametrize(
    ("fields", "error", "named"),
    [
        ({"specversion": "0.3"}, UnknownVersion, "specversion: got '0.3', expected '1.0'"),
        ({"type": "com.acme.teleported"}, ContractBroken, "type: got 'com.acme.teleported', expected one that ends in"),
        ({"type": "jo@acme.com"}, ContractBroken, "type: got 11 characters"),
        ({"id": ""}, ContractBroken, "id: got an empty string"),
        ({"source": ""}, ContractBroken, "source: got an empty string"),
        ({"time": "2025-09-25T10:05:28"}, ContractBroken, "timezone component - at `$.time`"),
        ({"data": None}, ContractBroken, "data: got no JSON object"),
        ({"data": "text"}, ContractBroken, "data: got no JSON object"),
        ({"data": {"properties": {"plan": "team"}}}, ContractBroken, "data: got no email, user_id"),
        ({"data": {"user_id": []}}, ContractBroken, "at `$.user_id`"),
        ({"datacontenttype": "application/xml"}, ContractBroken, "datacontenttype: got 'application/xml'"),
        ({"data_base64": "***"}, Undecodable, "data_base64: is not UTF-8 in Base64"),
        ({"data_base64": b64encode(b"\xff{}").decode()}, Undecodable, "data_base64: is not UTF-8 in Base64"),
        (
            {"dataschema": "leadline.interaction/9-0-0", "data": {"channel": "web"}},
            UnknownVersion,
            "'leadline.interaction/9-0-0'",
        ),
        ({"dataschema": "leadline.interaction/1-0-0", "data": {}}, ContractBroken, "missing required field `channel`"),
    ],
)
def test_broken_event_is_named(fields: dict[str, Any], error: type[Quarantine], named: str) -> None:
    found = reason("cloudevents", CLOUDEVENT_SHORT | fields)
    assert type(found) is error
    assert named in str(found)
    assert "jo@acme.com" not in str(found)


@pytest.mark.parametrize("content_type", ["application/avro", "application/cloudevents+avro"])
def test_other_formats_are_undecodable(content_type: str) -> None:
    found = reason("cloudevents", msgspec.json.encode(DATA), headers=BINARY | {CONTENT_TYPE: content_type})
    assert isinstance(found, Undecodable)
    assert "expected application/json" in str(found)


def test_binary_event_without_data_is_named() -> None:
    assert "data: got no JSON object" in str(reason("cloudevents", b"", headers=BINARY))
