"""CloudEvents 1.0 from any publisher: structured, in a batch, or in binary mode with the attributes in Kafka's headers.

Reference: github.com/cloudevents/spec: formats/json-format.md, bindings/kafka-protocol-binding.md,
extensions/{partitioning,sequence}.md. What an event says is either

* a canonical event of ours, if `dataschema` begins with `leadline.interaction/`: `data` is read as the adapter
  `canonical` reads it, and the envelope's id, source, type, time and sequence stand above those in `data`; or
* the short form below, if `type` ends in a canonical type (`com.acme.product.signed_up`) or in a tracked name
  (`com.acme.trial-started.v1`). Properties go by the names of `ingestion/contracts/properties.py`.

      {"email": "jo@acme.com", "user_id": "u_82", "anonymous_id": "0f6d", "account": "ws_91", "domain": "acme.com",
       "properties": {"name": "Dashboards", "plan": "team"}, "text": "…"}
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec

from ingestion.contracts.event import SCHEMA, AccountHint, Actor, Channel, Claim, Draft, EventType, IdentifierType
from ingestion.contracts.properties import PROPERTIES
from ingestion.contracts.raw import CONTENT_TYPE
from ingestion.errors import ContractBroken, Undecodable, UnknownVersion
from ingestion.sources import canonical
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.fields import (
    Moment,
    claim,
    from_moment,
    host_of,
    is_staff,
    list_of,
    named,
    path_of,
    plain_id,
    tag_of,
    text_of,
)
from ingestion.sources.product_events import TRACKED
from ingestion.sources.split import one_or_many

_ATTRIBUTE = "ce_"


def _open_binary(body: bytes, headers: Mapping[str, str]) -> bytes:
    """A message in binary mode as one in structured mode; one without the attributes in its headers as it is."""
    if f"{_ATTRIBUTE}specversion" not in headers:
        return body
    envelope: dict[str, Any] = {
        name.removeprefix(_ATTRIBUTE): value for name, value in headers.items() if name.startswith(_ATTRIBUTE)
    }
    # What is data is read to its end here, so that it cannot close the envelope and write attributes of its own.
    envelope |= {"datacontenttype": headers.get(CONTENT_TYPE), "data_base64": None}
    envelope["data"] = _decode_raw(body) if body else None
    return msgspec.json.encode(envelope)


SOURCE = Source(
    system="cloudevents",
    sender="Publishers of CloudEvents 1.0",
    topic="raw.product",
    makes=tuple(EventType),
    dedupe="source and id",
    ordering="the publisher's `sequence`, if any",
    leaves_out={"properties that the contract does not declare": "they may be personal"},
    about=("partitionkey", "subject", "id"),
    # The binding: whatever content type does not begin with application/cloudevents may be in binary mode.
    opens={"application/json": _open_binary, "text/json": _open_binary, "": _open_binary},
)

_CHANNELS: Mapping[str, Channel] = MappingProxyType(  # by a type's first word
    {
        "lead": Channel.WEB,
        "contact": Channel.CRM,
        "account": Channel.CRM,
        "crm": Channel.CRM,
        "web": Channel.WEB,
        "product": Channel.PRODUCT,
        "email": Channel.MAP,
        "chat": Channel.CHAT,
        "ticket": Channel.SUPPORT,
        "meeting": Channel.WEB,
        "call": Channel.OUTBOUND,
        "consent": Channel.WEB,
        "identity": Channel.PRODUCT,
    }
)
_FAMILY = SCHEMA.partition("/")[0] + "/"
_TYPES: Mapping[str, EventType] = MappingProxyType({kind.value: kind for kind in EventType})
_VERSION = re.compile(r"[./:]v[0-9]{1,3}$")
_SEPARATOR = re.compile(r"[./:]")


class CloudEvent(msgspec.Struct, kw_only=True, gc=False):
    """The envelope, as far as it is read."""

    specversion: str
    id: str
    source: str
    type: str
    time: Moment | None = None
    dataschema: str | None = None
    datacontenttype: str | None = None
    sequence: str | int | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")
    data_base64: str | None = None


class Interaction(msgspec.Struct, gc=False):
    """`data` in its short form."""

    email: str | None = None
    user_id: str | int | None = None
    anonymous_id: str | int | None = None
    account: str | int | None = None  # the publisher's own id of it
    domain: str | None = None
    properties: dict[str, Any] | None = None
    text: str | None = None


elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_decode = msgspec.json.Decoder(CloudEvent).decode
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_short = msgspec.json.Decoder(Interaction).decode


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one event; raises `UnknownVersion` for another version of CloudEvents."""
    event = _decode(element)
    if event.specversion != "1.0":
        raise UnknownVersion(f"specversion: got {named(event.specversion)}, expected '1.0'")
    for name in ("id", "source"):
        if not getattr(event, name):
            raise ContractBroken(f"{name}: got an empty string, expected the event's {name}")
    type_ = _type(event.type)
    data = _data(event)
    if event.dataschema is not None and event.dataschema.startswith(_FAMILY):
        return canonical.draft(_published(event, type_, data, context), context)
    return _interaction(event, type_, _decode_short(data), context)


