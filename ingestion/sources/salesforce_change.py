"""Salesforce's change events, as CometD's JSON and as the Pub/Sub API's decoded event: which fields of which record.

Header and payload: developer.salesforce.com/docs/platform/change-data-capture/guide ("ChangeEventHeader Fields",
"Change Event Body Fields", "Get Compound Fields in Change Events"); bitmaps: the Pub/Sub API's "Event Deserialization
Considerations". The Pub/Sub API sends every field and null for each that did not change, so that only what the header
names as changed may be read. Its bitmaps count in the order of the event's Avro schema, which only the subscriber
knows; whoever relays its events sends the names along:

    {"schema": ["ChangeEventHeader", {"name": "Name", "fields": ["Salutation", "FirstName", …]}, "Title", …],
     "payload": {"ChangeEventHeader": {…, "changedFields": ["0x08F81000", "1-0x06"]}, "Name": null, …}}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ingestion.errors import ContractBroken
from ingestion.sources.fields import broken, named
from ingestion.sources.salesforce_record import Record, field_name, leaves, record_id

MAX_SPLIT = 64 * 1024 * 1024  # bytes of the elements that one event may become, each with all of the event's fields
OVERFLOW = "GAP_OVERFLOW"
_VERBS: Mapping[str, str] = {
    "CREATE": "created",
    "UPDATE": "updated",
    "DELETE": "deleted",
    "UNDELETE": "restored",
    "OVERFLOW": "updated",
}
_HEADER = "ChangeEventHeader"
_BITMAP = re.compile(r"(?:([0-9]{1,4})-)?0x([0-9A-Fa-f]{0,512})")


class Header(msgspec.Struct, rename="camel", gc=False):
    """`ChangeEventHeader`, as far as it is read."""

    entity_name: str
    change_type: str
    transaction_key: str
    sequence_number: int
    commit_timestamp: int  # epoch milliseconds
    record_ids: list[str] | None = None
    commit_number: int | None = None
    change_origin: str | None = None
    changed_fields: list[str] | None = None
    nulled_fields: list[str] | None = None
    diff_fields: list[str] | None = None


class Compound(msgspec.Struct, gc=False):
    """A field of the schema that has fields of its own."""

    name: str
    fields: list[str] = []


class Change(msgspec.Struct, gc=False):
    """One change event, out of its envelope."""

    header: Header
    payload: dict[str, Any]
    schema: Any = None


class _Carried(msgspec.Struct, gc=False):
    payload: dict[str, Any]
    schema: Any = None


class _Envelope(msgspec.Struct, gc=False):
    """CometD wraps the payload in `data`; a relay of the Pub/Sub API may send it beside its schema, or alone."""

    data: _Carried | None = None
    payload: dict[str, Any] | None = None
    schema: Any = None
    record: str | None = None  # as `split` parts them: one of the records of the event in `change`
    change: msgspec.Raw = msgspec.Raw()


class _Ids(msgspec.Struct, rename="camel", gc=False):
    record_ids: list[str] = []


class _Peek(msgspec.Struct, rename={"header": _HEADER}, gc=False):
    """As much of an event as tells how many records it is about."""

    header: _Ids | None = None
    payload: _Peek | None = None
    data: _Peek | None = None


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_peek = msgspec.json.Decoder(_Peek).decode


def change_of(element: msgspec.Raw) -> Change:
    """The change event in any of its envelopes."""
    envelope = _decode_envelope(element)
    one_of_many = envelope.record
    if one_of_many is not None:
        element, envelope = envelope.change, _decode_envelope(envelope.change)
    payload, schema = envelope.payload, envelope.schema
    if envelope.data is not None:
        payload, schema = envelope.data.payload, envelope.data.schema
    if payload is None:
        payload, schema = _decode_object(element), None
    header = payload.pop(_HEADER, None)
    if header is None:
        raise ContractBroken(f"{_HEADER}: got null, expected a change event's header in payload or data.payload")
    change = Change(msgspec.convert(header, Header), payload, schema)
    if one_of_many is not None:
        change.header.record_ids = [one_of_many]
    return change


def record_of(change: Change) -> Record:
    """The one record that a split event is about, with the fields that changed."""
    header = change.header
    kind = header.change_type.removeprefix("GAP_")
    verb = _VERBS.get(kind)
    if verb is None or (kind == "OVERFLOW" and header.change_type != OVERFLOW):
        expected = "CREATE, UPDATE, DELETE, UNDELETE or one of them behind GAP_"
        raise ContractBroken(f"changeType: got {named(header.change_type)}, expected {expected}")
    about = _record_id(header)
    if kind != header.change_type:
        return Record(header.entity_name, about, verb, gap=header.change_type.lower())
    if verb == "deleted":
        return Record(header.entity_name, about, verb)
    if verb == "updated":
        fields, unread = _updated(header, change.payload, change.schema)
        return Record(header.entity_name, about, verb, fields, unread)
    return Record(header.entity_name, about, verb, _filled(change.payload))


def split(element: msgspec.Raw) -> Sequence[msgspec.Raw]:
    """The element once for each record that changed alike, since each of them is an event of its own.

    What cannot be read here is passed on as it is: its reason is found where it is mapped.
    """
    try:
        seen: _Peek | None = _peek(element)
    except msgspec.DecodeError:
        return (element,)
    while seen is not None and seen.header is None:
        seen = seen.data or seen.payload
    ids = dict.fromkeys(seen.header.record_ids) if seen is not None and seen.header is not None else {}
    if len(ids) < 2 or len(ids) * len(bytes(element)) > MAX_SPLIT:
        return (element,)
    return [msgspec.Raw(msgspec.json.encode({"record": each, "change": element})) for each in ids]


def _record_id(header: Header) -> str | None:
    if header.change_type == OVERFLOW:
        return None
    ids = list(dict.fromkeys(header.record_ids or ()))
    if len(ids) != 1:
        expected = f"1 or as many as come to {MAX_SPLIT} bytes with the event's fields"
        raise ContractBroken(f"recordIds: {len(ids)} ids, expected {expected}")
    if ids[0].endswith("*"):
        raise ContractBroken(f"recordIds: {named(ids[0])} is every record of the object; read the object again")
    return record_id(ids[0], "recordIds")


def _filled(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in leaves(payload) if value is not None}


def _updated(header: Header, payload: dict[str, Any], schema: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The changed fields, and those of which only the difference was sent."""
    names = dict.fromkeys(
        [
            *_names(header.changed_fields, "changedFields", schema),
            *_names(header.nulled_fields, "nulledFields", schema),
        ]
    )
    if not names:  # older CometD sends no list; that a field is null says nothing then
        return _filled(payload), ()
    unread = tuple(dict.fromkeys(_names(header.diff_fields, "diffFields", schema)))
    sent = dict(leaves(payload))
    fields: dict[str, Any] = {}
    for name in names:
        inner = payload.get(name)
        if isinstance(inner, dict):
            fields |= _filled({name: inner})
        elif name not in unread:
            fields[name] = sent.get(name)
    return fields, unread


