"""Calls that are sent at a pace, and a reader who looks until their leads' rows hold them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from benchmarks.traffic import TOPIC, WORKSPACE, messages
from ingestion.contracts.event import IdentifierType
from ingestion.identity.hashing import KeyedHash
from ingestion.kafka import DurableProducer
from leadline.company.wire import iso_ms
from leadline.errors import LeadlineError

EVENTS_PER_SECOND = 1_000
PROBE_EVERY = 10  # messages
LOOK_EVERY_SECONDS = 0.004
GIVE_UP_SECONDS = 120.0  # workers may still be starting
_encode = msgspec.json.Encoder().encode

Newest = Callable[[Sequence[str]], list[int]]  # µs of the newest event that each lead's row holds; 0 for none


class Call(msgspec.Struct, frozen=True):
    """What is sent, but for its time."""

    cookie: str
    body: dict[str, Any]
    watched: bool  # whether its visitor never signs in, so that the lead's name is known before


def calls_of(count: int, *, first: int) -> list[Call]:
    """So many calls, each once, of visitors in their first visits; `first` is the number of the first visitor."""
    sent = list({one.value: one for one in messages(6 * count, end=datetime.now(UTC), first=first)}.values())
    bodies = [(one.key.decode(), msgspec.json.decode(one.value)) for one in sent]
    known = {cookie for cookie, body in bodies if body["userId"]}
    return [Call(cookie, body, cookie not in known) for cookie, body in bodies[:count]]


def watch(calls: Sequence[Call], producer: DurableProducer, newest: Newest, hashes: KeyedHash) -> list[float]:
    """Send the calls at their pace, and look for some of them; seconds that each of these took.

    Raises:
        LeadlineError: one was not readable in `GIVE_UP_SECONDS`.
    """
    began, taken, waiting, left = time.time(), list[float](), list[tuple[str, int, float]](), list(reversed(calls))
    ending = began + len(calls) / EVENTS_PER_SECOND + GIVE_UP_SECONDS
    while left or waiting:
        while left and time.time() >= began + (len(calls) - len(left)) / EVENTS_PER_SECOND:
            call, at = left.pop(), time.time()
            stamp = iso_ms(at)
            producer.send(TOPIC, key=call.cookie, value=_encode(call.body | {"timestamp": stamp}), headers=_headers())
            if call.watched and len(left) % PROBE_EVERY == 0:
                moment = round(datetime.fromisoformat(stamp).timestamp() * 1_000) * 1_000
                waiting.append((lead_of(call.cookie, hashes), moment, at))
        held = newest([lead for lead, _, _ in waiting])
        seen = time.time()
        taken += [seen - at for (_, moment, at), holds in zip(waiting, held, strict=True) if holds >= moment]
        waiting = [probe for probe, holds in zip(waiting, held, strict=True) if holds < probe[1]]
        if seen > ending:
            raise LeadlineError(f"{len(waiting)} events were not readable in {GIVE_UP_SECONDS:.0f} s, nor since")
        time.sleep(LOOK_EVERY_SECONDS)
    return taken


def lead_of(cookie: str, hashes: KeyedHash) -> str:
    """The lead of a visitor of whom nothing else is known: the same in both arms."""
    return hashes.lead(hashes.identifier(IdentifierType.ANONYMOUS_ID, WORKSPACE, cookie), None)


def _headers() -> dict[str, str]:
    received = datetime.now(UTC).isoformat()
    return {"source-system": "segment", "source-account": WORKSPACE, "received-time": received}
