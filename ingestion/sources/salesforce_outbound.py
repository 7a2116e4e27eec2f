"""Salesforce's outbound messages: a SOAP body of up to 100 notifications, each a record's chosen fields.

Fields: the outbound messaging WSDL (developer.salesforce.com/docs/platform/api/guide, "Understanding the Outbound
Messaging WSDL"). `SessionId` is a live credential and is read into nothing. The opened body is an array of

    {"notification": "04l…", "organization": "00D…", "object": "Lead", "fields": {"Id": "00Q…", "Status": "…"}}

Nothing in the body can make the reader work more than its bytes: a DOCTYPE, and with it every entity, is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from xml.parsers import expat

import msgspec

from ingestion.errors import ContractBroken, Undecodable
from ingestion.sources.adapter import SourceContext
from ingestion.sources.fields import from_iso
from ingestion.sources.salesforce_record import Record, field_name, record_id

CONTENT_TYPES = ("text/xml", "application/xml", "application/soap+xml")
MAX_NOTIFICATIONS = 100  # of one message, by the WSDL
MAX_DEPTH = 16
_SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_MESSAGE = ("Envelope", "Body", "notifications")
_NOTIFICATION = (*_MESSAGE, "Notification")
_OBJECT = (*_NOTIFICATION, "sObject")


class Notification(msgspec.Struct, gc=False):
    """One notification, opened."""

    notification: str
    organization: str
    object: str
    fields: dict[str, str | None]


class _Peek(msgspec.Struct, gc=False):
    notification: Any = msgspec.UNSET


_decode = msgspec.json.Decoder(Notification).decode
_peek = msgspec.json.Decoder(_Peek).decode


def open_soap(body: bytes, _headers: Mapping[str, str]) -> bytes:
    """The notifications of a SOAP body as a JSON array."""
    reader = _Reader()
    parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise Undecodable(f"body: no well-formed XML at line {error.lineno}, expected a SOAP envelope") from None
    if not reader.notifications:
        raise ContractBroken("body: 0 notifications, expected an outbound message with at least one")
    return msgspec.json.encode([{"organization": reader.organization, **each} for each in reader.notifications])


def is_notification(element: msgspec.Raw) -> bool:
    """Whether an element is an opened notification."""
    return _peek(element).notification is not msgspec.UNSET


def notification_of(element: msgspec.Raw) -> Notification:
    """An opened notification; raises `ContractBroken` if it does not say whose or which it is."""
    sent = _decode(element)
    if not sent.notification or not sent.organization:
        raise ContractBroken("Notification/Id, OrganizationId: got an empty string, expected both")
    return sent


def record_of(sent: Notification) -> Record:
    """The record, in the state in which it was sent: which of its fields changed is not said."""
    fields = {field_name(name, "sObject"): value for name, value in sent.fields.items()}
    about = record_id(fields.pop("Id", None), "sObject/Id")
    return Record(sent.object, about, "sent", {name: value for name, value in fields.items() if value is not None})


def time_of(record: Record, context: SourceContext) -> datetime:
    """When the record was last changed, if that is among its fields; the envelope has no time of its own."""
    for name in ("LastModifiedDate", "SystemModstamp"):
        value = record.fields.get(name)
        if value:
            return from_iso(value, f"sObject/{name}")
    return context.received


class _Reader:
    """Takes from the stream of a message's elements what is read of it."""

    def __init__(self) -> None:
        self.organization: str | None = None
        self.notifications: list[dict[str, Any]] = []
        self._path: tuple[str, ...] = ()
        self._text: list[str] = []
        self._is_nil = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._path) >= MAX_DEPTH:
            raise Undecodable(f"body: nested more than {MAX_DEPTH} deep, expected a SOAP envelope")
        self._path = (*self._path, name.rpartition(" ")[2])
        self._text = []
        self._is_nil = attributes.get(f"{_SCHEMA_INSTANCE} nil") in ("true", "1")
        if self._path == _NOTIFICATION:
            if len(self.notifications) == MAX_NOTIFICATIONS:
                raise ContractBroken(f"body: more than {MAX_NOTIFICATIONS} notifications, expected at most that many")
            self.notifications.append({"notification": None, "object": "", "fields": {}})
        elif self._path == _OBJECT:
            self._current["object"] = attributes.get(f"{_SCHEMA_INSTANCE} type", "").rpartition(":")[2]

    def text(self, text: str) -> None:
        self._text.append(text)

    def end(self, _name: str) -> None:
        value = None if self._is_nil else "".join(self._text)
        if self._path == (*_MESSAGE, "OrganizationId"):
            self.organization = value
        elif self._path == (*_NOTIFICATION, "Id"):
            self._current["notification"] = value
        elif self._path[:-1] == _OBJECT:
            self._current["fields"][self._path[-1]] = value
        self._path = self._path[:-1]
        self._text = []
        self._is_nil = False

    @property
    def _current(self) -> dict[str, Any]:
        return self.notifications[-1]


def _refuse_doctype(*_declaration: object) -> None:
    raise Undecodable("body: a DOCTYPE, expected none")
