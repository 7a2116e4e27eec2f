"""Salesforce: change events (Change Data Capture), outbound messages of workflows and flows, and fetched records.

Reference: developer.salesforce.com/docs/platform/change-data-capture/guide, and outbound messaging in the SOAP API's
guide. A change event names no organisation, and the two must agree on whose ids they send; the connection's account
stands for it in both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import msgspec

from ingestion.contracts.event import Actor, Draft, EventType
from ingestion.errors import ContractBroken
from ingestion.sources import salesforce_change, salesforce_outbound, salesforce_snapshot
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.fields import from_millis, is_staff, named, plain_id
from ingestion.sources.salesforce_change import Header
from ingestion.sources.salesforce_fields import Said, is_own
from ingestion.sources.salesforce_objects import READERS, Org
from ingestion.sources.salesforce_record import Record
from ingestion.sources.split import one_or_many

SOURCE = Source(
    system="salesforce",
    sender="Salesforce's change events (CometD, Pub/Sub API) and outbound messages; fetched records",
    topic="raw.crm",
    makes=(
        EventType.LEAD_CREATED,
        EventType.CONTACT_CHANGED,
        EventType.CONTACT_DELETED,
        EventType.ACCOUNT_CHANGED,
        EventType.CRM_STAGE_CHANGED,
        EventType.CRM_OUTCOME,
        EventType.CONSENT_CHANGED,
        EventType.IDENTITY_LINK,
        EventType.MEETING_BOOKED,
        EventType.CALL_LOGGED,
        EventType.TICKET_CREATED,
        EventType.TICKET_CHANGED,
        EventType.TICKET_SOLVED,
    ),
    dedupe="transactionKey, sequenceNumber, record id; of an outbound message Notification/Id; "
    "of a fetched record its content and LastModifiedDate",
    ordering="commitNumber, then sequenceNumber; none of outbound messages",
    leaves_out={
        "fields that an event does not name as changed": "the Pub/Sub API sends them as null, whatever they are",
        "values of fields without a canonical meaning": "they may be personal: sealed, only named openly",
        "fields behind a bitmap that comes without its schema": "it cannot be read without: quarantined",
        "recordIds with a wildcard": "every record of the object changed: quarantined, read the object again",
        "SessionId": "a live credential",
    },
    about=(
        "record",
        "data.payload.ChangeEventHeader.recordIds",
        "payload.ChangeEventHeader.recordIds",
        "ChangeEventHeader.recordIds",
        "fields.Id",
        "Id",
    ),
    opens=dict.fromkeys(salesforce_outbound.CONTENT_TYPES, salesforce_outbound.open_soap),
)

BROWSER = "SfdcInternalAPI"  # as which Salesforce's own pages write
_CLIENT = re.compile(r"client=([^;]*)")


def elements(body: bytes) -> Sequence[msgspec.Raw]:
    """The changes and notifications, one a record."""
    return [part for element in one_or_many(body) for part in salesforce_change.split(element)]


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one record's change or notification; raises `ContractBroken` for an object without canonical meaning."""
    if salesforce_outbound.is_notification(element):
        return _notification(element, context)
    if salesforce_snapshot.is_snapshot(element):
        return _snapshot(element, context)
    change = salesforce_change.change_of(element)
    header = change.header
    record = salesforce_change.record_of(change)
    if not header.transaction_key:
        raise ContractBroken("transactionKey: got an empty string, expected the transaction's key")
    key = f"{header.transaction_key}:{header.sequence_number}:{record.id or record.entity}"
    actor, own = _actor(header, record, context)
    time = from_millis(header.commit_timestamp, "commitTimestamp")
    return _draft(_read(record, context), key, time, actor, context, own=own, sequence=_sequence(header))


def _notification(element: msgspec.Raw, context: SourceContext) -> Draft:
    sent = salesforce_outbound.notification_of(element)
    record = salesforce_outbound.record_of(sent)
    said = _read(record, context)
    # Which user or app brought the rule about is not said.
    return _draft(said, sent.notification, salesforce_outbound.time_of(record, context), Actor.AUTOMATION, context)


def _snapshot(element: msgspec.Raw, context: SourceContext) -> Draft:
    record = salesforce_snapshot.record_of(element)
    key, time = salesforce_snapshot.id_of(record, context), salesforce_snapshot.time_of(record)
    return _draft(_read(record, context), key, time, Actor.AUTOMATION, context)


def _read(record: Record, context: SourceContext) -> Said:
    read = READERS.get(record.entity)
    if read is None:
        raise ContractBroken(f"entityName: got {named(record.entity)}, expected one of {', '.join(READERS)}")
    return read(record, Org(context.account))


def _draft(
    said: Said,
    key: str,
    time: datetime,
    actor: Actor,
    context: SourceContext,
    *,
    own: bool = False,
    sequence: str | None = None,
) -> Draft:
    by_customer = said.by_customer and not is_staff(said.private.get("SuppliedEmail"), context)
    return Draft(
        id=plain_id(key),
        source=context.source,
        type=said.type,
        time=time,
        channel=said.channel,
        claims=said.claims,
        account=said.account,
        object=said.about,
        properties=said.properties | {"own_write_back": True} if own else said.properties,
        change=said.change,
        consent=said.consent,
        private=said.private,
        text=said.text,
        actor=Actor.USER if by_customer and not own else actor,
        sequence=sequence,
    )


def _actor(header: Header, record: Record, context: SourceContext) -> tuple[Actor, bool]:
    """Who wrote, and whether it was ourselves. The origin is empty where no API client wrote."""
    found = _CLIENT.search(header.change_origin or "")
    client = found[1].rstrip("/") if found else ""
    if client in context.tenant.own_apps or is_own(record):
        return Actor.AUTOMATION, True
    return (Actor.STAFF if client in ("", BROWSER) else Actor.AUTOMATION), False


def _sequence(header: Header) -> str | None:
    if header.commit_number is None or header.commit_number < 0 or header.sequence_number < 0:
        return None
    return f"{header.commit_number:020d}:{header.sequence_number:010d}"
