"""The canonical event `leadline.interaction/1-0-0`: one shape for every sender.

Invariant: nothing in a canonical event names a person. Identifiers are keyed hashes; names, e-mail
addresses, phone numbers and free text are sealed in `private` under the person's own key.
The envelope is CloudEvents 1.0 (github.com/cloudevents/spec), with extension attributes in lower case.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

SCHEMA = "leadline.interaction/1-0-0"
MAX_PARTS = 1 << 16  # events that one raw message may hold
MAX_MERGES = 1 << 10  # lead ids that one event may forward


class Channel(StrEnum):
    """Where an interaction took place."""

    CRM = "crm"
    MAP = "map"  # marketing automation
    WEB = "web"
    PRODUCT = "product"
    CHAT = "chat"
    SUPPORT = "support"
    ADS = "ads"
    OUTBOUND = "outbound"


class Actor(StrEnum):
    """Who acted. Only a user's acts count as engagement."""

    USER = "user"
    STAFF = "staff"
    AUTOMATION = "automation"  # vendors' workflows and our own write-backs
    BOT = "bot"


class EventType(StrEnum):
    """The closed set of things that can happen."""

    LEAD_FORM_SUBMITTED = "lead.form_submitted"
    LEAD_CREATED = "lead.created"
    CONTACT_CHANGED = "contact.changed"
    CONTACT_DELETED = "contact.deleted"
    ACCOUNT_CHANGED = "account.changed"
    CRM_STAGE_CHANGED = "crm.stage_changed"
    CRM_OUTCOME = "crm.outcome"
    WEB_PAGE_VIEWED = "web.page_viewed"
    WEB_CONTENT_DOWNLOADED = "web.content_downloaded"
    PRODUCT_SIGNED_UP = "product.signed_up"
    PRODUCT_TRIAL_STARTED = "product.trial_started"
    PRODUCT_SESSION_STARTED = "product.session_started"
    PRODUCT_FEATURE_USED = "product.feature_used"
    EMAIL_PROCESSED = "email.processed"
    EMAIL_DELIVERED = "email.delivered"
    EMAIL_DEFERRED = "email.deferred"
    EMAIL_OPENED = "email.opened"
    EMAIL_CLICKED = "email.clicked"
    EMAIL_REPLIED = "email.replied"
    EMAIL_BOUNCED = "email.bounced"
    EMAIL_UNSUBSCRIBED = "email.unsubscribed"
    EMAIL_SPAM = "email.spam"
    CHAT_STARTED = "chat.started"
    CHAT_MESSAGE = "chat.message"
    CHAT_ENDED = "chat.ended"
    TICKET_CREATED = "ticket.created"
    TICKET_CHANGED = "ticket.changed"
    TICKET_SOLVED = "ticket.solved"
    MEETING_BOOKED = "meeting.booked"
    CALL_LOGGED = "call.logged"
    CONSENT_CHANGED = "consent.changed"
    IDENTITY_LINK = "identity.link"
    IDENTITY_UNLINK = "identity.unlink"


class IdentifierType(StrEnum):
    """Kinds of identifier, strongest first. `scope` separates equal values of different systems."""

    CRM = "crm"  # scope: "{system}:{org}:{object}", e.g. "hubspot:62515:contact", "zendesk:8888:user"
    USER_ID = "user_id"  # the product's own user id; scope: the workspace
    EMAIL = "email"
    PHONE = "phone"  # kept, never merges
    ANONYMOUS_ID = "anonymous_id"  # browser cookie; scope: the tracker
    EVENT = "event"  # nothing usable was sent: the event stands alone


class Claim(msgspec.Struct, frozen=True):
    """An identifier as a sender claims it, in the clear. Lives only inside the ingestion worker."""

    type: IdentifierType
    value: str
    verified: bool = False  # the sender itself vouches for it (CRM-owned, logged-in), not a visitor's form
    scope: str = ""


class Identifier(msgspec.Struct, frozen=True, omit_defaults=True):
    """A claim after normalisation and keyed hashing."""

    type: IdentifierType
    hash: str  # 32 hex digits, HMAC-SHA256 of type, scope and normalised value
    verified: bool = False
    scope: str = ""


