"""Segment's calls of a website and product, one a message: histories so simple that a key-value store can follow them.

Everybody has one browser, whose cookie is the message's key; two in five sign in, and from then on every call carries
their user id and address. One message in fifty is delivered twice. The same arguments give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import numpy as np

from leadline.company.dice import Dice
from leadline.company.wire import RawOut, iso_ms

TOPIC, WORKSPACE = "raw.product", "bench"
CALLS_PER_PERSON = 30
SPAN = timedelta(days=14)
_SIGNS_IN, _TWICE, _FREE_MAIL = 0.4, 0.02, 0.15
_PATHS = ("/", "/pricing", "/docs/start", "/blog/streaming-features", "/customers", "/security")
_FEATURES = ("dashboard", "export", "alerts", "api-keys", "invite")
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class _Visitor:
    number: int
    cookie: str
    signs_in_at: int  # call number; none is so high for who never does
    email: str

    @property
    def user(self) -> str:
        return f"u_{self.number:07d}"


def messages(calls: int, *, end: datetime, seed: int = 7, first: int = 0) -> list[RawOut]:
    """About `calls` messages of the two weeks up to `end` (aware), in received order, repeats included.

    `first` is the number of the first person; with the same numbers it is the same people.
    """
    dice = Dice(np.random.default_rng((seed, first)))
    sent = [
        one for number in range(first, first + max(1, calls // CALLS_PER_PERSON)) for one in _history(dice, number, end)
    ]
    sent += [_again(dice, one, end) for one in sent if dice.chance(_TWICE)]
    return sorted(sent, key=lambda one: one.received)


def _history(dice: Dice, number: int, end: datetime) -> Iterator[RawOut]:
    """One visitor's calls, in bursts of about six."""
    signs_in = dice.whole(3, 10) if dice.chance(_SIGNS_IN) else CALLS_PER_PERSON
    domain = "gmail.com" if dice.chance(_FREE_MAIL) else f"firm{number % 997}.com"
    cookie = str(UUID(bytes=dice.rng.bytes(16), version=4))
    visitor = _Visitor(number, cookie, signs_in, f"someone.{number}@{domain}")
    bursts = CALLS_PER_PERSON // 6
    starts = [(burst + 0.9 * dice.random()) / bursts for burst in range(bursts)]  # none runs into the next
    for call in range(CALLS_PER_PERSON):
        at = end - SPAN * (1 - 0.99 * starts[call // 6]) + timedelta(seconds=20 * (call % 6) + dice.random())
        yield _message(visitor, _call(dice, visitor, call, at.timestamp()), at)


def _call(dice: Dice, visitor: _Visitor, call: int, at: float) -> dict[str, Any]:
    known = call >= visitor.signs_in_at
    context: dict[str, Any] = {"userAgent": _AGENT}
    if known:
        context["traits"] = {"email": visitor.email}
    return {
        **_what(dice, visitor, call),
        "messageId": f"ajs-next-{visitor.number:08x}-{call:04x}",
        "anonymousId": visitor.cookie,
        "userId": visitor.user if known else None,
        "context": context,
        "timestamp": iso_ms(at),
    }


def _what(dice: Dice, visitor: _Visitor, call: int) -> dict[str, Any]:
    if call == visitor.signs_in_at:
        traits = {"email": visitor.email, "firstName": "Some", "lastName": f"One {visitor.number}", "title": "Engineer"}
        return {"type": "identify", "traits": traits}
    if call > visitor.signs_in_at and dice.chance(0.4):
        return {"type": "track", "event": "Feature Used", "properties": {"feature": dice.pick(_FEATURES)}}
    path = dice.pick(_PATHS)
    page = {"path": path, "url": f"https://northlight-data.com{path}", "referrer": "https://www.google.com/"}
    return {"type": "page", "properties": page}


def _message(visitor: _Visitor, body: dict[str, Any], at: datetime) -> RawOut:
    received = at + timedelta(milliseconds=300)
    headers = {"source-system": "segment", "source-account": WORKSPACE, "received-time": received.isoformat()}
    return RawOut(TOPIC, visitor.cookie.encode(), _encode(body), headers, received.astimezone(UTC))


def _again(dice: Dice, sent: RawOut, end: datetime) -> RawOut:
    """The same delivery a while later."""
    received = min(sent.received + timedelta(hours=dice.random()), end)
    return RawOut(sent.topic, sent.key, sent.value, sent.headers | {"received-time": received.isoformat()}, received)
