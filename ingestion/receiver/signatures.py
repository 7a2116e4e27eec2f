"""How senders prove who they are by signing what they send: one class a way, each able to check a request and to sign
one.

Invariant: checks run over the raw bytes, compare in constant time, try every valid secret (two while one is being
rotated), and refuse a stamp more than `WINDOW` away from our clock in either direction.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from msgspec.structs import replace

from ingestion.receiver.request import Refused, Request

WINDOW = timedelta(minutes=5)

Secrets = Sequence[bytes]


class Scheme(Protocol):
    """A way to prove who sends."""

    needs_secret: bool

    @property
    def stamped(self) -> bool:
        """Whether the signature covers the time of signing."""

    def check(self, request: Request, secrets: Secrets, now: float) -> None:
        """Return if one of the secrets made this request, else raise `Refused` with 401. `now`: epoch seconds."""

    def sign(self, request: Request, secret: bytes, now: float) -> Request:
        """The request as a sender with this secret would send it."""

    def require_form(self, secret: bytes) -> None:
        """Raise `ValueError` for a secret that cannot be one of this scheme's."""


def refuse(reason: str) -> Refused:
    """The answer to who has not proved who they are."""
    return Refused(401, reason)


def require_match(matches: Iterable[bool], what: str) -> None:
    """Raise `Refused` unless one matches; `what` was compared."""
    if not any(list(matches)):  # all are compared, so that the time taken tells nothing about which
        raise refuse(f"{what} does not match any secret of this connection")


def _require_fresh(stamp: float, now: float, what: str) -> None:
    if not abs(now - stamp) <= WINDOW.total_seconds():
        raise refuse(f"{what} is more than {WINDOW.total_seconds():.0f} s away from the receiver's clock")


