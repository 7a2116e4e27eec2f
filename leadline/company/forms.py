"""Lead forms: Meta's and Google's advertising forms and the firm's own website form; one JSON object a message.

Meta (`source-system: meta-lead-ads`, `source-account: 134587001928374`, the page; key: lead id). The webhook carries
only ids, so the receiver fetches the lead from the Graph API; that answer is what lies on the topic:

    {"id": "1459076748710713", "created_time": "2025-09-25T10:05:28+0000", "ad_id": "120", "form_id": "1616…",
     "field_data": [{"name": "email", "values": ["jo@acme.com"]}, {"name": "full_name", "values": ["Jo Doe"]},
       {"name": "company_name", "values": […]}, {"name": "job_title", …}, {"name": "phone_number", …},
       {"name": "what_is_your_biggest_challenge", "values": ["free text"]}]}
  The test tool sends values like `<test lead: dummy data for full_name>` and the address test@fb.com.

Google (`source-system: google-lead-form`, `source-account: 7781234567`; key: lead id):

    {"lead_id": "TeSter…", "api_version": "1.0", "form_id": 40000000000, "campaign_id": 12345678901,
     "adgroup_id": 789, "creative_id": 1011, "gcl_id": "EAIa…", "google_key": "northlight-demo-key", "is_test": false,
     "lead_submit_time": "2025-09-26T12:30:00Z", "user_column_data": [{"column_id": "FULL_NAME",
       "column_name": "Full Name", "string_value": "Jo Doe"}, {"column_id": "EMAIL", "string_value": "…"},
       {"column_id": "PHONE_NUMBER", …}, {"column_id": "COMPANY_NAME", …}, {"column_id": "JOB_TITLE", …}]}
  `is_test` is present (true) only on test pings.

Website (`source-system: web-form`, `source-account: northlight`, the tracker's workspace; key: submission id):

    {"id": "wf_5d0c…", "form_id": "demo-request", "submitted_at": "2025-09-25T10:05:28.123Z",
     "anonymous_id": "<the tracker's cookie>" or null,
     "fields": {"email": "jo@acme.com", "name": "Jo Doe", "company": "Acme", "job_title": "CTO", "message": "…"},
     "page_url": "https://…/demo", "referrer": "https://www.google.com/", "utm_source": "google", "utm_medium": "cpc",
     "utm_campaign": "…", "gclid": "…" , "fbclid": "…",
     "consent": {"purpose": "marketing", "granted": true, "basis": "opt-in"}}
  form_id: demo-request, contact-sales, newsletter, webinar, ebook. utm_* and click ids only where known.
"""

from __future__ import annotations

from typing import Any

from leadline.company import firm
from leadline.company.dice import Ids
from leadline.company.wire import Element, Flag, Identifier, iso_ms, iso_s
from leadline.company.world import Person


def meta_lead(ids: Ids, person: Person, at: float, text: str, *, email: str) -> Element:
    fields = {"email": email, "full_name": person.name, "phone_number": person.phone, "job_title": person.title}
    if person.account is not None:
        fields["company_name"] = person.account.name
    fields["what_is_your_biggest_challenge"] = text
    return _meta(ids, at, fields, person.number, (("email", "", email),), person.flag)


def meta_test(ids: Ids, owner: int, at: float) -> Element:
    """Meta's lead testing tool."""
    fields = {"email": "test@fb.com", "full_name": "<test lead: dummy data for full_name>"}
    return _meta(ids, at, fields, owner, (("email", "", "test@fb.com"),), Flag.TEST)


def google_lead(ids: Ids, person: Person, at: float, *, email: str) -> Element:
    columns = {"FULL_NAME": person.name, "EMAIL": email, "PHONE_NUMBER": person.phone, "JOB_TITLE": person.title}
    if person.account is not None:
        columns["COMPANY_NAME"] = person.account.name
    return _google(ids, at, columns, person.number, (("email", "", email),), person.flag)


def google_test(ids: Ids, owner: int, at: float) -> Element:
    """*Send test data* in the form's settings."""
    columns = {"FULL_NAME": "Jane Doe", "EMAIL": "jane.doe@example.com", "PHONE_NUMBER": "+16505550123"}
    element = _google(ids, at, columns, owner, (("email", "", "jane.doe@example.com"),), Flag.TEST)
    element.body["is_test"] = True
    return element


def web_form(
    ids: Ids,
    person: Person,
    at: float,
    form: str,
    *,
    cookie: str | None,
    email: str,
    text: str = "",
    campaign: dict[str, str] | None = None,
    consents: bool = True,
) -> Element:
    """A submission on the firm's site. `email` may be a role mailbox, which is nobody's own."""
    fields = {"email": email, "name": person.name, "job_title": person.title, "message": text}
    if person.account is not None:
        fields["company"] = person.account.name
    body: dict[str, Any] = {
        "id": f"wf_{ids.token()}",
        "form_id": form,
        "submitted_at": iso_ms(at),
        "anonymous_id": cookie,
        "fields": fields,
        "page_url": f"{firm.SITE}/{form}",
        "referrer": "",
    }
    if campaign:
        body |= {f"utm_{name}": value for name, value in campaign.items()}
        body["referrer"] = "https://www.google.com/"
        if campaign["source"] == "google":
            body["gclid"] = f"EAIa{ids.token(16)}"
        elif campaign["source"] == "facebook":
            body["fbclid"] = f"IwAR{ids.token(16)}"
    body["consent"] = {"purpose": "marketing", "granted": consents, "basis": "opt-in"}
    identifiers: tuple[Identifier, ...] = ()
    if not email.startswith(ROLE_MAILBOXES):
        identifiers += (("email", "", email),)
    if cookie:
        identifiers += (("anonymous_id", firm.WORKSPACE, cookie),)
    return Element("web-form", body["id"], body, at, person.number, identifiers, person.flag)


ROLE_MAILBOXES = ("info@", "sales@")


def _meta(
    ids: Ids, at: float, fields: dict[str, str], owner: int, identifiers: tuple[Identifier, ...], flag: Flag
) -> Element:
    lead = str(ids.number("meta lead", 1_459_076_748_710_713))
    body = {
        "id": lead,
        "created_time": iso_s(at)[:-1] + "+0000",
        "ad_id": "120330001748",
        "form_id": "1616801872291121",
        "field_data": [{"name": name, "values": [value]} for name, value in fields.items()],
    }
    return Element("meta-lead-ads", lead, body, at, owner, identifiers, flag)


def _google(
    ids: Ids, at: float, columns: dict[str, str], owner: int, identifiers: tuple[Identifier, ...], flag: Flag
) -> Element:
    lead = f"TeSter{ids.token(26)}"
    body = {
        "lead_id": lead,
        "api_version": "1.0",
        "form_id": 40_000_000_000,
        "campaign_id": 12_345_678_901,
        "adgroup_id": 789,
        "creative_id": 1011,
        "gcl_id": f"EAIa{ids.token(20)}",
        "google_key": "northlight-demo-key",
        "lead_submit_time": iso_s(at),
        "user_column_data": [{"column_id": column, "string_value": value} for column, value in columns.items()],
    }
    return Element("google-lead-form", lead, body, at, owner, identifiers, flag)
