"""Close's webhooks: one entry of its event log a message, about a contact, a lead, a deal or an activity.

Reference: developer.close.com/api/resources/webhooks and …/events ("Event Log", "List of Event Types"). What Close
calls a lead is a company; its people are contacts. An entry holds the object afterwards and, of an update, the names
of what changed; entries of one object that follow closely are drawn together, under the same id and a later
`date_updated`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from ingestion.contracts.event import AccountHint, Actor, Change, Draft, EventType, ObjectRef
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.close_objects import READERS, Entry, Said
from ingestion.sources.fields import broken, from_moment, named, plain_id, tag_of, text_of
from ingestion.sources.split import one_or_many

SOURCE = Source(
    system="close",
    sender="Close's webhooks",
    topic="raw.crm",
    makes=(
        EventType.LEAD_CREATED,
        EventType.CONTACT_CHANGED,
        EventType.CONTACT_DELETED,
        EventType.ACCOUNT_CHANGED,
        EventType.CRM_STAGE_CHANGED,
        EventType.CRM_OUTCOME,
        EventType.CALL_LOGGED,
        EventType.MEETING_BOOKED,
        EventType.EMAIL_PROCESSED,
        EventType.EMAIL_REPLIED,
        EventType.EMAIL_UNSUBSCRIBED,
        EventType.CONSENT_CHANGED,
    ),
    dedupe="id, date_updated (entries that are drawn together keep their id)",
    ordering="not promised; date_updated orders the entries of one object",
    leaves_out={
        "names of leads": "a lead that was made for a contact has the contact's name: sealed",
        "custom fields": "they may be personal",
        "activity.lead_status_change, activity.opportunity_status_change": "the object's own entry says the same",
        "notes, tasks, text messages": "staff's own, or no canonical meaning: quarantined",
    },
    about=("event.lead_id", "event.object_id"),
)


class Delivery(msgspec.Struct, gc=False):
    """The body."""

    event: Entry


elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_decode = msgspec.json.Decoder(Delivery).decode


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one entry; raises `ContractBroken` for an object without canonical meaning."""
    entry = _decode(element).event
    read = READERS.get(entry.object_type)
    if read is None:
        raise ContractBroken(f"object_type: got {named(entry.object_type)}, expected one of {', '.join(READERS)}")
    if not (entry.id and entry.organization_id and entry.object_id):
        raise broken("id, organization_id, object_id", None, "the ids of the entry, the organisation and the object")
    said = read(entry)
    own = not context.tenant.own_apps.isdisjoint({entry.api_key_id, entry.oauth_client_id})
    updated = entry.date_updated or entry.date_created
    return Draft(
        id=plain_id(f"{entry.id}:{updated}"),
        source=context.source,
        type=said.type,
        time=_time(updated),
        channel=said.channel,
        claims=said.claims,
        account=_account(entry, said),
        object=ObjectRef(said.kind, plain_id(entry.object_id)),
        properties=said.properties | {"own_write_back": True} if own else said.properties,
        change=_changes(entry, said),
        consent=said.consent,
        private=said.private,
        text=said.text,
        actor=_actor(entry, said, own=own),
    )


def _account(entry: Entry, said: Said) -> AccountHint | None:
    lead = text_of(entry.object_id if said.kind == "company" else entry.lead_id)
    if lead is None:
        return None
    return AccountHint(said.domain, f"{entry.scope}:lead:{plain_id(lead)}")


def _changes(entry: Entry, said: Said) -> tuple[Change, ...]:
    """What an update changed; the values only of what is nothing personal."""
    if entry.action != "updated":
        return ()
    now, before = entry.data or {}, entry.previous_data or {}
    found = []
    for name in dict.fromkeys(entry.changed_fields or ()):
        if name in said.shown:
            found.append(Change(name, tag_of(now.get(name)), tag_of(before.get(name))))
        elif name.isidentifier() and name.isascii() and name != "date_updated":
            found.append(Change(name))
    return tuple(found)


def _time(value: str) -> datetime:
    """The entry's own stamps come without a zone and are UTC.

    The page's example has the object's stamp, with its zone, 3 ms before the entry's, without one.
    """
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise broken("date_updated", value, "an ISO 8601 date and time") from None
    return from_moment(moment if moment.tzinfo else moment.replace(tzinfo=UTC), "date_updated")


def _actor(entry: Entry, said: Said, *, own: bool) -> Actor:
    if own:
        return Actor.AUTOMATION
    if said.by_customer:
        return Actor.USER
    has_acted = entry.user_id is not None and entry.api_key_id is None and entry.oauth_client_id is None
    return Actor.STAFF if has_acted else Actor.AUTOMATION
