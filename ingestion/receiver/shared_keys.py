"""Senders who sign nothing: a key of theirs comes along with what they send, or they have none.

Invariant: as of signatures: compared in constant time, with every valid secret.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import msgspec
from msgspec.structs import replace

from ingestion.receiver.request import Request
from ingestion.receiver.signatures import Secrets, refuse, require_match


class _Shared:
    """A secret that is sent along, in one place or another: see `Scheme`."""

    needs_secret = True
    stamped = False

    def check(self, request: Request, secrets: Secrets, now: float) -> None:
        """See `Scheme.check`."""
        given = self.given(request).encode("utf-8", "replace")
        if not given:
            raise refuse(f"{self.place} is missing")
        require_match((hmac.compare_digest(given, secret) for secret in secrets), self.place)

    place: str

    def given(self, request: Request) -> str:
        """What was sent; empty if nothing was."""
        raise NotImplementedError

    def require_form(self, secret: bytes) -> None:
        """See `Scheme.require_form`; any string will do."""


@dataclass(frozen=True, slots=True)
class HeaderKey(_Shared):
    """A secret in a header, `Authorization: Bearer …` unless said otherwise."""

    header: bytes = b"authorization"
    prefix: str = "Bearer "

    @property
    def place(self) -> str:  # type: ignore[override]
        """The header's name."""
        return f"the header {self.header.decode()}"

    def given(self, request: Request) -> str:
        """See `_Shared.given`."""
        value = request.header(self.header)
        return value[len(self.prefix) :] if value.lower().startswith(self.prefix.lower()) else ""

    def sign(self, request: Request, secret: bytes, now: float) -> Request:
        """See `Scheme.sign`."""
        return replace(request, headers={**request.headers, self.header: self.prefix.encode() + secret})


@dataclass(frozen=True, slots=True)
class UrlKey(_Shared):
    """A secret in the address, `?key=…`, for senders who can do nothing else."""

    place = "the parameter key of the address"

    def given(self, request: Request) -> str:
        """See `_Shared.given`."""
        return parse_qs(request.query, max_num_fields=100).get("key", [""])[0]

    def sign(self, request: Request, secret: bytes, now: float) -> Request:
        """See `Scheme.sign`."""
        return replace(request, query=f"key={secret.decode()}")


@dataclass(frozen=True, slots=True)
class BodyKey(_Shared):
    """A secret in a field of the JSON body."""

    field: str

    @property
    def place(self) -> str:  # type: ignore[override]
        """The field's name."""
        return f"the field {self.field} of the body"

    def given(self, request: Request) -> str:
        """See `_Shared.given`."""
        return _field_of(request.body, self.field)

    def sign(self, request: Request, secret: bytes, now: float) -> Request:
        """See `Scheme.sign`."""
        return replace(request, body=_with_field(request.body, self.field, secret))


@dataclass(frozen=True, slots=True)
class WriteKey(_Shared):
    """Segment's write key: the user name of Basic authentication, else `writeKey` in the body."""

    place = "the write key"

    def given(self, request: Request) -> str:
        """See `_Shared.given`."""
        kind, _, credentials = request.header(b"authorization").partition(" ")
        if kind.lower() != "basic":
            return _field_of(request.body, "writeKey")
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""

    def sign(self, request: Request, secret: bytes, now: float) -> Request:
        """See `Scheme.sign`."""
        basic = b"Basic " + base64.b64encode(secret + b":")
        return replace(request, headers={**request.headers, b"authorization": basic})


@dataclass(frozen=True, slots=True)
class Organization(_Shared):
    """Salesforce's organisation id in an outbound message: all that it offers beside client certificates and the
    allow-list of addresses. Both should be set too. The 15- and the 18-character form are the same id.
    """

    place = "OrganizationId"

    def given(self, request: Request) -> str:
        """See `_Shared.given`."""
        found = re.search(rb"<(?:\w+:)?OrganizationId>\s*([A-Za-z0-9]{15,18})\s*</", request.body[:4096])
        return "" if found is None else found[1].decode()[:15]

    def check(self, request: Request, secrets: Secrets, now: float) -> None:
        """See `Scheme.check`."""
        _Shared.check(self, request, [secret[:15] for secret in secrets], now)

    def sign(self, request: Request, secret: bytes, now: float) -> Request:
        """See `Scheme.sign`."""
        return replace(request, body=request.body.replace(b"{organization}", secret))


@dataclass(frozen=True, slots=True)
class Anyone:
    """No proof: a website's visitors hold no secret. Origins, rates and addresses are what limits them."""

    needs_secret = False
    stamped = False

    def check(self, request: Request, secrets: Secrets, now: float) -> None:
        """See `Scheme.check`."""

    def sign(self, request: Request, secret: bytes, now: float) -> Request:
        """See `Scheme.sign`."""
        return request

    def require_form(self, secret: bytes) -> None:
        """See `Scheme.require_form`."""


def _field_of(body: bytes, name: str) -> str:
    """A string of the body's JSON object; empty for whatever is not there or is no string."""
    try:
        found: Any = msgspec.json.decode(body, type=dict[str, msgspec.Raw]).get(name)
        return "" if found is None else msgspec.json.decode(found, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _with_field(body: bytes, name: str, value: bytes) -> bytes:
    """The body's JSON object with one string more."""
    return msgspec.json.encode(msgspec.json.decode(body) | {name: value.decode()})
