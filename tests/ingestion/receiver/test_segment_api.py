"""Segment's HTTP API as libraries call it: over HTTP, through the receiver, to what the adapter makes of it."""

from __future__ import annotations

from typing import Any

import httpx2
import msgspec
import pytest

from ingestion.contracts.event import Actor, Draft, EventType
from tests.ingestion.receiver.conftest import WEBSITE, RecordingOutlet, basic
from tests.ingestion.receiver.keys import keys

KEY = keys("segment-api")[0][0].decode()
TRACK = {"userId": "u_82", "event": "Feature Used", "properties": {"feature": "Dashboards"}}
BODIES: dict[str, dict[str, Any]] = {
    "identify": {"userId": "u_82", "traits": {"title": "CTO"}},
    "track": TRACK,
    "page": {"anonymousId": "a-1", "properties": {"path": "/pricing"}},
    "screen": {"userId": "u_82", "name": "Home"},
    "group": {"userId": "u_82", "groupId": "ws_91"},
    "alias": {"userId": "u_82", "previousId": "a-1"},
}
TYPES = {
    "identify": EventType.IDENTITY_LINK,
    "track": EventType.PRODUCT_FEATURE_USED,
    "page": EventType.WEB_PAGE_VIEWED,
    "screen": EventType.PRODUCT_FEATURE_USED,
    "group": EventType.ACCOUNT_CHANGED,
    "alias": EventType.IDENTITY_LINK,
}


@pytest.mark.parametrize("call", BODIES)
@pytest.mark.parametrize("brief", [False, True])
def test_a_call_without_its_type_is_what_its_path_says(
    client: httpx2.Client, outlet: RecordingOutlet, call: str, brief: bool
) -> None:
    answer = client.post(f"/v1/{call[0] if brief else call}", json=BODIES[call], headers=basic(KEY))
    assert answer.status_code == 200
    assert outlet.read_one().type is TYPES[call]


def test_the_path_stands_above_the_type_in_the_body(client: httpx2.Client, outlet: RecordingOutlet) -> None:
    client.post("/v1/track", json=TRACK | {"type": "page"}, headers=basic(KEY))
    assert outlet.read_one().type is EventType.PRODUCT_FEATURE_USED


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b", "/v1/import", "/v1/import/"])
def test_each_call_of_a_batch_says_what_it_is(client: httpx2.Client, outlet: RecordingOutlet, path: str) -> None:
    calls = [BODIES["page"] | {"type": "page"}, TRACK | {"type": "track"}, TRACK]
    client.post(path, json={"batch": calls, "sentAt": "2026-01-01T00:00:00Z"}, headers=basic(KEY))
    page, track, without = outlet.read()
    assert isinstance(page, Draft)
    assert isinstance(track, Draft)
    assert (page.type, track.type) == (EventType.WEB_PAGE_VIEWED, EventType.PRODUCT_FEATURE_USED)
    assert "missing required field `type`" in str(without)


def test_browsers_send_json_as_plain_text_with_the_key_in_the_body(
    client: httpx2.Client, outlet: RecordingOutlet
) -> None:
    body = msgspec.json.encode(BODIES["page"] | {"type": "page", "writeKey": KEY})
    headers = {"content-type": "text/plain;charset=UTF-8", "origin": WEBSITE}
    answer = client.post("/v1/p", content=body, headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, WEBSITE)
    assert outlet.read_one().properties == {"path": "/pricing"}


def test_analytics_js_may_ask_for_the_headers_of_a_second_try(client: httpx2.Client) -> None:
    wanted = "authorization,content-type,x-retry-count"
    answer = client.options("/v1/t", headers={"origin": WEBSITE, "access-control-request-headers": wanted})
    assert answer.status_code == 204
    assert {*wanted.split(",")} <= {*answer.headers["access-control-allow-headers"].split(", ")}
    assert answer.headers["access-control-expose-headers"] == "retry-after"


def test_text_that_was_cut_inside_an_emoji_is_read(client: httpx2.Client, outlet: RecordingOutlet) -> None:
    body = rb'{"userId": "u_82", "event": "Feature Used", "properties": {"feature": "Charts \ud83d"}}'
    client.post("/v1/t", content=body, headers=basic(KEY) | {"content-type": "text/plain"})
    assert outlet.read_one().properties["name"] == "Charts \ufffd"


def test_crawlers_calls_are_bots(client: httpx2.Client, outlet: RecordingOutlet) -> None:
    around = {"context": {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}}
    client.post("/v1/page", json=BODIES["page"] | around, headers=basic(KEY))
    assert outlet.read_one().actor is Actor.BOT


@pytest.mark.parametrize("body", [b"", b"7", b"[]", b'{"userId": ', b"event=Feature+Used", b"\xff"])
def test_what_is_no_call_is_set_aside_with_a_reason(
    client: httpx2.Client, outlet: RecordingOutlet, body: bytes
) -> None:
    assert client.post("/v1/track", content=body, headers=basic(KEY)).status_code == 200
    [reason] = outlet.read()
    assert not isinstance(reason, Draft)
    assert "the adapter failed" not in str(reason)


@pytest.mark.parametrize("path", ["/v1/", "/v1/x", "/v1/m", "/v1/track/more"])
def test_other_paths_are_no_calls(client: httpx2.Client, path: str) -> None:
    answer = client.post(path, json=TRACK, headers=basic(KEY))
    assert answer.status_code == 404
    assert "identify, track, page" in answer.json()["detail"]
