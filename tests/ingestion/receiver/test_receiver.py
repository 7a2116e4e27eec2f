"""The receiver over real HTTP: what is taken, what is refused, and what the raw topics hold afterwards."""

from __future__ import annotations

import gzip
import socket
import time
from dataclasses import replace

import httpx2
import msgspec
import pytest

from ingestion.contracts.event import Actor, Draft
from ingestion.contracts.raw import RAW_TOPICS
from ingestion.kafka import create_topics, read_topic
from ingestion.receiver import server
from ingestion.receiver.conformance import all_cases, play
from ingestion.receiver.connections import Connection, address_list
from ingestion.receiver.limits import Bucket
from ingestion.receiver.outlet import KafkaOutlet
from ingestion.receiver.request import Request
from ingestion.settings import load_receiver
from tests.conftest import free_port
from tests.ingestion.receiver.conftest import WEBSITE, RecordingOutlet, basic, serving
from tests.ingestion.receiver.keys import keys

BODY = b'{"id": "01HN", "detail": {"id": "35436"}}'


def signed(connection: Connection, body: bytes = BODY, at: float | None = None) -> Request:
    sent = Request("POST", f"/in/{connection.name}", "", {b"content-type": b"application/json"}, body)
    return connection.sender.scheme.sign(sent, keys(connection.kind)[0][0], time.time() if at is None else at)


def post(client: httpx2.Client, request: Request, **headers: str) -> httpx2.Response:
    more = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return client.post(request.path, content=request.body, headers=[*request.headers.items(), *more])


def test_every_sender_is_answered_as_it_must_be(
    client: httpx2.Client, connections: dict[str, Connection], outlet: RecordingOutlet
) -> None:
    signing = {"acme-sendgrid": keys("sendgrid")[0][0]}
    played = all_cases(connections, signing, time.time(), f"https://{client.base_url.netloc.decode()}")
    outcomes = list(play(str(client.base_url), iter(played)))
    assert [(one.case.connection, one.case.name, one.status) for one in outcomes if not one.held] == []
    assert {one.case.connection for one in outcomes} >= connections.keys()
    # Nothing but what was answered with 200 was kept, and of a stamped sender's repeated body one copy.
    taken = [one.case for one in outcomes if one.status == 200 and one.case.request.method == "POST"]
    assert {value for _, _, value, _ in outlet.kept} == {
        connections[case.connection].sender.redact(
            gzip.decompress(case.request.body) if b"content-encoding" in case.request.headers else case.request.body
        )
        for case in taken
    }
    assert len(outlet.kept) <= len(taken)


def test_conformance_leaves_no_engagement_behind(
    client: httpx2.Client, connections: dict[str, Connection], outlet: RecordingOutlet
) -> None:
    played = all_cases(connections, {"acme-sendgrid": keys("sendgrid")[0][0]}, time.time(), "")
    list(play(str(client.base_url), iter(played)))
    read = outlet.read()
    taken = {one.source.split("/")[3] for one in read if isinstance(one, Draft)}
    assert taken >= {"intercom", "segment", "web-form", "google-lead-form", "meta-lead-ads"}
    assert [one for one in read if isinstance(one, Draft) and one.actor is Actor.USER and not one.test] == []


