"""What happens to Close's objects means: its people, their companies and deals, and what is done with them.

Objects: developer.close.com/api/resources (leads, contacts, opportunities, activities). A claim names one person: where
a meeting has several contacts, it is nobody's in particular.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ingestion.contracts.event import Channel, Claim, Consent, EventType, IdentifierType
from ingestion.sources.fields import broken, claim, host_of, plain_id, tag_of, text_of


class Entry(msgspec.Struct, gc=False):
    """`event`: an entry of the event log."""

    id: str
    object_type: str
    action: str
    organization_id: str
    date_created: str
    date_updated: str | None = None
    object_id: str | None = None
    lead_id: str | None = None
    user_id: str | None = None
    api_key_id: str | None = None
    oauth_client_id: str | None = None
    changed_fields: list[str] | None = None
    data: dict[str, Any] | None = None
    previous_data: dict[str, Any] | None = None

    @property
    def scope(self) -> str:
        """In which the organisation's ids are unique."""
        return f"close:{plain_id(self.organization_id)}"


@dataclass(slots=True)
class Said:
    """A draft's parts, as far as they follow from the object."""

    type: EventType
    kind: str
    claims: tuple[Claim, ...] = ()
    domain: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    shown: tuple[str, ...] = ()  # fields whose values are nothing personal
    consent: Consent | None = None
    private: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    channel: Channel = Channel.CRM
    by_customer: bool = False


def _lead(entry: Entry) -> Said:
    """A company. Of which person a status is said is not told."""
    lead = _object(entry)
    said = Said(EventType.ACCOUNT_CHANGED, "company", shown=("status_label", "url"))
    said.domain = host_of(lead.get("url"))
    if entry.action != "updated":
        said.properties["action"] = tag_of(entry.action) or "changed"
    if entry.action == "created" or _has_changed(entry, "addresses"):
        addresses = lead.get("addresses")
        first = addresses[0] if isinstance(addresses, list) and addresses else None
        if isinstance(first, dict) and (country := tag_of(first.get("country"))):
            said.properties["country"] = country
    if entry.action == "created" or _has_changed(entry, "description"):
        said.text = text_of(lead.get("description"))
    if name := text_of(lead.get("display_name") or lead.get("name")):
        said.private["name"] = name
    return said


def _contact(entry: Entry) -> Said:
    contact = _object(entry)
    type_ = {"created": EventType.LEAD_CREATED, "deleted": EventType.CONTACT_DELETED}.get(entry.action)
    said = Said(
        type_ or EventType.CONTACT_CHANGED, "contact", _crm(entry, "contact", entry.object_id), shown=("title",)
    )
    if type_ is not None:
        said.properties["action"] = entry.action
    if name := text_of(contact.get("name")):
        said.private["name"] = name
    emails, phones = _parts(contact, "emails"), _parts(contact, "phones")
    for kind, addresses in (("email", emails), ("phone", phones)):
        values = [value for each in addresses if (value := text_of(each.get(kind)))]
        if values:
            said.private[kind] = ", ".join(values)
    if entry.action == "deleted":
        return said
    for each in emails:
        said.claims += claim(IdentifierType.EMAIL, each.get("email"), verified=True)
    for each in phones:
        said.claims += claim(IdentifierType.PHONE, each.get("phone"))
    if (title := tag_of(contact.get("title"))) and (entry.action == "created" or _has_changed(entry, "title")):
        said.properties["jobtitle"] = title
    if any(each.get("is_unsubscribed") is True for each in emails):
        said.consent = Consent("marketing", False)
    return said


def _opportunity(entry: Entry) -> Said:
    deal = _object(entry)
    said = Said(EventType.ACCOUNT_CHANGED, "deal", _crm(entry, "deal", entry.object_id) + _with_whom(entry, deal))
    said.shown = ("status_label", "status_type", "value", "value_period", "confidence", "date_won", "date_lost")
    if entry.action == "deleted":
        said.type = EventType.CRM_STAGE_CHANGED
        said.properties = {"object": "deal", "deal_status": "deleted", "action": "deleted"}
        return said
    is_new = entry.action == "created"
    if is_new:
        said.properties["action"] = "created"
    value = deal.get("value")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**17:
        said.properties["amount"] = value / 100  # Close counts cents
    if pipeline := tag_of(deal.get("pipeline_name")):
        said.properties["pipeline"] = pipeline
    if is_new or _has_changed(entry, "note"):
        said.text = text_of(deal.get("note"))
    if not is_new and not _has_changed(entry, "status_id", "status_label", "status_type"):
        return said
    said.type = EventType.CRM_STAGE_CHANGED
    status = {"active": "open", "won": "won", "lost": "lost"}.get(text_of(deal.get("status_type")) or "")
    said.properties["object"] = "deal"
    if stage := tag_of(deal.get("status_label")):
        said.properties["dealstage"] = stage.lower()
    if status is not None:
        said.properties["deal_status"] = status
    if status in ("won", "lost") and (is_new or _has_changed(entry, "status_type")):
        said.type = EventType.CRM_OUTCOME
        said.properties["outcome"] = status
    return said


