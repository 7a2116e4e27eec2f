"""What data providers and files say of companies, as canonical events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from ingestion.contracts.event import AccountHint, Draft, EventType
from ingestion.errors import ContractBroken
from tests.ingestion.sources.reading import RECEIVED, read_all, read_one, reason
from tests.ingestion.sources.samples import COMPANY_FOUND, COMPANY_LISTED


def test_a_provider_s_answer_is_about_the_company_that_was_asked_for() -> None:
    draft = read_one("firmographics", COMPANY_FOUND)
    assert (draft.type, draft.claims, draft.private) == (EventType.ACCOUNT_CHANGED, (), {})
    assert draft.account == AccountHint(domain="acme.com", name="Acme Inc.")
    assert draft.properties["company_size"] == 120


def test_a_file_s_row_names_its_company_itself() -> None:
    draft = read_one("firmographics", COMPANY_LISTED)
    assert draft.account == AccountHint(domain="globex.de", name="Globex GmbH")
    assert draft.properties["industry"] == "software"


def test_nobody_in_the_company_is_taken_over() -> None:
    ceo = {"ceo": {"name": "Jo Doe", "email": "jo@acme.com", "phone": "+49 30 1234567"}, "email": "jo@acme.com"}
    draft = read_one("firmographics", {"domain": "acme.com", "company": COMPANY_FOUND["company"] | ceo})
    assert (draft.claims, draft.private) == ((), {})
    assert b"jo" not in msgspec.json.encode(draft).lower()


@pytest.mark.parametrize("domain", [None, "", "acme", "10.0.0.1", "co.uk", 7])
def test_a_company_without_a_domain_is_set_aside(domain: Any) -> None:
    assert isinstance(reason("firmographics", COMPANY_LISTED | {"domain": domain}), ContractBroken)


def test_a_company_of_which_nothing_is_said_is_set_aside() -> None:
    assert isinstance(reason("firmographics", {"domain": "acme.com", "company": {"founded": 1999}}), ContractBroken)


def test_the_same_said_twice_in_a_day_is_one_event_and_on_another_day_a_new_one() -> None:
    first, again = read_one("firmographics", COMPANY_FOUND), read_one("firmographics", COMPANY_FOUND)
    assert first.id == again.id
    assert read_one("firmographics", COMPANY_FOUND, received=RECEIVED + timedelta(days=1)).id != first.id


def test_a_list_of_companies_is_read_one_by_one() -> None:
    found = read_all("firmographics", [COMPANY_FOUND, COMPANY_LISTED])
    assert [each.account.domain for each in found if isinstance(each, Draft) and each.account] == [
        "acme.com",
        "globex.de",
    ]
