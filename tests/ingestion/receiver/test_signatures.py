"""Each sender's own proof: vendors' published vectors, and what must never pass."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ingestion.receiver.request import Refused, Request
from ingestion.receiver.senders import SENDERS
from ingestion.receiver.shared_keys import Organization, WriteKey
from ingestion.receiver.signatures import WINDOW, Hmac, HubSpot, SendGrid
from tests.ingestion.receiver.keys import SECRETS, keys

NOW = 1_780_000_000.0
BODY = b'{"id":"e-1"}'
SECRET, OLD_SECRET = SECRETS
SOAP = b"<s:Envelope><s:Body><notifications><OrganizationId>{organization}</OrganizationId></notifications>"


PROVEN = sorted(name for name, sender in SENDERS.items() if sender.scheme.needs_secret)
STAMPED = sorted(name for name, sender in SENDERS.items() if sender.scheme.stamped)


def request(name: str) -> Request:
    """An unsigned request as a sender would make it."""
    body = SOAP if name == "salesforce-outbound" else BODY
    return Request("POST", f"/in/acme-{name}", "", {}, body, "https://hooks.acme.com")


def passes(name: str, sent: Request, secrets: list[bytes], now: float = NOW) -> bool:
    try:
        SENDERS[name].scheme.check(sent, secrets, now)
    except Refused as refused:
        status, told = refused.status, str(refused)
    else:
        return True
    assert status == 401
    assert not any(secret.decode() in told for secret in secrets)
    return False


@pytest.mark.parametrize("name", PROVEN)
def test_signed_request_passes_with_either_of_two_secrets_and_with_no_other(name: str) -> None:
    (new, old), (new_held, old_held) = keys(name)
    for key in (new, old):
        assert passes(name, SENDERS[name].scheme.sign(request(name), key, NOW), [new_held, old_held])
    assert not passes(name, SENDERS[name].scheme.sign(request(name), old, NOW), [new_held])


@pytest.mark.parametrize("name", PROVEN)
def test_unsigned_request_never_passes(name: str) -> None:
    assert not passes(name, request(name), keys(name)[1])


@pytest.mark.parametrize("name", STAMPED)
@pytest.mark.parametrize("away", [-WINDOW - timedelta(seconds=2), WINDOW + timedelta(seconds=2)])
def test_stale_and_future_stamps_never_pass(name: str, away: timedelta) -> None:
    (key, _), held = keys(name)
    assert not passes(name, SENDERS[name].scheme.sign(request(name), key, NOW + away.total_seconds()), held)


@pytest.mark.parametrize("name", STAMPED)
@pytest.mark.parametrize("away", [-299, 299])
def test_a_clock_that_is_a_little_off_does_not_matter(name: str, away: int) -> None:
    (key, _), held = keys(name)
    assert passes(name, SENDERS[name].scheme.sign(request(name), key, NOW + away), held)


@pytest.mark.parametrize(
    "name", [name for name in PROVEN if isinstance(SENDERS[name].scheme, Hmac | HubSpot | SendGrid)]
)
@given(place=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_of_a_signed_body_never_passes(name: str, place: int, bit: int) -> None:
    (key, _), held = keys(name)
    signed = SENDERS[name].scheme.sign(request(name), key, NOW)
    body = bytearray(signed.body)
    body[place] ^= 1 << bit
    assert not passes(name, replace(signed, body=bytes(body)), held)


@pytest.mark.parametrize("name", STAMPED)
def test_a_stamp_that_was_moved_breaks_its_signature(name: str) -> None:
    (key, _), held = keys(name)
    scheme = SENDERS[name].scheme
    signed, later = scheme.sign(request(name), key, NOW), scheme.sign(request(name), key, NOW + 60)
    moved = {header for header in signed.headers if signed.headers[header] != later.headers[header]}
    stamps = {header for header in moved if b"timestamp" in header}
    assert stamps
    headers = {**signed.headers, **{header: later.headers[header] for header in stamps}}
    assert not passes(name, replace(signed, headers=headers), held)


@pytest.mark.parametrize("name", PROVEN)
@given(
    junk=st.dictionaries(st.sampled_from(["authorization", "x-signature"]), st.binary(max_size=60)), body=st.binary()
)
def test_junk_is_refused_and_breaks_nothing(name: str, junk: dict[str, bytes], body: bytes) -> None:
    held = keys(name)[1]
    headers: dict[bytes, bytes] = {key.encode(): value for key, value in junk.items()}
    for header in SENDERS[name].scheme.sign(request(name), keys(name)[0][0], NOW).headers:
        headers[header] = next(iter(junk.values()), b"\xff,;=")
    assert not passes(name, replace(request(name), headers=headers, body=body), held)


def test_hubspots_published_vectors() -> None:
    """github.com/HubSpot/hubspot-api-python, tests/spec/utils/test_signature.py."""
    secret = [b"yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"]
    sent = Request("POST", "/webhook_uri", "", {}, b"{'example_field':'example_value'}", "https://www.example.com")
    v3 = {
        b"x-hubspot-signature-v3": b"K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
        b"x-hubspot-request-timestamp": b"1693657560000",
    }
    HubSpot().check(replace(sent, headers=v3), secret, 1693657560.0)
    v1 = {b"x-hubspot-signature": b"69fc6631a867edd4f9e9e627fc5c1148e3fbdd8b21837b6d2b8901c1fa57f750"}
    HubSpot().check(replace(sent, headers=v1), secret, NOW)
    v2 = {
        b"x-hubspot-signature": b"4fe4e3a7d3cf09db53be39d0a58130e2aaba074ec123a9e355b876a689a1c383",
        b"x-hubspot-signature-version": b"v2",
    }
    HubSpot().check(replace(sent, headers=v2), secret, NOW)


def test_hubspot_signs_the_address_as_sent_or_with_its_marks_decoded() -> None:
    sent = replace(request("hubspot"), path="/in/acme%3Aeu", query="a=%2Fb")
    signed = HubSpot().sign(sent, SECRET, NOW)
    HubSpot().check(signed, [SECRET], NOW)
    stamp = signed.headers[b"x-hubspot-request-timestamp"]
    as_sent = b"POSThttps://hooks.acme.com/in/acme%3Aeu?a=%2Fb" + BODY + stamp
    headers = {**signed.headers, b"x-hubspot-signature-v3": base64.b64encode(hmac.digest(SECRET, as_sent, "sha256"))}
    HubSpot().check(replace(sent, headers=headers), [SECRET], NOW)


def test_a_bad_v3_signature_is_not_saved_by_a_good_v1() -> None:
    signed = HubSpot().sign(request("hubspot"), OLD_SECRET, NOW)
    v1 = hashlib.sha256(SECRET + BODY).hexdigest().encode()
    assert not passes("hubspot", replace(signed, headers={**signed.headers, b"x-hubspot-signature": v1}), [SECRET])


def test_sendgrids_published_vector() -> None:
    """github.com/sendgrid/sendgrid-python, test/unit/test_eventwebhook.py: the body ends with CRLF."""
    event = {
        "email": "hello@world.com",
        "event": "dropped",
        "reason": "Bounced Address",
        "sg_event_id": "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
        "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
        "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
        "timestamp": 1600112492,
    }
    headers = {
        b"x-twilio-email-event-webhook-signature": b"MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM"
        b"+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
        b"x-twilio-email-event-webhook-timestamp": b"1600112502",
    }
    body = json.dumps([event], sort_keys=True, separators=(",", ":")).encode() + b"\r\n"
    key = [
        b"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eN"
        b"Ec6wEA3F+g=="
    ]
    SendGrid().check(Request("POST", "/", headers=headers, body=body), key, 1600112502)
    with pytest.raises(Refused):
        SendGrid().check(Request("POST", "/", headers=headers, body=body.strip()), key, 1600112502)


def test_segment_signs_a_batch_by_its_first_event() -> None:
    scheme = SENDERS["segment"].scheme
    first = scheme.sign(replace(request("segment"), body=BODY), SECRET, NOW)
    scheme.check(replace(first, body=b"[ " + BODY + b', {"id":"e-2"}]'), [SECRET], NOW)


def test_salesforces_short_and_long_organisation_ids_are_the_same() -> None:
    sent = Organization().sign(request("salesforce-outbound"), b"00DR00000001abcEAA", NOW)
    Organization().check(sent, [b"00DR00000001abc"], NOW)


def test_write_key_stands_in_the_user_name_or_in_the_body() -> None:
    basic = WriteKey().sign(request("segment-api"), b"key-1", NOW)
    assert WriteKey().given(basic) == "key-1"
    assert WriteKey().given(replace(request("segment-api"), body=b'{"writeKey":"key-1"}')) == "key-1"
    assert WriteKey().given(replace(basic, headers={b"authorization": b"Basic %%%"})) == ""
