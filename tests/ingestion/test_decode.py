"""Whatever bytes arrive: one draft or one typed reason for every element, and never an exception."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.contracts.event import MAX_PARTS, Draft, encode_json
from ingestion.contracts.properties import PROPERTIES
from ingestion.contracts.raw import CONTENT_TYPE, SOURCE_ACCOUNT, SOURCE_SYSTEM, RawMessage
from ingestion.decode import MAX_BYTES, field_types, read
from ingestion.errors import ContractBroken, Quarantine, Undecodable, UnknownSource
from ingestion.sources import ADAPTERS
from ingestion.sources.adapter import Tenant
from tests.ingestion.sources.samples import HUBSPOT_STAGE, SAMPLES, SEGMENT_PAGE, SENDGRID_CLICK, WEB_FORM

TENANT = Tenant("demo", frozenset({"northlight-data.com"}), frozenset({"25681700"}), "northlight")
RECEIVED = datetime(2025, 11, 1, tzinfo=UTC)
BODIES = [(system, body) for system, bodies in SAMPLES.items() for body in bodies]


def message(system: str, value: bytes, **headers: str) -> RawMessage:
    all_headers = {SOURCE_SYSTEM: system, SOURCE_ACCOUNT: "northlight", CONTENT_TYPE: "application/json"} | headers
    return RawMessage("raw.crm", 0, 0, None, value, all_headers, RECEIVED)


def outcomes(system: str, body: Any, **headers: str) -> list[Draft | Quarantine]:
    value = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return read(message(system, value, **headers), TENANT)


def check(found: list[Draft | Quarantine]) -> None:
    """What every outcome must keep, whatever was sent."""
    assert found
    for one in found:
        if isinstance(one, Quarantine):
            assert str(one)
            assert "the adapter failed" not in str(one)
            continue
        assert one.type in ADAPTERS[one.source.split("/")[3]].SOURCE.makes
        assert 0 < len(one.id) <= 100
        assert one.id.isascii()
        assert one.source.startswith("/t/demo/")
        assert one.time.tzinfo is UTC
        assert one.time.year >= 2000
        assert all(claim.value.strip() for claim in one.claims)
        open_parts = (
            one.id,
            one.source,
            one.account,
            one.object,
            one.properties,
            one.change,
            one.campaign,
            one.sequence,
        )
        assert b"a@b.de" not in encode_json(open_parts)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
STRANGE: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", " ", "0", 0, -1, 2**63, 10**30, 1e300, True, [], {}, "null", "\u0000", "\U0001f600", "REDACTED"]
)
STRANGE |= st.sampled_from(["a@b.de", "/x/a@b.de?c=d@e.fr", "https://[bad/", "x" * 5_000, "∞", "１２", "a%40b.de"])
STRANGE |= st.sampled_from(["9999-12-31T23:59:59-10:00", "0001-01-01T00:00:00+10:00", "NaN", "-1e400"])


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, inner in items for deeper in _paths(inner, (*path, key)))]


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = _replaced(value[path[0]], path[1:], new)
    return copy


@st.composite
def spoilt_bodies(draw: st.DrawFn) -> tuple[str, Any]:
    """A vendor's body with a few of its values replaced by anything."""
    system, body = draw(st.sampled_from(BODIES))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_paths(body)))
        body = _replaced(body, path, draw(st.one_of(STRANGE, json_values)))
    return system, body


@given(st.sampled_from(sorted(ADAPTERS)), st.binary(max_size=200))
@example("segment", b"")
@example("hubspot", b"[" * 200_000)
@example("hubspot", b"[" + b"[" * 100_000 + b"]" * 100_000 + b"]")
@example("segment", b'{"type":"page","deep":' + b"[" * 5_000 + b"]" * 5_000 + b"}")
@example("sendgrid", b'[{"email":"a","event":"open","timestamp":NaN}]')
@example("sendgrid", b'[{"email":"a","event":"open","timestamp":' + b"9" * 5_000 + b"}]")
@example("zendesk", b'{"id":"\\ud83d"}')
@example("meta-lead-ads", b'{"entry":[]}')
@example("meta-lead-ads", b'{"entry":null}')
@example("segment", b'{"batch":[]}')
@example("segment", b'{"batch":7}')
def test_any_bytes_give_outcomes_and_no_exception(system: str, value: bytes) -> None:
    check(outcomes(system, value))


@given(st.sampled_from(sorted(ADAPTERS)), json_values)
def test_any_json_gives_outcomes_and_no_exception(system: str, value: Any) -> None:
    check(outcomes(system, value))


@settings(max_examples=600)
@given(spoilt_bodies())
def test_spoilt_vendor_bodies_give_outcomes_and_no_exception(spoilt: tuple[str, Any]) -> None:
    check(outcomes(*spoilt))


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_any_headers_give_outcomes_and_no_exception(system: str, account: str, content_type: str) -> None:
    check(outcomes(system, b"{}", **{SOURCE_ACCOUNT: account, CONTENT_TYPE: content_type}))
    check(outcomes("web-form", WEB_FORM, **{SOURCE_ACCOUNT: account, CONTENT_TYPE: content_type}))