def _seconds(text: str) -> float:
    """Epoch seconds; ISO 8601 is read too, for Zendesk stamps so."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).timestamp() if "T" in text else float(text)
    except (ValueError, OverflowError):
        raise refuse("the time stamp cannot be read") from None


@dataclass(frozen=True, slots=True)
class Hmac:
    """A keyed hash of the body in a header, alone or behind a preamble that holds the time of signing."""

    header: bytes
    algorithm: Literal["sha1", "sha256"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""  # before each signature in the header; several stand apart by spaces
    stamp_header: bytes = b""
    stamp_format: Literal["seconds", "iso"] = "seconds"
    id_header: bytes = b""
    preamble: str = "{stamp}"  # of what is signed, if there is a stamp
    key: Callable[[bytes], bytes] = bytes  # from the secret as the vendor shows it
    first_of_batch: bool = False  # an array may be signed by its first element

    needs_secret = True

    @property
    def stamped(self) -> bool:
        """Whether the signature covers the time of signing."""
        return bool(self.stamp_header)

    def check(self, request: Request, secrets: Secrets, now: float) -> None:
        """See `Scheme.check`."""
        name = self.header.decode()
        given = [one.removeprefix(self.prefix).encode("latin-1") for one in request.header(self.header).split()]
        if not given:
            raise refuse(f"the header {name} is missing")
        signed = [self._signed(request)]
        if self.stamp_header:
            _require_fresh(_seconds(request.header(self.stamp_header)), now, self.stamp_header.decode())
        elif self.first_of_batch and (first := _first_element(request.body)):
            signed.append(first)
        expected = [self._digest(secret, text) for secret in secrets for text in signed]
        require_match((hmac.compare_digest(one, other) for one in given[:8] for other in expected), name)

    def sign(self, request: Request, secret: bytes, now: float) -> Request:
        """See `Scheme.sign`."""
        headers = dict(request.headers)
        if self.stamp_header:
            iso = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            headers[self.stamp_header] = (iso if self.stamp_format == "iso" else str(int(now))).encode()
        if self.id_header:
            headers.setdefault(self.id_header, b"msg_" + hashlib.sha256(request.body).hexdigest()[:24].encode())
        stamped = replace(request, headers=headers)
        headers[self.header] = self.prefix.encode() + self._digest(secret, self._signed(stamped))
        return replace(request, headers=headers)

    def require_form(self, secret: bytes) -> None:
        """See `Scheme.require_form`."""
        self.key(secret)

    def _signed(self, request: Request) -> bytes:
        if not self.stamp_header:
            return request.body
        before = self.preamble.format(stamp=request.header(self.stamp_header), id=request.header(self.id_header))
        return before.encode("latin-1", "replace") + request.body

    def _digest(self, secret: bytes, text: bytes) -> bytes:
        digest = hmac.digest(self.key(secret), text, self.algorithm)
        return digest.hex().encode() if self.encoding == "hex" else base64.b64encode(digest)


def from_hex(secret: bytes) -> bytes:
    """A key that its vendor shows in hex."""
    return bytes.fromhex(secret.decode("ascii"))


def from_standard_webhooks(secret: bytes) -> bytes:
    """A Standard Webhooks key: `whsec_` and base64."""
    return base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)


def _first_element(body: bytes) -> bytes | None:
    try:
        return bytes(msgspec.json.decode(body, type=list[msgspec.Raw])[0])
    except (msgspec.DecodeError, IndexError, RecursionError):
        return None


# HubSpot decodes these and no others before it signs the address.
_HUBSPOT_DECODED = {
    code: chr(int(code, 16)) for code in ("3A", "2F", "3F", "40", "21", "24", "27", "28", "29", "2A", "2C", "3B")
}
_PERCENT = re.compile("%([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class HubSpot:
    """HubSpot's signatures: v3 where it is sent, else v1 or v2 as the request announces.

    Reference: developers.hubspot.com, "Validating requests". Only v3 is stamped.
    """

    needs_secret = True
    stamped = True

    def check(self, request: Request, secrets: Secrets, now: float) -> None:
        """See `Scheme.check`."""
        if b"x-hubspot-signature-v3" in request.headers:
            stamp = request.header(b"x-hubspot-request-timestamp")
            _require_fresh(_seconds(stamp) / 1000, now, "x-hubspot-request-timestamp")
            given = request.headers[b"x-hubspot-signature-v3"]
            signed = [self._v3(request, uri, stamp) for uri in dict.fromkeys((request.uri, _decoded(request.uri)))]
            expected = [base64.b64encode(hmac.digest(secret, text, "sha256")) for secret in secrets for text in signed]
            require_match((hmac.compare_digest(given, one) for one in expected), "x-hubspot-signature-v3")
            return
        given = request.headers.get(b"x-hubspot-signature", b"")
        if not given:
            raise refuse("neither x-hubspot-signature-v3 nor x-hubspot-signature was sent")
        before = b""
        if request.header(b"x-hubspot-signature-version") == "v2":
            before = f"{request.method}{request.uri}".encode()
        expected = [hashlib.sha256(secret + before + request.body).hexdigest().encode() for secret in secrets]
        require_match((hmac.compare_digest(given, one) for one in expected), "x-hubspot-signature")

    def sign(self, request: Request, secret: bytes, now: float) -> Request:
        """See `Scheme.sign`; v3."""
        stamp = str(int(now * 1000))
        signature = base64.b64encode(hmac.digest(secret, self._v3(request, _decoded(request.uri), stamp), "sha256"))
        headers = {b"x-hubspot-request-timestamp": stamp.encode(), b"x-hubspot-signature-v3": signature}
        return replace(request, headers={**request.headers, **headers})

    def require_form(self, secret: bytes) -> None:
        """See `Scheme.require_form`; any string will do."""

    def _v3(self, request: Request, uri: str, stamp: str) -> bytes:
        return f"{request.method}{uri}".encode() + request.body + stamp.encode("latin-1")


def _decoded(uri: str) -> str:
    return _PERCENT.sub(lambda code: _HUBSPOT_DECODED.get(code[1].upper(), code[0]), uri)


@dataclass(frozen=True, slots=True)
class SendGrid:
    """An ECDSA signature of stamp and body. The secret is SendGrid's public key, base64 of DER.

    twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
    """

    signature: bytes = b"x-twilio-email-event-webhook-signature"
    stamp: bytes = b"x-twilio-email-event-webhook-timestamp"

    needs_secret = True
    stamped = True

    def check(self, request: Request, secrets: Secrets, now: float) -> None:
        """See `Scheme.check`."""
        stamp = request.header(self.stamp)
        _require_fresh(_seconds(stamp), now, self.stamp.decode())
        try:
            signature = base64.b64decode(request.header(self.signature), validate=True)
        except binascii.Error:
            raise refuse(f"{self.signature.decode()} is no base64") from None
        signed = stamp.encode("latin-1") + request.body
        require_match((_verifies(key, signature, signed) for key in secrets), self.signature.decode())

    def sign(self, request: Request, secret: bytes, now: float) -> Request:
        """See `Scheme.sign`; `secret` is the private key."""
        stamp = str(int(now)).encode()
        key = load_der_private_key(base64.b64decode(secret), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        signature = base64.b64encode(key.sign(stamp + request.body, ec.ECDSA(hashes.SHA256())))
        return replace(request, headers={**request.headers, self.stamp: stamp, self.signature: signature})

    def require_form(self, secret: bytes) -> None:
        """See `Scheme.require_form`."""
        _public_key(secret)


def _verifies(key: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        _public_key(key).verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=256)
def _public_key(encoded: bytes) -> ec.EllipticCurvePublicKey:
    key = load_der_public_key(base64.b64decode(encoded))
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("expected an elliptic-curve public key, as SendGrid's settings page shows it")
    return key