def _call(entry: Entry) -> Said:
    """A call counts once: when it is over, or when it was logged by hand, which is never completed."""
    call = _object(entry)
    said = Said(EventType.CONTACT_CHANGED, "call", _with_whom(entry, call), shown=("disposition", "direction"))
    is_over = entry.action == "completed" or (entry.action == "created" and call.get("status") == "completed")
    _happened(entry, said, EventType.CALL_LOGGED if is_over else None)
    said.by_customer = call.get("direction") == "inbound"
    if phone := text_of(call.get("remote_phone") or call.get("phone")):
        said.private["phone"] = phone
    return said


def _meeting(entry: Entry) -> Said:
    """A meeting is booked when it appears; `scheduled` comes too, and again for each new date."""
    meeting = _object(entry)
    whom = _with_whom(entry, meeting)
    attendees = {text_of(each.get("contact_id")) for each in _parts(meeting, "attendees")} - {None}
    if not whom and len(attendees) == 1:
        whom = _crm(entry, "contact", attendees.pop())
    said = Said(EventType.CONTACT_CHANGED, "meeting", whom, shown=("status",))
    _happened(entry, said, EventType.MEETING_BOOKED if entry.action == "created" else None)
    return said


def _email(entry: Entry) -> Said:
    """An incoming e-mail is the contact's; an outgoing one counts when it is sent, not while it is written."""
    mail = _object(entry)
    said = Said(EventType.CONTACT_CHANGED, "message", _with_whom(entry, mail))
    said.channel = Channel.OUTBOUND
    is_sent = entry.action == "sent" or (entry.action == "created" and mail.get("status") == "sent")
    if mail.get("direction") == "incoming":
        said.by_customer = entry.action == "created"
        _happened(entry, said, EventType.EMAIL_REPLIED if said.by_customer else None)
        if said.by_customer:
            parts = (text_of(mail.get("subject")), text_of(mail.get("body_text")))
            said.text = "\n\n".join(part for part in parts if part) or None
    else:
        _happened(entry, said, EventType.EMAIL_PROCESSED if is_sent else None)
    return said


def _unsubscribed(entry: Entry) -> Said:
    """An address that takes no more bulk mail, or takes it again."""
    email = text_of(_object(entry).get("email"))
    if email is None:
        raise broken("data.email", None, "the address that was unsubscribed")
    is_back = entry.action == "deleted"
    said = Said(EventType.CONSENT_CHANGED if is_back else EventType.EMAIL_UNSUBSCRIBED, "unsubscribed_email")
    said.claims = claim(IdentifierType.EMAIL, email, verified=True)
    said.consent = Consent("marketing", is_back)
    said.private["email"] = email
    said.channel = Channel.OUTBOUND
    said.by_customer = entry.user_id is None
    return said


READERS: Mapping[str, Callable[[Entry], Said]] = {
    "lead": _lead,
    "contact": _contact,
    "opportunity": _opportunity,
    "activity.call": _call,
    "activity.meeting": _meeting,
    "activity.email": _email,
    "unsubscribed_email": _unsubscribed,
}


def _happened(entry: Entry, said: Said, type_: EventType | None) -> None:
    if type_ is not None:
        said.type = type_
    else:
        said.properties["action"] = f"{said.kind}_{tag_of(entry.action) or 'changed'}"


def _object(entry: Entry) -> dict[str, Any]:
    """The object after the entry, of a deletion the object before."""
    return entry.data or entry.previous_data or {}


def _has_changed(entry: Entry, *names: str) -> bool:
    return not frozenset(names).isdisjoint(entry.changed_fields or ())


def _parts(thing: dict[str, Any], name: str) -> list[dict[str, Any]]:
    parts = thing.get(name)
    return [part for part in parts[:100] if isinstance(part, dict)] if isinstance(parts, list) else []


def _crm(entry: Entry, kind: str, about: Any) -> tuple[Claim, ...]:
    return claim(IdentifierType.CRM, about, verified=True, scope=f"{entry.scope}:{kind}")


def _with_whom(entry: Entry, thing: dict[str, Any]) -> tuple[Claim, ...]:
    return _crm(entry, "contact", thing.get("contact_id"))