def _names(entries: list[str] | None, where: str, schema: Any) -> Iterator[str]:
    for entry in entries or ():
        bitmap = _BITMAP.fullmatch(entry)
        if bitmap is None:
            yield field_name(entry, where)
        else:
            yield from _decoded(bitmap, where, _order(schema, where))


def _order(schema: Any, where: str) -> list[str | Compound]:
    """The schema's fields; raises `ContractBroken` where a bitmap cannot be read for want of them."""
    expected = "the names of the event's fields in the order of its Avro schema, ChangeEventHeader first"
    if not isinstance(schema, list):
        raise ContractBroken(f"{where}: a bitmap without a schema to read it by; expected `schema`, {expected}")
    order = msgspec.convert(schema, list[str | Compound])
    if not order or _name_at(order, 0, "schema") != _HEADER:
        raise broken("schema", schema, expected)
    return order


def _decoded(bitmap: re.Match[str], where: str, order: list[str | Compound]) -> Iterator[str]:
    """The names behind a bitmap: bit n, from the right, is the nth field, or the nth of the compound field before."""
    parent, bits = bitmap[1], int(bitmap[2] or "0", 16)
    if parent is None:
        for place in _places(bits):
            yield _name_at(order, place, where)
        return
    name = _name_at(order, int(parent), where)
    compound = order[int(parent)]
    if not isinstance(compound, Compound) or not compound.fields:
        yield name  # the schema does not say of what it is composed: all that was sent of it
        return
    for place in _places(bits):
        yield f"{name}.{_name_at(compound.fields, place, where)}"


def _places(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _name_at(order: Sequence[str | Compound], place: int, where: str) -> str:
    if place >= len(order):
        raise ContractBroken(f"{where}: bit {place}, expected one of the schema's {len(order)} fields")
    entry = order[place]
    return field_name(entry if isinstance(entry, str) else entry.name, "schema")
