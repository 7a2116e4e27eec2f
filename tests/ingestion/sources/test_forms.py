"""Lead forms (Meta, Google, the website) as canonical events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.contracts.event import AccountHint, Actor, Campaign, Claim, Consent, Draft, EventType, IdentifierType
from ingestion.errors import ContractBroken, UnknownVersion
from tests.ingestion.sources.reading import RECEIVED, cookie, email, read_all, read_one, reason
from tests.ingestion.sources.samples import GOOGLE_LEAD, META_LEAD, META_WEBHOOK, WEB_FORM

LEADGEN = Claim(IdentifierType.ANONYMOUS_ID, "1459076748710713", scope="meta:leadgen")


def answered(**answers: Any) -> dict[str, Any]:
    return META_LEAD | {"field_data": [{"name": name, "values": [value]} for name, value in answers.items()]}


def google(**columns: Any) -> dict[str, Any]:
    data = [{"column_id": name, "string_value": value} for name, value in columns.items()]
    return GOOGLE_LEAD | {"user_column_data": data, "is_test": False}


def test_meta_lead_is_a_form_with_an_answer_in_free_text() -> None:
    draft = read_one("meta-lead-ads", META_LEAD)
    assert draft.id == "1459076748710713"
    assert draft.type is EventType.LEAD_FORM_SUBMITTED
    assert draft.time == datetime(2025, 9, 25, 10, 5, 28, tzinfo=UTC)
    assert draft.claims == (email("jo@acme.com", verified=False), LEADGEN)
    assert draft.properties == {"form": "1616801872291121", "ad_id": "120"}
    assert draft.private == {"email": "jo@acme.com"}
    assert draft.text == "what_is_your_biggest_challenge: ERP data silos"


def test_meta_notice_without_answers_is_kept_and_tied_to_the_lead() -> None:
    notice, without_value = read_all("meta-lead-ads", META_WEBHOOK)
    assert isinstance(notice, Draft)
    assert notice.type is EventType.LEAD_CREATED
    assert notice.claims == (LEADGEN,)
    assert notice.id != read_one("meta-lead-ads", META_LEAD).id
    assert isinstance(without_value, ContractBroken)
    assert str(without_value) == "value: got null, expected the lead's ids"


def test_meta_standard_questions_have_their_meaning() -> None:
    body = answered(
        full_name="Jo Doe", phone_number="+1", company_name="Acme", job_title="CTO", work_email="j@acme.com"
    )
    draft = read_one("meta-lead-ads", body)
    assert draft.account == AccountHint(name="Acme")
    assert draft.properties["jobtitle"] == "CTO"
    assert draft.private == {"name": "Jo Doe", "phone": "+1", "email": "j@acme.com"}
    assert draft.text is None


@pytest.mark.parametrize("answers", [{"email": "test@fb.com"}, {"full_name": "<test lead: dummy data for full_name>"}])
def test_meta_testing_tool_sends_tests(answers: dict[str, Any]) -> None:
    assert read_one("meta-lead-ads", answered(**answers)).test
    assert not read_one("meta-lead-ads", META_LEAD).test


def test_meta_app_dashboard_sends_tests() -> None:
    value = {"leadgen_id": "444444444444", "form_id": "444444444444", "created_time": 1758794728}
    assert read_one("meta-lead-ads", {"field": "leadgen", "value": value}).test


def test_meta_time_without_a_zone_is_not_guessed() -> None:
    found = reason("meta-lead-ads", META_LEAD | {"created_time": "2025-02-01 10:20"})
    assert str(found) == "created_time: got str, expected an ISO 8601 date and time with a zone"


def test_google_lead_is_read_by_column_id() -> None:
    draft = read_one(
        "google-lead-form", google(EMAIL="jo@acme.com", FULL_NAME="Jo", COMPANY_NAME="Acme", JOB_TITLE="VP")
    )
    assert draft.id == "TeSter-123"
    assert draft.time == datetime(2024, 9, 26, 12, 30, tzinfo=UTC)
    assert draft.claims == (email("jo@acme.com", verified=False),)
    assert draft.account == AccountHint(name="Acme")
    assert draft.properties["jobtitle"] == "VP"
    assert draft.campaign == Campaign("google", "cpc", "12345678901", click_ids={"gclid": "EAIaIQ"})
    assert not draft.test
    assert "shared-secret" not in repr(draft)


def test_google_test_data_is_a_test() -> None:
    assert read_one("google-lead-form", GOOGLE_LEAD).test


def test_google_ids_may_come_as_strings_and_the_time_not_at_all() -> None:
    body = google(EMAIL="jo@acme.com") | {"form_id": "40000000000", "campaign_id": "1", "lead_submit_time": None}
    draft = read_one("google-lead-form", body)
    assert draft.properties["form"] == "40000000000"
    assert draft.time == RECEIVED


def test_google_version_of_another_major_is_unknown() -> None:
    found = reason("google-lead-form", GOOGLE_LEAD | {"api_version": "2.0"})
    assert isinstance(found, UnknownVersion)
    assert str(found) == "api_version: got '2.0', expected 1.x"


def test_web_form_claims_what_the_visitor_typed_and_the_cookie() -> None:
    draft = read_one("web-form", WEB_FORM)
    assert draft.id == "wf_5d0c1f"
    assert draft.type is EventType.LEAD_FORM_SUBMITTED
    phone = Claim(IdentifierType.PHONE, "+49 30 1234567")
    assert draft.claims == (email("jo@acme.com", verified=False), phone, cookie("507f191e810c19729de860ea"))
    assert draft.account == AccountHint("acme.com", name="Acme")
    assert draft.properties == {
        "jobtitle": "CTO",
        "form": "demo-request",
        "path": "/demo",
        "referrer": "www.google.com",
    }
    assert draft.campaign == Campaign("google", "cpc", "erp", click_ids={"gclid": "EAIa1"})
    assert draft.consent == Consent("marketing", True, "opt-in")
    assert draft.private == {"email": "jo@acme.com", "name": "Jo Doe", "phone": "+49 30 1234567"}
    assert draft.text == "We want to replace our ERP"


def test_web_forms_free_questions_are_text() -> None:
    fields = {"email": "jo@acme.com", "Budget?": "10k", "message": "Hi", "empty": " ", "nested": {"a": 1}}
    assert read_one("web-form", WEB_FORM | {"fields": fields}).text == "Budget?: 10k\nHi"


def test_web_form_of_staff_bots_and_tests_is_marked() -> None:
    staff = WEB_FORM | {"fields": {"email": "eva@northlight-data.com"}}
    assert read_one("web-form", staff).actor is Actor.STAFF
    assert read_one("web-form", WEB_FORM | {"user_agent": "curl/8.0"}).actor is Actor.BOT
    assert read_one("web-form", WEB_FORM | {"test": True}).test


@pytest.mark.parametrize("missing", ["id", "form_id", "submitted_at", "fields"])
def test_web_form_names_the_field_it_lacks(missing: str) -> None:
    body = {name: value for name, value in WEB_FORM.items() if name != missing}
    assert str(reason("web-form", body)) == f"Object missing required field `{missing}`"
