"""A publisher that already speaks the canonical contract: a `Draft` by field name, alone or in an array.

The contract is `ingestion/contracts/leadline.interaction-*.odcs.yaml`. `dataschema` names its version: each revision
has a reader in `READERS`, which takes its additions too; any other is `UnknownVersion`. Claims come in the clear. The
publisher vouches for what it marks as verified, and keeps personal data out of
whatever is not sealed: an event whose open parts hold an e-mail address is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from ingestion.contracts.event import (
    AccountHint,
    Actor,
    Campaign,
    Change,
    Channel,
    Claim,
    Consent,
    Draft,
    EventType,
    IdentifierType,
    ObjectRef,
)
from ingestion.errors import ContractBroken, UnknownVersion
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.fields import Moment, from_moment, named, plain_id
from ingestion.sources.split import one_or_many
from ingestion.sources.versions import Readers

SOURCE = Source(
    system="canonical",
    sender="Publishers that speak the canonical contract",
    topic="raw.product",
    makes=tuple(EventType),
    dedupe="source and id",
    ordering="the publisher's `sequence`, if any",
    leaves_out={},
    about=("object.id", "id"),
)

_ADDRESS = re.compile(rb"[^\s@\"]@[^\s@\"]+\.[^\s@\"]")


class Versioned(msgspec.Struct, gc=False):
    """What every version says of itself."""

    dataschema: str


class PublishedClaim(msgspec.Struct, gc=False):
    """A claim of a kind that a publisher can know."""

    type: Literal["crm", "user_id", "email", "phone", "anonymous_id"]
    value: str
    verified: bool = False
    scope: str = ""


class Published(msgspec.Struct, kw_only=True, gc=False):
    """An event as a publisher writes it in version 1-0."""

    dataschema: str
    id: str
    type: EventType
    time: Moment
    channel: Channel
    specversion: str = "1.0"
    source: str | None = None
    claims: list[PublishedClaim] = []
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


elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_encode = msgspec.json.Encoder().encode
_decode_version = msgspec.json.Decoder(Versioned).decode
_decode = msgspec.json.Decoder(Published).decode


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Checks one published event and takes it over; raises `UnknownVersion` for one that has no reader."""
    return READERS.of(_decode_version(element).dataschema)(element, context)


def read_1_0(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Reads `leadline.interaction/1-0-x`."""
    sent = _decode(element)
    _check(sent)
    return Draft(
        id=event_id(sent.id, sent.source, context),
        source=context.source,
        type=sent.type,
        time=from_moment(sent.time, "time"),
        channel=sent.channel,
        claims=tuple(
            Claim(IdentifierType(c.type), c.value, c.verified, c.scope) for c in sent.claims if c.value.strip()
        ),
        account=sent.account,
        object=sent.object,
        properties=sent.properties,
        change=sent.change,
        campaign=sent.campaign,
        consent=sent.consent,
        private=sent.private,
        text=sent.text or None,
        lang=sent.lang,
        actor=sent.actor,
        test=sent.test,
        sequence=sent.sequence,
    )


READERS = Readers("leadline.interaction", {(1, 0): read_1_0})


def event_id(sent: str, source: str | None, context: SourceContext) -> str:
    """The id of an event that its publisher names by `source` and `id`, as CloudEvents' duplicates are known.

    A publisher's second source must not clash with its first.
    """
    same = source is None or source == context.source
    return plain_id(sent if same else f"{source} {sent}")


def _check(sent: Published) -> None:
    if sent.specversion != "1.0":
        raise UnknownVersion(f"specversion: got {named(sent.specversion)}, expected '1.0'")
    if not sent.id:
        raise ContractBroken("id: got an empty string, expected the event's id")
    for name in ("properties", "change", "object", "campaign", "account", "sequence"):
        part = getattr(sent, name)
        if part and _ADDRESS.search(_encode(part)):
            raise ContractBroken(f"{name}: holds an e-mail address, expected it in `claims` or `private`")