class AccountHint(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the sender says about the person's company. A name alone never resolves to an account."""

    domain: str | None = None
    crm_id: str | None = None  # "{system}:{org}:{object}:{id}"
    name: str | None = None


class ObjectRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """The thing the event is about: a deal, ticket, form, message."""

    type: str
    id: str
    url: str | None = None


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One changed field of a CRM object; never a whole row."""

    field: str
    new: str | None = None
    old: str | None = None


class Campaign(msgspec.Struct, frozen=True, omit_defaults=True):
    """UTM parameters and click ids."""

    source: str | None = None
    medium: str | None = None
    name: str | None = None
    term: str | None = None
    content: str | None = None
    click_ids: dict[str, str] = {}


class Consent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person's decision about one purpose."""

    purpose: str
    granted: bool
    basis: str | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a source adapter makes of one element of a raw message: a canonical event before identity.

    `private` holds personal values by name (`email`, `name`, `phone`, …) and `text` the free text; both
    are sealed before the event leaves the worker.
    """

    id: str  # the vendor's event id, else a hash of the content; with `source` the key of duplicates
    source: str  # URI reference, /t/{tenant}/{system}/{account}
    type: EventType
    time: datetime  # aware, UTC: when it happened by the vendor's clock
    channel: Channel
    claims: tuple[Claim, ...] = ()
    account: AccountHint | None = None
    object: ObjectRef | None = None
    properties: dict[str, Any] = {}
    change: tuple[Change, ...] = ()
    campaign: Campaign | None = None
    consent: Consent | None = None
    private: dict[str, str] = {}
    text: str | None = None
    lang: str | None = None
    actor: Actor = Actor.USER
    test: bool = False
    sequence: str | None = None
    linked: tuple[Identifier, Identifier] | None = None  # that an operator says are one person's
    parted: tuple[tuple[str, str], ...] = ()  # identifier hashes that an operator says are two persons'
    dismissed: bool = False  # `parted` is for the review queue to know: nothing is withdrawn


class EventData(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The payload of a canonical event, free of personal data."""

    channel: Channel
    identifiers: tuple[Identifier, ...] = ()
    account: AccountHint | None = None
    object: ObjectRef | None = None
    properties: dict[str, Any] = {}
    change: tuple[Change, ...] = ()
    campaign: Campaign | None = None
    consent: Consent | None = None
    lang: str | None = None  # of the sealed free text
    text_hash: str | None = None  # keyed hash of the sealed free text; present exactly if there is one
    actor: Actor = Actor.USER
    test: bool = False


class RawPointer(msgspec.Struct, frozen=True):
    """Where an event came from: the root of its lineage."""

    topic: str
    partition: int
    offset: int
    index: int  # element within the raw message
    sha256: str  # of the raw message's bytes

    @property
    def position(self) -> int:
        """Offset and index as one integer that grows along the raw partition."""
        return self.offset * MAX_PARTS + self.index

    @property
    def stream(self) -> str:
        """The raw partition's name, `topic/partition`."""
        return f"{self.topic}/{self.partition}"


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A canonical event on the topic `events` and in the lake."""

    id: str
    source: str
    type: EventType
    time: datetime  # when it happened, clamped to `receivedtime`
    receivedtime: datetime  # our clock at ingress
    tenant: str
    lead: str  # resolved when the event was first seen; stable under replay
    partitionkey: str  # the account, else the lead
    data: EventData
    raw: RawPointer
    account: str | None = None
    private: str | None = None  # base64 of the sealed personal data, key of `lead`
    pii_fields: tuple[str, ...] = ()
    clamped: bool = False  # the sender's clock ran ahead of ours
    imported: bool = False  # history: knowledge time is `receivedtime`, not the moment of folding
    sequence: str | None = None
    traceparent: str | None = None
    specversion: str = "1.0"
    dataschema: str = SCHEMA


class LeadMerged(msgspec.Struct, frozen=True, kw_only=True):
    """Control record on `events`, keyed by the absorbed lead's partition key.

    It follows every event that was emitted for `absorbed`, so that the partition's worker can hand the
    state over to `survivor` in order. `joined` is false where a lead was only renamed (a stronger
    identifier or its account became known) and true where two known leads became one.
    """

    absorbed: str
    survivor: str
    survivor_key: str
    survivor_account: str | None
    joined: bool
    rule: str
    receivedtime: datetime
    imported: bool
    raw: RawPointer  # of the event that caused it
    number: int = 0  # place among the merges that the same event caused

    @property
    def position(self) -> int:
        """Grows along the raw partition, and over the merges that one event caused."""
        return self.raw.position * MAX_MERGES + self.number


class LeadPart(msgspec.Struct, frozen=True, kw_only=True):
    """One person of those that a lead is parted into."""

    lead: str
    account: str | None

    @property
    def key(self) -> str:
        """The partition key."""
        return self.account or self.lead


class LeadSplit(msgspec.Struct, frozen=True, kw_only=True):
    """Control record on `events`, keyed by the parted lead's partition key: it was several persons all along.

    It follows every event that was emitted for `lead`, as a merge does. No part has an id that was in use before.
    """

    lead: str
    parts: tuple[LeadPart, ...]  # at least two; the first holds the identifier that `lead` was minted from
    owners: tuple[tuple[str, int], ...]  # identifier hash and number of its part, strongest identifier first
    rule: str
    receivedtime: datetime
    imported: bool
    raw: RawPointer  # of the event that caused it
    number: int = 0  # among the merges and splits that the same event caused

    @property
    def position(self) -> int:
        """As `LeadMerged.position`."""
        return self.raw.position * MAX_MERGES + self.number

    def part_of(self, identifiers: Iterable[Identifier]) -> LeadPart:
        """Whose an event with these identifiers is: the strongest one's; the first part's if none is known here."""
        sent = {each.hash for each in identifiers}
        return next((self.parts[number] for hash_, number in self.owners if hash_ in sent), self.parts[0])


class RecordKind(StrEnum):
    """What a message on `events` is; sent in the header `record`."""

    EVENT = "event"  # Event as JSON
    MERGE = "merge"  # LeadMerged as JSON
    SPLIT = "split"  # LeadSplit as JSON
    HANDOVER = "handover"  # features.records.Handover, between feature workers
    FORWARD = "forward"  # an Event whose lead was absorbed, sent on to the survivor's partition


encode_json = msgspec.json.Encoder().encode
decode_event = msgspec.json.Decoder(Event).decode
decode_merge = msgspec.json.Decoder(LeadMerged).decode
decode_split = msgspec.json.Decoder(LeadSplit).decode


def utc(moment: datetime) -> datetime:
    """An aware datetime in UTC; raises `ValueError` for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; canonical times are aware")
    return moment.astimezone(UTC)
