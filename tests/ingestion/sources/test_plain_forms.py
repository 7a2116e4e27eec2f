"""Plain forms on the raw topic: whatever bytes they hold, as urlencoded fields or in parts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.contracts.event import Draft
from ingestion.contracts.raw import CONTENT_TYPE, RECEIVED_TIME
from ingestion.errors import ContractBroken, Quarantine
from ingestion.sources.form_encoded import MAX_FIELDS
from ingestion.sources.multipart import fields_of_parts
from tests.ingestion.sources.reading import RECEIVED, read_all

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
IN_PARTS = f"multipart/form-data; boundary={BOUNDARY}"
ENCODED = "application/x-www-form-urlencoded"


def received_as(media: str) -> dict[str, str]:
    return {CONTENT_TYPE: media, RECEIVED_TIME: RECEIVED.isoformat()}


def parts(fields: list[tuple[str, str]]) -> bytes:
    """A body as browsers write it."""
    lines = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    ]
    return f"{''.join(lines)}--{BOUNDARY}--\r\n".encode()


names = st.text(st.characters(exclude_characters='"\r\n', exclude_categories=["Cs"]), max_size=20)
values = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(st.lists(st.tuples(names, values), max_size=8))
def test_every_field_in_parts_comes_back(fields: list[tuple[str, str]]) -> None:
    assert fields_of_parts(parts(fields), IN_PARTS) == fields


@given(st.sampled_from([IN_PARTS, "multipart/form-data; boundary=a", "multipart/form-data", ENCODED]), st.data())
def test_any_bytes_give_outcomes_and_no_exception(media: str, data: Any) -> None:
    start = data.draw(st.sampled_from([b"", b"--a\r\n", parts([("email", "a@b.de")]), b"email=a%40b.de&consent=on&"]))
    [found] = read_all("web-form", start + data.draw(st.binary(max_size=100)), headers=received_as(media))
    assert isinstance(found, Draft | Quarantine)
    assert "the adapter failed" not in str(found)


@pytest.mark.parametrize("media", [IN_PARTS, ENCODED])
def test_too_many_fields_are_refused(media: str) -> None:
    body = parts([("a", "1")] * (MAX_FIELDS + 1)) if media == IN_PARTS else b"a=1&" * (MAX_FIELDS + 1)
    [found] = read_all("web-form", body, headers=received_as(media))
    assert isinstance(found, ContractBroken)
    assert f"more than {MAX_FIELDS} fields" in str(found)


def test_heads_without_an_end_cost_no_more_than_their_length() -> None:
    body = parts([("a", "1")]).replace(b"\r\n\r\n", b"; name=" * 100_000, 1)
    [found] = read_all("web-form", body, headers=received_as(IN_PARTS))
    assert str(found).startswith("body: a part has no name")


@pytest.mark.parametrize("received", ["", "yesterday", "2026-01-01T00:00:00"])
def test_a_form_needs_to_know_when_it_was_received(received: str) -> None:
    [found] = read_all("web-form", b"email=jo@acme.com", headers={CONTENT_TYPE: ENCODED, RECEIVED_TIME: received})
    assert isinstance(found, ContractBroken)
    assert str(found).startswith("header received-time: got str, expected an ISO 8601 date and time")
