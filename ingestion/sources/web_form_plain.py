"""A website's plain `<form method="post">` as a submission: flat fields, the time of receipt, an id of the content.

    email=jo@acme.com&name=Jo+Doe&message=…&form_id=demo-request&utm_source=google&keyword=erp&consent=on

Fields of a submission's own (`form_id`, `page_url`, `utm_…`, …) keep their meaning, every other is one of its `fields`.
The id is a hash of what was sent and of the hour: a double click is one submission, next month's is another.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ingestion.contracts.raw import CONNECTION, CONTENT_TYPE, HONEYPOT, RECEIVED_TIME, REFERER, USER_AGENT
from ingestion.sources.fields import from_iso
from ingestion.sources.form_encoded import fields_of_form
from ingestion.sources.multipart import fields_of_parts

_SUBMISSION = ("form_id", "anonymous_id", "page_url", "referrer", "gclid", "fbclid", "msclkid")
_CAMPAIGN = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
_UNTICKED = frozenset({"", "0", "off", "no", "false"})
# What frameworks and captchas put beside the visitor's answers.
_MACHINERY = frozenset(
    {"authenticity_token", "csrfmiddlewaretoken", "g-recaptcha-response", "h-captcha-response", "cf-turnstile-response"}
)


def open_form(body: bytes, headers: Mapping[str, str]) -> bytes:
    """The form as a submission's JSON. Raises `Undecodable` or `ContractBroken` for what is no form."""
    received = from_iso(headers.get(RECEIVED_TIME, ""), f"header {RECEIVED_TIME}")
    fields = _fields(body, headers.get(CONTENT_TYPE, ""))
    last = {name: values[-1].strip() for name, values in fields.items()}
    around = {name: last[name] for name in (*_SUBMISSION, *_CAMPAIGN) if last.get(name)}
    trap = headers.get(HONEYPOT, "")
    taken = {*_SUBMISSION, *_CAMPAIGN, *_MACHINERY, "keyword", "consent", "consent_purpose", "test", trap}
    submission: dict[str, Any] = {
        "form_id": headers.get(CONNECTION, "form"),
        "page_url": _page(headers.get(REFERER, "")),
        "utm_term": last.get("keyword"),
        **around,
        "id": _id(fields, received),
        "submitted_at": received,
        "fields": {
            name.removesuffix("[]"): ", ".join(filter(None, values))
            for name, values in fields.items()
            if name not in taken and not name.startswith("_")
        },
        "user_agent": headers.get(USER_AGENT),
        "consent": _consent(last),
        "test": last.get("test", "").lower() not in _UNTICKED,
        "bot": bool(last.get(trap)),
    }
    return msgspec.json.encode(submission)


def _fields(body: bytes, content_type: str) -> dict[str, list[str]]:
    """Every value by its name: boxes and lists are sent once for each choice."""
    in_parts = content_type.lower().startswith("multipart/")
    found: dict[str, list[str]] = {}
    for name, value in fields_of_parts(body, content_type) if in_parts else fields_of_form(body):
        found.setdefault(name, []).append(value)
    return found


def _id(fields: Mapping[str, list[str]], received: datetime) -> str:
    content = msgspec.json.encode([f"{received:%Y-%m-%dT%H}", fields], order="sorted")
    return sha256(content).hexdigest()


def _page(referer: str) -> str | None:
    """The page of the form; `None` where the browser names the website alone, as it does by default."""
    try:
        return referer if urlsplit(referer).path.strip("/") else None
    except ValueError:
        return None


def _consent(last: Mapping[str, str]) -> dict[str, Any] | None:
    """A box that was ticked. One that was not is not sent, and says nothing."""
    if "consent" not in last:
        return None
    purpose = last.get("consent_purpose") or "marketing"
    return {"purpose": purpose, "granted": last["consent"].lower() not in _UNTICKED}