@pytest.mark.parametrize(("system", "body"), BODIES)
def test_documented_bodies_use_only_declared_properties_and_leak_no_person(system: str, body: dict[str, Any]) -> None:
    for one in outcomes(system, body):
        if isinstance(one, Draft) and system != "canonical":
            assert one.properties.keys() <= PROPERTIES.keys()
        if isinstance(one, Draft):
            open_parts = repr((one.properties, one.change, one.campaign, one.object, one.id, one.source))
            for personal in ("@", "Jo", "Doe", "+1", "+49", "ERP", "8.8.8.8", "203.0.113"):
                assert personal not in open_parts


@pytest.mark.parametrize(("system", "body"), BODIES)
def test_reading_again_gives_the_same_drafts(system: str, body: dict[str, Any]) -> None:
    assert repr(outcomes(system, body)) == repr(outcomes(system, body))


def test_unknown_source_is_named_with_what_is_expected() -> None:
    [reason] = outcomes("legacy-erp", {})
    assert isinstance(reason, UnknownSource)
    assert f"'legacy-erp' has no adapter, expected one of {', '.join(sorted(ADAPTERS))}" in str(reason)


def test_one_bad_element_does_not_spoil_the_others() -> None:
    bad: list[Any] = [HUBSPOT_STAGE | {"occurredAt": "yesterday"}, 7, {}, None]
    found = outcomes("hubspot", [HUBSPOT_STAGE, *bad, HUBSPOT_STAGE | {"eventId": 2}])
    assert [type(one) for one in found] == [Draft, *[ContractBroken] * 4, Draft]


@pytest.mark.parametrize("system", sorted(ADAPTERS))
def test_an_empty_array_does_not_vanish(system: str) -> None:
    [reason] = outcomes(system, b" [ ] ")
    assert isinstance(reason, ContractBroken)
    assert "0 elements" in str(reason)


def test_reasons_name_the_field_the_type_and_the_expectation_but_no_value() -> None:
    [wrong_type] = outcomes("sendgrid", SENDGRID_CLICK | {"timestamp": "jo@acme.com"})
    assert str(wrong_type) == "Expected `int | float`, got `str` - at `$.timestamp`"
    [wrong_word] = outcomes("segment", SEGMENT_PAGE | {"type": "jo@acme.com"})
    assert str(wrong_word) == "Invalid value 11 characters - at `$.type`"


def test_body_above_the_cap_is_undecodable() -> None:
    [reason] = outcomes("web-form", b" " * (MAX_BYTES + 1))
    assert isinstance(reason, Undecodable)
    assert str(reason) == "body: 819201 bytes, expected at most 819200"


def test_more_elements_than_a_position_can_number_are_refused() -> None:
    [reason] = outcomes("hubspot", b"[" + b"0," * MAX_PARTS + b"0]")
    assert isinstance(reason, ContractBroken)
    assert "65537 elements" in str(reason)
    assert len(outcomes("hubspot", b"[" + b"0," * (MAX_PARTS - 1) + b"0]")) == MAX_PARTS


def test_bytes_that_are_not_utf8_are_undecodable_even_in_a_field_that_nobody_reads() -> None:
    body = msgspec.json.encode(WEB_FORM | {"unread": "x"}).replace(b'"x"', b'"\xff"')
    [reason] = outcomes("web-form", body)
    assert isinstance(reason, Undecodable)
    assert "is not UTF-8" in str(reason)


def test_text_that_was_cut_inside_an_emoji_is_read() -> None:
    body = msgspec.json.encode(WEB_FORM).replace(b"replace our ERP", rb"go \ud83d\ude00 \\ud83d \ud83d")
    [draft] = outcomes("web-form", body)
    assert isinstance(draft, Draft)
    assert draft.text == "We want to go \U0001f600 \\ud83d \ufffd"


@pytest.mark.parametrize(
    "content_type", ["", "application/json; charset=UTF-8", "application/cloudevents+json", "text/json"]
)
def test_json_content_types_are_read(content_type: str) -> None:
    [draft] = outcomes("web-form", WEB_FORM, **{CONTENT_TYPE: content_type})
    assert isinstance(draft, Draft)


@pytest.mark.parametrize("content_type", ["text/html", "application/json; charset=latin-1", "application/xml"])
def test_other_content_types_are_undecodable(content_type: str) -> None:
    [reason] = outcomes("web-form", WEB_FORM, **{CONTENT_TYPE: content_type})
    assert isinstance(reason, Undecodable)


def test_a_replay_of_one_account_never_meets_another_accounts_ids() -> None:
    [one] = outcomes("web-form", WEB_FORM)
    [other] = outcomes("web-form", WEB_FORM, **{SOURCE_ACCOUNT: "north/light"})
    assert isinstance(one, Draft)
    assert isinstance(other, Draft)
    assert (one.source, other.source) == ("/t/demo/web-form/northlight", "/t/demo/web-form/north%2Flight")


def test_field_types_are_those_of_the_first_element_and_name_no_person() -> None:
    assert field_types(message("hubspot", msgspec.json.encode([HUBSPOT_STAGE, 7]))).keys() == HUBSPOT_STAGE.keys()
    body = b'{"a": "x", "b": -1.5, "c": true, "d": false, "e": null, "f": [1], "g": {}, "jo@acme.com": 2}'
    expected = ["string", "number", "boolean", "boolean", "null", "array", "object"]
    assert field_types(message("web-form", body)) == dict(zip("abcdefg", expected, strict=True))
    for system, value in (("hubspot", b"[7]"), ("hubspot", b"["), ("nobody", b"{}")):
        assert field_types(message(system, value)) == {}
