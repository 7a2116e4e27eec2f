"""Webhooks of ERPNext and Frappe CRM: one document a message, with the fields that the site's admin chose.

Reference: docs.frappe.io/framework/user/en/guides/integration/webhooks, and what is sent in
frappe/integrations/doctype/webhook/webhook.py. A message has no id, and neither the document's type nor the event
unless the admin adds them. A webhook of the structure JSON that says all there is to know:

    {"doctype": "{{ doc.doctype }}", "name": "{{ doc.name }}", "event": "on_update", "modified": "{{ doc.modified }}",
     "creation": "{{ doc.creation }}", "time_zone": "Asia/Kolkata", "status": "{{ doc.status }}", …}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec

from ingestion.contracts.event import Actor, Draft, EventType, ObjectRef
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.erpnext_doctypes import READERS
from ingestion.sources.erpnext_document import Document, Said, public_name
from ingestion.sources.fields import broken, content_id, from_moment, is_staff, named
from ingestion.sources.split import one_or_many


def _as_sent(body: bytes, _headers: Mapping[str, str]) -> bytes:
    """The structure *Form URL-Encoded* names the fields in a form, and sends them as JSON all the same."""
    return body


SOURCE = Source(
    system="erpnext",
    sender="Webhooks of ERPNext and Frappe CRM",
    topic="raw.crm",
    makes=(
        EventType.LEAD_CREATED,
        EventType.CONTACT_CHANGED,
        EventType.CONTACT_DELETED,
        EventType.CONSENT_CHANGED,
        EventType.ACCOUNT_CHANGED,
        EventType.CRM_STAGE_CHANGED,
        EventType.CRM_OUTCOME,
        EventType.TICKET_CREATED,
        EventType.TICKET_CHANGED,
        EventType.TICKET_SOLVED,
    ),
    dedupe="a hash of doctype, name and content; choose the field modified, or a state that returns is a duplicate",
    ordering="none; modified orders the states of one document",
    leaves_out={
        "fields without a canonical meaning": "they may be personal",
        "what changed": "a message holds the document's state",
        "modified, where the message does not name the site's time_zone": "it is the site's local time: the receipt's",
    },
    about=("name",),
    opens={"application/x-www-form-urlencoded": _as_sent},
)

_VERBS: Mapping[str, str] = {"after_insert": "created", "on_trash": "deleted"}
_SERIES: Mapping[str, str] = {  # by default, and in older versions
    "CRM-LEAD-": "Lead",
    "LEAD-": "Lead",
    "CRM-OPP-": "Opportunity",
    "OPTY-": "Opportunity",
    "CRM-DEAL-": "CRM Deal",
    "SAL-QTN-": "Quotation",
    "QTN-": "Quotation",
    "ISS-": "Issue",
}
_TELLING: Mapping[str, str] = {  # fields that only one doctype has
    "quotation_to": "Quotation",
    "opportunity_from": "Opportunity",
    "deal_owner": "CRM Deal",
    "raised_by": "Issue",
    "customer_type": "Customer",
    "lead_owner": "Lead",
}
_ONLY_FRAPPE_CRM = frozenset({"email", "organization", "converted"})  # ERPNext's lead has email_id, company_name


class Head(msgspec.Struct, gc=False):
    """What is read of a message whatever the document."""

    name: int | Annotated[str, msgspec.Meta(min_length=1)]  # with spaces, where it is a person's or a company's
    doctype: str | None = None
    event: str | None = None
    modified: str | None = None
    creation: str | None = None
    time_zone: str | None = None
    modified_by: str | None = None
    owner: str | None = None


elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one document; raises `ContractBroken` where its doctype cannot be told, or has no canonical meaning."""
    fields = _decode(element)
    head = msgspec.convert(fields, Head)
    doctype = head.doctype or _doctype(head, fields)
    read = READERS.get(doctype)
    if read is None:
        raise ContractBroken(f"doctype: got {named(doctype)}, expected one of {', '.join(READERS)}")
    name = str(head.name)
    document = Document(doctype, name, _verb(head), f"erpnext:{context.account}", fields)
    said = read(document)
    own = head.modified_by in context.tenant.own_apps
    return Draft(
        # The moment of receipt differs from try to try, so that it is no part of the id.
        id=content_id(context, doctype, name, _NO_TIME, element),
        source=context.source,
        type=said.type,
        time=_time(head, context),
        channel=said.channel,
        claims=said.claims,
        account=said.account,
        object=ObjectRef(said.kind, public_name(said.deal or name)),
        properties=said.properties | {"own_write_back": True} if own else said.properties,
        consent=said.consent,
        private=said.private,
        text=said.text,
        actor=Actor.AUTOMATION if own else _actor(head, said, context),
    )


_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def _doctype(head: Head, fields: Mapping[str, Any]) -> str:
    """The doctype by the name's series, else by a field that no other has."""
    name = str(head.name)
    found = next((doctype for prefix, doctype in _SERIES.items() if name.startswith(prefix)), None)
    found = found or next((doctype for field, doctype in _TELLING.items() if field in fields), None)
    if found is None:
        raise broken("doctype", None, f"one of {', '.join(READERS)}; add it to the webhook's fields")
    is_frappe_crm = not _ONLY_FRAPPE_CRM.isdisjoint(fields)
    return "CRM Lead" if found == "Lead" and is_frappe_crm else found


def _verb(head: Head) -> str:
    """What happened: as the webhook's event says, else by the times, which are one when a document is made."""
    if head.event is not None:
        return _VERBS.get(head.event, "changed")
    return "created" if head.modified is not None and head.modified == head.creation else "changed"


def _time(head: Head, context: SourceContext) -> datetime:
    """`modified`, if the message says in which zone it is.

    Frappe keeps times in the zone of the site's System Settings and sends them without it. The receipt is seconds
    later; a guessed zone would be hours off.
    """
    if head.modified is None or head.time_zone is None:
        return context.received
    try:
        zone = ZoneInfo(head.time_zone)
    except (ValueError, KeyError, OSError):
        raise broken("time_zone", head.time_zone, "a zone's IANA name such as Europe/Berlin") from None
    try:
        moment = datetime.fromisoformat(head.modified)
    except ValueError:
        raise broken("modified", head.modified, "an ISO 8601 date and time") from None
    return from_moment(moment if moment.tzinfo else moment.replace(tzinfo=zone), "modified")


def _actor(head: Head, said: Said, context: SourceContext) -> Actor:
    """A visitor of the site is the user Guest: web forms and the portal."""
    is_visitor = head.owner == "Guest" and _verb(head) == "created"
    if said.by_customer:
        return Actor.STAFF if is_staff(said.private.get("email"), context) else Actor.USER
    return Actor.USER if is_visitor else Actor.STAFF
