"""The firm's own website forms: one JSON object a submission, or a plain form (`web_form_plain.py`).

    {"id": "wf_5d0c…", "form_id": "demo-request", "submitted_at": "2025-09-25T10:05:28.123Z",
     "anonymous_id": "…" | null,
     "fields": {"email": "…", "name": "…", "company": "…", "job_title": "…", "message": "…"},
     "page_url": "…", "referrer": "…", "utm_source": "…", …, "gclid": "…",
     "consent": {"purpose": "marketing", "granted": true}}

`anonymous_id` is the web tracker's cookie; the header `source-account` is the tracker's workspace, its scope. What a
visitor types into a form is claimed, never verified. A field that no table knows is a question with a free answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ingestion.contracts.event import Actor, Channel, Consent, Draft, EventType, IdentifierType, ObjectRef
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.bots import is_bot
from ingestion.sources.campaign import campaign_in, campaign_of
from ingestion.sources.fields import Moment, claim, from_moment, host_of, is_staff, path_of, plain_id, tag_of
from ingestion.sources.person import person_of
from ingestion.sources.split import one_or_many
from ingestion.sources.web_form_plain import open_form

SOURCE = Source(
    system="web-form",
    sender="The firm's own website forms",
    topic="raw.marketing",
    makes=(EventType.LEAD_FORM_SUBMITTED,),
    dedupe="id; of a plain form a hash of its fields and the hour of receipt",
    ordering="none",
    leaves_out={
        "the query of page_url": "it may be personal; its campaign parameters are read",
        "files": "not looked into",
        "user ids": "anybody may type one into a form",
    },
    about=("anonymous_id", "id"),
    opens={"application/x-www-form-urlencoded": open_form, "multipart/form-data": open_form},
)


class Submission(msgspec.Struct, gc=False):
    """The body."""

    id: str
    form_id: str
    submitted_at: Moment
    fields: dict[str, Any]
    anonymous_id: str | None = None
    page_url: str | None = None
    referrer: str | None = None
    user_agent: str | None = None
    utm_source: Any = None
    utm_medium: Any = None
    utm_campaign: Any = None
    utm_term: Any = None
    utm_content: Any = None
    gclid: Any = None
    fbclid: Any = None
    msclkid: Any = None
    consent: Consent | None = None
    test: bool = False
    bot: bool = False  # a program filled in what people do not see


elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_decode = msgspec.json.Decoder(Submission).decode


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one submission."""
    sent = _decode(element)
    if not sent.id:
        raise ContractBroken("id: got an empty string, expected the submission's id")
    person = person_of(sent.fields.items(), verified=False, answers=True)
    cookie = claim(IdentifierType.ANONYMOUS_ID, sent.anonymous_id, scope=context.account)
    about = {"form": tag_of(sent.form_id), "path": path_of(sent.page_url), "referrer": host_of(sent.referrer)}
    campaign = campaign_of(
        source=sent.utm_source,
        medium=sent.utm_medium,
        name=sent.utm_campaign,
        term=sent.utm_term,
        content=sent.utm_content,
        click_ids={"gclid": sent.gclid, "fbclid": sent.fbclid, "msclkid": sent.msclkid},
    )
    is_own = is_staff(person.email, context)
    return Draft(
        id=plain_id(sent.id),
        source=context.source,
        type=EventType.LEAD_FORM_SUBMITTED,
        time=from_moment(sent.submitted_at, "submitted_at"),
        channel=Channel.WEB,
        claims=person.claims + cookie,
        account=person.account,
        object=ObjectRef("form", plain_id(sent.form_id)),
        properties=person.properties | {name: value for name, value in about.items() if value},
        campaign=campaign or campaign_in(sent.page_url),
        consent=sent.consent,
        private=person.private,
        text=person.text,
        actor=Actor.BOT if sent.bot or is_bot(sent.user_agent) else Actor.STAFF if is_own else Actor.USER,
        test=sent.test,
    )
