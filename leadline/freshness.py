"""How long after a live event is published its lead's new features are readable."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from features.store import OnlineStore
from ingestion.contracts.event import MAX_PARTS, Claim, IdentifierType
from ingestion.database import open_database
from ingestion.identity import IdentityStore
from leadline.company import Company, RawOut, firm, live
from leadline.platform import Platform
from leadline.seed import Publisher

EVENTS_PER_SECOND = 1_000
SECONDS = 6.0
PROBE_EVERY_SECONDS = 0.1
GIVE_UP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Freshness:
    """Milliseconds from publishing to being readable online, over the probes."""

    probes: int
    p50_ms: float
    p99_ms: float


@dataclass(slots=True)
class _Probe:
    lead: str
    stream: str
    position: int
    sent: float


class _Call(msgspec.Struct):
    userId: str | None = None  # Segment's spelling


def measure_freshness(platform: Platform, company: Company, publisher: Publisher, *, seed: int) -> Freshness:
    """Publish live traffic at its own pace and watch some of its leads' rows until they hold the event.

    A probe is readable when the online row's mark for its raw partition reaches the probe's position.
    """
    settings = platform.settings
    engine = open_database(settings.database_url)
    identity = IdentityStore(engine, settings.identity_key_bytes)
    online = OnlineStore.open(settings)
    start = time.time()
    waiting: list[_Probe] = []
    measured: list[float] = []
    next_probe = start
    for message in live(
        company, seed=seed, start=datetime.fromtimestamp(start, UTC), events_per_second=EVENTS_PER_SECOND
    ):
        due = message.received.timestamp()
        if due - start > SECONDS:
            break
        while time.time() < due:
            measured += _arrived(online, waiting)
            time.sleep(min(0.002, max(0.0, due - time.time())))
        lead = _lead_of(message, identity) if due >= next_probe else None
        topic, partition, offset = publisher.publish(message)
        if lead is not None:
            publisher.flush()
            waiting.append(_Probe(lead, f"{topic}/{partition}", offset * MAX_PARTS, time.time()))
            next_probe = due + PROBE_EVERY_SECONDS
    publisher.flush()
    deadline = time.time() + GIVE_UP_SECONDS
    while waiting and time.time() < deadline:
        measured += _arrived(online, waiting)
        time.sleep(0.002)
    measured += [GIVE_UP_SECONDS] * len(waiting)
    engine.dispose()
    ordered = sorted(measured)
    return Freshness(len(ordered), _at(ordered, 50), _at(ordered, 99))


def _lead_of(message: RawOut, identity: IdentityStore) -> str | None:
    """The lead of a product call by a known user; None for other messages."""
    if message.headers.get("source-system") != "segment":
        return None
    user = msgspec.json.decode(message.value, type=_Call).userId
    if not user:
        return None
    resolved = identity.resolve(Claim(IdentifierType.USER_ID, user, verified=True, scope=firm.WORKSPACE))
    return None if resolved is None else resolved.lead


def _arrived(online: OnlineStore, waiting: list[_Probe]) -> list[float]:
    """Seconds that the probes which are readable now have taken; they leave `waiting`."""
    rows = online.read([probe.lead for probe in waiting])
    now = time.time()
    taken = []
    still = []
    for probe, row in zip(waiting, rows, strict=True):
        marks = {} if row is None else row.state.marks
        if any(mark.endswith(f"|{probe.stream}") and mark_at >= probe.position for mark, mark_at in marks.items()):
            taken.append(now - probe.sent)
        else:
            still.append(probe)
    waiting[:] = still
    return taken


def _at(ordered: list[float], percent: int) -> float:
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1000, 1) if ordered else 0.0
