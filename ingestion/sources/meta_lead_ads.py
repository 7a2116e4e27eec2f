"""Meta lead ads: the page's `leadgen` webhook, and the lead as the Graph API answers it.

References: developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving (webhook, `GET /{leadgen_id}`, testing
tool). The webhook carries ids only; whoever receives it fetches the lead and publishes the answer, or adds `field_data`
to the change's value. A notice without answers is kept as `lead.created` and tied to the answers by the lead's id.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ingestion.contracts.event import Actor, Channel, Claim, Draft, EventType, IdentifierType, ObjectRef
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.campaign import campaign_of
from ingestion.sources.fields import broken, from_iso, from_seconds, is_staff, plain_id, tag_of, text_of
from ingestion.sources.person import person_of
from ingestion.sources.split import is_array, nonempty, one_or_many

SOURCE = Source(
    system="meta-lead-ads",
    sender="Meta lead ads, the page's leadgen webhook and the fetched lead",
    topic="raw.marketing",
    makes=(EventType.LEAD_CREATED, EventType.LEAD_FORM_SUBMITTED),
    dedupe="leadgen_id; the bare notice and the fetched answers are two events",
    ordering="none",
    leaves_out={"changes of other fields than leadgen": "not about a lead; quarantined by name"},
    about=("value.leadgen_id", "id"),
)

TEST_MARK = "<test lead: "  # begins the answers of the lead ads testing tool
TEST_ADDRESSES = frozenset({"test@fb.com", "test@meta.com"})
TEST_LEAD = "444444444444"  # in what the button Test of the app dashboard's Webhooks page sends


class Answer(msgspec.Struct, gc=False):
    """One field of a form; every value is a list."""

    name: str
    values: list[Any] = []


class Lead(msgspec.Struct, gc=False):
    """A lead: the Graph API's answer, or a change's value, which calls the id `leadgen_id`."""

    id: str | int | None = None
    leadgen_id: str | int | None = None
    created_time: str | int | None = None  # ISO 8601 with `+0000`, or epoch seconds
    form_id: str | int | None = None
    ad_id: str | int | None = None
    campaign_id: str | int | None = None
    campaign_name: Any = None
    field_data: list[Answer] | None = None


class Change(Lead, gc=False):
    """An element: a change of the webhook, or a lead itself."""

    field: str | None = None
    value: Lead | None = None


class Entry(msgspec.Struct, gc=False):
    """What changed on one page."""

    changes: list[msgspec.Raw] = []


class Webhook(msgspec.Struct, gc=False):
    """The webhook's body."""

    entry: list[Entry] | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder(Change).decode
_decode_webhook = msgspec.json.Decoder(Webhook).decode


def elements(body: bytes) -> Sequence[msgspec.Raw]:
    """The changes of all entries, or the lead that the body is."""
    if b'"entry"' in body and not is_array(body):
        entries = _decode_webhook(body).entry
        if entries is not msgspec.UNSET:
            return nonempty([change for entry in entries for change in entry.changes])
    return one_or_many(body)


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one lead."""
    change = _decode(element)
    lead: Lead = change
    if change.field is not None:
        if change.field != "leadgen":
            raise ContractBroken("field: got another subscription, expected 'leadgen'")
        if change.value is None:
            raise broken("value", None, "the lead's ids")
        lead = change.value
    reference = text_of(lead.leadgen_id) or text_of(lead.id)
    if reference is None:
        raise broken("leadgen_id", None, "the lead's id")
    answers = [(answer.name, _first(answer)) for answer in lead.field_data or ()]
    person = person_of(answers, verified=False, answers=True)
    # Ties a bare notice to its answers; as weak as a cookie, for one person may fill in many forms.
    tie = Claim(IdentifierType.ANONYMOUS_ID, reference, False, "meta:leadgen")
    ids = {"form": lead.form_id, "ad_id": lead.ad_id, "campaign_id": lead.campaign_id}
    return Draft(
        id=plain_id(reference if answers else f"{reference}:notice"),
        source=context.source,
        type=EventType.LEAD_FORM_SUBMITTED if answers else EventType.LEAD_CREATED,
        time=_time(lead),
        channel=Channel.ADS,
        claims=(*person.claims, tie),
        account=person.account,
        object=ObjectRef("form", plain_id(lead.form_id)) if lead.form_id else None,
        properties=person.properties | {name: tag for name, value in ids.items() if (tag := tag_of(value))},
        campaign=campaign_of(
            source="facebook", medium="paid_social", name=lead.campaign_name or lead.campaign_id, content=lead.ad_id
        ),
        private=person.private,
        text=person.text,
        actor=Actor.STAFF if is_staff(person.email, context) else Actor.USER,
        test=reference == TEST_LEAD or _is_test(person.email, answers),
    )


def _first(answer: Answer) -> Any:
    """A form's answer; of several ticked boxes all."""
    texts = [text for value in answer.values if (text := text_of(value))]
    return ", ".join(texts) if len(texts) > 1 else texts[0] if texts else None


def _is_test(email: str | None, answers: list[tuple[str, Any]]) -> bool:
    if email is not None and email.lower() in TEST_ADDRESSES:
        return True
    return any(isinstance(value, str) and value.startswith(TEST_MARK) for _, value in answers)


def _time(lead: Lead) -> Any:
    if isinstance(lead.created_time, str):
        return from_iso(lead.created_time, "created_time")
    if lead.created_time is None:
        raise broken("created_time", None, "when the lead was made")
    return from_seconds(lead.created_time, "created_time")
