"""Spellings of one identifier become one value; what identifies nobody is dropped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.contracts.event import Claim, IdentifierType
from ingestion.identity.domains import registrable_domain
from ingestion.identity.normalise import normalise


def _value(kind: IdentifierType, value: str) -> str | None:
    claim = normalise(Claim(kind, value))
    return None if claim is None else claim.value


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (" Jo.Doe@ACME.com ", "jo.doe@acme.com"),
        ("jo+newsletter@acme.com", "jo@acme.com"),
        ("J.o.Doe+x@GoogleMail.com", "jodoe@gmail.com"),
        ("jo@müller.de", "jo@xn--mller-kva.de"),
        ("jo＠acme.com", "jo@acme.com"),
        ("jürgen@acme.de", "jürgen@acme.de"),
        ("jo@acme.com.", "jo@acme.com"),
        ("jo", None),
        ("@acme.com", None),
        ("jo@localhost", None),
        ("jo doe@acme.com", None),
        ("+tag@acme.com", None),
        ("", None),
    ],
)
def test_addresses_are_compared_in_one_spelling(sent: str, expected: str | None) -> None:
    assert _value(IdentifierType.EMAIL, sent) == expected


@pytest.mark.parametrize(
    "value", ["", "  ", "null", "NULL", "anonymous", "[object Object]", "undefined", "-1", "0000-0000", "'none'", "NaN"]
)
@pytest.mark.parametrize("kind", [IdentifierType.USER_ID, IdentifierType.ANONYMOUS_ID, IdentifierType.CRM])
def test_placeholders_identify_nobody(kind: IdentifierType, value: str) -> None:
    assert _value(kind, value) is None


def test_short_ids_count_only_where_a_vendor_numbers_its_objects() -> None:
    assert _value(IdentifierType.USER_ID, "42") is None
    assert _value(IdentifierType.ANONYMOUS_ID, "aaaa") is None
    assert _value(IdentifierType.CRM, "42") == "42"


def test_opaque_ids_keep_their_case() -> None:
    assert _value(IdentifierType.USER_ID, " AbC9 ") == "AbC9"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("+49 (0)30 1234567", "+490301234567"),
        ("0049 30 1234567", "+49301234567"),
        ("(00) 49 30 1234567", "+49301234567"),
        ("(0)0000001", None),
        ("030-1234567", "0301234567"),
        ("123", None),
        ("0000000000", None),
    ],
)
def test_phones_keep_their_digits(sent: str, expected: str | None) -> None:
    assert _value(IdentifierType.PHONE, sent) == expected


@given(
    st.sampled_from(IdentifierType),
    st.text(max_size=30) | st.emails() | st.from_regex(r"\A[\w.+]{1,8}@[\w.]{1,9}\Z"),
    st.booleans(),
)
def test_normalising_twice_changes_nothing(kind: IdentifierType, value: str, verified: bool) -> None:
    once = normalise(Claim(kind, value, verified, "scope"))
    if once is not None:
        assert normalise(once) == once


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("acme.com", "acme.com"),
        ("www.Mail.acme.co.uk", "acme.co.uk"),
        ("team.müller.de", "xn--mller-kva.de"),
        ("shop.acme.example", "acme.example"),
        ("co.uk", None),
        ("localhost", None),
        ("not a domain", None),
        ("10.0.0.1", None),
        ("www.10.0.0.1.", None),
    ],
)
def test_a_company_is_known_by_its_registrable_domain(domain: str, expected: str | None) -> None:
    assert registrable_domain(domain) == expected