def test_what_is_kept_are_the_senders_bytes_and_where_they_came_from(
    client: httpx2.Client, connections: dict[str, Connection], outlet: RecordingOutlet
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = post(client, signed(connections["acme-zendesk"]), traceparent=f"00-{trace}-b7ad6b7169203331-01")
    assert answer.status_code == 200
    [(topic, key, value, headers)] = outlet.kept
    assert (topic, key, value) == ("raw.support", "35436", BODY)
    assert headers["source-system"] == "zendesk"
    assert headers["source-account"] == "northlight"
    assert headers["connection"] == "acme-zendesk"
    assert headers["content-type"] == "application/json"
    assert headers["traceparent"].split("-")[1] == trace
    assert "b7ad6b7169203331" not in headers["traceparent"]


def test_a_signed_delivery_that_comes_again_is_stored_once(
    client: httpx2.Client, connections: dict[str, Connection], outlet: RecordingOutlet
) -> None:
    request = signed(connections["acme-zendesk"])
    assert [post(client, request).status_code for _ in range(3)] == [200, 200, 200]
    assert len(outlet.kept) == 1


def test_credentials_in_a_body_are_not_stored(
    client: httpx2.Client, connections: dict[str, Connection], outlet: RecordingOutlet
) -> None:
    soap = (
        b"<s:Envelope><notifications><OrganizationId>00DR00000001abc</OrganizationId>"
        b'<SessionId xsi:type="xsd:string">00D!AQ4A.live</SessionId><x:SessionId>too</x:SessionId></notifications>'
    )
    assert client.post("/in/acme-salesforce-outbound", content=soap).status_code == 200
    lead = b'{"lead_id": "1", "google_key" : "' + keys("google-lead-form")[0][0] + b'", "user_column_data": []}'
    assert client.post("/in/acme-google-lead-form", content=lead).status_code == 200
    stored = [value for _, _, value, _ in outlet.kept]
    assert stored == [
        soap.replace(b"00D!AQ4A.live", b"").replace(b"too", b""),
        b'{"lead_id": "1", "google_key" : "", "user_column_data": []}',
    ]


def test_broken_content_of_a_verified_sender_is_stored_for_the_quarantine(
    client: httpx2.Client, connections: dict[str, Connection], outlet: RecordingOutlet
) -> None:
    assert post(client, signed(connections["acme-zendesk"], b'{"id": ')).status_code == 200
    assert outlet.kept[0][1:3] == (None, b'{"id": ')


def test_without_durable_storage_nothing_is_acknowledged(
    client: httpx2.Client, connections: dict[str, Connection], outlet: RecordingOutlet
) -> None:
    outlet.down = True
    request = signed(connections["acme-zendesk"])
    refused = post(client, request)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert refused.headers["content-type"] == "application/problem+json"
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
    outlet.down = False
    assert post(client, request).status_code == 200
    assert len(outlet.kept) == 1


def test_refusals_say_nothing_of_secrets_and_have_no_effect(
    client: httpx2.Client, connections: dict[str, Connection], outlet: RecordingOutlet
) -> None:
    for connection in connections.values():
        if connection.sender.scheme.needs_secret:
            answer = client.post(f"/in/{connection.name}", content=b"{}")
            assert answer.status_code == 401
            assert not any(secret.decode() in answer.text for secret in connection.secrets)
    assert outlet.kept == []


def test_another_connections_secret_does_not_open_this_one(
    client: httpx2.Client, connections: dict[str, Connection], outlet: RecordingOutlet
) -> None:
    sent = Request("POST", "/in/acme-zendesk", body=BODY)
    foreign = connections["acme-zendesk"].sender.scheme.sign(sent, b"secret-of-another-tenant", time.time())
    assert post(client, foreign).status_code == 401
    assert outlet.kept == []


def test_segments_calls_find_their_connection_by_write_key(client: httpx2.Client, outlet: RecordingOutlet) -> None:
    key = keys("segment-api")[0][0].decode()
    call = {"userId": "u_82", "event": "Feature Used"}
    answer = client.post("/v1/track", json=call, headers=basic(key))
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert client.post("/v1/batch", json={"writeKey": key, "batch": [call | {"type": "track"}]}).status_code == 200
    assert client.post("/v1/track", json=call, headers=basic("nobody")).status_code == 401
    assert client.post("/v1/delete", json=call, headers=basic(key)).status_code == 404
    assert [(topic, key, headers.get("segment-call")) for topic, key, _, headers in outlet.kept] == [
        ("raw.product", "u_82", "track"),
        ("raw.product", "u_82", "batch"),
    ]


def test_browsers_of_our_websites_may_send_and_others_may_not(client: httpx2.Client, outlet: RecordingOutlet) -> None:
    form = {"id": "wf_1", "form_id": "demo", "submitted_at": "2026-01-01T00:00:00Z", "fields": {}}
    ours = client.post("/in/acme-web-form", json=form, headers={"origin": WEBSITE})
    assert (ours.status_code, ours.headers["access-control-allow-origin"]) == (200, WEBSITE)
    theirs = client.post("/in/acme-web-form", json=form, headers={"origin": "https://evil.example"})
    assert (theirs.status_code, theirs.headers.get("access-control-allow-origin")) == (403, None)
    asked = client.options("/v1/track", headers={"origin": WEBSITE})
    assert (asked.status_code, asked.headers["access-control-allow-methods"]) == (204, "POST")
    assert client.options("/v1/track", headers={"origin": "https://evil.example"}).status_code == 403
    assert len(outlet.kept) == 1


def test_cloudevents_attributes_travel_as_the_kafka_binding_has_them(
    client: httpx2.Client, connections: dict[str, Connection], outlet: RecordingOutlet
) -> None:
    request = signed(connections["acme-cloudevents"])
    assert post(client, request, ce_id="7", ce_source="/s", ce_type="t", ce_specversion="1.0").status_code == 200
    headers = outlet.kept[0][3]
    assert {name: headers[name] for name in headers if name.startswith("ce_")} == {
        "ce_id": "7",
        "ce_source": "/s",
        "ce_type": "t",
        "ce_specversion": "1.0",
    }


def test_more_requests_than_a_connection_may_send_are_told_when_to_come_again(
    connections: dict[str, Connection], outlet: RecordingOutlet
) -> None:
    slow = replace(connections["acme-zendesk"], bucket=Bucket(rate=0.1, burst=2))
    with serving({slow.name: slow}, outlet) as url, httpx2.Client(base_url=url, trust_env=False) as client:
        answers = [post(client, signed(slow, b'{"id":"%d"}' % number)) for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 8 <= int(answers[2].headers["retry-after"]) <= 10
    assert len(outlet.kept) == 2


def test_only_addresses_on_the_list_may_call_and_a_trusted_proxy_speaks_for_others(
    connections: dict[str, Connection], outlet: RecordingOutlet
) -> None:
    listed = replace(connections["acme-zendesk"], allow=address_list(["203.0.113.0/24"], "allow"))
    request = signed(listed)
    with serving({listed.name: listed}, outlet) as url, httpx2.Client(base_url=url, trust_env=False) as client:
        assert post(client, request).status_code == 403
        assert post(client, request, x_forwarded_for="203.0.113.7").status_code == 403  # anybody can write that
    with (
        serving({listed.name: listed}, outlet, "127.0.0.1") as url,
        httpx2.Client(base_url=url, trust_env=False) as client,
    ):
        assert post(client, request, x_forwarded_for="203.0.113.7, 198.51.100.1").status_code == 403
        assert post(client, request, x_forwarded_for="198.51.100.1, 203.0.113.7").status_code == 200
        assert post(client, request, x_forwarded_for="203.0.113.7, 127.0.0.1").status_code == 200


@pytest.mark.parametrize(
    "packing",
    [b"not gzip at all", gzip.compress(BODY)[:-4], gzip.compress(BODY) + b"more"],
    ids=["not gzip", "cut short", "more behind"],
)
def test_bodies_that_do_not_unpack_are_refused(
    client: httpx2.Client, connections: dict[str, Connection], outlet: RecordingOutlet, packing: bytes
) -> None:
    request = msgspec.structs.replace(signed(connections["acme-zendesk"]), body=packing)
    assert post(client, request, content_encoding="gzip").status_code == 400
    assert outlet.kept == []


def _connect(client: httpx2.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port), timeout=10)


def _ended(connection: socket.socket) -> bytes:
    """What came until the receiver hung up."""
    found = b""
    with connection:
        while chunk := connection.recv(65536):
            found += chunk
    return found


def test_slow_headers_end_after_a_while_and_hold_nobody_up(
    client: httpx2.Client, connections: dict[str, Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.3)
    silent, slow = _connect(client), _connect(client)
    slow.sendall(b"POST /in/acme-zendesk HTTP/1.1\r\nhost: x\r\nx-drip: ")
    again = _connect(client)
    again.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HTTP/1.1\r\nhost")
    assert post(client, signed(connections["acme-zendesk"])).status_code == 200
    assert _ended(silent).startswith(b"HTTP/1.1 408")
    assert _ended(slow).startswith(b"HTTP/1.1 408")
    assert _ended(again).count(b"HTTP/1.1 ") == 2  # the first request was answered, the second one ended


def test_slow_bodies_end_after_a_while(
    client: httpx2.Client, outlet: RecordingOutlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.3)
    slow = _connect(client)
    slow.sendall(b"POST /in/acme-zendesk HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nfour")
    assert _ended(slow).startswith(b"HTTP/1.1 408")
    assert outlet.kept == []


def test_large_headers_end_at_once(client: httpx2.Client) -> None:
    for head in (b"GET /healthz HTTP/1.1\r\nx-long: ", b"GET /"):
        large = _connect(client)
        large.sendall(head + b"a" * (server.MAX_HEADER_BYTES + 1))
        assert _ended(large).startswith(b"HTTP/1.1 431")
    assert client.get("/healthz").status_code == 200


def test_many_small_requests_on_one_connection_are_no_large_header(client: httpx2.Client) -> None:
    many = _connect(client)
    many.sendall(
        b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" * 1500 + b"GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n"
    )
    assert _ended(many).count(b"HTTP/1.1 200") == 1501


def test_a_sender_that_hangs_up_half_way_leaves_nothing(
    client: httpx2.Client, connections: dict[str, Connection], outlet: RecordingOutlet
) -> None:
    for _ in range(20):
        gone = _connect(client)
        gone.sendall(b"POST /in/acme-zendesk HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf a bo")
        gone.close()
    assert post(client, signed(connections["acme-zendesk"])).status_code == 200
    assert len(outlet.kept) == 1


def test_what_the_internet_sees_holds_no_key_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLINE_IDENTITY_KEY", "a" * 64)
    monkeypatch.setenv("LEADLINE_MASTER_KEY", "b" * 64)
    password = "in-the-clear"
    monkeypatch.setenv("LEADLINE_DATABASE_URL", f"postgresql://leadline:{password}@db/leadline")
    held = repr(load_receiver().model_dump())
    assert not any(secret in held for secret in ("a" * 64, "b" * 64, password))


def test_acknowledged_means_on_the_raw_topic(empty_kafka: str, connections: dict[str, Connection]) -> None:
    create_topics(empty_kafka, dict.fromkeys(RAW_TOPICS, 2))
    outlet = KafkaOutlet(empty_kafka)
    bodies = [msgspec.json.encode({"id": f"e-{number}", "detail": {"id": str(number % 7)}}) for number in range(200)]
    try:
        with serving(connections, outlet) as url, httpx2.Client(base_url=url, trust_env=False) as client:
            assert client.get("/readyz").status_code == 200
            for body in bodies:
                assert post(client, signed(connections["acme-zendesk"], body)).status_code == 200
                # no wait: what was acknowledged is there
            found = [record.value for record in read_topic(empty_kafka, "raw.support")]
    finally:
        outlet.close()
    assert sorted(found) == sorted(bodies)


def test_a_broker_that_is_not_there_is_never_acknowledged(connections: dict[str, Connection]) -> None:
    outlet = KafkaOutlet(f"127.0.0.1:{free_port()}")
    try:
        with serving(connections, outlet) as url, httpx2.Client(base_url=url, trust_env=False, timeout=10) as client:
            began = time.monotonic()
            answer = post(client, signed(connections["acme-zendesk"]))
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert time.monotonic() - began < 5  # senders wait no longer
            assert client.get("/readyz").status_code == 503
    finally:
        outlet.close()
