"""Plays every sender against a running receiver: what must be taken is taken, what must be refused is refused.

It knows a receiver from outside only: its URL, and the connections file with the secrets. Each case is one request.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import httpx2
from msgspec.structs import replace

from ingestion.receiver.connections import Connection
from ingestion.receiver.examples import FORM, example
from ingestion.receiver.request import Request
from ingestion.receiver.shared_keys import Anyone, BodyKey, WriteKey
from ingestion.receiver.signatures import WINDOW, Hmac, HubSpot, SendGrid

PATIENCE_SECONDS = 10.0
_BEYOND = WINDOW.total_seconds() + 30


@dataclass(frozen=True, slots=True)
class Case:
    """One request and what must come back."""

    connection: str
    name: str
    request: Request
    expected: int
    answer: bytes | None = None  # the body, where the sender insists on one


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back."""

    case: Case
    status: int | None  # `None`: no answer
    held: bool


def cases(connection: Connection, key: bytes | None, now: float, base: str = "") -> Iterator[Case]:
    """Every case of one connection.

    Args:
        key: what the sender signs with, where that is not what the receiver holds (SendGrid); `None` if unknown:
            then only refusals are played.
        now: epoch seconds.
        base: the receiver's scheme and host, as the sender knows it.
    """
    scheme, sender = connection.sender.scheme, connection.sender
    body, media = example(connection.kind)
    segment = isinstance(scheme, WriteKey)
    path = "/v1/track" if segment else f"/in/{connection.name}"
    plain = Request("POST", path, "", {b"content-type": media.encode()}, body, base)

    def case(name: str, request: Request, expected: int, answer: bytes | None = None) -> Case:
        return Case(connection.name, name, request, expected, answer)

    def signed(request: Request, at: float = now, by: bytes = key or b"") -> Request:
        return scheme.sign(request, by, at)

    if key is not None or not scheme.needs_secret:
        answer = sender.answer.body or None
        yield case("signed", signed(plain), 200, answer)
        yield case("the same once more", signed(plain), 200, answer)
        if len(connection.secrets) > 1 and not isinstance(scheme, SendGrid):
            yield case("signed with the other secret", signed(plain, by=connection.secrets[1]), 200, answer)
        if media == "application/json" and not isinstance(scheme, BodyKey):  # a key cannot be read from a broken body
            yield case("body cut short", signed(replace(plain, body=body[: len(body) // 2])), 200, answer)
            deep = replace(plain, body=b"[" * 100_000 + b"]" * 100_000)
            yield case("nested 100,000 deep", signed(deep), 400)
        if segment:
            brief = replace(plain, path="/v1/t", headers={b"content-type": b"text/plain"})
            yield case("as libraries in browsers send it", signed(brief), 200, answer)
        packed = signed(plain)
        headers = {**packed.headers, b"content-encoding": b"gzip"}
        yield case("packed", replace(packed, headers=headers, body=gzip.compress(packed.body)), 200, answer)
    if scheme.needs_secret:
        yield case("unsigned", plain, 401)
    if key is not None:
        yield from _forged(scheme, signed, plain, case)
    if scheme.stamped and key is not None:
        yield case("stamped long ago", signed(plain, now - _BEYOND), 401)
        yield case("stamped in the future", signed(plain, now + _BEYOND), 401)
    cap = connection.max_body_bytes
    yield case("too large", replace(plain, body=b" " * (cap + 1)), 413)
    bomb = replace(plain, headers={**plain.headers, b"content-encoding": b"gzip"}, body=gzip.compress(bytes(8 * cap)))
    yield case("small, but large when unpacked", bomb, 413)
    yield case("packed in a way nobody knows", replace(bomb, headers={b"content-encoding": b"zip"}), 415)
    yield case("another method", replace(plain, method="PUT", body=b""), 405)
    if connection.kind == "web-form":
        form = Request("POST", path, "", {b"content-type": FORM.encode()}, b"form_id=conformance&test=on", base)
        yield case("a plain form", form, 200 if connection.redirect is None else 303)
    if sender.browsers:
        yield case(
            "from a foreign website", replace(plain, headers={b"origin": b"https://evil.example"}), _foreign(segment)
        )
        ask = {b"origin": next(iter(connection.origins)).encode(), b"access-control-request-method": b"POST"}
        yield case("a browser's question", Request("OPTIONS", path, "", ask), 204)
    if "GET" in sender.handshakes and connection.verify_token is not None:
        token = connection.verify_token.decode()
        query = f"hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}"
        yield case("handshake", Request("GET", path, query), 200, b"1158201444")
        yield case("handshake with a wrong token", Request("GET", path, f"{query}x"), 403)
    elif "GET" in sender.handshakes and connection.kind == "mailchimp":
        yield case("handshake", Request("GET", path), 200)
    if "HEAD" in sender.handshakes:
        yield case("handshake (HEAD)", Request("HEAD", path), 200)
    if "OPTIONS" in sender.handshakes:
        origin = {b"webhook-request-origin": b"eventemitter.example.com"}
        yield case("handshake (OPTIONS)", Request("OPTIONS", path, "", origin), 200)


def _foreign(segment: bool) -> int:
    return 401 if segment else 403  # without a write key nobody knows which connection's websites count


def _forged(
    scheme: object, signed: Callable[..., Request], plain: Request, case: Callable[..., Case]
) -> Iterator[Case]:
    if isinstance(scheme, Hmac | HubSpot | SendGrid):
        sent = signed(plain)
        yield case("changed on the way", replace(sent, body=sent.body + b" "), 401)
        for header, value in sent.headers.items():
            if (b"signature" in header and b"timestamp" not in header) or header.endswith(b"sig-hash"):
                bad = value[:-6] + value[-5:] + value[-6:-5] + b"A"
                forged = {**sent.headers, header: bad}
                yield case("a signature that nobody made", replace(sent, headers=forged), 401)
    elif not isinstance(scheme, Anyone):
        yield case("a wrong secret", signed(plain, by=b"wrong0000000000wrong"), 401)


def unknown_connection() -> Case:
    """A path that no connection has."""
    return Case("(none)", "a connection that is not declared", Request("POST", "/in/nobody-here", body=b"{}"), 404)


def play(url: str, played: Iterator[Case]) -> Iterator[Outcome]:
    """Send each case to the receiver at `url`; yields as answers come. Blocks at most `PATIENCE_SECONDS` a case."""
    with httpx2.Client(base_url=url.rstrip("/"), timeout=PATIENCE_SECONDS, trust_env=False) as client:
        for case in played:
            request = case.request
            target = f"{request.path}?{request.query}" if request.query else request.path
            try:
                got = client.request(
                    request.method, target, headers=list(request.headers.items()), content=request.body or None
                )
            except httpx2.HTTPError:
                yield Outcome(case, None, False)
                continue
            right = case.answer is None or got.content == case.answer
            yield Outcome(case, got.status_code, got.status_code == case.expected and right)


def all_cases(
    connections: Mapping[str, Connection], signing_keys: Mapping[str, bytes], now: float, base: str
) -> list[Case]:
    """The cases of every connection, and those of none.

    Args:
        signing_keys: by connection, where the sender signs with something else than the receiver holds.
    """
    found = [unknown_connection()]
    for connection in connections.values():
        held = None if isinstance(connection.sender.scheme, SendGrid) else next(iter(connection.secrets), None)
        found += cases(connection, signing_keys.get(connection.name, held), now, base)
    return found
