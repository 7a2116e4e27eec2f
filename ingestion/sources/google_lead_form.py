"""Google Ads lead forms: one JSON object a lead, known by its `lead_id`.

Reference: developers.google.com/google-ads/webhook/docs/implementation. Columns are read by `column_id`, for
`column_name` "might not always be populated"; int64 ids may come as strings; `google_key` is a shared secret and is
never copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ingestion.contracts.event import Actor, Channel, Draft, EventType, ObjectRef
from ingestion.errors import ContractBroken, UnknownVersion
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.campaign import campaign_of
from ingestion.sources.fields import from_iso, is_staff, named, plain_id, tag_of
from ingestion.sources.person import person_of
from ingestion.sources.split import one_or_many

SOURCE = Source(
    system="google-lead-form",
    sender="Google Ads lead forms",
    topic="raw.marketing",
    makes=(EventType.LEAD_FORM_SUBMITTED,),
    dedupe="lead_id",
    ordering="none",
    leaves_out={"google_key": "a shared secret"},
    about=("lead_id",),
)

MAJOR_VERSION = "1"


class Column(msgspec.Struct, gc=False):
    """One answered column."""

    column_id: str | None = None
    column_name: str | None = None
    string_value: Any = None


class Lead(msgspec.Struct, gc=False):
    """The body, as far as it is read."""

    lead_id: str
    user_column_data: list[Column]
    api_version: str | None = None
    form_id: int | str | None = None
    campaign_id: int | str | None = None
    creative_id: int | str | None = None
    gcl_id: str | None = None
    is_test: bool | None = None
    lead_submit_time: str | None = None


elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_decode = msgspec.json.Decoder(Lead).decode


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one lead; raises `UnknownVersion` for another major version of the webhook."""
    lead = _decode(element)
    if lead.api_version is not None and lead.api_version.partition(".")[0] != MAJOR_VERSION:
        raise UnknownVersion(f"api_version: got {named(lead.api_version)}, expected {MAJOR_VERSION}.x")
    if not lead.lead_id:
        raise ContractBroken("lead_id: got an empty string, expected the lead's id")
    columns = [(column.column_id or column.column_name or "", column.string_value) for column in lead.user_column_data]
    person = person_of(columns, verified=False, answers=True)
    ids = {"form": lead.form_id, "ad_id": lead.creative_id, "campaign_id": lead.campaign_id}
    # Older webhooks carry no time; then the moment of receipt stands.
    time = context.received if lead.lead_submit_time is None else from_iso(lead.lead_submit_time, "lead_submit_time")
    return Draft(
        id=plain_id(lead.lead_id),
        source=context.source,
        type=EventType.LEAD_FORM_SUBMITTED,
        time=time,
        channel=Channel.ADS,
        claims=person.claims,
        account=person.account,
        object=ObjectRef("form", plain_id(lead.form_id)) if lead.form_id else None,
        properties=person.properties | {name: tag for name, value in ids.items() if (tag := tag_of(value))},
        campaign=campaign_of(source="google", medium="cpc", name=lead.campaign_id, click_ids={"gclid": lead.gcl_id}),
        private=person.private,
        text=person.text,
        actor=Actor.STAFF if is_staff(person.email, context) else Actor.USER,
        test=bool(lead.is_test),
    )