def _type(sent: str) -> EventType:
    """The canonical type that a publisher's ends in, or that its last word is tracked as."""
    plain = _VERSION.sub("", sent.lower())
    words = _SEPARATOR.split(plain)
    type_ = _TYPES.get(".".join(words[-2:])) or TRACKED.get(words[-1].replace("_", " ").replace("-", " "))
    if type_ is None:
        expected = "one that ends in a canonical type such as product.signed_up or in a tracked name"
        raise ContractBroken(f"type: got {named(sent)}, expected {expected}")
    return type_


def _data(event: CloudEvent) -> bytes:
    """`data` as JSON. It is JSON unless `datacontenttype` says otherwise."""
    media = (event.datacontenttype or "").partition(";")[0].strip().lower()
    if media and not media.endswith(("/json", "+json")):
        raise ContractBroken(f"datacontenttype: got {named(media)}, expected application/json")
    data = bytes(event.data) if event.data_base64 is None else _from_base64(event.data_base64)
    if data.lstrip(b" \t\r\n")[:1] != b"{":
        raise ContractBroken("data: got no JSON object, expected one")
    return data


def _from_base64(sent: str) -> bytes:
    try:
        data = b64decode(sent, validate=True)
        data.decode()
    except ValueError:
        raise Undecodable("data_base64: is not UTF-8 in Base64, expected JSON in Base64") from None
    return data


def _published(event: CloudEvent, type_: EventType, data: bytes, context: SourceContext) -> msgspec.Raw:
    """`data` as the adapter `canonical` reads it, with what the envelope says above it."""
    above = {
        "specversion": event.specversion,
        "dataschema": event.dataschema,
        "id": event.id,
        "source": event.source,
        "type": type_,
        "time": event.time,
        "sequence": text_of(event.sequence),
    }
    fields: dict[str, Any] = {"time": context.received, **_decode_fields(data)}
    return msgspec.Raw(msgspec.json.encode(fields | {name: said for name, said in above.items() if said is not None}))


def _interaction(event: CloudEvent, type_: EventType, sent: Interaction, context: SourceContext) -> Draft:
    email, account, domain = text_of(sent.email), text_of(sent.account), host_of(sent.domain)
    claims = _claims(type_, sent, context)
    if not (claims or account or domain):
        raise ContractBroken("data: got no email, user_id, anonymous_id, account or domain, expected at least one")
    crm_id = f"cloudevents:{context.account}:account:{plain_id(account)}" if account else None
    sequence = text_of(event.sequence)
    return Draft(
        id=canonical.event_id(event.id, event.source, context),
        source=context.source,
        type=type_,
        time=_time(event, context),
        channel=_CHANNELS[type_.partition(".")[0]],
        claims=claims,
        account=AccountHint(domain, crm_id) if account or domain else None,
        properties=_properties(sent.properties or {}),
        private={"email": email} if email else {},
        text=text_of(sent.text),
        actor=Actor.STAFF if is_staff(email, context) else Actor.USER,
        sequence=plain_id(sequence) if sequence else None,
    )


def _time(event: CloudEvent, context: SourceContext) -> datetime:
    """`time`, which the specification lets a publisher leave out; then the moment of receipt stands."""
    return context.received if event.time is None else from_moment(event.time, "time")


def _claims(type_: EventType, sent: Interaction, context: SourceContext) -> tuple[Claim, ...]:
    user = claim(IdentifierType.USER_ID, sent.user_id, verified=True, scope=context.account)
    # The publisher vouches for the address of a user who signed in, but not for what a visitor types into a form.
    vouched = bool(user) and type_ is not EventType.LEAD_FORM_SUBMITTED
    return (
        user
        + claim(IdentifierType.EMAIL, sent.email, verified=vouched)
        + claim(IdentifierType.ANONYMOUS_ID, sent.anonymous_id, scope=context.account)
    )


def _properties(sent: dict[str, Any]) -> dict[str, Any]:
    found = {name: _value(name, sent[name]) for name in sent if name in PROPERTIES}
    return {name: value for name, value in found.items() if value not in (None, [])}


def _value(name: str, value: Any) -> Any:
    if name == "path":
        return path_of(value)
    if name == "referrer":
        return host_of(value)
    if isinstance(value, bool | int | float):
        return value
    return list_of(value) if isinstance(value, list) else tag_of(value)
